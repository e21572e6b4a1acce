/**
 * The verdict study: do the verdicts on maps, which are cheap because they are found behind the features, tell what happens when the cells of
 * a map are blurred in the frame itself and the whole network runs again? And what do the limits of the verdicts come from?
 */
import { type ExplainModel, explainMaps } from '../analysis/explain.ts';
import { throwIfAborted } from '../base/errors.ts';
import { mean } from '../base/matrix.ts';
import { createRandom, shuffled } from '../base/random.ts';
import { type PlannedEvent, planEvents } from '../features/dataset.ts';
import { framesOfEvent } from '../features/frames.ts';
import { VERDICTS } from '../l2caf/choices.ts';
import type { AttentionMap } from '../l2caf/heatmap.ts';
import { meanCorrelations, TOP_SHARE, topCells } from '../l2caf/map-figures.ts';
import { findAttention } from '../l2caf/method.ts';
import type { Objective } from '../l2caf/objective.ts';
import { rankCorrelation } from '../l2caf/similarity.ts';
import { advantageOf, VERDICT_LIMITS, type VerdictFigures, verdictOf } from '../l2caf/verdict.ts';
import { bindWorth, distanceBetween } from '../l2caf/worth.ts';
import { type FeatureMaps, scoresOf, type VideoModel } from '../models/video-model.ts';
import { outputsWithFrame, pictureOf, type RunEvent } from './altered-frame.ts';
import { blurred, withCells } from './blur.ts';
import { quantile } from './bootstrap.ts';
import {
  type EventRecords,
  type FigureTable,
  figureRows,
  type Measure,
  meanOf,
  measuresOf,
  type Statistic,
  type Sums,
  sumsOf,
} from './figure-table.ts';
import { objectivesOf, type Studied, type StudyContext, withNetwork } from './subjects.ts';

/** What was found of one frame's map. */
interface JudgedFrame {
  readonly figures: VerdictFigures;
  readonly importance: number;
  /** What of the answer is lost when cells are blurred in the picture, of an embedding as a share of what is lost with all of them. */
  readonly top: number;
  readonly random: readonly number[];
}

/** What was found of one event. */
interface JudgedEvent {
  readonly frames: readonly JudgedFrame[];
  readonly maps: readonly AttentionMap[];
  readonly video: string;
  /** How far the output is one frame of the video later, over its length. */
  readonly moved: number;
  /** How far maps of networks that were drawn at random agree with each other, by frame. */
  readonly amongRedrawn: readonly number[];
}

/** Random sets of cells that are blurred in each frame. */
const RANDOM_SETS = 3;
/** Keeps their draws apart from others of the same seed. */
const BLUR_STREAM = 308;

/** Measures all events; the tables. Throws as `objectivesOf`, `withNetwork`, `framesOfEvent` and `explainMaps`. */
export async function studyVerdicts(
  studied: Studied,
  events: readonly PlannedEvent[],
  context: StudyContext,
): Promise<FigureTable[]> {
  const objectives = objectivesOf(studied, events, context.target);
  return withNetwork(studied, context, async (network) => {
    const later = await oneFrameLater(events, context);
    const judged: JudgedEvent[] = [];
    for (const [index, event] of events.entries()) {
      throwIfAborted(context.signal);
      context.onProgress?.({ stage: 'measuring', done: index, total: events.length, unit: 'events' });
      judged.push(await judgeEvent(network, event, later[index]!, { objective: objectives[index]!, index, context }));
    }
    context.onProgress?.({ stage: 'measuring', done: events.length, total: events.length, unit: 'events' });
    return [
      await predictionTable(judged, context),
      await wordsTable(judged, context),
      await limitsTable(judged, context),
    ];
  });
}

/** The same events one frame of their video later. */
function oneFrameLater(events: readonly PlannedEvent[], { seed, signal }: StudyContext): Promise<PlannedEvent[]> {
  const shifted = events.map(({ event: { span, ...event } }) => {
    const stepSec = event.clip.frameRate.denominator / event.clip.frameRate.numerator;
    return { ...event, span: { startSec: span.startSec + stepSec, endSec: span.endSec + stepSec } };
  });
  const frames = events[0]!.views[0]!.frames.length;
  return planEvents([{ name: 'later', events: shifted }], { frames, views: 1, seed, signal });
}

