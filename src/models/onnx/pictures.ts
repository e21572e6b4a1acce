/** Which input of a network takes the pictures, and in what order: what a card leaves open is told from shapes where that is safe. */
import type { ValueInfoProto } from 'onnx-buf';
import { L2cafError } from '../../base/errors.ts';
import type { FittedSize } from '../../base/fit.ts';
import { type Card, fitOf, type InputKind } from '../card.ts';
import { type AxisName, hasTime, type Layout, parseLayout, stacksFrames } from '../layout.ts';
import { colourAxisOf } from './colours.ts';
import type { OnnxGraph } from './graph.ts';

/** The input that takes the pictures. */
export interface PictureInput {
  readonly name: string;
  readonly layout: Layout;
  readonly frames: number;
  /** Colours, or brightness alone. */
  readonly channels: 3 | 1;
  readonly size: FittedSize;
  readonly type: 'float32' | 'float16' | 'float64' | 'uint8' | 'int32' | 'int64';
}

/** What it says of its pictures itself. */
export function kindOf({ type, channels }: PictureInput): InputKind {
  return { isBytes: ['uint8', 'int32', 'int64'].includes(type), isGrey: channels === 1 };
}

/** What was guessed, to be told. */
export type Notes = string[];

/** Frames of an event where the export takes any number and nobody says. */
const FRAMES = 8;

/** The largest input that is fed, values: 64 frames of 1080p are less. */
export const MOST_VALUES = 2 ** 29;

/** Declared shape and type of an input or output; -1 where it is free. */
interface Declared {
  readonly dims: readonly number[];
  readonly elemType: number;
}

/** What is declared of an input or output; undefined when it is no tensor. */
export function declared({ type }: ValueInfoProto): Declared | undefined {
  if (type?.value.case !== 'tensorType') return undefined;
  const { elemType, shape } = type.value.value;
  const dims = (shape?.dim ?? []).map(({ value }) => (value.case === 'dimValue' ? Number(value.value) : -1));
  return { dims, elemType };
}

/** A declared shape as messages have it. */
export function shapeText(dims: readonly number[]): string {
  return dims.map((n) => (n < 0 ? '?' : n)).join('×');
}

const TYPES: Readonly<Record<number, PictureInput['type']>> = {
  1: 'float32',
  2: 'uint8',
  6: 'int32',
  7: 'int64',
  10: 'float16',
  11: 'float64',
};

/**
 * The input that takes the pictures: the one that is named, or the first that has the shape of pictures.
 *
 * @throws L2cafError `usage`, saying what to add, when it cannot be told; `model-invalid` when the card does not fit
 */
export function pictureInputOf(graph: OnnxGraph, card: Card, notes: Notes): PictureInput {
  const { input = {} } = card;
  const { path } = graph.file;
  const all = graph.file.graph.input.filter(({ name }) => graph.inputs.includes(name));
  const shaped = all.map((info) => ({ name: info.name, ...(declared(info) ?? { dims: [], elemType: 0 }) }));
  const takesPictures = ({ dims, elemType }: Declared): boolean =>
    TYPES[elemType] !== undefined && (dims.length === 4 || dims.length === 5 || isOnePicture(dims));
  const found = input.name ? shaped.find(({ name }) => name === input.name) : shaped.find(takesPictures);
  const names = shaped.map(({ name, dims }) => `${name} (${shapeText(dims)})`).join(', ');
  if (found === undefined) {
    throw new L2cafError(
      'usage',
      `${path} has no input ${input.name ?? 'that looks like pictures'}: its inputs are ${names}`,
      {
        hint: 'name it in the card (input.name), and give the others under constants',
      },
    );
  }
  const type = TYPES[found.elemType];
  if (type === undefined) {
    throw new L2cafError('usage', `${path}: its input ${found.name} takes neither real numbers nor whole ones`, {
      hint: 'is it the one of the pictures (input.name)?',
    });
  }
  const { dims } = found;
  const layout = parseLayout(input.layout ?? guessedLayout(graph, found.name, dims, notes));
  const isFolded = layout.axes.some(({ names: folded, hasToken }) => {
    return hasToken || (folded.length > 1 && !FOLDED.includes(folded.join(' ')));
  });
  if (layout.axes.length !== dims.length || isFolded) {
    throw new L2cafError(
      'usage',
      `${path}: its input ${found.name} has ${dims.length} axes, "${layout.text}" does not fit`,
      { hint: 'name each axis once, such as "b t c h w" (--input-layout, or input.layout in the card)' },
    );
  }
  const along = (axis: AxisName): number => dims[layout.axes.findIndex(({ names: [name] }) => name === axis)] ?? 1;
  const lengths = stacksFrames(layout)
    ? stackedLengths(path, found.name, layout, dims, input.frames)
    : { t: dims[layout.axes.findIndex(({ names: own }) => own.includes('t'))] ?? 1, c: along('c') };
  const channels = lengths.c === -1 ? 3 : lengths.c;
  if (channels !== 3 && channels !== 1) {
    throw new L2cafError('usage', `${path}: its input ${found.name} takes ${channels} channels, not 3 or 1`, {
      hint:
        'only networks of colour or grey pictures can be explained; is its layout another (input.layout)? ' +
        'Frames that are stacked on channels: --input-layout "b (t c) h w"',
    });
  }
  if (layout.axes.some(({ names: own }) => own.join() === 'b') && along('b') > 1) {
    throw new L2cafError('usage', `${path} was exported for ${along('b')} events at once`, {
      hint: 'export it for one, or with that axis dynamic; if these are the frames of one: --input-layout "t c h w"',
    });
  }
  const frames = hasTime(layout) ? fixedOr(path, 'frames', lengths.t, input.frames, FRAMES, notes) : 1;
  const [rows, columns] = input.size ?? [];
  const height = fixedOr(path, 'rows', along('h'), rows, undefined, notes);
  const width = fixedOr(path, 'columns', along('w'), columns, undefined, notes);
  if (frames * height * width * channels > MOST_VALUES) {
    throw new L2cafError('usage', `${path} takes ${frames} frames of ${width}x${height}: more than can be held`, {
      hint: 'is its layout another (--input-layout, or input.layout in the card)?',
    });
  }
  return { name: found.name, layout, frames, channels, size: { width, height, ...fitOf(card) }, type };
}

