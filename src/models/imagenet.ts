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
 * The index of the class that has `name` among its synonyms (any case), or whose index is `name`.
 *
 * @throws L2cafError `usage`, with classes of a similar name
 */
export function findClass(name: string): number {
  const all = imagenetLabels();
  const wanted = name.trim().toLowerCase();
  if (/^\d+$/.test(wanted) && Number(wanted) < all.length) return Number(wanted);
  const exact = all.findIndex((label) => label.toLowerCase().split(', ').includes(wanted));
  if (exact >= 0) return exact;
  const similar = all.filter((label) => label.toLowerCase().includes(wanted)).slice(0, 5);
  throw new L2cafError('usage', `there is no ImageNet class named "${name}"`, {
    hint:
      similar.length > 0
        ? `did you mean ${similar.join(' | ')}?`
        : 'class names are in models/imagenet-labels.json; an index works too',
  });
}
