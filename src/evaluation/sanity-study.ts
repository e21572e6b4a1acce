/**
 * The sanity study (paper, Fig. 10): the network unlearns part after part, from the embedding down to the first convolution,
 * and the maps of its events are compared with those of the trained one. A map that stays the same shows the picture, not
 * what was learnt.
 */
import { throwIfAborted } from '../base/errors.ts';
import { evenPositions } from '../base/evenly.ts';
import { type FittedSize, viewOf } from '../base/fit.ts';
import type { PlannedEvent } from '../features/dataset.ts';
import { framesOfEvent } from '../features/frames.ts';
import { type AttentionMap, heatmapToDraw } from '../l2caf/heatmap.ts';
import { checkSanity, MAX_SANE_CORRELATION, type SanityReport } from '../l2caf/sanity.ts';
import { STAGES } from '../models/choices.ts';
import { EventNetwork } from '../models/event-network.ts';
import type { Head, HeadSpec } from '../models/head.ts';
import { findPretrained } from '../models/pretrained.ts';
import { pullTrunk } from '../models/pull.ts';
import { type NetworkPart, reinitialise } from '../models/reinitialise.ts';
import { stageNamed } from '../models/resnet.ts';
import { unlearningOf, type VideoModel } from '../models/video-model.ts';
import { frameCanvas } from '../video/drawing/frame-canvas.ts';
import { drawHeatmap } from '../video/drawing/overlay.ts';
import { drawPanel, type PanelCell, rowsOf } from '../video/drawing/panel.ts';
import { defaultStyle } from '../video/drawing/style.ts';
import { framesAt } from '../video/media/sample.ts';
import { mapsOf, OWN_METHODS } from './baseline-maps.ts';
import type { MapMethod } from './choices.ts';
import { histogramEntropy } from './complexity.ts';
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
import { inputOf, isNetwork, measureEvents, objectivesOf, type Studied, type StudyContext } from './subjects.ts';

/** How the study is done. */
export interface SanityStudyOptions extends StudyContext {
  readonly methods: readonly MapMethod[];
}

/** What the cascade did to the maps. */
export interface SanityStudy {
  readonly table: FigureTable;
  /** Mean over events, frames and parts, by method. */
  readonly meanRankCorrelation: Readonly<Record<string, number>>;
  /** A few events, the trained network's map and those after each part: PNG. */
  readonly contactPicture: Uint8Array;
}

/** Parts of an event network, from the output to the input. */
export function eventParts({ stage }: Pick<HeadSpec, 'stage'>): { head: NetworkPart[]; trunk: NetworkPart[] } {
  const starting = (name: string, ...prefixes: readonly string[]): NetworkPart => ({
    name,
    owns: (weight) => prefixes.some((prefix) => weight.startsWith(prefix)),
  });
  const stages = ['conv1', ...STAGES.slice(0, STAGES.indexOf(stageNamed(stage)) + 1)].reverse();
  return {
    head: [
      starting('embedding', 'embedding/', 'logits/'),
      starting('LSTM', 'lstm/', 'attention/'),
      starting('shallow CNN', 'cnn'),
    ],
    trunk: stages.map((name) => starting(name, `${name}_`)),
  };
}

/** Runs the cascade. Throws as `measureEvents`, `EventNetwork.load`, `unlearningOf` and `solveFilters`. */
export async function studySanity(
  studied: Studied,
  events: readonly PlannedEvent[],
  options: SanityStudyOptions,
): Promise<SanityStudy> {
  const { parts, mapsWithout } = isNetwork(studied)
    ? networkCascade(studied, events, options)
    : headCascade(studied, events, options);
  const total = parts.length * events.length;
  const trained = await measuredMaps(studied, events, options);
  const report = await checkSanity({
    trained: trained.flat(2),
    parts,
    mapsWithout: async (count) => {
      const onProgress: StudyContext['onProgress'] = ({ done }) =>
        options.onProgress?.({ stage: 'unlearning', done: (count - 1) * events.length + done, total, unit: 'events' });
      return (await mapsWithout(count, { ...options, onProgress })).flat(2);
    },
    ...(options.signal && { signal: options.signal }),
  });
  return {
    table: await tableOf(report, trained, options),
    meanRankCorrelation: Object.fromEntries(options.methods.map((method, m) => [method, meanOver(report, trained, m)])),
    contactPicture: await contactPicture(report, trained, events, inputOf(studied), options),
  };
}

