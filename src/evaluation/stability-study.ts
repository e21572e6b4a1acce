/**
 * The stability study: does the same event give the same map when nothing that matters has changed? Other starting points
 * of the solver, frames one earlier or later, a little less light, a stronger compression. How much the network's own
 * output moved is said beside it, since a map has to follow the network; maps of other events say what is no agreement.
 */
import { join } from 'node:path';
import { assertUnchanged } from '../base/files.ts';
import { createRandom, type Random } from '../base/random.ts';
import { withScratchFolder } from '../base/scratch-folder.ts';
import type { FrameBatch, ProgressListener, VideoClip } from '../base/types.ts';
import type { LabelledEvent } from '../events/labelled.ts';
import { type PlannedEvent, type PlannedView, planEvents } from '../features/dataset.ts';
import { type AttentionMap, peakCell, toHeatmap } from '../l2caf/heatmap.ts';
import { rankCorrelation, structuralSimilarity } from '../l2caf/similarity.ts';
import { type SolveOptions, solveFilters } from '../l2caf/solve.ts';
import { distanceBetween } from '../l2caf/worth.ts';
import { runFfmpeg } from '../video/media/ffmpeg.ts';
import { probeClip, readDetails } from '../video/media/probe.ts';
import { wholeInput } from '../video/media/seek.ts';
import { mapsOf, OWN_METHODS } from './baseline-maps.ts';
import type { MapMethod } from './choices.ts';
import {
  type EventRecords,
  type FigureRow,
  type FigureTable,
  figureRows,
  type Measure,
  meanOf,
  type Sums,
  sumsOf,
} from './figure-table.ts';
import { measureEvents, type Studied, type StudyContext, type Subject } from './subjects.ts';

/** How the study is done. */
export interface StabilityStudyOptions extends StudyContext {
  readonly methods: readonly MapMethod[];
}

/** Brightness is changed by this factor, either way. */
const GAIN = 1.2;
/** Quality of the re-encoding (x264's crf; 18 is good, 51 the worst). */
const CRF = 32;

/** Largest change of a pixel's grey values by noise: .02 of their range; and how often noise is drawn. */
const [NOISE, DRAWS] = [5, 5];
/** Keeps the noise apart from other draws of the same seed. */
const NOISE_STREAM = 311;

/** Measures all perturbations on all events; the tables. Throws as `measureEvents`, `solveFilters` and `runFfmpeg`. */
export async function studyStability(
  studied: Studied,
  events: readonly PlannedEvent[],
  options: StabilityStudyOptions,
): Promise<FigureTable[]> {
  const { methods, seed } = options;
  const original = await measureAll(studied, events, options, true);
  const changed = new Map<string, readonly Measured[]>();
  await withScratchFolder('l2caf-stability-', async (folder) => {
    for (const [name, change] of perturbations(events, folder, options)) {
      const onProgress: ProgressListener = (progress) =>
        options.onProgress?.({ ...progress, stage: `${name}, ${progress.stage}` });
      changed.set(name, await measureAll(studied, await change(), { ...options, onProgress }));
    }
  });
  if (events.length > 1)
    changed.set(
      OTHER_EVENT,
      original.map((_, i) => original[(i + 1) % original.length]!),
    );
  const rows: FigureRow[] = [];
  for (const method of methods) {
    const records = original.map((own, i): EventRecords<Sums> => {
      const compared = [...changed].map(
        ([name, measured]) => [name, compare(own, measured[i]!, method)] as [string, Sums],
      );
      const starts = method === 'l2caf' ? [...own.starts] : [];
      return { rows: new Map([...starts, ...compared]) };
    });
    const compared = await figureRows(records, MEASURES.map(meanOf), { seed, signal: options.signal });
    rows.push(...compared.map((row) => ({ ...row, group: method })));
  }
  const changes: FigureTable = {
    title: 'Maps of the same event after a change that should not matter',
    rowTitle: 'change',
    measures: MEASURES,
    rows,
    highlighted: OWN_METHODS,
    notes: [
      `Agreement with the map of the unchanged event; "${OTHER_EVENT}" is what maps of different events have in common. Output moved: distance of the embeddings (or logits) over the length of the unchanged one. "Same peak": the highest cell lies at most one cell away.`,
      `One frame is ${frameStep(events)} s.`,
    ],
  };
  return [changes, await noiseTable(studied, events, original, options)];
}

/**
 * How far maps go at most when noise is added to the frames: max-sensitivity (Yeh et al. 2019, https://arxiv.org/abs/1901.09392), the
 * largest of `‖Φ(x + ε) − Φ(x)‖ / ‖Φ(x)‖` over a few draws of uniform noise; divided by the length of the map, so that methods compare.
 */
