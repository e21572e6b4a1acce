/** The figures of a head on the events of one split, by domain: what training watches and a model states. */

import type { PlannedEvent } from '../features/dataset.ts';
import { type EmbedOptions, embedViews } from '../features/embed.ts';
import type { Head } from '../models/head.ts';
import { type EmbeddedEvent, evaluateRetrieval } from '../retrieval/evaluate.ts';

/**
 * Per domain: `recallAt1`, `recallAt1NoOverlap`, `mapAtRNoOverlap`, `nmi`, `knn` (balanced accuracy by the 5 nearest
 * training events of the domain) and the share of each label that it recognises, `knn LABEL`.
 */
export async function domainFigures(
  head: Head,
  planned: readonly PlannedEvent[],
  split: 'val' | 'test',
  options: EmbedOptions & { readonly seed: number },
): Promise<Record<string, Record<string, number>>> {
  const used = planned.filter(({ event }) => event.split === split || event.split === 'train');
  const embeddings = await embedViews(
    head,
    used.map(({ views }) => views[0]!),
    options,
  );
  const embedded = used.map(({ event, domain }, i) => ({
    ...describe(event, embeddings[i]!),
    split: event.split,
    domain,
  }));
  const figures: Record<string, Record<string, number>> = {};
  for (const domain of new Set(used.map((event) => event.domain))) {
    const own = embedded.filter((event) => event.domain === domain);
    const events = own.filter((event) => event.split === split);
    if (events.length === 0) continue;
    const training = own.filter((event) => event.split === 'train');
    const { seed, signal } = options;
    const loose = await evaluateRetrieval(events, training, { exclude: 'self', seed, signal });
    const strict = await evaluateRetrieval(events, training, { exclude: 'overlap', seed, signal });
    const table = loose.knn!;
    const perLabel = table.labels.flatMap((label, i) => {
      const total = table.counts[i]!.reduce((sum, count) => sum + count, 0);
      return total === 0 ? [] : [[`knn ${label}`, rounded(table.counts[i]![i]! / total)]];
    });
    figures[domain] = {
      events: events.length,
      recallAt1: rounded(loose.recallAt[0]!),
      recallAt1NoOverlap: rounded(strict.recallAt[0]!),
      mapAtRNoOverlap: rounded(strict.mapAtR),
      nmi: rounded(loose.nmi),
      knn: rounded(table.balancedAccuracy),
      ...(Object.fromEntries(perLabel) as Record<string, number>),
    };
  }
  return figures;
}

/** An event with its embedding, as retrieval wants it. */
export function describe(event: PlannedEvent['event'], embedding: Float32Array): EmbeddedEvent {
  return { video: event.clip.path, span: event.span, label: event.label, embedding };
}

/** Three decimals are more than a few hundred events can support. A figure that does not exist (0 queries) is 0. */
function rounded(value: number): number {
  return Number.isFinite(value) ? Number(value.toFixed(3)) : 0;
}
