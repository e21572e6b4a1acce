/** What the subcommands of `evaluate` share: their options, how events are opened, and how results are shown and written. */
import { join } from 'node:path';
import { framesFor, type WorkOptions } from '../analysis/pipeline.ts';
import { L2cafError } from '../base/errors.ts';
import { evenlyChosen } from '../base/evenly.ts';
import { groupBy } from '../base/group-by.ts';
import { checkOutputs } from '../base/output.ts';
import type { MapMethod } from '../evaluation/choices.ts';
import { type FigureTable, groupsOf, textRows } from '../evaluation/figure-table.ts';
import {
  type ReportFile,
  reportFiles,
  type StudyReport,
  studyReport,
  writeStudyReport,
} from '../evaluation/study-report.ts';
import { isNetwork, type Studied, type StudyContext } from '../evaluation/subjects.ts';
import { type LabelledEvent, type LabelledOptions, readEvents } from '../events/labelled.ts';
import { type PlannedEvent, planEvents } from '../features/dataset.ts';
import { type EngineInfo, useEngine } from '../models/backend.ts';
import { type Head, headSha256 } from '../models/head.ts';
import { isImported, openImported } from '../models/imported.ts';
import { loadModel } from '../models/model-directory.ts';
import { findModel } from '../models/packaged.ts';
import { type FreeFolder, inOwnFolder, isOfOther, isSamePath } from './default-folder.ts';
import type { EventFlags, OutputFlags, TargetFlags } from './evaluate-options.ts';
import { cardOf, type NetworkFlags } from './network-options.ts';
import { createTerminal, formatTable, type Terminal } from './terminal.ts';

/** A model that is measured. */
export interface StudiedModel {
  readonly id: string;
  readonly sha256: string;
  /** Frames of an event. */
  readonly frames: number;
  readonly studied: Studied;
  /** What runs a network of the user's. */
  readonly engine?: EngineInfo;
  readonly warnings: readonly string[];
}

/** Events and their model, as a study gets them. */
export interface OpenEvents extends Pick<StudiedModel, 'studied' | 'frames'> {
  readonly planned: readonly PlannedEvent[];
  readonly terminal: Terminal;
  readonly work: Required<WorkOptions>;
  /** Starts the backend: after everything that can be refused without one. */
  context(): Promise<StudyContext>;
}

/** What a study found. */
export interface StudyResult extends Pick<StudyReport, 'used' | 'tables' | 'details'> {
  /** Options that only this study has. */
  readonly options?: Readonly<Record<string, unknown>>;
  readonly files?: readonly ReportFile[];
}

/**
 * Runs a study of events and shows and writes its results.
 *
 * @throws L2cafError `usage` when the split has no events; as `loadModel`, `readEvents`; `output-unwritable`
 */
export async function runEventStudy(
  study: string,
  eventsPath: string,
  flags: EventFlags & Partial<TargetFlags>,
  signal: AbortSignal,
  measure: (events: OpenEvents) => Promise<StudyResult>,
): Promise<void> {
  const terminal = createTerminal(flags);
  const work = { signal, onProgress: terminal.onProgress };
  const model = await openStudied(flags, work);
  try {
    await publishEventStudy(study, eventsPath, flags, { model, terminal, work }, measure);
  } finally {
    if (isNetwork(model.studied)) model.studied.dispose();
  }
}

async function publishEventStudy(
  study: string,
  eventsPath: string,
  flags: EventFlags & Partial<TargetFlags>,
  { model, terminal, work }: { model: StudiedModel; terminal: Terminal; work: Required<WorkOptions> },
  measure: (events: OpenEvents) => Promise<StudyResult>,
): Promise<void> {
  for (const warning of model.warnings) terminal.warn(warning);
  const { split, limit, seed, target, videos } = flags;
  const { id, sha256, frames, studied } = model;
  const { signal } = work;
  await publish(flags, terminal, { study, model: id, data: eventsPath }, async () => {
    const wanted = evenlyChosen(
      await readSplit(eventsPath, split, { videos, signal, onNote: terminal.warn }),
      limit,
      'starts',
    );
    const planned = await planEvents([{ name: 'events', events: wanted }], { frames, views: 1, seed, signal });
    let engine: string | undefined = model.engine?.name;
    const context = async (): Promise<StudyContext> => {
      const own = isNetwork(studied) ? undefined : await useEngine(flags.backend, work);
      if (own?.warning !== undefined) terminal.warn(own.warning);
      engine ??= own?.name;
      return { target: target ?? 'oblivious', seed, backend: own?.name, onWarning: terminal.warn, ...work };
    };
    const { options, files = [], ...found } = await measure({ studied, frames, planned, terminal, work, context });
    const report = studyReport({
      study,
      model: { id, sha256 },
      options: {
        events: eventsPath,
        split,
        ...(target && { target }),
        ...(limit !== undefined && { limit }),
        seed,
        backend: engine,
        ...options,
      },
      ...found,
    });
    return { report, files };
  });
}

