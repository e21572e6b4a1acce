/** Finds the indexed events that are most like a query: an indexed event, or any span of a clip. */
import { basename, resolve } from 'node:path';
import { openClip } from '../analysis/pipeline.ts';
import { L2cafError } from '../base/errors.ts';
import { exists } from '../base/files.ts';
import type { ProgressListener } from '../base/types.ts';
import { sha256OfClip } from '../video/media/probe.ts';
import type { Embedder } from './embedder.ts';
import { type EmbeddedRecord, type EventTable, eventKey } from './event-table.ts';

/** What is searched for. */
export interface QueryText {
  /** Path of a clip, or id of an indexed event; a file of that name comes first. */
  readonly text: string;
  /** Of a clip; by default all of it. */
  readonly startSec?: number | undefined;
  readonly endSec?: number | undefined;
}

/** What {@link findQuery} may need beside the table. */
export interface QueryOptions {
  /** Called for a clip that is not in the table. */
  readonly openEmbedder: () => Promise<Embedder>;
  readonly onProgress?: ProgressListener;
  readonly signal?: AbortSignal;
}

/**
 * The event that is searched for, with its embedding: that of the table, if it is there.
 *
 * @throws L2cafError `input-not-found` when it is neither a file nor an id; `usage` for an id of several events, or a
 *   model other than the table's; as `openClip` and `Embedder.embed`
 */
export async function findQuery(table: EventTable, wanted: QueryText, options: QueryOptions): Promise<EmbeddedRecord> {
  return (await exists(wanted.text)) ? findClip(table, wanted, options) : findId(table, wanted);
}

async function findId(table: EventTable, { text, startSec, endSec }: QueryText): Promise<EmbeddedRecord> {
  const [event, ...others] = await table.withId(text);
  if (event === undefined) {
    throw new L2cafError('input-not-found', `${text} is neither a file nor the id of an event in ${table.uri}`);
  }
  if (others.length > 0) {
    const places = [event, ...others].map(({ video, span }) => `${video} ${span.startSec}–${span.endSec} s`);
    throw new L2cafError('usage', `${others.length + 1} events have the id ${text}: ${places.join('; ')}`, {
      hint: 'name the clip instead: l2caf search CLIP --start S --end S',
    });
  }
  if (startSec !== undefined || endSec !== undefined) {
    throw new L2cafError('usage', `--start and --end belong to a clip, but ${text} is the id of an event`);
  }
  return event;
}

async function findClip(table: EventTable, wanted: QueryText, options: QueryOptions): Promise<EmbeddedRecord> {
  const { text, startSec, endSec } = wanted;
  const times = { ...(startSec !== undefined && { startSec }), ...(endSec !== undefined && { endSec }) };
  const { clip, span } = await openClip(text, times, options.signal);
  const videoSha256 = await sha256OfClip(clip, options.signal);
  const known = table.model && (await table.withKey(eventKey({ videoSha256, span }, table.model)));
  if (known) return { ...known, video: resolve(text) };
  const embedder = await options.openEmbedder();
  table.expectModel(embedder.model);
  const id = basename(text);
  const planned = await embedder.plan([{ id, video: text, clip, span, label: '', split: 'test' }]);
  const [embedding] = await embedder.embed(planned, options.onProgress);
  return { id, video: resolve(text), videoSha256, span, embedding: embedding! };
}