/** What may be folded into one axis of an input. */
const FOLDED = ['b t', 't b', 't c', 'c t'];

/**
 * Frames and channels where they share an axis: as many frames as the card says, else of three colours where that is possible.
 *
 * @throws L2cafError `usage` when they do not divide
 */
function stackedLengths(
  path: string,
  name: string,
  layout: Layout,
  dims: readonly number[],
  said: number | undefined,
): { readonly t: number; readonly c: number } {
  const length = dims[layout.axes.findIndex(({ names }) => names.includes('c'))]!;
  const t = said ?? (length % 3 === 0 ? length / 3 : length);
  if (length > 0 && (length === t || length === 3 * t)) return { t, c: length / t };
  const shape = shapeText(dims);
  throw new L2cafError('usage', `${path}: the channels of its input ${name} (${shape}) are not those of ${t} frames`, {
    hint: 'each has 3, or 1 where they are grey (--frames, or input.frames in the card)',
  });
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

/** Layouts of pictures and clips by their number of axes, likeliest first. */
const USUAL: Readonly<Record<number, readonly string[]>> = {
  3: ['c h w', 'h w c'],
  4: ['b c h w', 'b h w c', 't c h w', 't h w c', 'c t h w'],
  5: ['b t c h w', 'b c t h w', 'b t h w c'],
};

/** Pictures longer than this many times their other side are none. */
const NARROWEST = 4;

function guessedLayout(graph: OnnxGraph, name: string, dims: readonly number[], notes: Notes): string {
  const shape = shapeText(dims);
  const first = firstAxis(graph, dims);
  const usual = (USUAL[dims.length] ?? [])
    .map(parseLayout)
    .filter(({ axes }) => dims.length !== 4 || first.includes(axes[0]!.names[0]!));
  const axisOfColours = ({ axes }: Layout): number => axes.findIndex(({ names }) => names[0] === 'c');
  const convolved = colourAxisOf(graph, name, dims.length);
  const isTold =
    convolved && [convolved.channels, -1].includes(dims[convolved.axis]!) && [1, 3].includes(convolved.channels);
  const told = isTold ? usual.filter((layout) => axisOfColours(layout) === convolved.axis) : [];
  const shaped = ([3, 1] as const)
    .map((channels) =>
      usual.filter((layout) => {
        const isBatchOfOne = channels === 1 && axisOfColours(layout) === 0;
        return !isBatchOfOne && dims[axisOfColours(layout)] === channels;
      }),
    )
    .find((layouts) => layouts.length > 0);
  const all = told.length > 0 ? told : (shaped ?? []);
  const likely = all.filter((layout) => isPicture(layout, dims));
  const possible = likely.length > 0 ? likely : all;
  const [taken] = possible;
  if (taken === undefined) {
    throw new L2cafError(
      'usage',
      `${graph.file.path}: which axis of its input ${name} (${shape}) holds the colours cannot be told`,
      {
        hint:
          'say it: --input-layout "b t c h w", or input.layout in the card; frames that are stacked on channels are ' +
          '"b (t c) h w". Only networks of colour or grey pictures can be explained',
      },
    );
  }
  if (possible.length > 1) {
    notes.push(
      `the input ${name} (${shape}) could be ${possible.map(({ text }) => `"${text}"`).join(' or ')}: ` +
        'the first is taken (--input-layout says another)',
    );
  }
  return taken.text;
}

/**
 * What the first of four axes may be: one that is free is the batch, unless the results are of one event whatever its
 * length, and one that is fixed is the batch where there are as many results.
 */
function firstAxis({ file }: OnnxGraph, [length]: readonly number[]): readonly AxisName[] {
  const results = file.graph.output.map((info) => declared(info)?.dims[0]);
  if (length === 1 || results[0] === length) return ['b', 'c'];
  const isOfOneEvent = results.every((n) => n !== undefined && n > 0);
  return length! > 1 || isOfOneEvent ? ['t', 'c'] : ['b', 'c'];
}

function isPicture({ axes }: Pick<Layout, 'axes'>, dims: readonly number[]): boolean {
  const [h, w] = ['h', 'w'].map((axis) => dims[axes.findIndex(({ names: [name] }) => name === axis)]!) as [
    number,
    number,
  ];
  return h < 0 || w < 0 || (h <= NARROWEST * w && w <= NARROWEST * h);
}

/** Whether a shape of three axes can only be that of one colour picture. */
function isOnePicture(dims: readonly number[]): boolean {
  const layouts = dims.length === 3 ? USUAL[3]!.map(parseLayout) : [];
  return layouts.some((layout) => {
    const c = layout.axes.findIndex(({ names: [name] }) => name === 'c');
    const others = dims.filter((_, i) => i !== c);
    return dims[c] === 3 && others.every((n) => n >= 16) && isPicture(layout, dims);
  });
}
