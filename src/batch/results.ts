/**
 * The tables of a batch: one row per event, in the order of the list, as CSV for people and Parquet for programs, the
 * times in a table of their own (they differ from run to run, the results must not), and a page to look through.
 */
import { basename, join, posix, resolve } from 'node:path';
import { type ColumnSource, fileWriter, ParquetWriter } from 'hyparquet-writer';
import { csvText, parseCsv } from '../base/csv.ts';
import { writeAtomically, writeFileAtomically } from '../base/files.ts';
import { readInput } from '../base/input-files.ts';
import { MAX_TEXT_BYTES } from '../base/text.ts';
import { writeIndex } from '../report/index-page.ts';
import type { IndexRow } from '../report/page-data.ts';
import type { Batch, EventPlan } from './batch.ts';
import type { Output } from './choices.ts';
import { bestClassOf, type EventFigures } from './event-figures.ts';
import type { BatchEvent } from './events.ts';
import { FILE_NAMES } from './outputs.ts';

/** How an event stands. */
export type EventStatus = 'done' | 'failed' | 'pending';

/** A value of a table; null where there is none. */
type Value = string | number | null;
type Kind = 'text' | 'number' | 'numbers' | 'texts';

interface Column {
  readonly name: string;
  readonly kind: Kind;
  readonly values: readonly (Value | readonly Value[])[];
}

/** The files that {@link writeResults} makes, in the batch's folder. */
export const RESULT_FILES = {
  csv: 'results.csv',
  parquet: 'results.parquet',
  timings: 'timings.csv',
  index: 'index.html',
} as const;

/** What a batch's list said about an event. */
export interface DoneEvent extends Pick<BatchEvent, 'id' | 'label' | 'split'> {
  /** Its analysis, absolute. */
  readonly path: string;
  /** What the table says of it, by column; lists are JSON. */
  readonly cells: Readonly<Record<string, string>>;
}

/**
 * The events that are done, from a batch's table; undefined where there is no such table.
 *
 * @param batchFolder folder of the batch
 * @throws L2cafError `input-unreadable`
 */
export async function readDoneEvents(batchFolder: string): Promise<DoneEvent[] | undefined> {
  const path = join(batchFolder, RESULT_FILES.csv);
  const text = (await readInput(path, { maxBytes: MAX_TEXT_BYTES }).catch(() => '')).toString();
  if (!text.startsWith('id,video,start,end,label,split,status,')) return undefined;
  const [heading, ...records] = parseCsv(text, path, ',');
  return records.flatMap(({ fields }) => {
    const cells = Object.fromEntries(heading!.fields.map((name, k) => [name, fields[k] ?? '']));
    const { id = '', label = '', split = '', folder = '' } = cells;
    if (folder === '') return [];
    return [{ id, label, split, path: resolve(batchFolder, folder, FILE_NAMES.json), cells }];
  });
}

/** How an event stands after a run. */
export function statusOf(batch: Batch, { event, keys }: EventPlan): EventStatus {
  const record = batch.record(event.id);
  if (record?.error !== undefined) return 'failed';
  return record?.files.json?.key === keys.json ? 'done' : 'pending';
}

/**
 * Writes the tables and the index of all events of a batch.
 *
 * @param leftOut what is wrong with rows of the list that are no events of it, which the index shows
 * @throws L2cafError `output-unwritable`
 */
export async function writeResults(
  batch: Batch,
  plans: readonly EventPlan[],
  leftOut: readonly string[] = [],
): Promise<void> {
  const path = (name: keyof typeof RESULT_FILES): string => join(batch.folder, RESULT_FILES[name]);
  const columns = resultColumns(batch, plans);
  await writeFileAtomically(path('csv'), csvOf(columns));
  await writeAtomically(path('parquet'), (temporary) => writeParquet(temporary, columns));
  await writeFileAtomically(path('timings'), csvOf(timingColumns(batch, plans)));
  await writeIndex(
    path('index'),
    plans.map((plan) => indexRow(batch, plan)),
    leftOut,
  );
}

