/** `l2caf models inspect` and `import`: files of networks, what is in them and where they can be cut. */
import { join } from 'node:path';
import { L2cafError } from '../base/errors.ts';
import { checkOutputs } from '../base/output.ts';
import type { PictureSize } from '../base/types.ts';
import { type Card, cardWith } from '../models/card.ts';
import { IMPORTED_FILES, importedPath, importNetwork, isKeras, surveyJson } from '../models/imported.ts';
import { openKeras } from '../models/keras/open-keras.ts';
import { nameOfJoin } from '../models/onnx/copies.ts';
import { operatorsOf, type ReadNetwork, readNetwork, survey } from '../models/onnx/read.ts';
import type { CutPoint, Survey } from '../models/onnx/survey.ts';
import { inOwnFolder } from './default-folder.ts';
import { cardOf, type NetworkFlags } from './network-options.ts';
import { createTerminal, formatTable, type Terminal } from './terminal.ts';

/** Brings a network into a folder. */
export async function bringIn(
  file: string,
  flags: InspectFlags & { readonly output: string },
  signal: AbortSignal,
): Promise<void> {
  const terminal = createTerminal(flags);
  const { files, card } = await inOwnFolder(flags.output, async (folder) => {
    await checkOutputs(IMPORTED_FILES.map((name) => join(folder, name)));
    const work = { card: await wholeCard(flags), signal, onProgress: terminal.onProgress };
    return importNetwork(file, folder, work);
  });
  const { tensor, layout } = card.layer!;
  const name = typeof tensor === 'object' ? nameOfJoin(tensor) : tensor;
  terminal.result(`filters act on ${name} (${layout})`);
  for (const path of files) terminal.result(path);
}

/** What commander hands over. */
export interface InspectFlags extends NetworkFlags {
  readonly size?: PictureSize;
  readonly frames?: number;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

async function wholeCard(flags: InspectFlags): Promise<Card> {
  const { size, frames } = flags;
  const input: Card['input'] = { ...(size && { size: [size.height, size.width] }), ...(frames && { frames }) };
  return cardWith((await cardOf(flags)) ?? {}, Object.keys(input).length > 0 ? { input } : {});
}

/** Prints what is in the file of a network. */
export async function inspectNetwork(file: string, flags: InspectFlags, signal: AbortSignal): Promise<void> {
  const terminal = createTerminal(flags);
  if (isKeras(file)) return terminal.result(await describeKeras(file, flags, terminal));
  const work = { card: await wholeCard(flags), signal, onProgress: terminal.onProgress };
  const network = await readNetwork(await importedPath(file), work);
  const found = await survey(network, work);
  for (const note of network.notes) terminal.warn(note);
  if (flags.json) {
    const { path, sha256 } = network.graph.file;
    const operators = Object.fromEntries(operatorsOf(network));
    return terminal.result(
      JSON.stringify({ path, sha256, ...facts(network), operators, ...surveyJson(found) }, null, 2),
    );
  }
  terminal.result(describe(network, found));
  if (found.points.length === 0) {
    throw new L2cafError('usage', `${file} has no layer that holds a place for every part of the picture`);
  }
}

/** Of a Keras network the layers are known by their kind, and need not be looked for. */
async function describeKeras(file: string, flags: InspectFlags, terminal: Terminal): Promise<string> {
  const { network, warnings } = await openKeras(file, { card: await wholeCard(flags) });
  try {
    const { input, outputs, layers, layer, sha256 } = network;
    if (flags.json)
      return JSON.stringify({ path: file, sha256, input, outputs, proposal: layer.name, layers }, null, 2);
    for (const warning of warnings) terminal.warn(warning);
    const many = (input.frames ?? 1) === 1 ? '' : `${input.frames} frames of `;
    const rows = [
      ['file', file],
      ['SHA-256', sha256],
      ['input', `${many}${input.size.width}x${input.size.height}`],
      ...outputs.map(({ name, kind, size: count, labels = [] }) => [
        'output',
        `${name}: ${count} ${kind}${labels.length > 0 ? ` (${labels.slice(0, 8).join(', ')})` : ''}`,
      ]),
    ];
    const table = layers.map(({ name, className, layout, shape, grid }) => [
      ...[name === layer.name ? '→' : '', name, className, shape.join('×'), layout, `${grid.height}×${grid.width}`],
    ]);
    const heading = ['', 'layer, last first', 'class', 'shape', 'layout', 'grid'];
    return `${formatTable(rows)}\n\n${formatTable([heading, ...table])}\n\n→ ${layer.name}: filters act here`;
  } finally {
    network.dispose();
  }
}

function facts({ pictures, output, graph }: ReadNetwork): Record<string, string> {
  const { frames, size, layout, name, type } = pictures;
  const many = frames === 1 ? '' : `${frames} frames of `;
  return {
    input: `${name}: ${many}${size.width}x${size.height}, ${type}, ${layout.text}`,
    output: `${output.tensor}${output.isSquashed ? ' (before it is made into probabilities)' : ''}`,
    outputs: graph.outputs.join(', '),
  };
}

function describe(network: ReadNetwork, { points, unseen, proposal }: Survey): string {
  const { producerName, producerVersion, opsetImport } = network.graph.file.model;
  const opset = opsetImport.find(({ domain }) => domain === '')?.version;
  const rows: [string, string][] = [
    ['file', network.path],
    ['SHA-256', network.graph.file.sha256],
    ['made by', `${producerName} ${producerVersion}, opset ${opset}`],
    ...Object.entries(facts(network)),
    [
      'operators',
      operatorsOf(network)
        .map(([operator, count]) => `${operator} ${count}`)
        .join(', '),
    ],
  ];
  const heading = ['', 'layer, last first', 'operator', 'shape', 'layout', 'grid', 'rest', 'also needs'];
  const table = points
    .slice(0, MAX_ROWS)
    .map((point) => [
      point.tensor === proposal?.point.tensor ? '→' : '',
      point.tensor,
      point.operator,
      point.dims.join('×'),
      point.layout.text,
      `${point.sizes.t > 1 ? `${point.sizes.t}×` : ''}${point.sizes.h}×${point.sizes.w}`,
      restOf(point),
      point.beside.join(', '),
    ]);
  const rest = [
    ...(points.length > MAX_ROWS ? [`${points.length - MAX_ROWS} more (--json)`] : []),
    ...(unseen > 0 ? [`${unseen} tensors further in front that were not looked at`] : []),
  ];
  const more = rest.length > 0 ? `\n… and ${rest.join(', ')}` : '';
  const taken = proposal ? `\n\n→ ${proposal.point.tensor}: ${proposal.why}` : '';
  return `${formatTable(rows)}\n\n${formatTable([heading, ...table])}${more}${taken}`;
}

const MAX_ROWS = 40;

function restOf({ tail }: CutPoint): string {
  if (tail === undefined) return '';
  if (tail.hidesScale) return 'does not see its size';
  return `${tail.isAffine ? 'affine' : 'nonlinear'}${tail.isBatched ? '' : ', row by row'}`;
}
