/** `l2caf reproduce fig9`: what a recurrent network looks at in each frame of events. */
import { join } from 'node:path';
import type { Analysis } from '../analysis/document.ts';
import { analyzeEvent, framesFor, type OpenModel, openModel } from '../analysis/pipeline.ts';
import { L2cafError, throwIfAborted } from '../base/errors.ts';
import { evenlyChosen } from '../base/evenly.ts';
import { exists } from '../base/files.ts';
import { readOwn } from '../base/input-files.ts';
import { checkOutput } from '../base/output.ts';
import { makeScratchFolder } from '../base/scratch-folder.ts';
import type { FigureRow, FigureTable, Measure } from '../evaluation/figure-table.ts';
import type { PaperItem } from '../evaluation/reproduce/choices.ts';
import { studyReport } from '../evaluation/study-report.ts';
import { type LabelledEvent, readEvents } from '../events/labelled.ts';
import { DEFAULT_MODEL } from '../models/packaged.ts';
import { type FigureOptions, renderFigure } from '../rendering/figure.ts';
import { publish } from './evaluate-study.ts';
import { paperOfTables, type ReproduceFlags } from './reproduce.ts';
import { createTerminal } from './terminal.ts';

/** Events that a clone of l2caf holds. */
const OWN_EVENTS = join('fixtures', 'clips', 'events.csv');
/** Rows of the figure, as in the paper. */
export const EVENTS = 4;
/** Frames in each. */
const FRAMES = 3;

/** Makes the figure, or says what it needs. */
export async function reproduceEvents(item: PaperItem, flags: ReproduceFlags, signal: AbortSignal): Promise<void> {
  const terminal = createTerminal(flags);
  if (flags.paper !== undefined) throw paperOfTables(item);
  const { data = OWN_EVENTS, model = DEFAULT_MODEL, seed, limit = EVENTS } = flags;
  const isThere = await exists(data);
  const needs = [
    'the paper has: an LSTM over a ResNet, trained for retrieval; on events of the Honda driving dataset (HDD)',
    `network: ${model} (others: --model)`,
    `data: ${isThere ? data : `none: there is no ${data}`}`,
  ];
  for (const line of needs) flags.needs ? terminal.result(line) : terminal.info(line);
  if (flags.needs) return;
  if (!isThere) {
    throw new L2cafError('input-not-found', `there is no list of events ${data}`, {
      hint: 'name one with --data (docs/events.md), or draw events: npm run fixtures -- --events 40 (in a clone of l2caf)',
    });
  }
  const work = { signal, onProgress: terminal.onProgress };
  const listed = await readEvents(data, { needs: ['label'], signal, onNote: (note) => terminal.warn(note) });
  const events = evenlyChosen(listed, limit, 'starts');
  const folder = flags.output ?? join('l2caf-out', item);
  const name = `${item}-maps.png`;
  await publish({ ...flags, output: folder }, terminal, { study: item, data }, async () => {
    await checkOutput(join(folder, name));
    const open = await openModel({ model, backend: flags.backend, ...work });
    try {
      const analyses = await analysesOf(open, events, { seed, signal, onProgress: terminal.onProgress });
      const png = await figureOf(analyses, { titles: titlesOf(events), ...work });
      const { id, sha256 } = open.network;
      return {
        report: studyReport({
          study: item,
          model: { id, sha256 },
          options: { data, model, seed, backend: open.backend.name },
          used: { events: events.map((event) => event.id) },
          tables: [tableOf(events, analyses)],
        }),
        files: [{ name, data: png }],
      };
    } finally {
      open.network.dispose();
    }
  });
}

/** The figure as bytes: what a study writes, it writes together. */
async function figureOf(analyses: readonly Analysis[], options: FigureOptions): Promise<Uint8Array> {
  const scratch = await makeScratchFolder('l2caf-figure-');
  const path = join(scratch.path, 'figure.png');
  try {
    await renderFigure(analyses, path, { frames: FRAMES, ...options });
    return await readOwn(path, { maxBytes: MAX_FIGURE_BYTES });
  } finally {
    await scratch.remove();
  }
}

/** Four rows of three pictures have some megabytes. */
const MAX_FIGURE_BYTES = 256e6;

async function analysesOf(
  open: OpenModel,
  events: readonly LabelledEvent[],
  work: Pick<Parameters<typeof analyzeEvent>[1], 'seed' | 'signal' | 'onProgress'>,
): Promise<Analysis[]> {
  const frames = framesFor(open.network.input, open.network.input.frames === undefined ? FRAMES : undefined);
  const analyses: Analysis[] = [];
  for (const { clip, span } of events) {
    throwIfAborted(work.signal);
    analyses.push(await analyzeEvent(open, { clip, span, frames, ...work }));
  }
  return analyses;
}

const MEASURES: readonly Measure[] = [
  { key: 'timeSec', title: 'time, s', digits: 2 },
  { key: 'loss', title: 'loss', digits: 6 },
  { key: 'iterations', title: 'iterations', digits: 0 },
  { key: 'importance', title: 'importance', digits: 3 },
  { key: 'row', title: 'peak row', digits: 0 },
  { key: 'column', title: 'peak column', digits: 0 },
  { key: 'opposing', title: 'opposing share', digits: 3 },
];

/** What the rows of the figure are called: their labels where these differ. */
export function titlesOf(events: readonly Pick<LabelledEvent, 'id' | 'label'>[]): string[] {
  const labels = events.map(({ label }) => label);
  return new Set(labels).size === labels.length ? labels : events.map(nameOf);
}

function nameOf({ id, label }: Pick<LabelledEvent, 'id' | 'label'>): string {
  return id === label ? id : `${id}, ${label}`;
}

/** A group for each event, a row for each frame. */
function tableOf(events: readonly LabelledEvent[], analyses: readonly Analysis[]): FigureTable {
  const rows = analyses.flatMap(({ frames }, i) =>
    frames.map(({ timestampSec, loss, iterations, importance, peakCell, opposingShare }, frame): FigureRow => {
      const values = {
        ...{ timeSec: timestampSec, loss, iterations, importance: importance ?? Number.NaN },
        ...{ row: peakCell.row, column: peakCell.column, opposing: opposingShare },
      };
      const figures = Object.entries(values).map(([key, value]) => {
        return [key, { value, low: Number.NaN, high: Number.NaN }] as const;
      });
      const group = nameOf(events[i]!);
      return { name: `frame ${frame + 1}`, group, counts: {}, figures: Object.fromEntries(figures) };
    }),
  );
  return {
    title: 'Figure 9: the attention of each frame of events',
    rowTitle: 'frame',
    measures: MEASURES,
    rows,
    highlighted: [],
    notes: ['One filter for each frame, the others untouched; the picture shows them as contours.'],
  };
}