function resultColumns(batch: Batch, plans: readonly EventPlan[]): Column[] {
  const statuses = plans.map((plan) => statusOf(batch, plan));
  const figures = plans.map(({ event }, i) => (statuses[i] === 'done' ? batch.record(event.id)?.figures : undefined));
  const best = plans.map(({ event }, i) => figures[i] && bestClassOf(figures[i], event.label));
  type Figures = NonNullable<(typeof figures)[number]>;
  type Frame = Figures['frames'][number];
  const text = (name: string, of: (plan: EventPlan, i: number) => string | null): Column => {
    return { name, kind: 'text', values: plans.map(of) };
  };
  const perFrame = (name: string, kind: Kind, of: (frame: Frame) => Value): Column => {
    return { name, kind, values: figures.map((found) => found?.frames.map(of) ?? null) };
  };
  const own: Column[] = [
    text('id', ({ event }) => event.id),
    text('video', ({ event }) => event.video),
    { name: 'start', kind: 'number', values: plans.map(({ event }) => event.span.startSec) },
    { name: 'end', kind: 'number', values: plans.map(({ event }) => event.span.endSec) },
    text('label', ({ event }) => event.label),
    text('split', ({ event }) => event.split),
    text('status', (_, i) => statuses[i]!),
    text('error', ({ event }, i) => (statuses[i] === 'failed' ? batch.record(event.id)!.error! : null)),
    text('folder', ({ event }, i) => (statuses[i] === 'done' ? relativeFolder(batch, event.id) : null)),
    text('class', (_, i) => best[i]?.label ?? null),
    { name: 'class_probability', kind: 'number', values: best.map((found) => found?.probability ?? null) },
    text('verdict', (_, i) => figures[i]?.verdict ?? null),
    ...verdictColumns(figures),
    ...windowColumns(figures),
    {
      name: 'damaged_frames',
      kind: 'number',
      values: figures.map((found) => found?.frames.filter(({ damaged }) => damaged).length ?? null),
    },
    perFrame('frame_time', 'numbers', ({ timestampSec }) => timestampSec),
    perFrame('loss', 'numbers', ({ loss }) => loss),
    perFrame('solver_status', 'texts', ({ status }) => status),
    perFrame('importance', 'numbers', ({ importance }) => importance ?? null),
    ...(['left', 'centre', 'right', 'near', 'far'] as const).map((part) =>
      perFrame(`attention_${part}`, 'numbers', ({ shares }) => shares[part]),
    ),
    ...numberColumns(figures.map((found) => found?.numbers ?? [])),
    ...objectColumns(figures),
    { name: 'embedding', kind: 'numbers', values: figures.map((found) => found?.embedding ?? null) },
  ];
  const taken = new Set(own.map(({ name }) => name));
  const extras = [...new Set(plans.flatMap(({ event }) => Object.keys(event.extra)))].map((name) =>
    text(taken.has(name) ? `list_${name}` : name, ({ event: { extra } }) =>
      Object.hasOwn(extra, name) ? extra[name]! : null,
    ),
  );
  return [...own, ...extras];
}

/** What is known of how far events are from what the model was trained on, and of the class that was asked for. */
function verdictColumns(figures: readonly (EventFigures | undefined)[]): Column[] {
  const known = figures.some((found) => found?.familiarity);
  const asked = figures.some((found) => found?.targetProbability !== undefined);
  return [
    ...(known
      ? ([
          {
            name: 'training_distance',
            kind: 'number',
            values: figures.map((found) => found?.familiarity?.distance ?? null),
          },
          {
            name: 'unlike_training',
            kind: 'text',
            values: figures.map((found) => (found?.familiarity ? (found.familiarity.unlike ? 'yes' : 'no') : null)),
          },
        ] as const)
      : []),
    ...(asked
      ? ([
          {
            name: 'target_probability',
            kind: 'number',
            values: figures.map((found) => found?.targetProbability ?? null),
          },
        ] as const)
      : []),
  ];
}

/** In how many windows events were seen, where any was. */
function windowColumns(figures: readonly (EventFigures | undefined)[]): Column[] {
  if (figures.every((found) => found?.windows === undefined)) return [];
  return [{ name: 'windows', kind: 'number', values: figures.map((found) => found?.windows ?? null) }];
}

type EventNumber = NonNullable<EventFigures['numbers']>[number];

/** A column for each number that the network gives; where it was recorded, for that, and for how well the two agree. */
function numberColumns(ofEvents: readonly (readonly EventNumber[])[]): Column[] {
  const names = [...new Set(ofEvents.flat().map(({ name }) => name))];
  const column = (prefix: string, name: string, of: (number: EventNumber) => number | undefined): Column => {
    const valueIn = (numbers: readonly EventNumber[]): number | null => {
      const own = numbers.find((one) => one.name === name);
      return (own && of(own)) ?? null;
    };
    return { name: `${prefix}_${name}`, kind: 'number', values: ofEvents.map(valueIn) };
  };
  return names.flatMap((name) => [
    column('output', name, ({ value }) => value),
    ...[
      column('recorded', name, ({ recorded }) => recorded),
      column('correlation', name, ({ agreement }) => agreement?.correlation),
      column('error', name, ({ agreement }) => agreement?.meanAbsoluteError),
    ].filter(({ values }) => values.some((value) => value !== null)),
  ]);
}

