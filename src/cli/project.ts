/** `l2caf project`: a map of embedded events. */
import { stat } from 'node:fs/promises';
import { basename, extname } from 'node:path';
import { L2cafError } from '../base/errors.ts';
import { writeFileAtomically } from '../base/files.ts';
import { checkOutputFolder, checkOutputs } from '../base/output.ts';
import type { EngineChoice } from '../models/choices.ts';
import { writeMapPage } from '../report/map-page.ts';
import { openEventSource } from '../retrieval/event-source.ts';
import { type EmbeddedRecord, EventTable } from '../retrieval/event-table.ts';
import { drawMap } from '../retrieval/map-picture.ts';
import { type Projection, projectEmbeddings } from '../retrieval/project.ts';
import { projectorFiles, writeProjectorFiles } from '../retrieval/projector-files.ts';
import { classesOf, type MappedEvent, mapPoints } from './project-page.ts';
import { createTerminal, type Terminal } from './terminal.ts';

/** What commander hands over. */
export interface ProjectFlags {
  readonly videos?: string;
  readonly output?: string;
  readonly tsv?: string;
  readonly method: Projection;
  readonly seed: number;
  readonly model: string;
  readonly backend: EngineChoice;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** Makes the map. */
export async function project(path: string, flags: ProjectFlags, signal: AbortSignal): Promise<void> {
  const terminal = createTerminal(flags);
  const { output, tsv, method, seed } = flags;
  const format = output === undefined ? undefined : formatOf(output);
  if (output === undefined && tsv === undefined && !flags.json) {
    throw new L2cafError('usage', 'nothing to write: give -o FILE.html or FILE.svg, --tsv FOLDER or --json');
  }
  if (output !== undefined) await checkOutputs([output]);
  if (tsv !== undefined) {
    await checkOutputFolder(tsv);
    await checkOutputs(projectorFiles(tsv));
  }
  const mapped = await readEmbedded(path, flags, terminal, signal);
  const events = mapped.map(({ event }) => event);
  const files = tsv === undefined ? [] : await writeProjectorFiles(tsv, events);
  if (output !== undefined || flags.json) {
    const embeddings = events.map(({ embedding }) => embedding);
    const projected = await projectEmbeddings(embeddings, { method, seed, signal, onProgress: terminal.onProgress });
    if (output !== undefined && format !== undefined) {
      const said = {
        axes: projected.axes,
        title: `${events.length} events of ${basename(path)}`,
        caption: `Embeddings of length 1, ${method === 'pca' ? 'principal components' : `UMAP, seed ${seed}`}.`,
        classes: await classesOf(mapped),
      };
      const [labels, splits] = [events.map(({ label }) => label), events.map(({ split }) => split)];
      if (format === 'html') {
        await writeMapPage(output, { ...said, points: await mapPoints(output, mapped, projected.points) });
      } else await writeFileAtomically(output, drawMap({ ...said, points: projected.points, labels, splits }, format));
      files.push(output);
    }
    if (flags.json) return terminal.result(JSON.stringify(describe(events, projected.points, flags)));
  }
  for (const file of files) terminal.result(file);
}

function formatOf(path: string): 'png' | 'svg' | 'html' {
  const extension = extname(path).toLowerCase();
  if (extension === '.png') return 'png';
  if (extension === '.svg') return 'svg';
  if (extension === '.html') return 'html';
  throw new L2cafError('usage', `${path} is neither a .svg, a .png nor an .html file`);
}

async function readEmbedded(
  path: string,
  flags: ProjectFlags,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<readonly MappedEvent[]> {
  const isFile = await stat(path).then(
    (info) => info.isFile(),
    () => false, // an address, perhaps
  );
  if (!isFile) {
    const table = await EventTable.openOrCreate(path);
    // By content, so that a map does not depend on the order in which events were indexed.
    if (table.model) {
      const stored = (await table.select()).sort((a, b) => compareRecords(a, b));
      return stored.map((event) => ({ event }));
    }
  }
  const { records, paths, embed } = await openEventSource([path], { ...flags, signal, onNote: terminal.warn });
  const embeddings = await embed([...records.keys()], terminal.onProgress);
  return records.map((record, i) => ({ event: { ...record, embedding: embeddings[i]! }, path: paths?.[i] }));
}

function compareRecords(a: EmbeddedRecord, b: EmbeddedRecord): number {
  const order = a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
  return order || a.span.startSec - b.span.startSec;
}

function describe(
  events: readonly EmbeddedRecord[],
  points: readonly (readonly [number, number])[],
  { method, seed }: ProjectFlags,
): object {
  const shown = events.map(({ id, label, split }, i) => ({ id, label, split, x: points[i]![0], y: points[i]![1] }));
  return { method, seed, points: shown };
}
