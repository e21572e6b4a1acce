/** `l2caf report`: analyses as pages to look at in a browser, and an index of many. */
import { stat } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { readAnalysis } from '../analysis/document.ts';
import { mapConcurrently } from '../base/concurrent.ts';
import { L2cafError } from '../base/errors.ts';
import { withFolder } from '../base/files.ts';
import { noteInput } from '../base/noted-inputs.ts';
import { checkOutputFolder, checkOutputs } from '../base/output.ts';
import { type IndexRow, indexRowOf, writeIndex, writeReport } from '../report/index.ts';
import { readIndex } from '../report/index-page.ts';
import { filesOfReport } from '../report/report-page.ts';
import { findAnalyses } from '../retrieval/analyses.ts';
import type { IgnoredPart } from '../video/drawing/regions.ts';
import { EXIT } from './run.ts';
import { createTerminal, type Terminal } from './terminal.ts';

/** What commander hands over. */
export interface ReportFlags {
  readonly output?: string;
  readonly ignore: readonly IgnoredPart[];
  readonly quiet?: boolean;
}

/** An analysis and where its report goes. */
interface Task {
  readonly id: string;
  readonly analysis: string;
  readonly report: string;
}

/** Writes the pages, and the index where there are many. */
export async function report(paths: readonly string[], flags: ReportFlags, signal: AbortSignal): Promise<void> {
  const terminal = createTerminal(flags);
  const work = { ignore: flags.ignore, signal, onProgress: terminal.onProgress };
  const { tasks, index, notes } = await planOf(paths, flags.output);
  for (const note of notes) terminal.warn(note);
  for (const { analysis } of tasks) noteInput(analysis);
  for (const folder of new Set(tasks.map(({ report }) => dirname(report)))) await checkOutputFolder(folder);
  for (const task of tasks) {
    const analysis = await readAnalysis(task.analysis).catch(() => undefined); // its turn says what is wrong with it
    if (analysis) noteInput(analysis.source.path);
    await checkOutputs(analysis ? filesOfReport(task.report, analysis.span) : [task.report]);
  }
  if (index !== undefined) await checkOutputs([index, ...tasks.map(({ report }) => thumbnailOf(report))]);
  if (index === undefined) {
    for (const task of tasks) {
      const analysis = await readAnalysis(task.analysis);
      for (const warning of analysis.warnings) terminal.warn(warning);
      const files = await withFolder(dirname(task.report), () => writeReport(analysis, task.report, work));
      for (const file of files) terminal.result(file);
    }
    return;
  }
  const rows: IndexRow[] = [];
  for (const [i, task] of tasks.entries()) {
    rows.push(await rowOf(task, index, work, terminal));
    terminal.onProgress({ stage: 'reports', done: i + 1, total: tasks.length, unit: 'events' });
  }
  const before = await readIndex(index);
  await writeIndex(index, rows);
  const now = new Set(rows.map(({ report: page }) => page));
  const stale = before.flatMap(({ report: page }) => (page === undefined || now.has(page) ? [] : [page]));
  if (stale.length > 0) terminal.warn(`pages of an earlier run, which the index lists no longer: ${stale.join(', ')}`);
  terminal.result(index);
  const failed = rows.filter(({ status }) => status === 'failed').length;
  if (failed === 0) return;
  terminal.warn(`${failed} of ${rows.length} reports failed; the index says why`);
  process.exitCode = EXIT.partly;
}

function thumbnailOf(report: string): string {
  return report.replace(/\.html$/, '.jpg');
}

/** Writes the report of one of many analyses; its failure becomes part of the index. */
async function rowOf(
  { id, analysis: path, report: out }: Task,
  index: string,
  work: Parameters<typeof writeReport>[2],
  terminal: Terminal,
): Promise<IndexRow> {
  const fromIndex = (file: string): string => relative(dirname(index), file).split(sep).join('/');
  const thumbnail = thumbnailOf(out);
  try {
    const analysis = await readAnalysis(path);
    await writeReport(analysis, out, { ...work, onProgress: () => {}, thumbnail });
    return { id, ...indexRowOf(analysis), thumbnail: fromIndex(thumbnail), report: fromIndex(out) };
  } catch (error) {
    if (!(error instanceof L2cafError) || error.code === 'aborted') throw error;
    terminal.warn(error.message);
    return { id, status: 'failed', error: error.message };
  }
}

/** Which reports are to be written; an index belongs to those of a folder. */
async function planOf(
  paths: readonly string[],
  output: string | undefined,
): Promise<{ tasks: readonly Task[]; index?: string; notes: readonly string[] }> {
  const folders = await Promise.all(paths.map(isFolder));
  const [first] = paths as [string];
  if (paths.length === 1 && !folders[0]) {
    const page = output === undefined ? join(dirname(first), 'report.html') : pageOf(output);
    return { tasks: [{ id: '', analysis: first, report: page }], notes: [] };
  }
  if (output !== undefined && /\.html?$/i.test(output)) {
    throw new L2cafError('usage', `${output} is one page, but there may be several analyses`, {
      hint: 'give -o a folder, or one analysis.json',
    });
  }
  const notes: string[] = [];
  const note = (text: string): void => void notes.push(text);
  const found = await mapConcurrently(paths, 1, async (path, i) => (folders[i] ? analysesIn(path, note) : [path]));
  const root = paths.length === 1 ? first : '.';
  const analyses = found.flat();
  const names = uniqueNames(analyses.map((path) => relative(root, dirname(path)) || basename(dirname(resolve(path)))));
  const tasks = analyses.map((analysis, i): Task => {
    const id = names[i]!;
    const beside = join(dirname(analysis), 'report.html');
    return { id, analysis, report: output === undefined ? beside : join(output, `${flat(id)}.html`) };
  });
  const indexFolder = output ?? (paths.length === 1 ? first : undefined);
  return { tasks, notes, ...(indexFolder !== undefined && { index: join(indexFolder, 'index.html') }) };
}

function pageOf(output: string): string {
  return /\.html$/i.test(output) ? output : join(output, 'report.html');
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (entry) => entry.isDirectory(),
    () => false, // reading it will say what is wrong
  );
}

/** @throws L2cafError `input-not-found` */
async function analysesIn(folder: string, onNote: (note: string) => void): Promise<string[]> {
  const found = await findAnalyses(folder, onNote);
  if (found.length > 0) return found;
  throw new L2cafError('input-not-found', `there is no analysis.json in ${folder}`, {
    hint: 'l2caf analyze CLIP -o FOLDER writes one',
  });
}

/** A name for a file made of a path. */
function flat(id: string): string {
  return (
    id
      .split(/[\\/]+/)
      .filter((part) => part !== '..' && part !== '.')
      .join('-') || 'report'
  );
}

/** The names, with a number after those that came before. */
function uniqueNames(names: readonly string[]): string[] {
  const taken = new Set<string>();
  return names.map((name) => {
    let unique = name;
    for (let n = 2; taken.has(flat(unique)); n++) unique = `${name} (${n})`;
    taken.add(flat(unique));
    return unique;
  });
}
