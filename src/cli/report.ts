/** `l2caf report`: analyses as pages to look at in a browser, and an index of many. */
import { dirname, join, relative, sep } from 'node:path';
import { readAnalysis } from '../analysis/document.ts';
import { L2cafError } from '../base/errors.ts';
import { fileSize, withFolder } from '../base/files.ts';
import { noteInput } from '../base/noted-inputs.ts';
import { checkOutputFolder, checkOutputs } from '../base/output.ts';
import type { IgnoredPart } from '../base/types.ts';
import { type IndexRow, indexRowOf, writeIndex, writeReport } from '../report/index.ts';
import { readIndex } from '../report/index-page.ts';
import { filesOfReport } from '../report/report-page.ts';
import { EXIT } from './run.ts';
import { isOneAnalysis, type Task, type Tasks, tasksFor } from './tasks.ts';
import { createTerminal, type Terminal } from './terminal.ts';

/** What commander hands over. */
export interface ReportFlags {
  readonly output?: string;
  readonly ignore: readonly IgnoredPart[];
  readonly quiet?: boolean;
}

/** Writes the pages, and the index where there are many. */
export async function report(paths: readonly string[], flags: ReportFlags, signal: AbortSignal): Promise<void> {
  const terminal = createTerminal(flags);
  const work = { ignore: flags.ignore, signal, onProgress: terminal.onProgress };
  const { tasks, index, notes } = await planOf(paths, flags.output);
  for (const note of notes) terminal.warn(note);
  for (const { analysis } of tasks) noteInput(analysis);
  for (const folder of new Set(tasks.map(({ out }) => dirname(out)))) await checkOutputFolder(folder);
  for (const task of tasks) {
    const analysis = await readAnalysis(task.analysis).catch(() => undefined); // its turn says what is wrong with it
    if (analysis) noteInput(analysis.source.path);
    await checkOutputs(analysis ? filesOfReport(task.out, analysis.span) : [task.out]);
  }
  if (index !== undefined) await checkOutputs([index, ...tasks.map(({ out }) => thumbnailOf(out))]);
  if (index === undefined) {
    for (const task of tasks) {
      const analysis = await readAnalysis(task.analysis);
      for (const warning of analysis.warnings) terminal.warn(warning);
      const files = await withFolder(dirname(task.out), () => writeReport(analysis, task.out, work));
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
  { id, analysis: path, out }: Task,
  index: string,
  work: Parameters<typeof writeReport>[2],
  terminal: Terminal,
): Promise<IndexRow> {
  const fromIndex = (file: string): string => relative(dirname(index), file).split(sep).join('/');
  const thumbnail = thumbnailOf(out);
  try {
    const analysis = await readAnalysis(path);
    await writeReport(analysis, out, { ...work, onProgress: () => {}, thumbnail });
    const files = (await filesBeside(path)).map(fromIndex).filter((file) => !/^(\.\.|\/|[a-z]:)/i.test(file));
    return {
      ...{ id, ...indexRowOf(analysis), thumbnail: fromIndex(thumbnail), report: fromIndex(out) },
      ...(files.length > 0 && { files }), // those that move with the index
    };
  } catch (error) {
    if (!(error instanceof L2cafError) || error.code === 'aborted') throw error;
    terminal.warn(error.message);
    return { id, status: 'failed', error: error.message };
  }
}

/** The analysis, and what `analyze` and `batch` draw beside one. */
async function filesBeside(analysis: string): Promise<string[]> {
  const own = (name: string): string => join(dirname(analysis), name);
  const drawn = await Promise.all(
    ['strip.png', 'strip.jpg', 'overlay.mp4'].map(async (name) => ((await fileSize(own(name))) ? [own(name)] : [])),
  );
  return [analysis, ...drawn.flat()];
}

/** Which reports are to be written; an index belongs to those of a folder. */
async function planOf(
  paths: readonly string[],
  output: string | undefined,
): Promise<Tasks & { readonly index?: string }> {
  const [first] = paths as [string];
  if (await isOneAnalysis(paths)) {
    const out = output === undefined ? join(dirname(first), 'report.html') : pageOf(output);
    return { tasks: [{ id: '', analysis: first, out }], notes: [] };
  }
  const plan = await tasksFor(paths, output, {
    ...{ name: 'report.html', ending: '.html' },
    ...{ isOne: /\.html?$/i, title: 'page' },
  });
  const indexFolder = output ?? (paths.length === 1 ? first : undefined);
  return { ...plan, ...(indexFolder !== undefined && { index: join(indexFolder, 'index.html') }) };
}

function pageOf(output: string): string {
  return /\.html$/i.test(output) ? output : join(output, 'report.html');
}
