/** What a Keras network reads: the shape of its pictures, and pictures as its numbers. */
import { L2cafError } from '../../base/errors.ts';
import type { PictureSize } from '../../base/types.ts';
import {
  type AxisName,
  dimsOf,
  hasTime,
  type Layout,
  type LayoutSizes,
  layoutText,
  parseLayout,
  scatter,
  stacksFrames,
  stridesOf,
} from '../layout.ts';
import { isObject, shapeText } from './layer-config.ts';
import type { ModelSpec } from './topology.ts';
import type { GivenInput } from './unfolded.ts';

/** What a network reads: pictures, or frames of an event. */
export interface InputShape extends PictureSize {
  /** The input of the pictures. */
  readonly name: string;
  /** Of a network with an input for each frame: these, in order of time. */
  readonly each?: readonly string[];
  /** Its axes as the file has them, without the batch. */
  readonly layout: Layout;
  /** Undefined where it takes any number. */
  readonly frames: number | undefined;
  readonly channels: 1 | 3;
}

/** What is said of what it reads. */
interface InputOptions {
  /** The input of the pictures; default the first that may be. */
  readonly input?: string;
  /** Its axes, where they are not `h w c` or `t h w c`, nor these with channels first. */
  readonly layout?: string;
  readonly frames?: number;
  readonly size?: PictureSize;
  /** Of its other inputs: a number for all values, or each. */
  readonly constants?: Readonly<Record<string, number | readonly number[]>>;
}

/** Axes of pictures and clips, likeliest first. */
const USUAL: readonly Layout[] = ['h w c', 'c h w', 't h w c', 't c h w', 'c t h w'].map(parseLayout);

/** What may be said of an input: those, and frames that are stacked on channels. */
const POSSIBLE: readonly Layout[] = [
  ...USUAL,
  ...['h w (t c)', 'h w (c t)', '(t c) h w', '(c t) h w'].map(parseLayout),
];

/** @throws L2cafError `model-invalid` when it does not read pictures, `usage` when it must be told which, or in what order */
export function inputShapeOf(model: ModelSpec, { input: asked, layout: said, frames, size }: InputOptions): InputShape {
  const { inputs } = model;
  const usual = USUAL.filter((one) => channelsLast(one) === one || hasChannelsFirst(model));
  const name = asked ?? inputs.find((one) => layoutOf(lengthsOf(model, one), usual) !== undefined) ?? inputs[0]!;
  if (!inputs.includes(name)) {
    throw new L2cafError('usage', `the network has no input ${name}`, { hint: `it has ${inputs.join(', ')}` });
  }
  const own = lengthsOf(model, name);
  const each = asked === undefined && said !== undefined ? inputsOfFrames(model, name, said) : undefined;
  const shape = each === undefined ? own : [each.length, ...own];
  const layout = said === undefined ? layoutOf(shape, usual) : saidLayout(said, name, shape);
  if (layout === undefined) throw notPictures(shape);
  const along = (axis: AxisName): number | null | undefined =>
    shape[layout.axes.findIndex(({ names }) => names.includes(axis))];
  const pick = (name: string, own: number | null | undefined, asked: number | undefined): number => {
    if (Number.isSafeInteger(own) && own! > 0 && (asked === undefined || asked === own)) return own!;
    if (own === null && asked !== undefined && Number.isSafeInteger(asked) && asked > 0) return asked;
    if (own === null) throw new L2cafError('usage', `the network takes frames of any size: say which ${name}`);
    throw new L2cafError(
      asked === undefined ? 'model-invalid' : 'usage',
      `the network takes frames of ${name} ${own} only, not ${asked}`,
    );
  };
  const framesOf = (): Pick<InputShape, 'frames' | 'channels'> => {
    if (stacksFrames(layout)) return stacked(name, along('c'), frames);
    const channels = along('c') as 1 | 3;
    if (!hasTime(layout)) return { channels, frames: pick('number', 1, frames) };
    return {
      channels,
      frames: along('t') === null && frames === undefined ? undefined : pick('number', along('t'), frames),
    };
  };
  return {
    name,
    ...(each && { each }),
    layout,
    ...framesOf(),
    height: pick('height', along('h'), size?.height),
    width: pick('width', along('w'), size?.width),
  };
}