async function noiseTable(
  studied: Studied,
  events: readonly PlannedEvent[],
  original: readonly Measured[],
  options: StabilityStudyOptions,
): Promise<FigureTable> {
  const { seed, signal, methods } = options;
  const draws: (readonly Measured[])[] = [];
  for (let draw = 0; draw < DRAWS; draw++) {
    const onProgress: ProgressListener = (progress) =>
      options.onProgress?.({ ...progress, stage: `noise ${draw + 1} of ${DRAWS}, ${progress.stage}` });
    const change: StudyContext['change'] = (frames, index) =>
      noisy(frames, createRandom(seed, NOISE_STREAM, draw, index));
    draws.push(await measureAll(studied, events, { ...options, onProgress, change }));
  }
  const records = original.map((own, i): EventRecords<Sums> => {
    const moved = Math.max(...draws.map((draw) => relativeChange(own.output, draw[i]!.output)));
    const rows = methods.map((method): [string, Sums] => {
      const readings = own.maps.get(method)!.map(({ values }, slot) => {
        const changes = draws.map((draw) => relativeChange(values, draw[i]!.maps.get(method)![slot]!.values));
        return { maxSensitivity: Math.max(...changes), moved };
      });
      return [method, sumsOf(readings)];
    });
    return { rows: new Map(rows) };
  });
  return {
    key: 'noise',
    title: 'How far maps go when noise is added to the frames',
    rowTitle: 'method',
    measures: NOISE_MEASURES,
    rows: await figureRows(records, NOISE_MEASURES.map(meanOf), { seed, signal }),
    highlighted: OWN_METHODS,
    notes: [
      `Uniform noise of up to ${NOISE} grey values either way; the largest change of ${DRAWS} draws, over the length of the map; lower is steadier. Output moved: the same of the embedding (or logits).`,
    ],
  };
}

const NOISE_MEASURES: readonly Measure[] = [
  { key: 'maxSensitivity', title: 'max-sensitivity', digits: 3 },
  { key: 'moved', title: 'output moved', digits: 3 },
];

function noisy(frames: FrameBatch, random: Random): FrameBatch {
  const rgb = frames.rgb.map((value) =>
    Math.max(0, Math.min(255, value + Math.floor((2 * NOISE + 1) * random.uniform()) - NOISE)),
  );
  return { ...frames, rgb };
}

/** `‖b − a‖ / ‖a‖`; 0 of two empty maps. */
function relativeChange(a: Float32Array, b: Float32Array): number {
  const change = distanceBetween(a, b);
  return change > 0 ? change / Math.hypot(...a) : 0;
}

/** Time between two frames of the videos, seconds, to two digits. */
function frameStep(events: readonly PlannedEvent[]): string {
  const steps = events.map(({ event: { clip } }) => clip.frameRate.denominator / clip.frameRate.numerator);
  const [least, most] = [Math.min(...steps), Math.max(...steps)].map((step) => String(Number(step.toPrecision(2))));
  return least === most ? least! : `${least} to ${most}`;
}

const OTHER_EVENT = 'another event';

const MEASURES: readonly Measure[] = [
  { key: 'rankCorrelation', title: 'rank correlation', digits: 2 },
  { key: 'ssim', title: 'SSIM', digits: 2 },
  { key: 'samePeak', title: 'same peak', digits: 2 },
  { key: 'moved', title: 'output moved', digits: 3 },
];

/** What is kept of an event: its maps by method and frame, and its output. */
interface Measured {
  readonly maps: ReadonlyMap<MapMethod, readonly AttentionMap[]>;
  readonly output: Float32Array;
  /** Agreement of `l2caf` with other starting points. */
  readonly starts: ReadonlyMap<string, Sums>;
}

async function measureAll(
  studied: Studied,
  events: readonly PlannedEvent[],
  options: StabilityStudyOptions,
  withStarts = false,
): Promise<Measured[]> {
  const { methods, seed, signal } = options;
  return measureEvents(studied, events, options, async (subject) => {
    const slots = Array.from({ length: subject.tail.slots }, (_, slot) => slot);
    const maps = await mapsOf(subject, methods, { slots, seed, eventIndex: subject.index, ...(signal && { signal }) });
    const output = subject.tail.reference;
    const own = withStarts ? maps.get('l2caf') : undefined;
    const starts = own ? await otherStarts(subject, own, options) : new Map<string, Sums>();
    return { maps, output, starts };
  });
}

/** Other ways to the same minimum: Gauss–Newton from random cells in place of equal ones, and the published descent. */
const STARTS: Readonly<Record<string, (slots: number, cells: number, seed: number) => SolveOptions>> = {
  'random start': (slots, cells, seed) => ({
    initial: Array.from({ length: slots }, (_, slot) => {
      const random = createRandom(seed, STARTS_STREAM, slot);
      return Float32Array.from({ length: cells }, random.uniform);
    }),
  }),
  'published descent': () => ({ solver: 'gd', preset: 'paper' }),
};