/** The maps of a network that forgets part after part. */
interface Cascade {
  readonly parts: readonly string[];
  mapsWithout(count: number, options: SanityStudyOptions): Promise<EventMaps>;
}

function headCascade(head: Head, events: readonly PlannedEvent[], { seed }: SanityStudyOptions): Cascade {
  const { head: headParts, trunk: trunkParts } = eventParts(head.spec);
  return {
    parts: [...headParts, ...trunkParts].map(({ name }) => name),
    mapsWithout: (count, options) => {
      const unlearnt = { ...head, weights: reinitialise(head.weights, headParts.slice(0, count), seed) };
      const inTrunk = trunkParts.slice(0, Math.max(0, count - headParts.length));
      return inTrunk.length === 0
        ? measuredMaps(unlearnt, events, options)
        : mapsOnFrames(unlearnt, inTrunk, events, options);
    },
  };
}

function networkCascade(network: VideoModel, events: readonly PlannedEvent[], { seed }: SanityStudyOptions): Cascade {
  const { parts, without } = unlearningOf(network);
  return {
    parts,
    mapsWithout: async (count, options) => {
      const forgetful = await without(count, seed);
      return measuredMaps(forgetful, events, options).finally(() => forgetful.dispose());
    },
  };
}

/** By event, method and frame. */
type EventMaps = readonly (readonly (readonly AttentionMap[])[])[];

function measuredMaps(
  studied: Studied,
  events: readonly PlannedEvent[],
  options: SanityStudyOptions,
): Promise<EventMaps> {
  return measureEvents(studied, events, options, (subject) => allMaps(subject, subject.index, options));
}

/** The maps of a network with another trunk, whose features nobody keeps. */
async function mapsOnFrames(
  head: Head,
  unlearnt: readonly NetworkPart[],
  events: readonly PlannedEvent[],
  options: SanityStudyOptions,
): Promise<EventMaps> {
  const { seed, signal, target, onProgress } = options;
  const pretrained = findPretrained(head.spec.trunk);
  await pullTrunk(pretrained, { ...(signal && { signal }) });
  const objectives = objectivesOf(head, events, target);
  const network = await EventNetwork.load(head, pretrained, {
    edit: (weights) => reinitialise(weights, unlearnt, seed),
  });
  const maps: EventMaps[number][] = [];
  try {
    for (const [index, event] of events.entries()) {
      throwIfAborted(signal);
      onProgress?.({ stage: 'measuring', done: index, total: events.length, unit: 'events' });
      const frames = await framesOfEvent(event, head.spec.inputSize, { signal });
      const tail = network.tail(await network.features(frames), target === 'label' ? 'logits' : 'embedding');
      try {
        const subject = { tail, objective: objectives[index]!, reinitialised: () => tail };
        maps.push(await allMaps(subject, index, options));
      } finally {
        tail.dispose();
      }
    }
  } finally {
    network.dispose();
  }
  onProgress?.({ stage: 'measuring', done: events.length, total: events.length, unit: 'events' });
  return maps;
}

async function allMaps(
  subject: Parameters<typeof mapsOf>[0],
  eventIndex: number,
  { methods, seed, signal }: SanityStudyOptions,
): Promise<AttentionMap[][]> {
  const slots = Array.from({ length: subject.tail.slots }, (_, slot) => slot);
  const maps = await mapsOf(subject, methods, { slots, seed, eventIndex, ...(signal && { signal }) });
  return methods.map((method) => maps.get(method)!);
}

