/** `l2caf export`: analyses in the forms in which other programs take them. */
import { extname, resolve } from 'node:path';
import { readAnalysis } from '../analysis/document.ts';
import { L2cafError } from '../base/errors.ts';
import { withFolder } from '../base/files.ts';
import { noteInput } from '../base/noted-inputs.ts';
import { checkOutputFolder, checkOutputs } from '../base/output.ts';
import { writeArrays } from '../exports/arrays.ts';
import type { ExportFormat } from '../exports/choices.ts';
import type { ExportedEvent } from '../exports/exported.ts';
import { samplesFiles, writeSamples } from '../exports/fiftyone.ts';
import { writeFramesTable } from '../exports/frames-table.ts';
import { listedEvents } from '../retrieval/analyses.ts';
import { flatName, tasksFor, uniqueNames } from './tasks.ts';
import { createTerminal } from './terminal.ts';

/** What commander hands over. */
export interface ExportFlags {
  readonly output: string;
  readonly format?: ExportFormat;
  readonly quiet?: boolean;
}

/** Exports analyses. */
export async function exportAnalyses(
  paths: readonly string[],
  { output, quiet, ...flags }: ExportFlags,
  signal: AbortSignal,
): Promise<void> {
  const terminal = createTerminal({ ...(quiet && { quiet }) });
  const format = formatOf(output, flags.format);
  const { events, notes } = await eventsOf(paths);
  for (const note of notes) terminal.warn(note);
  for (const { path } of events) {
    noteInput(path);
    noteInput((await readAnalysis(path)).source.path);
  }
  const onDone = (done: number): void => {
    signal.throwIfAborted();
    terminal.onProgress({ stage: 'exporting', done, total: events.length, unit: 'events' });
  };
  if (format === 'fiftyone') {
    await checkOutputFolder(output);
    await checkOutputs(await samplesFiles(output, events));
    terminal.result(await withFolder(output, () => writeSamples(output, events, { signal, onDone })));
    return;
  }
  await checkOutputs([output]);
  if (format === 'npz') await writeArrays(output, events, onDone);
  else await writeFramesTable(output, format, events, onDone);
  terminal.result(output);
}

/** The analyses, each with an id of its own: that of its batch's list, or where it lies. */
async function eventsOf(paths: readonly string[]): Promise<{ events: ExportedEvent[]; notes: readonly string[] }> {
  const { tasks, notes } = await tasksFor(paths, undefined, {
    ...{ name: 'analysis.json', ending: '.json', isOne: /(?!)/, title: 'file' },
  });
  const listed = await listedEvents(tasks.map(({ analysis }) => analysis));
  const found = tasks.map(({ id, analysis: path }) => ({ id, path, ...listed.get(resolve(path)) }));
  const ids = uniqueNames(found.map(({ id }) => id));
  return { events: found.map((event, i) => ({ ...event, id: flatName(ids[i]!) })), notes };
}

const ENDINGS: Readonly<Record<string, ExportFormat>> = { '.npz': 'npz', '.csv': 'csv', '.jsonl': 'jsonl' };

/** @throws L2cafError `usage` */
function formatOf(output: string, wanted: ExportFormat | undefined): ExportFormat {
  const named = ENDINGS[extname(output).toLowerCase()];
  const format = wanted ?? named;
  if (format === undefined) {
    throw new L2cafError('usage', `${output} does not say what it is to be`, {
      hint: 'name it .npz, .csv or .jsonl, or add --format fiftyone for a folder',
    });
  }
  if (format !== 'fiftyone' && format !== named) {
    throw new L2cafError('usage', `--format ${format} writes a .${format} file, not ${output}`, {
      hint: `name it attention.${format}`,
    });
  }
  return format;
}
