/**
 * Which cells make two events similar (METHOD §2, the similarity objective): filters of each event's frames that keep its
 * similarity to the other. Features come from the cache, where the model's are kept: no trunk is run for events that were
 * indexed here.
 */

import { filtersOfFrames } from '../analysis/frame-attention.ts';
import { openClip } from '../analysis/pipeline.ts';
import { L2cafError } from '../base/errors.ts';
import type { AttentionFilter, ProgressListener } from '../base/types.ts';
import type { PlannedEvent } from '../features/dataset.ts';
import { solveFilters } from '../l2caf/solve.ts';
import type { Embedder, EventFeatures } from './embedder.ts';
import type { EventRecord } from './event-table.ts';

/** The filters of two events, one per frame. */
export interface PairAttention {
  readonly query: readonly AttentionFilter[];
  readonly match: readonly AttentionFilter[];
}

/**
 * Explains why each of the matches is similar to the query.
 *
 * @throws L2cafError `input-not-found`, `input-changed` when a video is not what was indexed; as `Embedder.embed`
 */
export async function explainPairs(
  embedder: Embedder,
  query: EventRecord,
  matches: readonly EventRecord[],
  { onProgress, signal }: { readonly onProgress?: ProgressListener; readonly signal?: AbortSignal } = {},
): Promise<PairAttention[]> {
  const planned: PlannedEvent[] = [];
  for (const record of [query, ...matches]) planned.push(await planRecord(embedder, record, signal));
  const events = await embedder.events(planned, onProgress);
  try {
    const [own, ...others] = events as [EventFeatures, ...EventFeatures[]];
    const pairs: PairAttention[] = [];
    for (const other of others) {
      onProgress?.({ stage: 'explaining', done: pairs.length, total: others.length, unit: 'pairs' });
      pairs.push({ query: await towards(own, other, signal), match: await towards(other, own, signal) });
    }
    onProgress?.({ stage: 'explaining', done: pairs.length, total: others.length, unit: 'pairs' });
    return pairs;
  } finally {
    for (const { tail } of events) tail.dispose();
  }
}

/** The filters that keep an event's similarity to another. */
async function towards(
  { tail, maps }: EventFeatures,
  other: EventFeatures,
  signal: AbortSignal | undefined,
): Promise<readonly AttentionFilter[]> {
  const objective = { kind: 'similarity', other: other.tail.reference } as const;
  return filtersOfFrames((await solveFilters(tail, { objective, ...(signal && { signal }) })).filters, maps);
}

/** The frames of an indexed event; its video must be the one that was indexed. */
async function planRecord(
  embedder: Embedder,
  { id, video, videoSha256, span, label = '' }: EventRecord,
  signal: AbortSignal | undefined,
): Promise<PlannedEvent> {
  const { clip } = await openClip(video, span, signal);
  const [planned] = await embedder.plan([{ id, video, clip, span, label, split: 'test' }]);
  if (planned!.views[0]!.frames[0]!.videoSha256 === videoSha256) return planned!;
  throw new L2cafError('input-changed', `${video} is not the file that was indexed: its content has changed`, {
    hint: 'restore the file, or index its events again',
  });
}
