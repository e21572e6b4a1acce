/**
 * Embedded events in a LanceDB table: files in a folder, or objects in a bucket, with no server. An event is identified
 * by its content (the video's hash, the span, the model), so that indexing it again finds it. Embeddings are kept with
 * length 1, and the distance is the squared Euclidean one, as everywhere in retrieval: 2 − 2·cosine, from 0 (same
 * direction) over 2 (unrelated) to 4 (opposite).
 */
import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Table } from '@lancedb/lancedb';
import type { Schema } from 'apache-arrow';
import * as z from '#zod';
import { assertNever, L2cafError, messageOf } from '../base/errors.ts';
import { exists } from '../base/files.ts';
import { fromOptional, SEARCH_PACKAGES } from '../base/optional.ts';
import type { TimeSpan } from '../base/types.ts';
import type { EmbeddingModel } from './embedding-model.ts';
import type { Exclusion } from './evaluate.ts';
import { unitVectors } from './metrics.ts';

/** What an event shows. */
export interface EventContent {
  readonly videoSha256: string;
  readonly span: TimeSpan;
}

/** An event as the table keeps it, without its embedding. */
export interface EventRecord extends EventContent {
  /** The person's name for it; not necessarily unique. */
  readonly id: string;
  /** Absolute path of the video when it was indexed. */
  readonly video: string;
  /** Absent for events that nobody has labelled. */
  readonly label?: string;
  readonly split?: string;
}

/** A record with its embedding, of any length. */
export interface EmbeddedRecord extends EventRecord {
  readonly embedding: Float32Array;
}

/** An answer to a search. */
export interface Neighbour extends EventRecord {
  /** Squared distance of the embeddings on the unit sphere, 0 to 4. */
  readonly distance: number;
}

/** What {@link EventTable.nearest} may answer. */
export interface SearchOptions {
  /** Answers, at most. */
  readonly k: number;
  readonly exclude: Exclusion;
  /** A condition on the columns, in SQL. */
  readonly where?: string | undefined;
}

/** The columns that a condition can name. */
export const CONDITION_COLUMNS = ['id', 'video', 'video_sha256', 'start', 'end', 'label', 'split'] as const;

/** What to ask oneself when a database cannot be read. */
const NOT_INDEXED = 'is it a database that l2caf index wrote?';

/** Name of the table in its database. */
const TABLE = 'events';
/** Where LanceDB keeps it in a folder. */
const TABLE_FOLDER = `${TABLE}.lance`;
const RECORD_COLUMNS = ['key', ...CONDITION_COLUMNS];

/** The events of one model. */
export class EventTable {
  /** As the user named it. */
  readonly uri: string;
  #table: Table | undefined;
  #model: EmbeddingModel | undefined;

  private constructor(uri: string, table: Table | undefined, model: EmbeddingModel | undefined) {
    this.uri = uri;
    this.#table = table;
    this.#model = model;
  }

