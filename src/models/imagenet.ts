/** The 1000 classes of ImageNet (ILSVRC 2012), in the order of the networks' outputs: synonyms of a WordNet synset each. */
import { readFileSync } from 'node:fs';
import { L2cafError } from '../base/errors.ts';

let labels: readonly string[] | undefined;

/** All labels by class index, e.g. `goldfish, Carassius auratus`. */
export function imagenetLabels(): readonly string[] {
  labels ??= JSON.parse(
    readFileSync(new URL('../../models/imagenet-labels.json', import.meta.url), 'utf8'),
  ) as string[];
  return labels;
}

/** The first synonym of a class, e.g. `goldfish`. */
export function shortLabel(index: number): string {
  return imagenetLabels()[index]?.split(',')[0] ?? `class ${index}`;
}

/**
 * The index of the class of ImageNet that {@link labelIndex} finds.
 *
 * @throws L2cafError `usage`, with classes of a similar name
 */
export function findClass(name: string): number {
  const otherwise = 'class names are in models/imagenet-labels.json; an index works too';
  return labelIndex(imagenetLabels(), name, { what: 'ImageNet class', otherwise });
}

/**
 * The place of the label that is `name` (any case) or has it among its synonyms, or whose place is `name`.
 *
 * @param words what the labels are of, and what to do where none is similar
 * @throws L2cafError `usage`, with labels of a similar name
 */
export function labelIndex(
  labels: readonly string[],
  name: string,
  { what, otherwise }: { readonly what: string; readonly otherwise: string },
): number {
  const wanted = name.trim().toLowerCase();
  const lower = labels.map((label) => label.toLowerCase());
  const exact = lower.findIndex((label) => label === wanted || label.split(', ').includes(wanted));
  if (exact >= 0) return exact;
  if (/^\d+$/.test(wanted) && Number(wanted) < labels.length) return Number(wanted);
  const similar = labels.filter((_, i) => lower[i]!.includes(wanted)).slice(0, 5);
  throw new L2cafError('usage', `there is no ${what} named "${name}"`, {
    hint: similar.length > 0 ? `did you mean ${similar.join(' | ')}?` : otherwise,
  });
}