const MEASURES: readonly Measure[] = [
  { key: 'rankCorrelation', title: 'rank correlation', digits: 2, chance: 0 },
  { key: 'ssim', title: 'SSIM', digits: 2 },
  { key: 'entropyRise', title: 'rise in entropy', digits: 2, chance: 0 },
];

async function tableOf(
  report: SanityReport,
  trained: EventMaps,
  { methods, seed, signal }: SanityStudyOptions,
): Promise<FigureTable> {
  const rows: FigureRow[] = [];
  const before = trained.flat(2).map(histogramEntropy);
  for (const [m, method] of methods.entries()) {
    const records = trained.map(
      (_, e): EventRecords<Sums> => ({
        rows: new Map(
          report.steps.map(({ part, similarities, maps }) => [
            part,
            sumsOf(
              indicesOf(trained, e, m).map((i) => ({
                ...similarities[i]!,
                entropyRise: histogramEntropy(maps[i]!) / before[i]! - 1,
              })),
            ),
          ]),
        ),
      }),
    );
    const own = await figureRows(records, MEASURES.map(meanOf), { seed, signal });
    rows.push(...own.map((row) => ({ ...row, group: method })));
  }
  return {
    title: 'Maps after the network has unlearnt, against those of the trained one',
    rowTitle: 'unlearnt, down to',
    measures: MEASURES,
    rows,
    highlighted: OWN_METHODS,
    notes: [
      `High means failure; a method whose mean rank correlation exceeds ${MAX_SANE_CORRELATION} does not show what was learnt.`,
      'Rise in entropy: of the levels of the heatmap, over that of the trained network; in the last row efficient MPRT: a map that shows what was learnt becomes more complex without it.',
    ],
  };
}

/** Where the maps of an event and method are among all. */
function indicesOf(trained: EventMaps, event: number, method: number): number[] {
  const before = trained.slice(0, event).flat(2).length + trained[event]!.slice(0, method).flat().length;
  return trained[event]![method]!.map((_, i) => before + i);
}

function meanOver(report: SanityReport, trained: EventMaps, method: number): number {
  const own = trained.flatMap((_, event) => indicesOf(trained, event, method));
  return own.reduce((sum, i) => sum + report.meanRankCorrelations[i]!, 0) / own.length;
}

/** Rows of the contact picture. */
const SHOWN_EVENTS = 4;

/** The first method's maps of the last frame of events that are evenly spread. */
async function contactPicture(
  { steps }: SanityReport,
  trained: EventMaps,
  events: readonly PlannedEvent[],
  input: FittedSize,
  { methods, signal }: SanityStudyOptions,
): Promise<Uint8Array> {
  const cells: PanelCell[] = [];
  for (const index of evenPositions(events.length, SHOWN_EVENTS, 'starts')) {
    const { event, views } = events[index]!;
    const frames = await framesAt(event.clip, [views[0]!.frames.at(-1)!.timestampSec], { ...(signal && { signal }) });
    const picture = frameCanvas(frames, 0);
    const own = indicesOf(trained, index, 0).at(-1)!;
    const view = viewOf(event.clip, input);
    const overlay = (map: AttentionMap, label: string): PanelCell => ({
      picture,
      label,
      paint: (context, size) => drawHeatmap(context, size, heatmapToDraw(map, 'abs', view), STYLE),
    });
    cells.push(overlay(trained[index]![0]!.at(-1)!, `${event.label}, trained`));
    for (const { part, maps, similarities } of steps) {
      cells.push(overlay(maps[own]!, `${part} · ρ ${similarities[own]!.rankCorrelation.toFixed(2)}`));
    }
  }
  return drawPanel({
    rows: rowsOf(cells, steps.length + 1),
    maxPicturePx: 420,
    title: 'What is left of a map when the network unlearns, from the output down',
    caption: `${methods[0]}, last sampled frame of each event; weights are drawn at random cumulatively; ρ: rank correlation with the trained network's map`,
  });
}

const STYLE = { ...defaultStyle, kind: 'both' as const, lineWidthPx: 2 };