  /**
   * Opens a table of events.
   *
   * @throws L2cafError `input-not-found` when there is none; `input-unreadable`; `package-missing`
   */
  static async open(uri: string): Promise<EventTable> {
    const table = await EventTable.openOrCreate(uri);
    if (table.#model !== undefined) return table;
    throw new L2cafError('input-not-found', `there are no indexed events in ${uri}`, {
      hint: `l2caf index EVENTS.csv --db ${uri}`,
    });
  }

  /**
   * Opens a table of events, or one that will be made when something is put into it.
   *
   * @throws L2cafError `input-unreadable`; `package-missing`
   */
  static async openOrCreate(uri: string): Promise<EventTable> {
    const { connect } = await loadLance();
    // Connecting would make the folder, and files in one that is something else.
    if (!isRemote(uri) && !(await isDatabase(uri))) return new EventTable(uri, undefined, undefined);
    return reading(uri, async () => {
      const database = await connect(locationOf(uri));
      const table = (await database.tableNames()).includes(TABLE) ? await database.openTable(TABLE) : undefined;
      return new EventTable(uri, table, table && (await modelOf(table)));
    });
  }

  /** The model of the embeddings; undefined for a table without events. */
  get model(): EmbeddingModel | undefined {
    return this.#model;
  }

  /**
   * Checks that a model is that of the table.
   *
   * @throws L2cafError `usage`, naming both
   */
  expectModel(model: EmbeddingModel): void {
    const own = this.#model;
    if (own === undefined || own.sha256 === model.sha256) return;
    const describe = ({ name, sha256 }: EmbeddingModel): string => `${name} (${sha256.slice(0, 8)})`;
    throw new L2cafError('usage', `${this.uri} was indexed with the model ${describe(own)}, not ${describe(model)}`, {
      hint: 'embeddings of two models cannot be compared: name the other with --model, or index into another database',
    });
  }

  /** All events, by key, in no particular order. */
  async records(): Promise<Map<string, EventRecord>> {
    if (this.#table === undefined) return new Map();
    const rows = await reading(this.uri, () => this.#table!.query().select(RECORD_COLUMNS).toArray());
    return new Map(rows.map((row) => [row.key as string, toRecord(row)]));
  }

  /** Events that fulfil a condition in SQL, with their embeddings, of length 1. */
  async select(condition?: string): Promise<EmbeddedRecord[]> {
    if (this.#table === undefined) return [];
    const query = this.#table.query().select([...RECORD_COLUMNS, 'embedding']);
    const rows = await reading(this.uri, () => (condition === undefined ? query : query.where(condition)).toArray());
    return rows.map((row) => ({
      ...toRecord(row),
      embedding: (row.embedding as { toArray(): Float32Array }).toArray(),
    }));
  }

  /** Events with this id. */
  withId(id: string): Promise<EmbeddedRecord[]> {
    return this.select(`id = ${quote(id)}`);
  }

  /** The event with this key, if it is there. */
  async withKey(key: string): Promise<EmbeddedRecord | undefined> {
    return (await this.select(`key = ${quote(key)}`))[0];
  }

  /**
   * Puts events in, all or none; those that are there already are replaced.
   *
   * @throws L2cafError `output-unwritable`
   */
  async put(model: EmbeddingModel, events: readonly EmbeddedRecord[]): Promise<void> {
    const rows = events.map((event) => toRow(event, model));
    try {
      if (this.#table === undefined) {
        const { connect } = await loadLance();
        const schema = await schemaOf(rows[0]!.embedding.length);
        this.#table = await (await connect(locationOf(this.uri))).createTable(TABLE, rows, { schema });
      } else {
        await this.#table.mergeInsert('key').whenMatchedUpdateAll().whenNotMatchedInsertAll().execute(rows);
      }
    } catch (cause) {
      throw new L2cafError('output-unwritable', `cannot write to ${this.uri}: ${lanceMessage(cause)}`, { cause });
    }
    this.#model = model;
  }

  /**
   * Removes the events with these keys.
   *
   * @throws L2cafError `output-unwritable`
   */
  async remove(keys: readonly string[]): Promise<void> {
    try {
      for (let first = 0; first < keys.length; first += KEYS_AT_ONCE) {
        const part = keys.slice(first, first + KEYS_AT_ONCE);
        await this.#table?.delete(`key IN (${part.map(quote).join(', ')})`);
      }
    } catch (cause) {
      throw new L2cafError('output-unwritable', `cannot write to ${this.uri}: ${lanceMessage(cause)}`, { cause });
    }
  }

  /** Joins the small files that many writes leave. */
  async compact(): Promise<void> {
    await this.#table?.optimize();
  }

  /**
   * The events nearest to a query, nearest first.
   *
   * @param embedding of any length
   * @throws L2cafError `usage` for a condition that is not one
   */
  async nearest(
    query: EventContent,
    embedding: Float32Array,
    { k, exclude, where }: SearchOptions,
  ): Promise<Neighbour[]> {
    const [table, model] = [this.#table, this.#model];
    if (table === undefined || model === undefined) return [];
    const conditions = [allowing(query, exclude, model), ...(where === undefined ? [] : [where])];
    const search = table
      .vectorSearch(toUnit(embedding))
      .distanceType('l2')
      .select([...RECORD_COLUMNS, '_distance'])
      .where(conditions.map((condition) => `(${condition})`).join(' AND '))
      .limit(k);
    const rows = await reading(this.uri, async () => {
      try {
        return await search.toArray();
      } catch (error) {
        if (where !== undefined) await checkCondition(table, where); // it is the likelier reason
        throw error;
      }
    });
    return rows.map((row) => ({ ...toRecord(row), distance: row._distance as number }));
  }
}

/** Keys in one condition. */
const KEYS_AT_ONCE = 500;

/** Identifies an event of a model by what it shows. Times count to the microsecond. */
export function eventKey({ videoSha256, span }: EventContent, model: EmbeddingModel): string {
  const times = [span.startSec, span.endSec].map((sec) => Math.round(sec * 1e6));
  return createHash('sha256')
    .update(JSON.stringify([videoSha256, ...times, model.sha256]))
    .digest('hex');
}

type Row = Record<string, unknown> & { readonly embedding: Float32Array };

function toRow(event: EmbeddedRecord, model: EmbeddingModel): Row {
  return {
    key: eventKey(event, model),
    id: event.id,
    video: event.video,
    video_sha256: event.videoSha256,
    start: event.span.startSec,
    end: event.span.endSec,
    label: event.label ?? null,
    split: event.split ?? null,
    model: model.name,
    model_sha256: model.sha256,
    frames: model.frames,
    embedding: toUnit(event.embedding),
  };
}

const rowSchema = z.object({
  key: z.string(),
  id: z.string(),
  video: z.string(),
  video_sha256: z.string(),
  start: z.number(),
  end: z.number(),
  label: z.string().nullable(),
  split: z.string().nullable(),
});

/** What LanceDB returns for a row: an Arrow row. */
interface ArrowRow {
  toJSON(): Record<string, unknown>;
}

function toRecord(row: ArrowRow): EventRecord & { readonly key: string } {
  const { key, id, video, video_sha256, start, end, label, split } = rowSchema.parse(row.toJSON());
  return {
    key,
    id,
    video,
    videoSha256: video_sha256,
    span: { startSec: start, endSec: end },
    ...(label !== null && { label }),
    ...(split !== null && { split }),
  };
}

async function schemaOf(embeddingSize: number): Promise<Schema> {
  const { Field, FixedSizeList, Float32, Float64, Int32, Schema, Utf8 } = await import('apache-arrow');
  const text = (name: string, isNullable = false): InstanceType<typeof Field> =>
    new Field(name, new Utf8(), isNullable);
  return new Schema([
    text('key'),
    text('id'),
    text('video'),
    text('video_sha256'),
    new Field('start', new Float64(), false),
    new Field('end', new Float64(), false),
    text('label', true),
    text('split', true),
    text('model'),
    text('model_sha256'),
    new Field('frames', new Int32(), false),
    new Field('embedding', new FixedSizeList(embeddingSize, new Field('item', new Float32(), false)), false),
  ]);
}

/** The model of a table's events: that of the first, as all have the same. */
async function modelOf(table: Table): Promise<EmbeddingModel | undefined> {
  const [row] = await table.query().select(['model', 'model_sha256', 'frames']).limit(1).toArray();
  return row && { name: row.model as string, sha256: row.model_sha256 as string, frames: row.frames as number };
}

/** What may answer a query, as a condition. */
function allowing(query: EventContent, exclude: Exclusion, model: EmbeddingModel): string {
  const { videoSha256, span } = query;
  const sameVideo = `video_sha256 = ${quote(videoSha256)}`;
  switch (exclude) {
    case 'self':
      return `key <> ${quote(eventKey(query, model))}`;
    case 'overlap':
      return `NOT (${sameVideo} AND start < ${span.endSec} AND end > ${span.startSec})`;
    case 'video':
      return `NOT (${sameVideo})`;
    default:
      return assertNever(exclude);
  }
}

async function checkCondition(table: Table, condition: string): Promise<void> {
  await table.countRows(condition).catch((cause: unknown) => {
    throw new L2cafError('usage', `the condition "${condition}" cannot be used: ${lanceMessage(cause)}`, {
      hint: `a condition in SQL on ${CONDITION_COLUMNS.join(', ')}, such as "label = 'cyclist' AND start < 60"`,
      cause,
    });
  });
}

/** A text as SQL writes it. */
function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

function toUnit(embedding: Float32Array): Float32Array {
  return Float32Array.from(unitVectors([embedding])[0]!);
}

function isRemote(uri: string): boolean {
  return /^[a-z0-9+]+:\/\//i.test(uri);
}

/** Whether a folder holds a table. Throws L2cafError `input-unreadable` for a file. */
async function isDatabase(path: string): Promise<boolean> {
  const there = await stat(path).catch(() => undefined);
  if (there === undefined || there.isDirectory()) return exists(join(path, TABLE_FOLDER));
  throw new L2cafError('input-unreadable', `cannot read the indexed events in ${path}: it is not a folder`, {
    hint: NOT_INDEXED,
  });
}

function loadLance(): Promise<typeof import('@lancedb/lancedb')> {
  return fromOptional('a database of events', SEARCH_PACKAGES, () => import('@lancedb/lancedb'));
}

function locationOf(uri: string): string {
  return isRemote(uri) ? uri : resolve(uri);
}

async function reading<T>(uri: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof L2cafError) throw cause;
    throw new L2cafError('input-unreadable', `cannot read the indexed events in ${uri}: ${lanceMessage(cause)}`, {
      hint: NOT_INDEXED,
      cause,
    });
  }
}

/** What LanceDB says went wrong, without its source files and inner errors. */
function lanceMessage(error: unknown): string {
  return messageOf(error)
    .replace(/^(?:Invalid input|Schema error|Error parsing statement: SELECT 1 FROM t WHERE [^(]*)[,:]? /g, '')
    .replace(/,? \/[^ ]*\.rs:\d+:\d+/g, '')
    .replace(/^(.*?): IO \{.*message: "([^"]*)".*$/, '$1: $2');
}
