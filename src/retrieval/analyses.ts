/** Analyses as a source of embedded events: `l2caf analyze` and `l2caf batch` have embedded them already. */
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { type Analysis, readAnalysis } from '../analysis/document.ts';
import { mapConcurrently } from '../base/concurrent.ts';
import { L2cafError, messageOf } from '../base/errors.ts';
import { groupBy } from '../base/group-by.ts';
import { readDoneEvents } from '../batch/results.ts';
import { embeddingModelOfAnalysis } from './embedding-model.ts';
import type { EventRecord } from './event-table.ts';
import type { EventSource } from './index-events.ts';

/**
 * Reads analyses.
 *
 * @param paths files, or folders that are searched as {@link findAnalyses} does
 * @param onNote told what is left out
 * @throws L2cafError `input-not-found`, `analysis-invalid`; `usage` when they were made with different models
 */
export async function readAnalyses(paths: readonly string[], onNote?: (note: string) => void): Promise<EventSource> {
  const files = (await mapConcurrently(paths, 1, (path) => analysisFiles(path, onNote))).flat();
  const analyses: Analysis[] = [];
  for (const file of files) analyses.push(await readAnalysis(file));
  const models = analyses.map(embeddingModelOfAnalysis);
  const [model] = models;
  if (model === undefined) {
    throw new L2cafError('input-not-found', `there is no analysis.json in ${paths.join(', ')}`, {
      hint: 'give a list of events, analyses that l2caf analyze wrote, or a folder with such',
    });
  }
  const stray = models.findIndex(({ sha256 }) => sha256 !== model.sha256);
  if (stray !== -1) {
    throw new L2cafError(
      'usage',
      `${files[stray]} was made with the model ${models[stray]!.name}, ${files[0]} with ${model.name}`,
      { hint: 'embeddings of two models cannot be compared: index them into different databases' },
    );
  }
  const listed = await listedEvents(files);
  return {
    model,
    records: analyses.map((analysis, i) => ({ ...recordOf(analysis, files[i]!), ...listed.get(resolve(files[i]!)) })),
    paths: files.map((file) => resolve(file)),
    embed: async (indices) => indices.map((i) => Float32Array.from(analyses[i]!.embedding)),
  };
}

async function analysisFiles(path: string, onNote: ((note: string) => void) | undefined): Promise<string[]> {
  const info = await stat(path).catch((cause: unknown) => {
    throw new L2cafError('input-not-found', `cannot read ${path}: ${messageOf(cause)}`, { cause });
  });
  if (!info.isDirectory()) return [path];
  return findAnalyses(path, onNote);
}

/**
 * The files called `analysis.json` in a folder and those below it, sorted. Of a batch only those that its table lists:
 * others are of events that its list no longer has, or of an earlier state of theirs.
 *
 * @param onNote told what is left out
 */
export async function findAnalyses(folder: string, onNote?: (note: string) => void): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const found = entries.filter((entry) => entry.isFile() && entry.name === 'analysis.json');
  const files = found.map(({ parentPath, name }) => join(parentPath, name)).sort();
  const listed = new Map<string, ReadonlySet<string> | undefined>();
  for (const batch of new Set(files.map(batchOf))) {
    const events = await readDoneEvents(batch);
    listed.set(batch, events && new Set(events.map(({ path }) => path)));
  }
  const isLeftOut = (file: string): boolean => listed.get(batchOf(file))?.has(resolve(file)) === false;
  for (const [batch, own] of groupBy(files.filter(isLeftOut), batchOf)) {
    onNote?.(`left out: ${own.length} of the analyses in ${batch}, which its results.csv does not list as done`);
  }
  return files.filter((file) => !isLeftOut(file));
}

/** The folder of the batch that an analysis is of, if it is of one. */
function batchOf(file: string): string {
  return resolve(file, '..', '..', '..');
}

/** What the batches that made analyses know about them, by the absolute path of each. Throws as `readDoneEvents`. */
export async function listedEvents(
  files: readonly string[],
): Promise<Map<string, Pick<EventRecord, 'id' | 'label' | 'split'>>> {
  const batches = new Set(files.map(batchOf));
  const events = (await Promise.all([...batches].map(readDoneEvents))).flatMap((listed) => listed ?? []);
  return new Map(
    events.map(({ path, id, label, split }) => [path, { id, ...(label && { label }), ...(split && { split }) }]),
  );
}

/** An analysis has no id: it is called as its folder, or, if its file is not `analysis.json`, as its file. */
function recordOf({ source, span }: Analysis, file: string): EventRecord {
  const own = basename(file, extname(file));
  const id = own === 'analysis' ? basename(dirname(resolve(file))) : own;
  return { id, video: source.path, videoSha256: source.sha256, span };
}
