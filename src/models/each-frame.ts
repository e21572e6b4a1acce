/** Networks that answer for each frame of a clip: what is explained is what they say of the last. */
import * as tf from '../base/tensorflow.ts';
import { isFeatureTail, type MapTail } from '../l2caf/tail.ts';
import { probabilitiesOf } from './questions.ts';
import type { ModelOutput, VideoTail } from './video-model.ts';

/** An output of a network of clips, as its file and its card have it. */
interface ClipOutput {
  /** Values, all frames together. */
  readonly size: number;
  /** Length of its last axis; undefined where that is not known, or its only one. */
  readonly lastAxis: number | undefined;
  /** Frames that the network reads. */
  readonly frames: number;
  readonly areScores: boolean;
  readonly labels: readonly string[] | undefined;
}

/** How many classes or numbers an output has for each frame; undefined where it is of the event. */
export function sizePerFrame({ size, lastAxis, frames, areScores, labels }: ClipOutput): number | undefined {
  const each = size / frames;
  if (frames === 1 || !Number.isInteger(each) || each === 1) return undefined;
  const isOfFrames = labels === undefined ? areScores && lastAxis === each : labels.length === each;
  return isOfFrames && (lastAxis ?? each) === each ? each : undefined;
}

/** What a person should know of such an output. */
export function lastFrameNote(name: string, each: number): string {
  return `the output ${name} has ${each} values for each frame: those of the last are explained`;
}

/** The last frame of a tail of all, with the class probabilities after each where they are scores. */
export function ofLastFrame(tail: MapTail, { size, kind, questions }: ModelOutput): MapTail & VideoTail {
  const { outputSize, reference, subsets } = tail;
  const lastOf = (outputs: Float32Array): Float32Array => {
    const rows = outputs.length / outputSize;
    const own = new Float32Array(rows * size);
    for (let row = 0; row < rows; row++) {
      const end = (row + 1) * outputSize;
      own.set(outputs.subarray(end - size, end), row * size);
    }
    return own;
  };
  const inTensors = (of: () => tf.Tensor2D): tf.Tensor2D =>
    tf.tidy(() => tf.slice(of(), [0, outputSize - size], [-1, size]));
  return {
    ...tail,
    outputSize: size,
    reference: lastOf(reference),
    evaluate: async (filters, slots) => lastOf(await tail.evaluate(filters, slots)),
    evaluateMaps: async (maps, slots) => lastOf(await tail.evaluateMaps(maps, slots)),
    ...(subsets && { subsets: { ...subsets, evaluate: async (present) => lastOf(await subsets.evaluate(present)) } }),
    ...(isFeatureTail(tail) && {
      filtered: (filters: tf.Tensor3D, slots: readonly number[]) => inTensors(() => tail.filtered(filters, slots)),
      outputsOf: (features: tf.Tensor4D, slots: readonly number[]) => inTensors(() => tail.outputsOf(features, slots)),
    }),
    ...(kind === 'scores' && {
      probabilitiesSoFar: () =>
        Array.from({ length: outputSize / size }, (_, i) =>
          probabilitiesOf(reference.subarray(i * size, (i + 1) * size), questions),
        ),
    }),
  };
}