/** The inputs of a network that has one for each frame, where its clips are said to have time first, which none of them has. */
function inputsOfFrames(model: ModelSpec, name: string, said: string): readonly string[] | undefined {
  const axes = parseLayout(said).axes.filter(({ names }) => names.join() !== 'b');
  const shape = lengthsOf(model, name);
  if (axes[0]?.names.join() !== 't' || axes.length !== shape.length + 1) return undefined;
  const alike = model.inputs.filter((one) => shapeText(lengthsOf(model, one)) === shapeText(shape));
  return alike.length > 1 ? alike : undefined;
}

/** What an input of pictures would be without being told; undefined where it is none. */
function layoutOf(shape: readonly (number | null)[], usual: readonly Layout[]): Layout | undefined {
  return usual.find(({ axes }) => {
    const colours = shape[axes.findIndex(({ names }) => names.includes('c'))];
    return axes.length === shape.length && (colours === 1 || colours === 3);
  });
}

/** Whether a network has layers with channels before rows, or moves channels itself. */
function hasChannelsFirst({ layers }: ModelSpec): boolean {
  return layers.some(({ className, config }) => {
    return /"channels_?[fF]irst"|"Permute"|"Transpose"/.test(JSON.stringify([className, config]));
  });
}

function saidLayout(said: string, name: string, shape: readonly (number | null)[]): Layout {
  const { axes } = parseLayout(said);
  const text = layoutText({ axes: axes.filter(({ names }) => names.join() !== 'b') });
  const layout = POSSIBLE.find((one) => one.text === text && one.axes.length === shape.length);
  if (layout === undefined) {
    throw new L2cafError('usage', `the input ${name} ${shapeText(shape)} of the network does not fit "${said}"`, {
      hint: `it may be ${POSSIBLE.filter((one) => one.axes.length === shape.length)
        .map((one) => `"b ${one.text}"`)
        .join(', ')}`,
    });
  }
  const colours = shape[layout.axes.findIndex(({ names }) => names.join() === 'c')];
  if (!stacksFrames(layout) && colours !== 1 && colours !== 3) throw notPictures(shape);
  return layout;
}

/** Frames that are stacked on channels: as many as is said, else of three colours where that is possible. */
function stacked(
  name: string,
  length: number | null | undefined,
  said: number | undefined,
): Pick<InputShape, 'frames' | 'channels'> {
  const frames = said ?? (length! % 3 === 0 ? length! / 3 : length!);
  if (Number.isSafeInteger(length) && (length === frames || length === 3 * frames)) {
    return { frames, channels: (length / frames) as 1 | 3 };
  }
  throw new L2cafError(
    'usage',
    `the ${length ?? 'any number of'} channels of the input ${name} are not those of ${frames} frames`,
    {
      hint: 'each has 3, or 1 where they are grey (--frames, or input.frames in the card)',
    },
  );
}

function notPictures(shape: readonly (number | null)[]): L2cafError {
  const channels = shape.length === 3 ? (shape[2] ?? 0) : 0;
  const isStack = channels > 3 && channels <= MOST_STACKED;
  const why = isStack
    ? `pictures of ${channels} channels, not of 3 or 1`
    : `${shapeText(shape)}, not pictures [h, w, 3] or frames [t, h, w, 3]`;
  return new L2cafError(isStack ? 'usage' : 'model-invalid', `the network reads ${why}`, {
    hint: isStack
      ? 'if they are frames stacked on channels, which then share one map: --input-layout "b h w (t c)"; ' +
        'what is no picture (depth, speed as a plane) cannot be given'
      : 'pictures must have 1 or 3 channels, last or first',
  });
}

/** Channels that may be frames, at most. */
const MOST_STACKED = 64;

/** Axes of an input without the batch, null where it takes any length. */
function lengthsOf({ layers }: ModelSpec, input: string): (number | null)[] {
  const config = layers.find(({ name }) => name === input)?.config ?? {};
  const given = config['batch_shape'] ?? config['batch_input_shape'] ?? config['batchInputShape'];
  const ofSequence = Array.isArray(given) ? given : isObject(given) ? Object.values(given)[0] : undefined;
  return (Array.isArray(ofSequence) ? ofSequence.slice(1) : []) as (number | null)[];
}