/** Which object most of the attention lies on, where boxes of objects lie beside the videos. */
function objectColumns(figures: readonly (EventFigures | undefined)[]): Column[] {
  if (figures.every((found) => found?.objects === undefined)) return [];
  return [
    { name: 'top_object', kind: 'text', values: figures.map((found) => found?.objects?.top ?? null) },
    { name: 'top_object_share', kind: 'number', values: figures.map((found) => found?.objects?.share ?? null) },
    { name: 'any_object_share', kind: 'number', values: figures.map((found) => found?.objects?.any ?? null) },
  ];
}

/** Seconds per step, from whichever run made it; a step whose result was at hand is empty. */
function timingColumns(batch: Batch, plans: readonly EventPlan[]): Column[] {
  const records = plans.map(({ event }) => batch.record(event.id));
  const steps = ['decode', 'trunk', 'filters', 'thumbnail', 'strip', 'mp4', 'report'];
  return [
    { name: 'id', kind: 'text', values: plans.map(({ event }) => event.id) },
    { name: 'attempts', kind: 'number', values: records.map((record) => record?.attempts ?? null) },
    ...steps.map((step): Column => {
      return { name: `${step}_sec`, kind: 'number', values: records.map((record) => record?.timingsSec[step] ?? null) };
    }),
  ];
}

function csvOf(columns: readonly Column[]): string {
  const rows = columns[0]!.values.map((_, i) => columns.map(({ values }) => cellOf(values[i]!)));
  return csvText([columns.map(({ name }) => name), ...rows]);
}

/** Lists are JSON. */
function cellOf(value: Value | readonly Value[]): string {
  return value === null ? '' : typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** Rows that are encoded together. */
const ROW_GROUP = 1000;

async function writeParquet(path: string, columns: readonly Column[]): Promise<void> {
  const schema = [{ name: 'root', num_children: columns.length }, ...columns.flatMap(schemaOf)];
  const writer = new ParquetWriter({ writer: fileWriter(path), schema, createdBy: 'l2caf' });
  const columnData = columns.map(({ name, values }): ColumnSource => ({ name, data: [...values] }));
  await writer.write({ columnData, rowGroupSize: ROW_GROUP });
  await writer.finish();
}

function schemaOf({ name, kind }: Column): ParquetWriter['schema'] {
  const element = (called: string, of: Kind): ParquetWriter['schema'][number] => {
    const type = of.startsWith('text')
      ? ({ type: 'BYTE_ARRAY', converted_type: 'UTF8' } as const)
      : ({ type: 'DOUBLE' } as const);
    return { name: called, repetition_type: 'OPTIONAL', ...type };
  };
  if (kind === 'text' || kind === 'number') return [element(name, kind)];
  return [
    { name, repetition_type: 'OPTIONAL', converted_type: 'LIST', num_children: 1 },
    { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
    element('element', kind),
  ];
}

function indexRow(batch: Batch, plan: EventPlan): IndexRow {
  const { event, keys } = plan;
  const status = statusOf(batch, plan);
  const record = batch.record(event.id);
  const figures = status === 'done' ? record?.figures : undefined;
  const best = figures && bestClassOf(figures, event.label);
  const frames = figures?.frames ?? [];
  const isUnlike = figures?.familiarity?.unlike === true;
  const importance = frames.flatMap((frame) => (frame.importance === undefined ? [] : [frame.importance]));
  const pathsOf = (...names: readonly Output[]): string[] =>
    names
      .filter((name) => record?.files[name] && record.files[name].key === keys[name]) // others are of other options
      .map((name) => posix.join(relativeFolder(batch, event.id), FILE_NAMES[name]));
  const [thumbnail] = pathsOf('thumbnail');
  const [report] = pathsOf('report');
  const files = pathsOf('json', 'strip', 'mp4');
  return {
    id: event.id,
    ...(event.label && { label: event.label }),
    ...(event.split && { split: event.split }),
    status,
    ...(status === 'failed' && { error: record!.error! }),
    video: event.video,
    startSec: event.span.startSec,
    endSec: event.span.endSec,
    ...(frames.length > 0 && { loss: frames.reduce((sum, { loss }) => sum + loss, 0) / frames.length }),
    ...(importance.length > 0 && { importance: Math.max(...importance) }),
    ...(thumbnail !== undefined && { thumbnail }),
    ...(report !== undefined && { report }),
    ...(files.length > 0 && { files }),
    ...(figures?.verdict && { verdict: figures.verdict }),
    ...(best && { best }),
    extra: { ...event.extra, ...(isUnlike && { 'unlike training': 'yes' }) },
  };
}

function relativeFolder(batch: Batch, id: string): string {
  return posix.join('events', basename(batch.folderOf(id)));
}
