/** `l2caf reproduce`: a table or figure of the paper again, on the data and networks that are at hand. */
import { join } from 'node:path';
import type { WorkOptions } from '../analysis/pipeline.ts';
import { L2cafError, throwIfAborted } from '../base/errors.ts';
import { evenlyChosen } from '../base/evenly.ts';
import { exists } from '../base/files.ts';
import { checkOutput } from '../base/output.ts';
import type { StillFormat } from '../evaluation/choices.ts';
import type { FigureRow, FigureTable } from '../evaluation/figure-table.ts';
import {
  figureOf,
  type PaperFigure,
  type PaperItem,
  type PaperTable,
  tableOf,
} from '../evaluation/reproduce/choices.ts';
import { methodFigure } from '../evaluation/reproduce/method-figures.ts';
import { outcomesOf } from '../evaluation/reproduce/outcomes.ts';
import { besidePaper, readPaperFigures } from '../evaluation/reproduce/paper-figures.ts';
import { type NetworkOutcomes, paperTable } from '../evaluation/reproduce/paper-table.ts';
import {
  measuresOfFigure,
  type NetworkFigure,
  noteOfFigure,
  type PictureFigureOptions,
  pictureFigure,
} from '../evaluation/reproduce/picture-figures.ts';
import { formatOf, readStills, readUnseen, stillsIn } from '../evaluation/still-datasets.ts';
import type { StillTruth } from '../evaluation/still-truth.ts';
import { type ReportFile, type StudyReport, studyReport } from '../evaluation/study-report.ts';
import { measureTimes, timedClassifier, timedStill } from '../evaluation/timing.ts';
import { autoBackend } from '../models/backend.ts';
import { type ClassifierBackend, DEFAULT_TRUNK } from '../models/choices.ts';
import { openStillModel } from '../stills/analyze.ts';
import { type OpenStill, type StillNetwork, stillNetwork } from '../stills/still-network.ts';
import type { OutputFlags } from './evaluate-options.ts';
import { publish } from './evaluate-study.ts';
import { networkFiles, openAny, openFile, otherKind, withNetwork } from './reproduce-networks.ts';
import { createTerminal, type Terminal } from './terminal.ts';

/** What commander hands over. */
export interface ReproduceFlags extends OutputFlags {
  readonly data?: string;
  readonly format?: StillFormat;
  readonly networks?: string;
  readonly model?: string;
  readonly paper?: string;
  readonly needs?: boolean;
  readonly limit?: number;
  readonly level: number;
  readonly seed: number;
  readonly backend: ClassifierBackend;
  /** Folder of what is known of pictures, where tables share it; default: that of the results. */
  readonly known?: string;
}

/** Where `npm run fixtures -- --stills` is told to put its pictures in the documents. */
export const MADE = 'stills';

/** Figures have no numbers of the paper beside them. */
export function paperOfTables(item: PaperItem): L2cafError {
  return new L2cafError('usage', `--paper has numbers to stand beside those of tables, and ${item} is a figure`, {
    hint: 'leave it out',
  });
}

/** Makes the item, or says what it needs. */
export async function reproduce(item: PaperItem, flags: ReproduceFlags, signal: AbortSignal): Promise<void> {
  const terminal = createTerminal(flags);
  const files = await networkFiles(flags.networks);
  const [table, figure] = [tableOf(item), figureOf(item)];
  const found = await describeNeeds(table ?? figure, (table ?? figure)?.kind, flags, files);
  if (flags.needs) {
    for (const line of found) terminal.result(line);
    return;
  }
  if (flags.paper !== undefined && table === undefined) {
    throw paperOfTables(item);
  }
  for (const line of found) terminal.info(line);
  const work = { signal, onProgress: terminal.onProgress };
  if (table) return reproduceTable(item, table, flags, files, work, terminal);
  if (figure) return reproduceFigure(item, figure, flags, files, work, terminal);
  await publish(flags, terminal, { study: item }, async () => ({
    report: await times(item, flags, files, work, terminal),
  }));
}

