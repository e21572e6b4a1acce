/**
 * What a batch has done, one JSON line per fact, only ever appended to and flushed to the disk: whoever is killed at any
 * moment has lost the last line at most. The file is the memory of a batch; results are made from it.
 */
import { type FileHandle, open, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { L2cafError, messageOf } from '../errors.ts';
import { makeFolder } from '../files.ts';
import { figuresSchema } from './figures.ts';
import { OUTPUTS } from './outputs.ts';

const seconds = z.number().nonnegative();

const clipSchema = z.object({
  path: z.string(),
  width: z.int(),
  height: z.int(),
  frameRate: z.object({ numerator: z.int(), denominator: z.int() }),
  durationSec: seconds,
  rotationDeg: z.union([z.literal(0), z.literal(90), z.literal(180), z.literal(270)]),
  hasAudio: z.boolean(),
  pixelFormat: z.string(),
});

/** A file that was made: what it was made from and with, as a hash, and its size. */
const madeSchema = z.object({ key: z.string(), bytes: z.int().nonnegative() });

const entrySchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('batch'), schema: z.literal('l2caf-batch/1') }),
  z.object({
    kind: z.literal('video'),
    facts: z.object({ clip: clipSchema, sha256: z.string(), bytes: z.number(), changedMs: z.number() }),
  }),
  z.object({
    kind: z.literal('made'),
    event: z.string(),
    files: z.partialRecord(z.enum(OUTPUTS), madeSchema),
    /** With the analysis. */
    figures: figuresSchema.optional(),
    timingsSec: z.record(z.string(), seconds),
    attempts: z.int().positive(),
  }),
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

/** A journal that is open for appending. One process at a time; see `lock.ts`. */
export class Journal {
  readonly #file: FileHandle;
  #waiting: string[] = [];
  #written: Promise<void> = Promise.resolve();

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  /**
   * Opens a journal, or begins one, and reads what it holds. A last line that was torn off is removed.
   *
   * @throws L2cafError `input-unreadable` when another line is damaged; `output-unwritable`
   */
  static async open(path: string): Promise<{ journal: Journal; entries: JournalEntry[] }> {
    await makeFolder(dirname(path));
    const bytes = await readFile(path).catch(() => Buffer.alloc(0));
    const whole = bytes.lastIndexOf(0x0a) + 1;
    const entries = readEntries(bytes.toString('utf8', 0, whole), path);
    const file = await open(path, 'a').catch((cause: unknown) => {
      throw new L2cafError('output-unwritable', `cannot write ${path}: ${messageOf(cause)}`, { cause });
    });
    await file.truncate(whole);
    const journal = new Journal(file);
    if (entries.length === 0) await journal.append({ kind: 'batch', schema: 'l2caf-batch/1' });
    return { journal, entries };
  }

  /** Appends an entry; it is on the disk when the promise resolves. Entries that come together are flushed together. */
  append(entry: JournalEntry): Promise<void> {
    this.#waiting.push(`${JSON.stringify(entry)}\n`);
    this.#written = this.#written.then(() => this.#flush());
    return this.#written;
  }

  async #flush(): Promise<void> {
    if (this.#waiting.length === 0) return; // went with an earlier one
    const lines = this.#waiting.join('');
    this.#waiting = [];
    await this.#file.appendFile(lines).catch((cause: unknown) => {
      throw new L2cafError('output-unwritable', `cannot write the journal: ${messageOf(cause)}`, { cause });
    });
    await this.#file.datasync();
  }

  /** Closes the file; nothing may be appended after. */
  async close(): Promise<void> {
    await this.#written.catch(() => {});
    await this.#file.close();
  }
}

function readEntries(text: string, path: string): JournalEntry[] {
  const lines = text.split('\n').slice(0, -1);
  return lines.map((line, i) => {
    const result = entrySchema.safeParse(jsonOf(line));
    if (result.success) return result.data;
    throw new L2cafError('input-unreadable', `${path}, line ${i + 1}, is damaged or of another version of l2caf`, {
      hint: 'remove the file to begin the batch again, or choose another folder with -o',
      cause: result.error,
    });
  });
}

function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
