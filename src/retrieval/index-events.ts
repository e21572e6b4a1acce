/**
 * Puts events into a table for searching. Only what is new or has changed is embedded and written, in parts, so that an
 * interrupted run is continued by the same command.
 */
import { resolve } from 'node:path';
import { throwIfAborted } from '../base/errors.ts';
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
  /** Left out, as they show what another event of the source shows. */
  readonly repeated: number;
  /** All events in the table. */
  readonly total: number;
}

/** How events are indexed. */
export interface IndexOptions {
  /** Whether events that the source does not have are removed from the table; default false. */
  readonly prune?: boolean | undefined;
  /** Told which events are left out, a line at a time. */
  readonly onNote?: ((text: string) => void) | undefined;
  readonly onProgress?: ProgressListener | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Events that are embedded and written together. */
const EVENTS_PER_PART = 128;

/**
 * Indexes the events of a source. An event is what it shows: of several that show the same span of the same video, or of a copy of
 * it, the first is taken.
 *
 * @throws L2cafError `usage` when the table holds another model's events; `output-unwritable`; `aborted`; as `source.embed`
 */
export async function indexEvents(
  table: EventTable,
  source: EventSource,
  { prune = false, onNote, onProgress, signal }: IndexOptions = {},
): Promise<IndexSummary> {
  const { model, records } = source;
  table.expectModel(model);
  const keys = records.map((record) => eventKey(record, model));
  const first = new Map<string, number>();
  for (const [i, key] of keys.entries()) if (!first.has(key)) first.set(key, i);
  const repeated = keys.flatMap((key, i) => (first.get(key) === i ? [] : [[first.get(key)!, i] as const]));
  tellRepeated(records, repeated, onNote);
  const known = await table.records();
  const added = [...first.keys()].filter((key) => !known.has(key)).length;
  const wanted = [...first].flatMap(([key, i]) => (isSame(records[i]!, known.get(key)) ? [] : [i]));
  for (let start = 0; start < wanted.length; start += EVENTS_PER_PART) {
    throwIfAborted(signal);
    const part = wanted.slice(start, start + EVENTS_PER_PART);
    const report = (done: number): void =>
      onProgress?.({ stage: 'indexing', done: start + Math.floor(done), total: wanted.length, unit: 'events' });
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
  const others = [...known.keys()].filter((key) => !first.has(key));
  if (prune) await table.remove(others);
  if (wanted.length > 0 || (prune && others.length > 0)) await table.compact();
  return {
    added,
    replaced: wanted.length - added,
    unchanged: first.size - wanted.length,
    others: others.length,
    repeated: repeated.length,
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

/** Repeated events that are named; of more, their number is told. */
const MOST_TOLD = 5;

/** @param repeated the place of what is taken, and of what is left out for it */
function tellRepeated(
  records: readonly EventRecord[],
  repeated: readonly (readonly [number, number])[],
  onNote: IndexOptions['onNote'],
): void {
  for (const [taken, left] of repeated.slice(0, MOST_TOLD)) {
    const [{ id, video, span }, other] = [records[taken]!, records[left]!];
    const copy = video === other.video ? '' : `, of which ${other.video} is a copy`;
    onNote?.(
      `${other.id} is left out: ${span.startSec}–${span.endSec} s of ${video}${copy}${copy && ','} is ${id} already`,
    );
  }
  if (repeated.length > MOST_TOLD) onNote?.(`${repeated.length - MOST_TOLD} more events are left out likewise`);
}
