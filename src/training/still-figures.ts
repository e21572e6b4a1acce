/** How good a head for still pictures is, its maps apart: how often it is right, or finds a picture of the same class. */
import { createPause } from '../base/concurrent.ts';
import * as tf from '../base/tensorflow.ts';
import { type EmbedOptions, featureTensor, loadFrames } from '../features/embed.ts';
import type { PlannedPicture } from '../features/pictures.ts';
import { computed } from '../models/backend.ts';
import type { StillHead } from '../models/still-directory.ts';
import { runStillHead } from '../models/still-head.ts';
import { evaluateRetrieval } from '../retrieval/evaluate.ts';

/** Pictures that go through the head together; bounds memory. */
const PICTURES_PER_BATCH = 16;

/** Scores (of ACoL those of the first branch) or embedding of each picture, as it is. Throws L2cafError `aborted`; as reading features does. */
export async function outputsOf(
  { spec, weights }: StillHead,
  pictures: readonly PlannedPicture[],
  { cache, backend, onProgress, signal }: EmbedOptions,
): Promise<Float32Array[]> {
  const tensors = Object.fromEntries(
    [...weights].map(([name, { data, shape }]) => [name, tf.tensor(data, [...shape])]),
  );
  const outputs: Float32Array[] = [];
  const pause = createPause(signal);
  try {
    for (let first = 0; first < pictures.length; first += PICTURES_PER_BATCH) {
      await pause();
      onProgress?.({ stage: 'measuring', done: first, total: pictures.length, unit: 'pictures' });
      const part = pictures.slice(first, first + PICTURES_PER_BATCH);
      const data = await loadFrames(
        part.map(({ views }) => views[0]!),
        cache,
      );
      const values = await computed(backend, () => runStillHead(spec, tensors, featureTensor(data, spec)).outputs);
      for (let i = 0; i < part.length; i++) {
        outputs.push(values.slice(i * spec.outputs, (i + 1) * spec.outputs));
      }
    }
    onProgress?.({ stage: 'measuring', done: pictures.length, total: pictures.length, unit: 'pictures' });
    return outputs;
  } finally {
    tf.dispose(Object.values(tensors));
  }
}

/**
 * Of a classifier `top1` and `top5`; of a retrieval head `recallAt1` (the nearest other picture, by the cosine, is of the same
 * class), `mapAtR` and `nmi`; and `pictures`. Throws as {@link outputsOf}.
 */
export async function stillFigures(
  head: StillHead,
  pictures: readonly PlannedPicture[],
  options: EmbedOptions & { readonly seed: number },
): Promise<Record<string, number>> {
  const outputs = await outputsOf(head, pictures, options);
  const { labels } = head.spec;
  if (labels === undefined) {
    const embedded = outputs.map((embedding, i) => {
      const { path, label } = pictures[i]!;
      return { video: path, span: { startSec: 0, endSec: 1 }, label, embedding };
    });
    const { seed, signal } = options;
    const { recallAt, mapAtR, nmi } = await evaluateRetrieval(embedded, [], { exclude: 'self', seed, signal });
    const figures = { recallAt1: recallAt[0]!, mapAtR, nmi };
    return { pictures: pictures.length, ...rounded(figures) };
  }
  const ranks = outputs.map((scores, i) => rankOf(scores, labels.indexOf(pictures[i]!.label)));
  const within = (count: number): number => ranks.filter((rank) => rank < count).length / ranks.length;
  return { pictures: pictures.length, ...rounded({ top1: within(1), top5: within(5) }) };
}

/** How many scores are higher, from 0; an equal one before it counts as higher. */
function rankOf(scores: Float32Array, index: number): number {
  return scores.filter((score, i) => score > scores[index]! || (score === scores[index] && i < index)).length;
}

/** Four decimals are more than some thousand pictures can support. A figure that does not exist is left out. */
function rounded(figures: Readonly<Record<string, number>>): Record<string, number> {
  const known = Object.entries(figures).filter(([, value]) => Number.isFinite(value));
  return Object.fromEntries(known.map(([name, value]) => [name, Number(value.toFixed(4))]));
}