async function judgeEvent(
  network: VideoModel,
  event: PlannedEvent,
  later: PlannedEvent,
  { objective, index, context }: { objective: Objective; index: number; context: StudyContext },
): Promise<JudgedEvent> {
  const { seed, signal, onWarning } = context;
  const output = objective.kind === 'class' ? scoresOf(network.outputs)!.name : network.outputs[0]!.name;
  const options = { target: { objective, name: objective.kind }, seed, ...(signal && { signal }) };
  const frames = await framesOfEvent(event, network.input.size, { signal, onNote: onWarning });
  const maps = await network.features(frames);
  const found = await explainMaps(network as ExplainModel['network'] & VideoModel, maps, options);
  const laterMaps = await network.features(await framesOfEvent(later, network.input.size, { signal }));
  const after = await explainMaps(network, laterMaps, options);
  const steady = meanCorrelations(found.attention.filters, [after.attention.filters])!;
  const tail = network.tail(maps, output);
  tail.dispose();
  const judged: JudgedFrame[] = [];
  for (const [frame, filter] of found.attention.filters.entries()) {
    const cells = filter.height * filter.width;
    const count = Math.max(1, Math.round(TOP_SHARE * cells));
    const everyCell = Array.from({ length: cells }, (_, cell) => cell);
    const random = createRandom(seed, BLUR_STREAM, index, frame);
    const sets = [
      everyCell,
      topCells(filter.values, count),
      ...Array.from({ length: RANDOM_SETS }, () => shuffled(everyCell, random).slice(0, count)),
    ];
    const [empty, ...outputs] = await outputsBlurred({ network, frames, maps, output }, frame, sets);
    const worth = bindWorth(objective, tail.reference, empty!);
    const [top, ...others] = outputs.map((one) => worth(tail.reference) - worth(one));
    judged.push({
      figures: { ...found.figures[frame]!, steady: steady[frame]! },
      importance: found.importance?.values[frame] ?? 1,
      ...{ top: top!, random: others },
    });
  }
  const moved = distanceBetween(after.embedding, found.embedding) / Math.hypot(...found.embedding);
  const amongRedrawn = await agreementOfRedrawn(network, maps, output, objective, seed);
  const { path: video } = event.event.clip;
  return { frames: judged, maps: found.attention.filters, video, moved, amongRedrawn };
}

/** Outputs of the whole network when cells of a frame are blurred in the picture, `[d]` for each set. */
function outputsBlurred(event: RunEvent, frame: number, sets: readonly (readonly number[])[]): Promise<Float32Array[]> {
  const [, height, width] = event.frames.shape;
  const own = pictureOf(event.frames, frame);
  const { grid } = event.network;
  const blurry = blurred(own, { height, width }, grid);
  const pictures = sets.map((set) => withCells(own, blurry, { height, width }, grid, set));
  return outputsWithFrame(event, frame, pictures);
}

/** How far the maps of networks drawn at random agree with each other; empty where none can be drawn. */
async function agreementOfRedrawn(
  network: VideoModel,
  maps: FeatureMaps,
  output: string,
  objective: Objective,
  seed: number,
): Promise<number[]> {
  const tails = network.redrawn?.(maps, output) ?? [];
  const found: (readonly AttentionMap[])[] = [];
  for (const tail of tails) found.push((await findAttention(tail, 'l2caf', { objective, seed })).filters);
  for (const tail of tails) tail.dispose();
  return found.flatMap((own, i) => found.slice(i + 1).flatMap((other) => meanCorrelations(own, [other])!));
}

/** What a verdict may be told from, the higher the better. */
const SCORES: Readonly<Record<string, (frame: JudgedFrame) => number | undefined>> = {
  'the words': ({ figures }) => -VERDICTS.indexOf(verdictOf(figures)),
  'top cells over random ones': ({ figures: { top, random } }) => advantageOf(top, random),
  'top cells over the strongest': ({ figures: { top, strongest } }) =>
    strongest === undefined ? undefined : advantageOf(top, strongest),
  'unlike random weights': ({ figures: { redrawn } }) => (redrawn === undefined ? undefined : -redrawn),
  'steady one frame later': ({ figures: { steady } }) => steady,
  'output without the frame': ({ figures: { moved } }) => moved,
  importance: ({ importance }) => importance,
};

/** How much more the top cells carry than random ones, on pixels. */
function advantageInPicture({ top, random }: JudgedFrame): number {
  return advantageOf(top, mean(random));
}

interface Scored {
  readonly score: number;
  readonly isConfirmed: boolean;
}

async function predictionTable(events: readonly JudgedEvent[], { seed, signal }: StudyContext): Promise<FigureTable> {
  const frames = events.flatMap((event) => event.frames);
  const middle = quantile(
    frames.map(advantageInPicture).sort((a, b) => a - b),
    0.5,
  );
  const records = events.map(
    (event): EventRecords<readonly Scored[]> => ({
      rows: new Map(
        Object.entries(SCORES).map(([name, scoreOf]) => [
          name,
          event.frames.flatMap((frame) => {
            const score = scoreOf(frame);
            return score === undefined ? [] : [{ score, isConfirmed: advantageInPicture(frame) > middle }];
          }),
        ]),
      ),
    }),
  );
  const statistics: readonly Statistic<readonly Scored[]>[] = [
    { key: 'auc', title: 'AUC', digits: 2, chance: 0.5, of: (ofEvents) => areaUnderRoc(ofEvents.flat()) },
  ];
  return {
    title: 'What tells in which frames blurring the top cells in the picture loses most, against blurring others',
    rowTitle: 'told from',
    measures: measuresOf(statistics),
    rows: await figureRows(records, statistics, { seed, signal, countsOf: (all) => ({ frames: all.flat().length }) }),
    highlighted: ['the words'],
    notes: [
      `The top fifth of the cells of each frame is blurred, and ${RANDOM_SETS} random fifths; the whole network runs again. AUC: how well the half of the frames is told in which the top cells lose more than random ones by the greater margin, (top − random) / (top + random), in the middle ${middle.toFixed(2)}.`,
    ],
  };
}

