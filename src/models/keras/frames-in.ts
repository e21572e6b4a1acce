/** What a Keras network reads: the shape of its pictures, and pictures as its numbers. */
import { L2cafError } from '../../base/errors.ts';
import type { PictureSize } from '../../base/types.ts';
import type { GivenInput } from './graph.ts';
import { isObject, shapeText } from './layer-config.ts';
import type { ModelSpec } from './topology.ts';

/** What a network reads: pictures, or frames of an event. */
export interface InputShape extends PictureSize {
  /** The input of the pictures. */
  readonly name: string;
  readonly isVideo: boolean;
  /** Undefined where it takes any number. */
  readonly frames: number | undefined;
  readonly channels: 1 | 3;
}

/** What is said of what it reads. */
interface InputOptions {
  /** The input of the pictures; default the first that may be. */
  readonly input?: string;
  readonly frames?: number;
  readonly size?: PictureSize;
  /** Of its other inputs: a number for all values, or each. */
  readonly constants?: Readonly<Record<string, number | readonly number[]>>;
}

/** @throws L2cafError `model-invalid` when it does not read pictures, `usage` when it must be told which */
export function inputShapeOf(model: ModelSpec, { input: asked, frames, size }: InputOptions): InputShape {
  const { inputs } = model;
  const name = asked ?? inputs.find((one) => isPictures(lengthsOf(model, one))) ?? inputs[0]!;
  if (!inputs.includes(name)) {
    throw new L2cafError('usage', `the network has no input ${name}`, { hint: `it has ${inputs.join(', ')}` });
  }
  const shape = lengthsOf(model, name);
  const isVideo = shape.length === 4;
  const [height, width, channels] = shape.slice(-3);
  if (!isPictures(shape)) {
    throw new L2cafError(
      'model-invalid',
      `the network reads ${shapeText(shape)}, not pictures [h, w, 3] or frames [t, h, w, 3]`,
      {
        hint: 'pictures must have 1 or 3 channels, and those last',
      },
    );
  }
  const pick = (name: string, own: number | null | undefined, asked: number | undefined): number => {
    if (Number.isSafeInteger(own) && own! > 0 && (asked === undefined || asked === own)) return own!;
    if (own === null && asked !== undefined && Number.isSafeInteger(asked) && asked > 0) return asked;
    if (own === null) throw new L2cafError('usage', `the network takes frames of any size: say which ${name}`);
    throw new L2cafError(
      asked === undefined ? 'model-invalid' : 'usage',
      `the network takes frames of ${name} ${own} only, not ${asked}`,
    );
  };
  const anyNumber = isVideo && shape[0] === null && frames === undefined;
  return {
    name,
    isVideo,
    channels: channels as 1 | 3,
    frames: anyNumber ? undefined : isVideo ? pick('number', shape[0], frames) : pick('number', 1, frames),
    height: pick('height', height, size?.height),
    width: pick('width', width, size?.width),
  };
}

/** Axes of an input without the batch, null where it takes any length. */
function lengthsOf({ layers }: ModelSpec, input: string): (number | null)[] {
  const config = layers.find(({ name }) => name === input)?.config ?? {};
  const given = config['batch_shape'] ?? config['batch_input_shape'] ?? config['batchInputShape'];
  const ofSequence = Array.isArray(given) ? given : isObject(given) ? Object.values(given)[0] : undefined;
  return (Array.isArray(ofSequence) ? ofSequence.slice(1) : []) as (number | null)[];
}

function isPictures(shape: readonly (number | null)[]): boolean {
  return (shape.length === 3 || shape.length === 4) && (shape.at(-1) === 1 || shape.at(-1) === 3);
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
  const others = model.inputs.filter((name) => name !== pictures.name);
  const unknown = Object.keys(constants).find((name) => !others.includes(name));
  if (unknown !== undefined) {
    const hint = others.length > 0 ? `beside the pictures it has ${others.join(', ')}` : 'it reads pictures only';
    throw new L2cafError('usage', `the network has no further input ${unknown}`, { hint });
  }
  return model.inputs.map((name): GivenInput => {
    if (name === pictures.name) {
      const { isVideo, height, width, channels } = pictures;
      return { name, shape: isVideo ? [frames, height, width, channels] : [height, width, channels] };
    }
    const shape = lengthsOf(model, name).map((length, axis) =>
      length === null && axis === 0 && pictures.isVideo ? frames : length,
    );
    const value = Object.hasOwn(constants, name) ? constants[name]! : undefined;
    const size = shape.reduce<number>((product, length) => product * (length ?? Number.NaN), 1);
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

/** Values of an input that is given numbers, at most. */
const MOST_CONSTANTS = 2 ** 24;
