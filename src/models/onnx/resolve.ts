/** What a card leaves open, found in the graph: which input takes the pictures and in what order, and what to explain. */
import type { ValueInfoProto } from 'onnx-buf';
import { L2cafError } from '../../base/errors.ts';
import type { FittedSize } from '../../base/fit.ts';
import { type Card, fitOf } from '../card.ts';
import { hasTime, type Layout, parseLayout } from '../layout.ts';
import { readNpy } from '../npy.ts';
import type { ModelOutput } from '../video-model.ts';
import type { OnnxGraph } from './graph.ts';
import type { OnnxTensor } from './runtime.ts';

/** The input that takes the pictures. */
export interface PictureInput {
  readonly name: string;
  readonly layout: Layout;
  readonly frames: number;
  readonly size: FittedSize;
  readonly type: 'float32' | 'float16' | 'float64';
}

/** What was guessed, to be told. */
export type Notes = string[];

/** Frames of an event where the export takes any number and nobody says. */
const FRAMES = 8;

/** The largest input that is fed, values: 64 frames of 1080p are less. */
const MOST_VALUES = 2 ** 29;

const COLOURS = 'only networks of colour pictures can be explained; is its layout another (input.layout)?';

/** Declared shape and type of an input; -1 where it is free. */
interface Declared {
  readonly dims: readonly number[];
  readonly elemType: number;
}

function declared({ type }: ValueInfoProto): Declared | undefined {
  if (type?.value.case !== 'tensorType') return undefined;
  const { elemType, shape } = type.value.value;
  const dims = (shape?.dim ?? []).map(({ value }) => (value.case === 'dimValue' ? Number(value.value) : -1));
  return { dims, elemType };
}

const FLOAT_TYPES: Readonly<Record<number, PictureInput['type']>> = { 1: 'float32', 10: 'float16', 11: 'float64' };

/**
 * The input that takes the pictures: the one that is named, or the first of real numbers that has the shape of pictures.
 *
 * @throws L2cafError `usage`, saying what to add, when it cannot be told; `model-invalid` when the card does not fit
 */
export function pictureInputOf(graph: OnnxGraph, card: Card, notes: Notes): PictureInput {
  const { input = {} } = card;
  const { path } = graph.file;
  const all = graph.file.graph.input.filter(({ name }) => graph.inputs.includes(name));
  const shaped = all.map((info) => ({ name: info.name, ...(declared(info) ?? { dims: [], elemType: 0 }) }));
  const found = input.name
    ? shaped.find(({ name }) => name === input.name)
    : shaped.find(({ dims, elemType }) => FLOAT_TYPES[elemType] && (dims.length === 4 || dims.length === 5));
  const names = shaped.map(({ name, dims }) => `${name} (${dims.map((n) => (n < 0 ? '?' : n)).join('×')})`).join(', ');
  if (found === undefined) {
    throw new L2cafError(
      'usage',
      `${path} has no input ${input.name ?? 'that looks like pictures'}: its inputs are ${names}`,
      {
        hint: 'name it in the card (input.name), and give the others under constants',
      },
    );
  }
  const type = FLOAT_TYPES[found.elemType];
  if (type === undefined) {
    throw new L2cafError('usage', `${path}: its input ${found.name} does not take real numbers`, {
      hint: 'is it the one of the pictures (input.name)? Networks of whole numbers cannot be explained',
    });
  }
  const { dims } = found;
  const layout = parseLayout(input.layout ?? guessedLayout(graph, found.name, dims, notes));
  if (layout.axes.length !== dims.length || layout.axes.some(({ names: folded }) => folded.length > 1)) {
    throw new L2cafError(
      'usage',
      `${path}: its input ${found.name} has ${dims.length} axes, "${layout.text}" does not fit`,
      { hint: 'name each axis once, such as "b t c h w" (--input-layout, or input.layout in the card)' },
    );
  }
  const at = (axis: string): number => dims[layout.axes.findIndex(({ names: [name] }) => name === axis)] ?? 1;
  if (at('c') !== 3 && at('c') !== -1) {
    throw new L2cafError('usage', `${path}: its input ${found.name} takes ${at('c')} channels, not 3`, {
      hint: COLOURS,
    });
  }
  if (at('b') > 1) {
    throw new L2cafError('usage', `${path} was exported for ${at('b')} events at once`, {
      hint: 'export it for one, or with that axis dynamic',
    });
  }
  const frames = hasTime(layout) ? fixedOr(path, 'frames', at('t'), input.frames, FRAMES, notes) : 1;
  const [rows, columns] = input.size ?? [];
  const height = fixedOr(path, 'rows', at('h'), rows, undefined, notes);
  const width = fixedOr(path, 'columns', at('w'), columns, undefined, notes);
  if (frames * height * width * 3 > MOST_VALUES) {
    throw new L2cafError('usage', `${path} takes ${frames} frames of ${width}x${height}: more than can be held`, {
      hint: 'is its layout another (--input-layout, or input.layout in the card)?',
    });
  }
  return { name: found.name, layout, frames, size: { width, height, ...fitOf(card) }, type };
}