async function reproduceTable(
  item: PaperItem,
  table: PaperTable,
  flags: ReproduceFlags,
  files: readonly string[],
  work: Required<WorkOptions>,
  terminal: Terminal,
): Promise<void> {
  const paper = flags.paper === undefined ? undefined : await readPaperFigures(flags.paper);
  const data = await pictures(table.kind, flags);
  const folder = flags.output ?? join('l2caf-out', item);
  await publish({ ...flags, output: folder }, terminal, { study: item, data: data.path }, async () => {
    const done: NetworkOutcomes[] = [];
    const ids: string[] = [];
    for (const file of [undefined, ...files]) {
      throwIfAborted(work.signal);
      await withNetwork(file, table, flags, { work, terminal }, async (network) => {
        const { id, weightsSha256 } = network.description;
        const name = `${id.replace(/[^\w.-]+/g, '_')}.outcomes.json`;
        const path = flags.known ? join(flags.known, `${table.kind}-${name}`) : join(folder, `${item}-${name}`);
        await checkOutput(path);
        const { level, seed } = flags;
        const options = { methods: table.methods, level, seed, path, ...work };
        done.push({ network: id, ...(await outcomesOf(network, data.stills, options)) });
        ids.push(weightsSha256);
      });
    }
    if (done.length === 0) throw noNetwork(table);
    const { level, seed } = flags;
    const measured = await paperTable(table, done, { level, seed, data: data.title, ...work });
    const shown = paper ? besidePaper(measured, paper) : measured;
    return {
      report: reportOf(item, flags, shown, ids, { data: data.path, format: data.format, pictures: data.stills.length }),
    };
  });
}

/** Pictures that figures are measured on unless a number is given: each takes seconds for every column. */
export const FIGURE_PICTURES = 8;

/** Figures of pictures: a picture and rows of the table for each network that can be examined so. */
async function reproduceFigure(
  item: PaperItem,
  figure: PaperFigure,
  flags: ReproduceFlags,
  files: readonly string[],
  work: Required<WorkOptions>,
  terminal: Terminal,
): Promise<void> {
  const { level, seed, limit = FIGURE_PICTURES } = flags;
  const data = await pictures(figure.kind ?? 'scores', { ...flags, limit });
  await publish(flags, terminal, { study: item, data: data.path }, async () => {
    const rows: FigureRow[] = [];
    const drawn: ReportFile[] = [];
    const ids: string[] = [];
    const notes = [noteOfFigure(figure, level)];
    for (const file of [undefined, ...files]) {
      throwIfAborted(work.signal);
      const open = await openAny(file, flags.backend, work);
      try {
        if ('warnings' in open) for (const warning of open.warnings) terminal.warn(warning);
        const network = stillNetwork(open, { asEmbedding: file === undefined && figure.kind === 'embedding' });
        const { id, weightsSha256 } = network.description;
        const found = await figureOfNetwork(figure, open, network, data.stills, { level, seed, ...work });
        if (typeof found === 'string') {
          notes.push(`Left out: ${id}: ${found}.`);
          continue;
        }
        notes.push(...(found.refused ?? []).map((why) => `Left out: ${why}.`));
        rows.push(...found.rows);
        drawn.push({ name: `${item}-${id.replace(/[^\w.-]+/g, '_')}.png`, data: found.png });
        ids.push(weightsSha256);
      } finally {
        open.network.dispose();
      }
    }
    const table: FigureTable = {
      title: `${figure.title} (${data.title})`,
      rowTitle: ROW_TITLES[figure.compares],
      measures: measuresOfFigure(figure),
      rows,
      highlighted: ['l2', 'trained', 'l2caf-class', 'l2caf-oblivious'],
      notes,
    };
    const used = { data: data.path, format: data.format, pictures: data.stills.length };
    return { report: reportOf(item, flags, table, ids, used), files: drawn };
  });
}

const ROW_TITLES: Readonly<Record<PaperFigure['compares'], string>> = {
  sanity: 'weights',
  constraints: 'constraint',
  methods: 'method',
};

/** A network's part of a figure, or why it has none. */
async function figureOfNetwork(
  figure: PaperFigure,
  open: OpenStill,
  network: StillNetwork,
  stills: readonly StillTruth[],
  options: PictureFigureOptions,
): Promise<(NetworkFigure & { readonly refused?: readonly string[] }) | string> {
  if (figure.kind !== undefined && network.output.kind !== figure.kind) return otherKind(network, figure.kind);
  try {
    if (figure.compares === 'methods') return await methodFigure(figure, network, stills, options);
    return await pictureFigure(figure, open, stills, options);
  } catch (error) {
    if (!(error instanceof L2cafError) || error.code !== 'usage') throw error;
    return error.message;
  }
}

function reportOf(
  item: PaperItem,
  { seed, level, backend }: ReproduceFlags,
  table: FigureTable,
  ids: readonly string[],
  used: Readonly<Record<string, unknown>>,
): StudyReport {
  const networks = [...new Set(table.rows.map(({ group }) => group ?? ''))];
  return studyReport({
    study: item,
    model: { id: networks.join(', '), sha256: ids.join(' ') },
    options: { data: used['data'], seed, level, backend },
    used: { ...used, networks },
    tables: [table],
  });
}

