/** From a head's weights to what makes tails of events, as it was trained and with what it learnt of sequences forgotten. */
import { attentionWeights } from './attention.ts';
import type { RecurrentTail } from './event-tail.ts';
import { featureMapShape, type Head, headShapes } from './head.ts';
import { RecurrentHead, type RecurrentOutput } from './recurrent-tail.ts';
import { reinitialise } from './reinitialise.ts';
import type { NamedArray } from './safetensors.ts';
import { expectShapes } from './shapes.ts';
import type { FeatureMaps } from './video-model.ts';

/**
 * The part of a head after its feature maps, on the current backend: all that L2-CAF needs where maps are at hand and no
 * trunk has to run. The caller disposes of it.
 *
 * @throws L2cafError `weights-invalid` when the weights do not fit the architecture.
 */
export function createRecurrentHead({ spec, weights }: Head): RecurrentHead {
  expectShapes(headShapes(spec), weights);
  const array = (name: string): NamedArray => weights.get(name)!;
  const { height, width, channels } = featureMapShape(spec);
  const dense = (name: string) => ({ kernel: array(`${name}/kernel`).data, bias: array(`${name}/bias`).data });
  return new RecurrentHead({
    grid: { height, width },
    channels,
    ...(spec.pool && { pooling: spec.pool }),
    ...(spec.attention && { attention: attentionWeights(array) }),
    lstm: {
      inputSize: array('lstm/input_kernel').shape[0]!,
      units: spec.lstmUnits,
      inputKernel: array('lstm/input_kernel').data,
      recurrentKernel: array('lstm/recurrent_kernel').data,
      bias: array('lstm/bias').data,
    },
    embedding: dense('embedding'),
    ...(spec.labels && { logits: dense('logits') }),
    ...(spec.questions && { questions: spec.questions }),
  });
}

/**
 * The head with its attention, LSTM and dense layers drawn anew (same mean and spread of each weight), its shallow CNN kept. A map that stays
 * the same shows what the layers before see, not what was learnt of them.
 */
export function forgetfulHead({ spec, weights }: Head, seed: number): Head {
  const recurrent = { name: 'LSTM and dense layers', owns: (weight: string) => !weight.startsWith('cnn') };
  return { spec, origin: { kind: 'untrained', seed }, weights: reinitialise(weights, [recurrent], seed) };
}

/** How many are drawn; of the seeds 0, 1, …, so that every event is compared with the same. */
const DRAWS = 2;

/** A few of them, made when they are first asked for. Dispose of it when done. */
export class ForgetfulHeads {
  readonly #head: Head;
  #drawn: readonly RecurrentHead[] | undefined;

  constructor(head: Head) {
    this.#head = head;
  }

  /** The tails of an event's maps; throws as `RecurrentHead.tail`. The caller disposes of them. */
  tails(maps: FeatureMaps, output?: string): RecurrentTail[] {
    this.#drawn ??= Array.from({ length: DRAWS }, (_, seed) => createRecurrentHead(forgetfulHead(this.#head, seed)));
    return this.#drawn.map((head) => head.tail(maps, output as RecurrentOutput | undefined));
  }

  /** Frees their tensors. */
  dispose(): void {
    for (const head of this.#drawn ?? []) head.dispose();
  }
}
