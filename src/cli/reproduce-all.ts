/** `l2caf reproduce all`: every table and figure of the paper, one after another, each in a folder of its own; can be interrupted and continued. */
import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from '#zod';
import { L2cafError, throwIfAborted } from '../base/errors.ts';
import { exists, writeFileAtomically } from '../base/files.ts';
import { jsonIn, readOwn } from '../base/input-files.ts';
import { sum } from '../base/matrix.ts';
import { checkOutput } from '../base/output.ts';
import { VERSION } from '../base/version.ts';
import { PAPER_ITEMS, type PaperItem, tableOf } from '../evaluation/reproduce/choices.ts';
import { stillsIn } from '../evaluation/still-datasets.ts';
import { inOwnFolder, isOfOther } from './default-folder.ts';
import { FIGURE_PICTURES, MADE, pictures, type ReproduceFlags, reproduce } from './reproduce.ts';
import { EVENTS, reproduceEvents } from './reproduce-events.ts';
import { networkFiles } from './reproduce-networks.ts';
import { createTerminal, formatDuration, formatTable, type Terminal } from './terminal.ts';

/** Name of the file that says what is done. */
const JOURNAL = 'reproduce.json';
/** Folder of what is known of pictures, which tables share. */
const KNOWN = 'known';

const journalSchema = z.object({
  schema: z.literal('l2caf-reproduce/1'),
  /** Of everything that the results depend on. */
  key: z.string(),
  /** Seconds that each item took that is done, those of interrupted runs left out. */
  items: z.partialRecord(z.enum(PAPER_ITEMS), z.number().nonnegative()),
});
type Journal = z.infer<typeof journalSchema>;

/** Makes all of them, or says what they need. What cannot be made for want of events is left out, which is said. */
export async function reproduceAll(flags: ReproduceFlags, signal: AbortSignal): Promise<void> {
  if (flags.needs) {
    for (const item of PAPER_ITEMS) {
      createTerminal(flags).result(`${item}:`);
      await one(item, flags, signal);
    }
    return;
  }
  const terminal = createTerminal(flags);
  await pictures('scores', flags); // before anything is computed
  const key = await keyOf(flags);
  const isTaken = (folder: string): Promise<boolean> =>
    isOfOther(join(folder, JOURNAL), (document) => (document as Journal).key === key);
  await inOwnFolder(flags.output ?? { name: join('l2caf-out', 'reproduce'), isTaken }, (folder) =>
    allIn(folder, key, flags, { signal, terminal }),
  );
}

async function allIn(
  folder: string,
  key: string,
  flags: ReproduceFlags,
  { signal, terminal }: { readonly signal: AbortSignal; readonly terminal: Terminal },
): Promise<void> {
  const path = join(folder, JOURNAL);
  await checkOutput(path);
  const { items } = await readJournal(path, key);
  const rows: string[][] = [];
  for (const [i, item] of PAPER_ITEMS.entries()) {
    throwIfAborted(signal);
    const own = join(folder, item);
    const place = `${i + 1} of ${PAPER_ITEMS.length}: ${item}`;
    if (items[item] !== undefined && (await exists(join(own, `${item}.json`)))) {
      terminal.info(`${place} is done`);
      rows.push([item, formatDuration(items[item]), own]);
      continue;
    }
    terminal.info(place);
    const startedAt = performance.now();
    try {
      await one(item, { ...flags, output: own, known: join(folder, KNOWN) }, signal);
    } catch (error) {
      if (item !== 'fig9' || !(error instanceof L2cafError) || error.code !== 'input-not-found') throw error;
      terminal.warn(`${item} is left out: ${error.message}`);
      rows.push([item, '-', 'left out']);
      continue;
    }
    items[item] = (performance.now() - startedAt) / 1000;
    rows.push([item, formatDuration(items[item]), own]);
    const journal: Journal = { schema: 'l2caf-reproduce/1', key, items };
    await writeFileAtomically(path, `${JSON.stringify(journal, null, 1)}\n`);
  }
  if (flags.json) return;
  terminal.result(
    formatTable([['item', 'took', 'results'], ...rows, ['all', formatDuration(sum(Object.values(items))), folder]]),
  );
}

/** One item, with the options that it has. */
async function one(item: PaperItem, { data, paper, limit, ...flags }: ReproduceFlags, signal: AbortSignal) {
  const most = (usual: number) => (limit === undefined || limit >= usual ? {} : { limit });
  if (item === 'fig9') return reproduceEvents(item, { ...flags, ...most(EVENTS) }, signal);
  const own = { ...flags, ...(data !== undefined && { data }) };
  if (!tableOf(item)) return reproduce(item, { ...own, ...most(FIGURE_PICTURES) }, signal);
  const ofTables = { ...(paper !== undefined && { paper }), ...(limit !== undefined && { limit }) };
  return reproduce(item, { ...own, ...ofTables }, signal);
}

/** Of everything that results depend on: the options, and which files are there. */
async function keyOf({ data = MADE, networks, ...flags }: ReproduceFlags): Promise<string> {
  const { format, model, paper, limit, level, seed, backend } = flags;
  const list = await stillsIn(data);
  const files: unknown[] = [];
  for (const file of [list, ...(await networkFiles(networks)), ...(paper === undefined ? [] : [paper])]) {
    const { size, mtimeMs } = await stat(file);
    files.push([file, size, mtimeMs]);
  }
  const all = [VERSION, format, model, limit, level, seed, backend, files];
  return createHash('sha256').update(JSON.stringify(all)).digest('hex');
}

/** What an earlier run of the same did; nothing of another. */
async function readJournal(path: string, key: string): Promise<Journal> {
  const none: Journal = { schema: 'l2caf-reproduce/1', key, items: {} };
  if (!(await exists(path))) return none;
  const found = journalSchema.safeParse(jsonIn(await readOwn(path, { maxBytes: MAX_BYTES })));
  return found.success && found.data.key === key ? found.data : none;
}

/** Nine items. */
const MAX_BYTES = 1e6;