function fixedOr(
  path: string,
  what: string,
  fixed: number,
  said: number | undefined,
  otherwise: number | undefined,
  notes: Notes,
): number {
  if (fixed > 0) {
    if (said === undefined || said === fixed) return fixed;
    throw new L2cafError('usage', `${path} was exported for ${fixed} ${what}, not ${said}`, {
      hint: `leave it at ${fixed}, or export the network with that axis dynamic`,
    });
  }
  if (said !== undefined) return said;
  if (otherwise === undefined) {
    throw new L2cafError('usage', `${path} takes pictures of any size`, {
      hint: 'say which one it was trained with: --size WxH, or input.size in the card',
    });
  }
  notes.push(`the network takes any number of ${what}: ${otherwise} are used`);
  return otherwise;
}

/** Layouts of pictures and clips by the axis that holds the colours, likeliest first. */
const USUAL: Readonly<Record<number, readonly (readonly [axis: number, layout: string])[]>> = {
  4: [
    [1, 'b c h w'],
    [3, 'b h w c'],
  ],
  5: [
    [2, 'b t c h w'],
    [1, 'b c t h w'],
    [4, 'b t h w c'],
  ],
};

/** Pictures longer than this many times their other side are none. */
const NARROWEST = 4;

function guessedLayout({ file, nodes }: OnnxGraph, name: string, dims: readonly number[], notes: Notes): string {
  const shape = dims.map((n) => (n < 0 ? '?' : n)).join('×');
  const fitting = (USUAL[dims.length] ?? []).flatMap(([axis, layout]) => (dims[axis] === 3 ? [layout] : []));
  const likely = fitting.filter((layout) => isPicture(parseLayout(layout), dims));
  const possible = likely.length > 0 ? likely : fitting;
  const [first] = possible;
  if (first === undefined) {
    throw new L2cafError(
      'usage',
      `${file.path}: which axis of its input ${name} (${shape}) holds the colours cannot be told`,
      {
        hint: `say it: --input-layout "b t c h w", or input.layout in the card; only networks of colour pictures can be explained`,
      },
    );
  }
  if (possible.length === 1) return first;
  // ONNX's convolutions have the channels second.
  const convolved = possible.find((layout) => parseLayout(layout).axes[1]!.names[0] === 'c');
  if (convolved && nodes.some(({ opType, input }) => opType === 'Conv' && input[0] === name)) return convolved;
  notes.push(
    `the input ${name} (${shape}) could be ${possible.map((layout) => `"${layout}"`).join(' or ')}: ` +
      'the first is taken (--input-layout says another)',
  );
  return first;
}

function isPicture({ axes }: Layout, dims: readonly number[]): boolean {
  const [h, w] = ['h', 'w'].map((axis) => dims[axes.findIndex(({ names: [name] }) => name === axis)]!) as [
    number,
    number,
  ];
  return h < 0 || w < 0 || (h <= NARROWEST * w && w <= NARROWEST * h);
}

/** Operators that turn scores into probabilities: what goes in is explained, not what comes out. */
const SQUASHING = ['Softmax', 'LogSoftmax', 'Sigmoid'];

/**
 * The tensor to explain: the one that is named, or the first output, before it was made into probabilities.
 *
 * @throws L2cafError `usage` when there is none of that name
 */
