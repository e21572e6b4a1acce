/** `l2caf project`: a map of embedded events. */
import { stat } from 'node:fs/promises';
import { basename, extname } from 'node:path';
import { Command } from 'commander';
import { L2cafError } from '../base/errors.ts';
import { writeFileAtomically } from '../base/files.ts';
import { checkOutputFolder, checkOutputs } from '../base/output.ts';
import { ENGINE_CHOICES, type EngineChoice } from '../models/choices.ts';
import { DEFAULT_MODEL } from '../models/packaged.ts';
import { openEventSource } from '../retrieval/event-source.ts';
import { type EmbeddedRecord, EventTable } from '../retrieval/event-table.ts';
import { drawMap } from '../retrieval/map-picture.ts';
import { PROJECTIONS, type Projection, projectEmbeddings } from '../retrieval/project.ts';
import { projectorFiles, writeProjectorFiles } from '../retrieval/projector-files.ts';
import { choiceOption, examples, LIST_FORMS, parseCount, videosOption } from './options.ts';
import { interruptible } from './run.ts';
import { createTerminal, type Terminal } from './terminal.ts';

interface ProjectFlags {
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

/** The `project` command. */
export function projectCommand(): Command {
  return new Command('project')
    .description('draw a map on which similar events lie together')
    .argument(
      '<events>',
      `a database that l2caf index wrote, a folder with analyses, or a list of events: ${LIST_FORMS}`,
    )
    .addOption(videosOption())
    .option('-o, --output <file>', 'the picture, .svg or .png')
    .option('--tsv <folder>', 'tensors.tsv and metadata.tsv for the TensorFlow embedding projector')
    .addOption(choiceOption('--method <name>', 'principal components, or UMAP', PROJECTIONS, 'pca'))
    .option('--seed <number>', 'seed of UMAP', parseCount(0), 0)
    .option('--model <name>', 'the model that embeds the events of a list: a name or a folder', DEFAULT_MODEL)
    .addOption(choiceOption('--backend <name>', 'what runs the network', ENGINE_CHOICES, 'auto'))
    .option('--json', 'print the points as one JSON document')
    .option('-q, --quiet', 'no progress')
    .addHelpText(
      'after',
      examples(
        'l2caf project drives.lance -o map.svg',
        'l2caf project events.csv --method umap --seed 1 -o map.png',
        'l2caf project drives.lance --tsv projector',
      ),
    )
    .action((path: string, flags: ProjectFlags) => interruptible((signal) => run(path, flags, signal)));
}

async function run(path: string, flags: ProjectFlags, signal: AbortSignal): Promise<void> {
  const terminal = createTerminal(flags);
  const { output, tsv, method, seed } = flags;
  const format = output === undefined ? undefined : formatOf(output);
  if (output === undefined && tsv === undefined && !flags.json) {
    throw new L2cafError('usage', 'nothing to write: give -o FILE.svg, --tsv FOLDER or --json');
  }
  if (output !== undefined) await checkOutputs([output]);
  if (tsv !== undefined) {
    await checkOutputFolder(tsv);
    await checkOutputs(projectorFiles(tsv));
  }
  const events = await readEmbedded(path, flags, terminal, signal);
  const files = tsv === undefined ? [] : await writeProjectorFiles(tsv, events);
  if (output !== undefined || flags.json) {
    const embeddings = events.map(({ embedding }) => embedding);
    const projected = await projectEmbeddings(embeddings, { method, seed, signal, onProgress: terminal.onProgress });
    if (output !== undefined && format !== undefined) {
      const content = {
        ...projected,
        title: `${events.length} events of ${basename(path)}`,
        caption: `Embeddings of length 1, ${method === 'pca' ? 'principal components' : `UMAP, seed ${seed}`}.`,
        labels: events.map(({ label }) => label),
        splits: events.map(({ split }) => split),
      };
      await writeFileAtomically(output, drawMap(content, format));
      files.push(output);
    }
    if (flags.json) return terminal.result(JSON.stringify(describe(events, projected.points, flags)));
  }
  for (const file of files) terminal.result(file);
}

function formatOf(path: string): 'png' | 'svg' {
  const extension = extname(path).toLowerCase();
  if (extension === '.png') return 'png';
  if (extension === '.svg') return 'svg';
  throw new L2cafError('usage', `${path} is neither a .svg nor a .png file`);
}

async function readEmbedded(
  path: string,
  flags: ProjectFlags,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<readonly EmbeddedRecord[]> {
  const isFile = await stat(path).then(
    (info) => info.isFile(),
    () => false, // an address, perhaps
  );
  if (!isFile) {
    const table = await EventTable.openOrCreate(path);
    // By content, so that a map does not depend on the order in which events were indexed.
    if (table.model) return (await table.select()).sort((a, b) => compareRecords(a, b));
  }
  const { records, embed } = await openEventSource([path], { ...flags, signal, onNote: terminal.warn });
  const embeddings = await embed([...records.keys()], terminal.onProgress);
  return records.map((record, i) => ({ ...record, embedding: embeddings[i]! }));
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
