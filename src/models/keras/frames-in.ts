/** What a Keras network reads: the shape of its pictures, and pictures as its numbers. */
import { L2cafError } from '../../base/errors.ts';
import type { PictureSize } from '../../base/types.ts';
import { greyed, type Preprocessing, preprocessed } from '../preprocessing.ts';
import { isObject, type Shape, shapeText } from './layer-config.ts';
import type { ModelSpec } from './topology.ts';

/** What a network reads: pictures, or frames of an event. */
export interface InputShape extends PictureSize {
  readonly isVideo: boolean;
  /** Undefined where it takes any number. */
  readonly frames: number | undefined;
  readonly channels: 1 | 3;
}

/** @throws L2cafError `model-invalid` when it does not read pictures, `usage` when it must be told which */
export function inputShapeOf(
  { layers, inputs }: ModelSpec,
  { frames, size }: { readonly frames?: number; readonly size?: PictureSize },
): InputShape {
  const config = layers.find(({ name }) => name === inputs[0])?.config ?? {};
  const given = config['batch_shape'] ?? config['batch_input_shape'] ?? config['batchInputShape'];
  const ofSequence = Array.isArray(given) ? given : isObject(given) ? Object.values(given)[0] : undefined;
  const shape = (Array.isArray(ofSequence) ? ofSequence.slice(1) : []) as (number | null)[];
  const isVideo = shape.length === 4;
  const [height, width, channels] = shape.slice(-3);
  if ((shape.length !== 3 && !isVideo) || (channels !== 1 && channels !== 3)) {
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
    isVideo,
    channels,
    frames: anyNumber ? undefined : isVideo ? pick('number', shape[0], frames) : pick('number', 1, frames),
    height: pick('height', height, size?.height),
    width: pick('width', width, size?.width),
  };
}

/** Of its input for a number of frames. */
export function shapeFor({ isVideo, height, width, channels }: InputShape, frames: number): Shape {
  return isVideo ? [frames, height, width, channels] : [height, width, channels];
}

/** Pixels `h w 3`, red first, as the network reads them: in its order of channels, or as one. */
export function read(rgb: Uint8Array, { channels }: InputShape, preprocessing: Preprocessing): Float32Array {
  return channels === 1 ? greyed(rgb, preprocessing) : preprocessed(rgb, preprocessing);
}