/**
 * What each of the network's inputs is given, for a number of frames.
 *
 * @throws L2cafError `usage` when it is not said what another input than the pictures is given, or does not fit it
 */
export function givenInputs(
  model: ModelSpec,
  pictures: InputShape,
  frames: number,
  { constants = {} }: InputOptions,
): GivenInput[] {
  const { each = [pictures.name] } = pictures;
  const others = model.inputs.filter((name) => !each.includes(name));
  const unknown = Object.keys(constants).find((name) => !others.includes(name));
  if (unknown !== undefined) {
    const hint = others.length > 0 ? `beside the pictures it has ${others.join(', ')}` : 'it reads pictures only';
    throw new L2cafError('usage', `the network has no further input ${unknown}`, { hint });
  }
  return model.inputs.map((name): GivenInput => {
    if (each.includes(name)) {
      const { layout } = pictures;
      const last = channelsLast(layout);
      return {
        name,
        ...(pictures.each && { frame: each.indexOf(name) }),
        shape: dimsOf(last, sizesOf(pictures, frames)),
        ...(last !== layout && { order: orderFrom(last, layout) }),
      };
    }
    const shape = lengthsOf(model, name).map((length, axis) =>
      length === null && axis === 0 && hasTime(pictures.layout) ? frames : length,
    );
    const value = Object.hasOwn(constants, name) ? constants[name]! : undefined;
    const size = shape.reduce<number>((product, length) => product * (length ?? Number.NaN), 1);
    if (value === undefined && shapeText(lengthsOf(model, name)) === shapeText(lengthsOf(model, pictures.name))) {
      throw new L2cafError('usage', `the network has an input for each picture: ${pictures.name}, ${name}`, {
        hint:
          `if they are frames of one clip, in the order ${model.inputs.join(', ')}: --input-layout "b t ${pictures.layout.text}"; ` +
          'or say what this one is given, as constants in its card',
      });
    }
    if (value === undefined) {
      throw new L2cafError(
        'usage',
        `the network reads ${name} ${shapeText(shape)} beside the pictures: say what it is given`,
        {
          hint: `in its card: "constants": { ${JSON.stringify(name)}: 0 }, or a list of its values`,
        },
      );
    }
    if (!(size <= MOST_CONSTANTS))
      throw new L2cafError('model-invalid', `the input ${name} has the shape ${shapeText(shape)}`);
    const values = typeof value === 'number' ? new Array<number>(size).fill(value) : value;
    if (values.length === size && values.every(Number.isFinite)) return { name, shape: shape as number[], values };
    throw new L2cafError('usage', `the input ${name} takes ${size} finite numbers, not ${values.length}`);
  });
}

/** Lengths of what an event's frames are. */
function sizesOf({ height: h, width: w, channels: c }: InputShape, t: number): LayoutSizes {
  return { t, h, w, c };
}

/** The same axes with those of channels last. */
function channelsLast(layout: Layout): Layout {
  const isOfChannels = ({ names }: Layout['axes'][number]): boolean => names.includes('c');
  if (isOfChannels(layout.axes.at(-1)!)) return layout;
  const axes = [...layout.axes.filter((axis) => !isOfChannels(axis)), ...layout.axes.filter(isOfChannels)];
  return { text: layoutText({ axes }), axes };
}

/** Which axes of one layout those of another are. */
function orderFrom({ axes }: Layout, { axes: wanted }: Layout): number[] {
  return wanted.map((axis) => axes.indexOf(axis));
}

/**
 * Frames as the network's numbers, with channels last.
 *
 * @param values `[t, h, w, c]`
 */
export function placed(values: Float32Array, pictures: InputShape, frames: number): Float32Array {
  const layout = channelsLast(pictures.layout);
  if (!stacksFrames(layout)) return values;
  const sizes = sizesOf(pictures, frames);
  const target = new Float32Array(values.length);
  scatter(values, sizes, stridesOf(layout, sizes), target);
  return target;
}

/** Values of an input that is given numbers, at most. */
const MOST_CONSTANTS = 2 ** 24;
