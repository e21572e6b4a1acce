/**
 * A batch: a folder with a journal of what was made, and one folder of files per event. `open` finds out how far it has
 * come, `run` makes what is missing or out of date, several events at a time; whatever happens to one of them is its own
 * affair. Results are made from the journal, so they are the same however often a batch was interrupted.
 */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { mapConcurrently } from '../base/concurrent.ts';
import { L2cafError, messageOf } from '../base/errors.ts';
import { fileSize, makeFolder } from '../base/files.ts';
import { isPartOfLock, LOCK, takeLock } from '../base/lock.ts';
import { checkOutput, removeSealed } from '../base/output.ts';
import { isSealed } from '../base/seal.ts';
import { TEMPORARY } from '../base/temporary.ts';
import { folderOf } from '../events/row.ts';
import { checkedOutcome } from './answers.ts';
import { OUTPUTS, type Output } from './choices.ts';
import type { BatchEvent } from './events.ts';
import { Journal, type JournalEntry, type MadeEntry, type MadeFile, type OpenedJournal } from './journal.ts';
import { type BatchSettings, FILE_NAMES, keysOf } from './outputs.ts';
import type { EventOutcome } from './tasks.ts';
import { Videos } from './videos.ts';

/** What the journal says about an event. */
export interface JournalRecord {
  readonly files: Readonly<Partial<Record<Output, MadeFile>>>;
  readonly figures?: MadeEntry['figures'];
  readonly timingsSec: Readonly<Record<string, number>>;
  readonly attempts: number;
  /** Why it failed last, unless something was made of it since. */
  readonly error?: string;
}

/** An event, what is to be made of it, and why. */
export interface EventPlan {
  readonly event: BatchEvent;
  readonly keys: Readonly<Record<Output, string>>;
  /** What is missing or out of date; empty when it is done. */
  readonly outputs: readonly Output[];
}

/** Whether there is something to make. */
export function isOpen({ outputs }: EventPlan): boolean {
  return outputs.length > 0;
}

/** How an event ended. */
export interface EventEnd {
  readonly id: string;
  readonly error?: Error;
  readonly attempts: number;
}

/** Whoever makes events: this machine (`EventRunner`), or the workers of a queue (`EventQueue`). */
export interface EventMaker {
  /** Events that should be under way at the same time to keep all workers busy. */
  readonly eventsAtOnce: number;
  /**
   * Makes files of an event; undefined when it was stopped before anybody had begun.
   *
   * @param folder of the event's files
   * @param outputs what to make; without `json`, the analysis is there already
   * @throws SetupError what would fail for every event
   */
  run(event: BatchEvent, folder: string, outputs: readonly Output[]): Promise<EventOutcome | undefined>;
  /** Ends what it holds: processes, connections. */
  close(): Promise<void>;
}

/** How a batch is run. */
export interface RunOptions {
  /** An event is about to be made. */
  readonly onStart?: (event: BatchEvent) => void;
  /** An event is journalled as done or failed. */
  readonly onEnd?: (end: EventEnd) => void;
  /** No further event is started once this fires; those under way are finished. */
  readonly stop?: AbortSignal;
}

/** The journal's file in the batch's folder. */
export const JOURNAL = 'journal.jsonl';
const EVENTS = 'events';

/** See the top of this file. One process at a time. */
export class Batch {
  readonly folder: string;
  /** The videos that the journal knows, and those that are looked at. */
  readonly videos: Videos;
  /** What was lost of the journal, one line each. */
  readonly warnings: readonly string[];
  readonly #journal: Journal;
  readonly #records: Map<string, JournalRecord>;
  readonly #unlock: () => Promise<void>;

  private constructor(folder: string, { journal, entries, damagedLines }: OpenedJournal, unlock: () => Promise<void>) {
    this.folder = folder;
    this.#journal = journal;
    this.#unlock = unlock;
    this.#records = recordsOf(entries);
    this.warnings = damagedLines.map(
      (line) => `${join(folder, JOURNAL)}, line ${line}, is damaged: its event is made again`,
    );
    const known = entries.flatMap((entry) => (entry.kind === 'video' ? [entry.facts] : []));
    this.videos = new Videos(known, (facts) => journal.append({ kind: 'video', facts }));
  }

  /**
   * Opens a batch, or begins one.
   *
   * @throws L2cafError `output-unwritable`, also while another process has it open; `input-unreadable`
   */
  static async open(folder: string): Promise<Batch> {
    await makeFolder(folder);
    const unlock = await takeLock(join(folder, LOCK));
    try {
      await removeLeftovers(folder);
      return new Batch(folder, await Journal.open(join(folder, JOURNAL)), unlock);
    } catch (error) {
      await unlock();
      throw error;
    }
  }

  /** What the journal says about an event; undefined for one that was never tried. */
  record(id: string): JournalRecord | undefined {
    return this.#records.get(id);
  }

