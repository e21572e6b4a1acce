/**
 * What a batch has done, one JSON line per fact, only ever appended to and flushed to the disk: whoever is killed at any
 * moment has lost the last line at most, and a line that was damaged costs what it said, no more. A line ends with a checksum,
 * so that a number in which a bit has flipped is not taken for what was written. The file is the memory of a batch; results are
 * made from it.
 */
import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as z from '#zod';
import { regionSchema } from '../analysis/document-values.ts';
import { L2cafError, messageOf, systemCodeOf } from '../base/errors.ts';
import { makeFolder } from '../base/files.ts';
import { jsonIn, openInput } from '../base/input-files.ts';
import { syncFolder } from '../base/sync.ts';
import { OUTPUTS } from './choices.ts';
import { figuresSchema } from './event-figures.ts';

const seconds = z.number().nonnegative();

const clipSchema = z.object({
  path: z.string(),
  identity: z.string().default(''), // of none, for a journal that knew none
  width: z.int(),
  height: z.int(),
  frameRate: z.object({ numerator: z.int(), denominator: z.int() }),
  durationSec: seconds,
  rotationDeg: z.union([z.literal(0), z.literal(90), z.literal(180), z.literal(270)]),
  hasAudio: z.boolean(),
  pixelFormat: z.string(),
  track: z.int().nonnegative().exactOptional(),
  fps: z.number().positive().exactOptional(),
  times: z.string().exactOptional(),
  notes: z.array(z.string()).readonly().exactOptional(),
});

/** A file that was made: what it was made from and with, as a hash, and its size. */
const madeSchema = z.object({ key: z.string(), bytes: z.int().nonnegative() });

const SCHEMA = 'l2caf-batch/1';

const entrySchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('batch'), schema: z.literal(SCHEMA) }),
  z.object({
    kind: z.literal('video'),
    facts: z.object({
      clip: clipSchema,
      sha256: z.string(),
      bars: regionSchema.nullable().exactOptional(),
      overlays: z.array(regionSchema).readonly().exactOptional(),
    }),
  }),
  z
    .object({
      kind: z.literal('made'),
      event: z.string(),
      files: z.partialRecord(z.enum(OUTPUTS), madeSchema),
      /** With the analysis. */
      figures: figuresSchema.optional(),
      timingsSec: z.record(z.string(), seconds),
      attempts: z.int().positive(),
    })
    .refine(({ files, figures }) => !files.json || figures, 'it lacks the figures of the analysis'),
  z.object({
    kind: z.literal('failed'),
    event: z.string(),
    error: z.string(),
    attempts: z.int().positive(),
  }),
]);

/** One fact. */
export type JournalEntry = z.infer<typeof entrySchema>;
/** An event's files that were made. */
export type MadeEntry = Extract<JournalEntry, { kind: 'made' }>;
/** A file that was made. */
export type MadeFile = z.infer<typeof madeSchema>;

/** What a journal held when it was opened. */
export interface OpenedJournal {
  readonly journal: Journal;
  readonly entries: readonly JournalEntry[];
  /** Lines, counted from one, that could not be read: what they said is forgotten. */
  readonly damagedLines: readonly number[];
}

/** A journal that is open for appending. One process at a time; see `lock.ts`. */
export class Journal {
  readonly #file: FileHandle;
  #waiting: string[] = [];
  #written: Promise<void> = Promise.resolve();

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  /**
   * Opens a journal, or begins one, and reads what it holds. A last line that was torn off is removed; what else cannot be
   * read is told.
   *
   * @throws L2cafError `input-unreadable` when it cannot be read, is of another version, or no journal; `output-unwritable`
   */
  static async open(path: string): Promise<OpenedJournal> {
    const folder = dirname(path);
    await makeFolder(folder);
    const { entries, damagedLines, bytes } = await readJournal(path);
    let file: FileHandle | undefined;
    try {
      file = await open(path, 'a');
      await file.truncate(bytes);
      await syncFolder(folder); // the file may be new
    } catch (cause) {
      await file?.close();
      throw new L2cafError('output-unwritable', `cannot write ${path}: ${messageOf(cause)}`, { cause });
    }
    const journal = new Journal(file);
    if (entries.length === 0) await journal.append({ kind: 'batch', schema: SCHEMA });
    return { journal, entries, damagedLines };
  }