export function outputOf(
  graph: OnnxGraph,
  { output = {} }: Card,
  notes: Notes,
): { tensor: string; isSquashed: boolean } {
  const { producer, nodes, outputs, file } = graph;
  if (output.tensor !== undefined && !producer.has(output.tensor)) {
    throw new L2cafError('usage', `${file.path} has no tensor ${output.tensor}`, {
      hint: `its outputs: ${outputs.join(', ')}`,
    });
  }
  if (outputs.length > 1 && output.tensor === undefined) {
    notes.push(`of the outputs ${outputs.join(', ')} the first is explained (--explain names another)`);
  }
  let tensor = output.tensor ?? outputs[0]!;
  const behind = (): (typeof nodes)[number] | undefined => nodes[producer.get(tensor) ?? -1];
  while (['Identity', 'Cast'].includes(behind()?.opType ?? '')) tensor = behind()!.input[0]!;
  const isSquashed = SQUASHING.includes(behind()?.opType ?? '');
  if (isSquashed) tensor = behind()!.input[0]!;
  return { tensor, isSquashed };
}

/** An output as the contract has it. */
export function modelOutput(
  path: string,
  name: string,
  size: number,
  isSquashed: boolean,
  { output = {} }: Card,
  labels: readonly string[] | undefined,
): ModelOutput {
  if (labels && labels.length !== size) {
    throw new L2cafError('usage', `${path} has ${size} outputs, but there are ${labels.length} labels`);
  }
  const kind = output.kind ?? (labels || isSquashed ? 'scores' : 'embedding');
  const named = labels ?? (kind === 'embedding' ? undefined : Array.from({ length: size }, (_, i) => String(i)));
  return { name, kind, size, ...(named && { labels: named }) };
}

/**
 * What the other inputs are fed.
 *
 * @throws L2cafError `usage` when one is missing, `weights-invalid` when its file is no .npy of its shape
 */
export async function constantsOf(
  graph: OnnxGraph,
  { constants = {} }: Card,
  folder: (file: string) => string,
  pictures: string,
): Promise<Record<string, OnnxTensor>> {
  const feeds: Record<string, OnnxTensor> = {};
  for (const info of graph.file.graph.input) {
    const { name } = info;
    if (name === pictures || !graph.inputs.includes(name)) continue;
    const { dims, elemType } = declared(info) ?? { dims: [], elemType: 0 };
    const given = constants[name];
    if (given === undefined) {
      const size = dims.map((n) => (n < 0 ? '?' : n)).join('×');
      throw new L2cafError(
        'usage',
        `${graph.file.path} has another input, ${name} (${size}), which nothing is known of`,
        {
          hint: `say what it holds: "constants": {"${name}": 0} or a .npy file, in the card`,
        },
      );
    }
    const { values, shape } = await constantValues(name, dims, given, folder);
    feeds[name] = constantTensor(graph.file.path, name, elemType, values, shape);
  }
  return feeds;
}

/**
 * What a card gives an input, and its shape: that of the array where there is one, else one event of what is declared.
 *
 * @throws L2cafError `usage` when it does not fit what the input declares
 */
async function constantValues(
  name: string,
  dims: readonly number[],
  given: string | number | readonly number[],
  folder: (file: string) => string,
): Promise<{ readonly values: Float32Array; readonly shape: readonly number[] }> {
  const one = dims.map((n) => (n < 0 ? 1 : n));
  const count = one.reduce((product, n) => product * n, 1);
  const takes = dims.map((n) => (n < 0 ? '?' : n)).join('×');
  if (count > MOST_VALUES) throw new L2cafError('usage', `the input ${name} (${takes}) is larger than can be held`);
  if (typeof given === 'number') return { values: new Float32Array(count).fill(given), shape: one };
  const { data, shape } = typeof given === 'string' ? await readNpy(folder(given)) : { data: given, shape: one };
  const isDeclared = shape.length === dims.length && dims.every((n, i) => n < 0 || n === shape[i]);
  if (!isDeclared || (typeof given !== 'string' && given.length !== count)) {
    const has = typeof given === 'string' ? `the shape ${shape.join('×')}` : `${given.length} values`;
    throw new L2cafError('usage', `the constant ${name} has ${has}, its input takes ${takes}`);
  }
  return { values: Float32Array.from(data), shape };
}

function constantTensor(
  path: string,
  name: string,
  elemType: number,
  values: Float32Array,
  dims: readonly number[],
): OnnxTensor {
  switch (elemType) {
    case 1:
      return { type: 'float32', dims, data: values };
    case 6:
      return { type: 'int32', dims, data: Int32Array.from(values) };
    case 7:
      return { type: 'int64', dims, data: BigInt64Array.from(values, (value) => BigInt(Math.round(value))) };
    case 9:
      return { type: 'bool', dims, data: Uint8Array.from(values) };
    default:
      throw new L2cafError('usage', `${path}: its input ${name} is of a type that cannot be given`);
  }
}