/** Keeps the draws apart from other draws of the same seed. */
const STARTS_STREAM = 305;

async function otherStarts(
  { tail, objective, index }: Subject,
  own: readonly AttentionMap[],
  { seed, signal }: StabilityStudyOptions,
): Promise<ReadonlyMap<string, Sums>> {
  const rows = new Map<string, Sums>();
  const cells = tail.grid.height * tail.grid.width;
  for (const [name, optionsOf] of Object.entries(STARTS)) {
    const options: SolveOptions = { ...optionsOf(tail.slots, cells, seed + index), objective, seed };
    if (options.solver === 'gd' && tail.filtered === undefined) continue; // the network tells no gradients
    const { filters } = await solveFilters(tail, { ...options, ...(signal && { signal }) });
    rows.set(name, sumsOf(filters.map((filter, slot) => ({ ...mapAgreement(own[slot]!, sizeOf(filter)), moved: 0 }))));
  }
  return rows;
}

/** The same events, changed; each is made when its turn comes. */
function perturbations(
  events: readonly PlannedEvent[],
  folder: string,
  { seed, signal }: StabilityStudyOptions,
): [string, () => Promise<readonly PlannedEvent[]>][] {
  const replan = (change: (event: LabelledEvent) => LabelledEvent): Promise<PlannedEvent[]> => {
    const [first] = events;
    const changed = events.map(({ event }) => change(event));
    const frames = first!.views[0]!.frames.length;
    return planEvents([{ name: first!.domain, events: changed }], { frames, views: 1, seed, signal });
  };
  const shifted = (frames: number) => () =>
    replan(({ span, ...event }) => {
      const { numerator, denominator } = event.clip.frameRate;
      const shiftSec = (frames * denominator) / numerator;
      return { ...event, span: { startSec: span.startSec + shiftSec, endSec: span.endSec + shiftSec } };
    });
  const lit = (gain: number) => () =>
    Promise.resolve(events.map((event) => ({ ...event, views: event.views.map((view) => brighten(view, gain)) })));
  return [
    ['one frame earlier', shifted(-1)],
    ['one frame later', shifted(1)],
    [`brightness × ${GAIN}`, lit(GAIN)],
    [`brightness ÷ ${GAIN}`, lit(1 / GAIN)],
    [
      `compressed (crf ${CRF})`,
      async () => {
        const clips = new Map(events.map(({ event }) => [event.clip.path, event.clip]));
        const compressed = new Map<string, VideoClip>();
        for (const [i, clip] of [...clips.values()].entries()) {
          compressed.set(clip.path, await compress(clip, join(folder, `${i}.mp4`), signal));
        }
        return replan((event) => ({ ...event, clip: compressed.get(event.clip.path)! }));
      },
    ],
  ];
}

function brighten({ view, frames }: PlannedView, gain: number): PlannedView {
  const rounded = Number(gain.toFixed(3));
  return { view: { ...view, gain: rounded }, frames: frames.map((frame) => ({ ...frame, gain: rounded })) };
}

/** The clip again, every frame at its time, with less of the detail. */
async function compress(clip: VideoClip, path: string, signal: AbortSignal | undefined): Promise<VideoClip> {
  const details = await readDetails(clip, signal);
  await runFfmpeg({
    inputs: [wholeInput(clip, details)],
    options: [
      ...['-map', `0:${details.track}`, '-fps_mode', 'passthrough', '-an'],
      ...['-c:v', 'libx264', '-preset', 'veryfast', '-crf', String(CRF), '-pix_fmt', 'yuv420p'],
    ],
    output: path,
    signal,
  });
  await assertUnchanged(clip);
  return probeClip(path, signal);
}

function compare(own: Measured, other: Measured, method: MapMethod): Sums {
  const moved = relativeChange(own.output, other.output);
  const maps = other.maps.get(method)!;
  return sumsOf(own.maps.get(method)!.map((map, slot) => ({ ...mapAgreement(map, maps[slot]!), moved })));
}

/** Points per cell at which heatmaps are compared. */
const POINTS_PER_CELL = 8;

/** How far two maps of one grid agree. */
export function mapAgreement(
  a: AttentionMap,
  b: AttentionMap,
): { readonly rankCorrelation: number; readonly ssim: number; readonly samePeak: number } {
  const size = { height: POINTS_PER_CELL * a.height, width: POINTS_PER_CELL * a.width };
  const [p, q] = [peakCell(a), peakCell(b)];
  return {
    rankCorrelation: rankCorrelation(a.values, b.values),
    ssim: structuralSimilarity(toHeatmap(a, size), toHeatmap(b, size)),
    samePeak: Number(Math.abs(p.row - q.row) <= 1 && Math.abs(p.column - q.column) <= 1),
  };
}

function sizeOf({ height, width, values }: AttentionMap): AttentionMap {
  return { height, width, values: values.map(Math.abs) };
}
