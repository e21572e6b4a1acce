/**
 * Puts events into a table for searching. Only what is new or has changed is embedded and written, in parts, so that an
 * interrupted run is continued by the same command.
 */
import { resolve } from 'node:path';
import { L2cafError, throwIfAborted } from '../base/errors.ts';
import type { Progress, ProgressListener } from '../base/types.ts';
import type { PlannedEvent } from '../features/dataset.ts';
import type { EmbeddingModel } from './embedding-model.ts';
import { type EventRecord, type EventTable, eventKey } from './event-table.ts';

/** Events that can be embedded by one model. */
export interface EventSource {
  readonly model: EmbeddingModel;
  readonly records: readonly EventRecord[];
  /** Of each record: its `analysis.json`, absolute; absent where they have none. */
  readonly paths?: readonly string[];
  /** Embeddings of the records with these numbers, of any length. */
  embed(indices: readonly number[], onProgress: ProgressListener): Promise<Float32Array[]>;
  /** Frees what it holds, if anything. */
  close?(): void;
}

/** What {@link indexEvents} did, numbers of events. */
export interface IndexSummary {
  readonly added: number;
  /** Of the same content, with another id, path, label or split than before. */
  readonly replaced: number;
  readonly unchanged: number;
  /** In the table, but not in the source: kept, or removed with `prune`. */
  readonly others: number;
  /** All events in the table. */
  readonly total: number;
}

/** How events are indexed. */
export interface IndexOptions {
  /** Whether events that the source does not have are removed from the table; default false. */
  readonly prune?: boolean | undefined;
  readonly onProgress?: ProgressListener | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Events that are embedded and written together. */
const EVENTS_PER_PART = 128;

/**
 * Indexes the events of a source.
 *
 * @throws L2cafError `usage` when the table holds another model's events; `input-unreadable` when two events show the
 *   same span of the same video; `output-unwritable`; `aborted`; as `source.embed`
 */
export async function indexEvents(
  table: EventTable,
  source: EventSource,
  { prune = false, onProgress, signal }: IndexOptions = {},
): Promise<IndexSummary> {
  const { model, records } = source;
  table.expectModel(model);
  const keys = records.map((record) => eventKey(record, model));
  refuseRepeated(records, keys);
  const known = await table.records();
  const isKnown = keys.map((key) => known.has(key));
  const wanted = records.flatMap((record, i) => (isSame(record, known.get(keys[i]!)) ? [] : [i]));
  for (let first = 0; first < wanted.length; first += EVENTS_PER_PART) {
    throwIfAborted(signal);
    const part = wanted.slice(first, first + EVENTS_PER_PART);
    const report = (done: number): void =>
      onProgress?.({ stage: 'indexing', done: first + Math.floor(done), total: wanted.length, unit: 'events' });
    report(0);
    const embeddings = await source.embed(part, (progress) => {
      if (progress.unit === 'bytes') onProgress?.(progress);
      if (progress.unit === 'frames') report(part.length * shareOf(progress));
    });
    await table.put(
      model,
      part.map((index, i) => ({ ...records[index]!, embedding: embeddings[i]! })),
    );
    report(part.length);
  }
  const own = new Set(keys);
  const others = [...known.keys()].filter((key) => !own.has(key));
  if (prune) await table.remove(others);
  if (wanted.length > 0 || (prune && others.length > 0)) await table.compact();
  const added = isKnown.filter((is) => !is).length;
  return {
    added,
    replaced: wanted.length - added,
    unchanged: records.length - wanted.length,
    others: others.length,
    total: known.size + added - (prune ? others.length : 0),
  };
}

/** A planned event as a table keeps it. */
export function recordOf({ event, views }: PlannedEvent): EventRecord {
  const { id, clip, span, label, split } = event;
  const video = { video: resolve(clip.path), videoSha256: views[0]!.frames[0]!.videoSha256 };
  return { id, ...video, span, ...(label !== '' && { label }), ...(split !== '' && { split }) };
}

/** Features are nearly all of the work, so an event is as far as they are. */
function shareOf({ done, total = 0 }: Progress): number {
  return total > 0 ? done / total : 1;
}

function isSame(record: EventRecord, known: EventRecord | undefined): boolean {
  const { id, video, label, split } = record;
  return known?.id === id && known.video === video && known.label === label && known.split === split;
}

function refuseRepeated(records: readonly EventRecord[], keys: readonly string[]): void {
  const first = new Map<string, number>();
  for (const [i, key] of keys.entries()) {
    const earlier = first.get(key);
    if (earlier === undefined) {
      first.set(key, i);
      continue;
    }
    const [a, b] = [records[earlier]!, records[i]!];
    const copy = a.video === b.video ? '' : `, of which ${b.video} is a copy`;
    const both = `${a.span.startSec}–${a.span.endSec} s of ${a.video}${copy}`;
    throw new L2cafError('input-unreadable', `the events ${a.id} and ${b.id} are both ${both}`, {
      hint: 'remove one of them: an event is identified by what it shows',
    });
  }
}