/** Opens what `--model` names: a head, whose trunk is opened when it is needed, or a network of the user's. */
export async function openStudied(
  flags: Pick<TargetFlags, 'model' | 'backend' | 'size'> & NetworkFlags,
  work: WorkOptions,
): Promise<StudiedModel> {
  const { model, backend, size } = flags;
  const card = await cardOf(flags);
  if (!(await isImported(model))) {
    if ((card ?? size) !== undefined) {
      throw new L2cafError('usage', `${model} knows itself how it wants its frames`, {
        hint: '--norm, --layer, --size and the like are for the files of other networks',
      });
    }
    const { head, manifest } = await loadModel(await findModel(model));
    const { frames } = manifest.preprocessing;
    return { id: manifest.id, sha256: headSha256(head), frames, studied: head, warnings: [] };
  }
  const open = await openImported(model, { backend, ...work, ...(card && { card }), ...(size && { size }) });
  const { id, sha256, input } = open.network;
  return {
    ...{ id, sha256, frames: framesFor(input) },
    ...{ studied: open.network, engine: open.backend, warnings: open.warnings },
  };
}

/**
 * The head of a study that knows no other networks.
 *
 * @throws L2cafError `usage`
 */
export function headOf({ studied }: Pick<OpenEvents, 'studied'>, study: string): Head {
  if (!isNetwork(studied)) return studied;
  throw new L2cafError('usage', `${study} measures embeddings that models of l2caf learnt, not ${studied.id}`, {
    hint: 'give a packaged model, or the folder of a trained one',
  });
}

/** Maps that are compared unless others are named: of a network of the user's, those that it can have. */
export function usualMethods(
  { studied }: Pick<OpenEvents, 'studied'>,
  usual: readonly MapMethod[],
): readonly MapMethod[] {
  if (!isNetwork(studied)) return usual;
  const forgets = studied.unlearning !== undefined && studied.unlearning().behind > 0;
  const left: readonly MapMethod[] = forgets ? ['l2caf-paper'] : ['l2caf-paper', 'l2caf-reinit'];
  return usual.filter((method) => !left.includes(method));
}

/** The events of one split, or all. Throws L2cafError `usage` when there are none; as `readEvents`. */
export async function readSplit(
  path: string,
  split: EventFlags['split'],
  options: LabelledOptions,
): Promise<LabelledEvent[]> {
  if (split === 'all') return readEvents(path, { ...options, needs: ['label'] });
  const all = await readEvents(path, options);
  const events = all.filter((event) => event.split === split);
  if (events.length > 0) return events;
  const others = [...groupBy(all, (event) => event.split)].map(([name, own]) => `${name} (${own.length})`);
  throw new L2cafError('usage', `${path} has no event with the split ${split}`, {
    hint: `choose another with --split: ${[...others, 'all'].join(', ')}`,
  });
}

/** What a study is of: results of another subject are not replaced in a folder that nobody named. */
export interface PublishedStudy {
  readonly study: string;
  /** Id of the model, where it is known before it is opened. */
  readonly model?: string;
  /** Path of what it is measured on, if there is any. */
  readonly data?: string;
}

/** Runs a study, writes its results into its folder and shows them. */
export async function publish(
  flags: OutputFlags,
  terminal: Terminal,
  subject: PublishedStudy,
  study: () => Promise<{ readonly report: StudyReport; readonly files?: readonly ReportFile[] }>,
): Promise<void> {
  const { report, paths } = await inOwnFolder(flags.output ?? defaultFolder(subject), async (folder) => {
    await checkOutputs(reportFiles(folder, subject.study));
    const found = await study();
    return { report: found.report, paths: await writeStudyReport(folder, found.report, found.files) };
  });
  if (flags.json) return terminal.result(JSON.stringify(report));
  for (const table of report.tables) terminal.result(`${describeTable(table)}\n`);
  for (const path of paths) terminal.result(path);
}

/** The study's name in l2caf-out; results of another model, or on other data, keep theirs. */
function defaultFolder({ study, model, data }: PublishedStudy): FreeFolder {
  const isTaken = (folder: string): Promise<boolean> =>
    isOfOther(join(folder, `${study}.json`), async (document) => {
      const { model: own, options } = document as Pick<StudyReport, 'model' | 'options'>;
      const measured = options['events'] ?? options['data'];
      const isSameData = data === undefined || (typeof measured === 'string' && (await isSamePath(measured, data)));
      return (model === undefined || own.id === model) && isSameData;
    });
  return { name: join('l2caf-out', study), isTaken };
}

/** The table with its groups, as text. */
function describeTable(table: FigureTable): string {
  const groups = groupsOf(table).map((group) => {
    const counts = table.rows.find((row) => row.group === group)?.counts ?? {};
    const counted = Object.entries(counts).map(([unit, count]) => `${count} ${count === 1 ? singular(unit) : unit}`);
    return [`${[group ?? 'all', ...counted].join(', ')}:`, formatTable(textRows(table, group))].join('\n');
  });
  return [[table.title, ...groups].join('\n\n'), ...(table.notes ?? [])].join('\n');
}

/** `events` → `event`, `queries` → `query`. */
function singular(unit: string): string {
  return unit.replace(/ies$/, 'y').replace(/s$/, '');
}