  /**
   * Appends an entry; it is on the disk when the promise resolves. Entries that come together are flushed together. After a
   * failure nothing more can be appended: where the file ends is not known any more.
   *
   * @throws L2cafError `output-unwritable`; `answer-invalid` at once for what could not be read again, which changes nothing
   */
  append(entry: JournalEntry): Promise<void> {
    const checked = entrySchema.safeParse(entry);
    if (!checked.success) {
      const { path, message } = checked.error.issues[0]!;
      // What could not be read again is not written.
      throw new L2cafError('answer-invalid', `cannot note a ${entry.kind}: ${path.join('.')}: ${message}`);
    }
    this.#waiting.push(`${withChecksum(JSON.stringify(checked.data))}\n`);
    this.#written = this.#written.then(() => this.#flush());
    return this.#written;
  }

  async #flush(): Promise<void> {
    if (this.#waiting.length === 0) return; // went with an earlier one
    const lines = this.#waiting.join('');
    this.#waiting = [];
    try {
      await this.#file.appendFile(lines);
      await this.#file.datasync();
    } catch (cause) {
      throw new L2cafError('output-unwritable', `cannot write the journal: ${messageOf(cause)}`, { cause });
    }
  }

  /** Closes the file; nothing may be appended after. */
  async close(): Promise<void> {
    await this.#written.catch(() => {});
    await this.#file.close();
  }
}

/** What a journal holds; `bytes`: of its whole lines. */
async function readJournal(path: string): Promise<Omit<OpenedJournal, 'journal'> & { readonly bytes: number }> {
  const entries: JournalEntry[] = [];
  const damagedLines: number[] = [];
  let [line, bytes] = [0, 0];
  for await (const text of linesOf(path)) {
    line++;
    bytes += text.length + 1;
    const value = valueIn(text.toString('utf8'));
    const result = entrySchema.safeParse(value);
    if (result.success) entries.push(result.data);
    else if ((value as { kind?: unknown } | undefined)?.kind === 'batch')
      throw unusable(path, 'of another version of l2caf');
    else damagedLines.push(line);
  }
  if (entries.length === 0 && line > 0) throw unusable(path, 'damaged, or no journal of a batch');
  return { entries, damagedLines, bytes };
}

/** The lines that end, without their ends; a journal may be larger than a string can be. */
async function* linesOf(path: string): AsyncGenerator<Buffer> {
  let rest: Buffer[] = [];
  try {
    const file = await openInput(path);
    for await (const chunk of file.createReadStream() as AsyncIterable<Buffer>) {
      let start = 0;
      for (let end = chunk.indexOf(LINE_END); end >= 0; end = chunk.indexOf(LINE_END, start)) {
        yield Buffer.concat([...rest, chunk.subarray(start, end)]);
        rest = [];
        start = end + 1;
      }
      rest.push(chunk.subarray(start));
    }
  } catch (cause) {
    if (systemCodeOf(cause) === 'ENOENT') return;
    if (cause instanceof L2cafError) throw cause;
    throw new L2cafError('input-unreadable', `cannot read ${path}: ${messageOf(cause)}`, { cause });
  }
}

const LINE_END = 0x0a;

function unusable(path: string, why: string): L2cafError {
  return new L2cafError('input-unreadable', `${path} is ${why}`, {
    hint: 'remove the file to begin the batch again, or choose another folder with -o',
  });
}

const CHECKSUM = /,"check":"([^"]*)"\}\r?$/;

function withChecksum(object: string): string {
  return `${object.slice(0, -1)},"check":"${checksumOf(object)}"}`;
}

function checksumOf(object: string): string {
  return createHash('sha256').update(object).digest('hex').slice(0, 16);
}

/** What a line says; undefined for a damaged one. Lines of earlier versions have no checksum. */
function valueIn(line: string): unknown {
  const end = CHECKSUM.exec(line);
  if (end && checksumOf(`${line.slice(0, end.index)}}`) !== end[1]) return undefined;
  return jsonIn(line);
}
