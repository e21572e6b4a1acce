/** How good a head for still pictures is, its maps apart: how often it is right, or finds a picture of the same class. */
import { type EmbedOptions, type HeadRun, outputsOfFrames } from '../features/embed.ts';
import type { PlannedPicture } from '../features/pictures.ts';
import type { StillHead } from '../models/still-directory.ts';
import { runStillHead } from '../models/still-head.ts';
import { evaluateRetrieval } from '../retrieval/evaluate.ts';

/** Scores (of ACoL those of the first branch) or embedding of each picture, as it is. Throws L2cafError `aborted`; as reading features does. */
export async function outputsOf(
  { spec, weights }: StillHead,
  pictures: readonly PlannedPicture[],
  options: EmbedOptions,
): Promise<Float32Array[]> {
  const run: HeadRun = (tensors, features) => runStillHead(spec, tensors, features).outputs;
  const told = { stage: 'measuring', unit: 'pictures' } as const;
  return outputsOfFrames(
    { spec, weights, run },
    pictures.map(({ views }) => views.slice(0, 1)),
    { ...options, ...told },
  );
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
