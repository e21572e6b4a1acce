/**
 * The tail of a recurrent network: feature maps of T frames → (average pooling) and flattened, or attention pooling → LSTM → dense
 * embedding → (dense logits).
 */

import { L2cafError } from '../base/errors.ts';
import { addRows, transposeInto } from '../base/matrix.ts';
import * as tf from '../base/tensorflow.ts';
import type { GridShape } from '../base/types.ts';
import type { AttentionWeights } from './attention.ts';
import { AttentionReading } from './attention-reading.ts';
import { CollapsedReading } from './collapsed-reading.ts';
import { type DenseWeights, RecurrentTail } from './event-tail.ts';
import { checkLstmWeights, type LstmWeights } from './lstm.ts';
import { statesOf } from './lstm-steps.ts';
import type { MapReading } from './map-reading.ts';
import { probabilitiesOf, type Question } from './questions.ts';
import { ResponseRoom } from './recurrent-response.ts';
import type { NamedArray } from './safetensors.ts';
import type { FeatureMaps } from './video-model.ts';

/** The weights of a recurrent head for feature maps of one grid shape and channel count. */
export interface RecurrentHeadWeights {
  readonly grid: GridShape;
  readonly channels: number;
  /** Grid that maps are averaged to before they are flattened; without it they are flattened as they are. */
  readonly pooling?: GridShape;
  /** What reads the maps in place of flattening them. */
  readonly attention?: AttentionWeights<NamedArray>;
  /** Reads maps flattened in the order `[h, w, c]`, or what the heads of the attention read. */
  readonly lstm: LstmWeights;
  readonly embedding: DenseWeights;
  /** Class scores, computed from the raw embedding. */
  readonly logits?: DenseWeights;
  /** What the classes answer, where not all of them exclude each other. */
  readonly questions?: readonly Question[];
}

/** Which output of the head a tail ends in. */
export type RecurrentOutput = 'embedding' | 'logits';

/** A recurrent head made ready to run: its weights once in double precision and once as tensors. */
export class RecurrentHead {
  readonly weights: RecurrentHeadWeights;
  readonly #reading: MapReading;
  readonly #recurrentKernel: Float64Array;
  readonly #recurrentKernelTransposed: Float64Array;
  readonly #recurrentTensor: tf.Tensor2D;
  readonly #room = new ResponseRoom();

  /** @throws L2cafError `weights-invalid` when the layers do not fit each other. */
  constructor(weights: RecurrentHeadWeights) {
    checkHeadWeights(weights);
    const { lstm, grid, channels, pooling, attention } = weights;
    this.weights = weights;
    this.#reading = attention
      ? new AttentionReading({ grid, channels, attention, lstm })
      : new CollapsedReading({ grid, channels, pooling, lstm });
    this.#recurrentKernel = Float64Array.from(lstm.recurrentKernel);
    this.#recurrentKernelTransposed = new Float64Array(this.#recurrentKernel.length);
    transposeInto(lstm.recurrentKernel, this.#recurrentKernelTransposed, lstm.units, 4 * lstm.units);
    this.#recurrentTensor = tf.tensor2d(lstm.recurrentKernel, [lstm.units, 4 * lstm.units]);
  }

  /**
   * The tail for one event. The head must outlive it.
   *
   * @throws L2cafError `shape-mismatch` when the maps do not fit the head, `usage` when it has no logits.
   */
  tail(maps: FeatureMaps, output: RecurrentOutput = 'embedding'): RecurrentTail {
    const { grid, channels, lstm } = this.weights;
    const [steps, height, width, depth] = maps.shape;
    if (height !== grid.height || width !== grid.width || depth !== channels || steps < 1) {
      throw new L2cafError(
        'shape-mismatch',
        `the head reads feature maps [t, ${grid.height}, ${grid.width}, ${channels}], got [${maps.shape.join(', ')}]`,
        { hint: 'use the frame size and trunk that the head was trained with' },
      );
    }
    const reading = this.#reading.event(maps);
    return new RecurrentTail({
      grid,
      maps,
      units: lstm.units,
      recurrentKernel: this.#recurrentKernel,
      recurrentKernelTransposed: this.#recurrentKernelTransposed,
      recurrentTensor: this.#recurrentTensor,
      reading,
      states: statesOf(reading.frames, this.#recurrentKernel, lstm.units),
      dense: outputLayer(this.weights, output),
      room: this.#room,
      probabilities: (values) =>
        output === 'embedding' ? this.probabilities(values) : probabilitiesOf(values, this.weights.questions),
    });
  }

  /** Class probabilities of an embedding, from the logits. Undefined when the head has no classifier. */
  probabilities(embedding: Float64Array): number[] | undefined {
    const { logits, questions } = this.weights;
    if (logits === undefined) return undefined;
    const scores = Float64Array.from(logits.bias);
    addRows(embedding, Float64Array.from(logits.kernel), scores, scores.length);
    return probabilitiesOf(scores, questions);
  }

  /** Frees its tensors. */
  dispose(): void {
    this.#reading.dispose();
    tf.dispose(this.#recurrentTensor);
  }
}

/** The last layer: the embedding, or the logits with the embedding's dense layer multiplied in. */
function outputLayer({ lstm, embedding, logits }: RecurrentHeadWeights, output: RecurrentOutput): DenseWeights {
  if (output === 'embedding') return embedding;
  if (logits === undefined) {
    throw new L2cafError('usage', 'this model has no class scores', { hint: 'explain its embedding instead' });
  }
  const [size, classes] = [embedding.bias.length, logits.bias.length];
  const second = Float64Array.from(logits.kernel);
  const through = (rows: Float32Array, out: Float64Array): Float32Array => {
    addRows(Float64Array.from(rows), second, out, classes);
    return Float32Array.from(out);
  };
  const kernel = new Float32Array(lstm.units * classes);
  for (let unit = 0; unit < lstm.units; unit++) {
    const row = embedding.kernel.subarray(unit * size, (unit + 1) * size);
    kernel.set(through(row, new Float64Array(classes)), unit * classes);
  }
  return { kernel, bias: through(embedding.bias, Float64Array.from(logits.bias)) };
}

function checkHeadWeights({ grid, channels, pooling, attention, lstm, embedding, logits }: RecurrentHeadWeights): void {
  checkLstmWeights(lstm);
  const { height, width } = pooling ?? grid;
  const heads = attention?.scoreKernel.shape[1];
  const read = (heads ?? height * width) * channels;
  const size = embedding.bias.length;
  const problem =
    lstm.inputSize !== read
      ? `its LSTM reads ${lstm.inputSize} values, ${heads === undefined ? `${height}×${width}×${channels} maps have` : `${heads} heads of ${channels} channels give`} ${read}`
      : embedding.kernel.length !== lstm.units * size
        ? `its embedding kernel has ${embedding.kernel.length} values, ${lstm.units}×${size} expected`
        : logits && logits.kernel.length !== size * logits.bias.length
          ? `its logits kernel has ${logits.kernel.length} values, ${size}×${logits.bias.length} expected`
          : undefined;
  if (problem !== undefined) throw new L2cafError('weights-invalid', `the head does not fit together: ${problem}`);
}