interface Pictures {
  readonly path: string;
  readonly format: StillFormat;
  readonly stills: readonly StillTruth[];
  /** For the table's title. */
  readonly title: string;
}

/** @throws L2cafError `input-not-found` when there are none; as `readStills` */
export async function pictures(
  kind: PaperTable['kind'],
  { data: named = MADE, format: said, limit }: ReproduceFlags,
): Promise<Pictures> {
  const data = await stillsIn(named);
  if (!(await exists(data))) {
    throw new L2cafError('input-not-found', `there is no ${data} with pictures and boxes`, {
      hint: 'name a data set with --data, or draw one: npm run fixtures -- --stills 1000 -o stills (in a clone of l2caf)',
    });
  }
  const format = said ?? (await formatOf(data));
  const all = kind === 'embedding' ? await readUnseen(data, format) : await readStills(data, format);
  const stills = evenlyChosen(all, limit, 'starts');
  const isMade = format === 'boxes' && (await exists(join(data, '..', 'stills.json')));
  const name = isMade ? 'pictures that are drawn' : format === 'boxes' ? data : format;
  const count = stills.length < all.length ? `${stills.length} of ${all.length}` : String(all.length);
  return { path: data, format, stills, title: `${name}, ${count} pictures` };
}

/** What the item needs in the paper, and what there is of it. */
async function describeNeeds(
  wanted: Pick<PaperTable, 'networks' | 'data'> | undefined,
  kind: PaperTable['kind'] | undefined,
  { data: named = MADE, format, networks }: ReproduceFlags,
  files: readonly string[],
): Promise<string[]> {
  const own = `networks: ${DEFAULT_TRUNK}${kind === 'embedding' ? ', its pooled features as an embedding' : ''}`;
  const found = `${own}${files.length > 0 ? `; ${files.join(', ')}` : ''}`;
  if (wanted === undefined) return [found];
  const data = await stillsIn(named);
  const there = (await exists(data)) ? await describeData(data, format) : `none: there is no ${data}`;
  const given = files.length > 0 ? `in ${networks}` : `none in ${networks}`;
  const where =
    networks === undefined ? 'they can be given with --networks, as docs/network-examples.md exports them' : given;
  return [
    `the paper has: ${wanted.networks.join(', ')}; on ${wanted.data}`,
    `${found} (others: ${where})`,
    `data: ${there}`,
  ];
}

/** The data and their layout; whoever measures on what has none fails. */
async function describeData(data: string, format: StillFormat | undefined): Promise<string> {
  try {
    return `${data} (${format ?? (await formatOf(data))})`;
  } catch (error) {
    if (!(error instanceof L2cafError)) throw error;
    return `none: ${error.message}`;
  }
}

function noNetwork({ kind }: PaperTable): L2cafError {
  return new L2cafError('usage', `none of the networks has ${kind === 'scores' ? 'classes' : 'an embedding'}`);
}

/** Figure 12: seconds per map. */
async function times(
  item: PaperItem,
  { seed, level, backend: wanted, ...flags }: ReproduceFlags,
  files: readonly string[],
  work: Required<WorkOptions>,
  terminal: Terminal,
): Promise<StudyReport> {
  const backend = wanted === 'auto' ? await autoBackend() : wanted; // vanilla endpoints differentiate the trunk
  const rows: FigureTable['rows'][number][] = [];
  const ids: string[] = [];
  let last: FigureTable | undefined;
  const options = { repeats: 3, vanillaIterations: 5, presets: ['paper', 'tf1-fast'], seed, ...work } as const;
  const own = await openStillModel({ model: DEFAULT_TRUNK, backend, ...work });
  try {
    last = await measureTimes([timedClassifier(own.network, seed)], options);
    rows.push(...last.rows);
    ids.push(own.classifier.weightsSha256);
  } finally {
    own.network.dispose();
  }
  for (const file of files) {
    const open = await openFile(file, wanted, work);
    try {
      for (const warning of open.warnings) terminal.warn(warning);
      const network = stillNetwork(open, {});
      rows.push(...(await measureTimes([timedStill(network, seed)], options)).rows);
      ids.push(network.description.weightsSha256);
    } finally {
      open.network.dispose();
    }
  }
  const table = { ...last, rows, title: 'Figure 12: seconds per map of one picture' };
  return reportOf(item, { ...flags, seed, level, backend }, table, ids, {});
}