/** Share of pairs of one confirmed and one other in which the confirmed has the higher score; half of those that are equal. */
export function areaUnderRoc(scored: readonly Scored[]): number {
  const [yes, no] = [true, false].map((wanted) => scored.filter(({ isConfirmed: is }) => is === wanted)) as [
    Scored[],
    Scored[],
  ];
  let won = 0;
  for (const a of yes) for (const b of no) won += a.score > b.score ? 1 : a.score === b.score ? 0.5 : 0;
  return won / (yes.length * no.length);
}

const OUTCOMES: readonly Measure[] = [
  { key: 'top', title: 'lost with the top cells', digits: 2 },
  { key: 'random', title: 'with random ones', digits: 2 },
  { key: 'confirmed', title: 'top more than every random set', digits: 2 },
];

async function wordsTable(events: readonly JudgedEvent[], { seed, signal }: StudyContext): Promise<FigureTable> {
  const records = events.map(({ frames }): EventRecords<Sums> => {
    const readings = (own: readonly JudgedFrame[]): Sums =>
      sumsOf(
        own.map((frame) => ({
          top: frame.top,
          random: mean(frame.random),
          confirmed: Number(frame.top > Math.max(...frame.random)),
        })),
      );
    const rows = VERDICTS.flatMap((words): [string, Sums][] => {
      const own = frames.filter(({ figures }) => verdictOf(figures) === words);
      return own.length > 0 ? [[words, readings(own)]] : [];
    });
    return { rows: new Map([...rows, ['all', readings(frames)]]) };
  });
  return {
    key: 'words',
    title: 'What blurring cells in the picture loses, by verdict',
    rowTitle: 'verdict',
    measures: OUTCOMES,
    rows: await figureRows(records, OUTCOMES.map(meanOf), {
      ...{ seed, signal },
      countsOf: (own) => ({ frames: own.reduce((sum, { maps }) => sum + maps, 0) }),
    }),
    highlighted: [VERDICTS[0]],
    notes: ['Of an embedding, as a share of what is lost when all of the frame is blurred.'],
  };
}

/** Where the words should begin on these events, and where they do. */
async function limitsTable(events: readonly JudgedEvent[], { seed, signal }: StudyContext): Promise<FigureTable> {
  const size = ({ values }: AttentionMap): Float32Array => values.map(Math.abs);
  const between = (event: JudgedEvent): number[] =>
    events
      .filter(({ video }) => video !== event.video)
      .flatMap((other) => event.maps.map((map, frame) => rankCorrelation(size(map), size(other.maps[frame]!))));
  const sources: readonly [string, number, number, (event: JudgedEvent) => readonly number[]][] = [
    ['the output moves one frame later: half', 0.5, VERDICT_LIMITS.moved, ({ moved }) => [moved]],
    [
      'random weights agree with each other: all but 5 %',
      0.05,
      VERDICT_LIMITS.redrawn,
      ({ amongRedrawn }) => amongRedrawn,
    ],
    ['maps of different videos agree: 95 %', 0.95, VERDICT_LIMITS.steady, between],
  ];
  const rows: FigureTable['rows'][number][] = [];
  for (const [name, share, limit, read] of sources) {
    const records = events.map((event): EventRecords<readonly number[]> => ({ rows: new Map([[name, read(event)]]) }));
    const statistics: readonly Statistic<readonly number[]>[] = [
      {
        key: 'found',
        title: 'found here',
        digits: 3,
        of: (own) =>
          quantile(
            own.flat().sort((a, b) => a - b),
            share,
          ),
      },
      { key: 'limit', title: 'limit', digits: 3, of: () => limit },
    ];
    rows.push(...(await figureRows(records, statistics, { seed, signal })));
  }
  const measures: readonly Measure[] = [
    { key: 'found', title: 'found here', digits: 3 },
    { key: 'limit', title: 'limit', digits: 3 },
  ];
  return {
    key: 'limits',
    title: 'Where the words begin',
    rowTitle: 'from',
    measures,
    rows,
    highlighted: [],
    notes: ['The limits are what was found on events for validation, apart from those that are tested.'],
  };
}