  /** Events that something was made of, but that are not among these. */
  others(events: readonly BatchEvent[]): string[] {
    const own = new Set(events.map(({ id }) => id));
    return [...this.#records].flatMap(([id, { files }]) => (own.has(id) || !files.json ? [] : [id]));
  }

  /** The folder of an event's files. */
  folderOf(id: string): string {
    return join(this.folder, EVENTS, folderOf(id));
  }

  /** What is to be made of each event. */
  async plan(events: readonly BatchEvent[], settings: BatchSettings): Promise<EventPlan[]> {
    const wanted = OUTPUTS.filter((name) => name === 'json' || name === 'thumbnail' || settings.outputs.includes(name));
    return mapConcurrently(events, FILES_AT_ONCE, async (event) => {
      const keys = keysOf(event, settings);
      const files = this.#records.get(event.id)?.files ?? {};
      const folder = this.folderOf(event.id);
      const outdated = await Promise.all(
        wanted.map(async (name) => {
          const made = files[name];
          return made?.key !== keys[name] || (await fileSize(join(folder, FILE_NAMES[name]))) !== made.bytes;
        }),
      );
      return { event, keys, outputs: wanted.filter((_, i) => outdated[i]) };
    });
  }

  /**
   * Makes what is missing. An event that fails is recorded and does not end the batch.
   *
   * @param plans those that are {@link isOpen}
   * @throws SetupError as the maker; L2cafError `output-unwritable` for the journal; `output-exists`, `usage` as
   *   `checkOutput`, before anything is made
   */
  async run(plans: readonly EventPlan[], maker: EventMaker, { onStart, onEnd, stop }: RunOptions = {}): Promise<void> {
    await mapConcurrently(plans, FILES_AT_ONCE, (plan) => this.#makeWay(plan));
    await mapConcurrently(plans, maker.eventsAtOnce, async ({ event, keys, outputs }) => {
      if (stop?.aborted) return;
      const { id } = event;
      const folder = this.folderOf(id);
      onStart?.(event);
      await removeLeftovers(folder);
      if (outputs.includes('json')) await this.#removeStale(event, outputs);
      const answer = await maker.run(event, folder, outputs);
      if (answer === undefined) return;
      const outcome = checkedOutcome(answer, outputs);
      const { attempts } = outcome;
      if ('error' in outcome) {
        const { error } = outcome;
        await this.#append({ kind: 'failed', event: id, error: describe(error), attempts });
        onEnd?.({ id, error, attempts });
        return;
      }
      const { bytes, figures, timingsSec } = outcome;
      const files = Object.fromEntries(outputs.map((name) => [name, { key: keys[name], bytes: bytes[name]! }]));
      await this.#append({ kind: 'made', event: id, files, ...(figures && { figures }), timingsSec, attempts });
      onEnd?.({ id, attempts });
    });
  }

  /** Closes the journal and lets others at the folder. */
  async close(): Promise<void> {
    await this.#journal.close();
    await this.#unlock();
  }

  /** Checks that an event's files may be written, so that whoever makes them finds none that are not l2caf's. */
  async #makeWay({ event, outputs }: EventPlan): Promise<void> {
    const known = this.#records.get(event.id)?.files ?? {};
    for (const name of outputs) {
      const path = join(this.folderOf(event.id), FILE_NAMES[name]);
      if ((await fileSize(path)) === undefined || (await isSealed(path))) continue;
      // What the journal knows is the batch's own, and damaged.
      if (known[name] === undefined) await checkOutput(path, [event.facts.clip.path]);
      await rm(path, { force: true });
    }
  }

  /** Removes files of an earlier analysis that are not made again: they would pass for those of the new one. */
  async #removeStale({ id, facts }: BatchEvent, outputs: readonly Output[]): Promise<void> {
    const stale = OUTPUTS.filter((name) => !outputs.includes(name)).map((name) =>
      join(this.folderOf(id), FILE_NAMES[name]),
    );
    await removeSealed(stale, [facts.clip.path]);
  }

  async #append(entry: JournalEntry): Promise<void> {
    await this.#journal.append(entry);
    addEntry(this.#records, entry);
  }
}

/** Files whose size is looked up at the same time. */
const FILES_AT_ONCE = 32;

function recordsOf(entries: readonly JournalEntry[]): Map<string, JournalRecord> {
  const records = new Map<string, JournalRecord>();
  for (const entry of entries) addEntry(records, entry);
  return records;
}

function addEntry(records: Map<string, JournalRecord>, entry: JournalEntry): void {
  if (entry.kind !== 'made' && entry.kind !== 'failed') return;
  const before = records.get(entry.event) ?? { files: {}, timingsSec: {}, attempts: 0 };
  if (entry.kind === 'failed') {
    records.set(entry.event, { ...before, error: entry.error, attempts: entry.attempts });
    return;
  }
  const { error: _, ...rest } = before;
  const figures = entry.figures ?? before.figures;
  records.set(entry.event, {
    ...rest,
    files: { ...before.files, ...entry.files },
    ...(figures && { figures }),
    timingsSec: { ...before.timingsSec, ...entry.timingsSec },
    attempts: entry.attempts,
  });
}

/** The message; of something that nobody foresaw, the place as well. */
function describe(error: Error): string {
  if (error instanceof L2cafError) return error.message;
  const [, where = ''] = /\n\s*at (.*)/.exec(error.stack ?? '') ?? [];
  return `${error.name}: ${messageOf(error)}${where && ` (at ${where})`}`;
}

/** What a process that was killed was writing. */
export async function removeLeftovers(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  const parts = names.filter((name) => TEMPORARY.test(name) || isPartOfLock(name));
  await Promise.all(parts.map((name) => rm(join(folder, name), { recursive: true, force: true })));
}
