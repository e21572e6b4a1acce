/**
 * Planted evidence: do the maps find what decides a generated event, and which kinds of evidence do they find?
 * `npm run bench -- study-planted EVENTS CLIPS/events.csv…`: sets of `npm run fixtures` of another seed than those that
 * the head was trained on; EVENTS of each are measured, evenly spread.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createCanvas, loadImage } from '@napi-rs/canvas';
import { z } from 'zod';
import { writeFileAtomically } from '../src/base/files.ts';
import type { Heatmap } from '../src/base/types.ts';
import { OWN_METHODS } from '../src/evaluation/baseline-maps.ts';
import { DEFAULT_METHODS } from '../src/evaluation/choices.ts';
import { studyFaithfulness } from '../src/evaluation/faithfulness-study.ts';
import {
  type EventRecords,
  type FigureTable,
  figureRows,
  type Measure,
  meanOf,
  type Sums,
  sumsOf,
} from '../src/evaluation/figure-table.ts';
import { POINTING_TOLERANCE_PX } from '../src/evaluation/localization.ts';
import { type EventScores, localizationTables, studyLocalization } from '../src/evaluation/localization-study.ts';
import { measureEvents } from '../src/evaluation/subjects.ts';
import type { VisibleEvent } from '../src/evaluation/truth.ts';
import { toHeatmap } from '../src/l2caf/heatmap.ts';
import { solveFilters } from '../src/l2caf/solve.ts';
import { frameCanvas } from '../src/video/drawing/frame-canvas.ts';
import { drawHeatmap } from '../src/video/drawing/overlay.ts';
import { drawPanel, type PanelCell, rowsOf } from '../src/video/drawing/panel.ts';
import { defaultStyle } from '../src/video/drawing/style.ts';
import { framesAt } from '../src/video/media/sample.ts';
import { type ResultTable, writeResults } from './results.ts';
import { openStudy, resultTable, type StudyEvents } from './study.ts';
import { root } from './support.ts';

/** Measures, and writes bench/results/study-planted.json. */
export async function run([count, ...paths]: readonly string[]): Promise<void> {
  if (count === undefined || paths.length === 0) {
    throw new Error('usage: npm run bench -- study-planted EVENTS CLIPS/events.csv…');
  }
  const studies = await openStudy(paths, { limit: Number(count), areUnseen: true });
  const { context, head } = studies[0]!;
  const scores: EventScores[] = [];
  for (const { visible, truth } of studies) {
    scores.push(...(await studyLocalization(head, visible, { ...context, methods: DEFAULT_METHODS, truth })));
  }
  const [where, when] = await localizationTables(scores, context);
  const planned = studies.flatMap(({ visible }) => visible.map((event) => event.planned));
  const [areas] = await studyFaithfulness(head, planned, { ...context, methods: DEFAULT_METHODS });
  await drawExamples(studies, scores);
  const counts = where!.rows[0]!.counts;
  await writeResults({
    name: 'study-planted',
    command: `npm run bench -- study-planted ${count} CLIPS/events.csv…`,
    tables: [
      {
        ...resultTable(where!),
        notes: [`${counts['events']} events that one object decides, ${counts['maps']} frames.`],
      },
      resultTable(await advantages(scores, context.seed)),
      ...(when ? [{ ...resultTable(when, 'label'), notes: [...(when.notes ?? [])] }] : []),
      await peakTable(studies),
      resultTable(areas!),
    ],
  });
}

const ADVANTAGES: readonly Measure[] = [
  { key: 'energyLift', title: 'energy lift', digits: 2, chance: 0 },
  { key: 'pointing', title: 'pointing', digits: 2, chance: 0 },
];

/** L2-CAF less each other method on the same frames. */
async function advantages(events: readonly EventScores[], seed: number): Promise<FigureTable> {
  const records = events.map(({ maps }): EventRecords<Sums> => {
    const own = maps.get('l2caf')!;
    const others = [...maps].filter(([method]) => !OWN_METHODS.some((name) => name === method));
    return {
      rows: new Map(
        others.map(([method, other]) => [
          method,
          sumsOf(
            own.map(({ energyLift, isHit }, i) => ({
              energyLift: energyLift - other[i]!.energyLift,
              pointing: Number(isHit) - Number(other[i]!.isHit),
            })),
          ),
        ]),
      ),
    };
  });
  return {
    title: 'L2-CAF less each other method, on the same frames',
    rowTitle: 'less',
    measures: ADVANTAGES,
    rows: await figureRows(records, ADVANTAGES.map(meanOf), { seed }),
    highlighted: [],
    notes: ['Above 0: L2-CAF is better; an interval that excludes 0 is a clear difference.'],
  };
}

const documentSchema = z.object({
  objects: z.array(
    z.object({ kind: z.string(), decisive: z.boolean(), boxes: z.array(z.array(z.number()).nullable()) }),
  ),
});

/** What lies at the maximum of L2-CAF's maps: rows labels, columns the decisive object, another one by its kind, nothing. */
async function peakTable(studies: readonly StudyEvents[]): Promise<ResultTable> {
  const counts = new Map<string, Map<string, number>>();
  for (const { head, visible, context } of studies) {
    await measureEvents(
      head,
      visible.map(({ planned }) => planned),
      context,
      async ({ tail, index, planned }) => {
        const { filters } = await solveFilters(tail, { seed: context.seed });
        const { width, height } = planned.event.clip;
        const row = counts.get(planned.event.label) ?? new Map<string, number>();
        counts.set(planned.event.label, row);
        const objects = await objectsAt(visible[index]!);
        for (const [slot, own] of objects.entries()) {
          if (own === undefined) continue;
          const at = whatLiesAt(toHeatmap(filters[slot]!, { width, height }), own);
          row.set(at, (row.get(at) ?? 0) + 1);
        }
      },
    );
  }
  const columns = [...new Set([...counts.values()].flatMap((row) => [...row.keys()]))].sort(
    (a, b) =>
      Number(b === DECISIVE) - Number(a === DECISIVE) ||
      Number(a === NOTHING) - Number(b === NOTHING) ||
      (a < b ? -1 : 1),
  );
  return {
    title: 'What lies at the maximum of L2-CAF’s maps, frames',
    columns: ['label', ...columns],
    rows: [...counts].sort().map(([label, row]) => [label, ...columns.map((column) => String(row.get(column) ?? 0))]),
    notes: [`Within ${POINTING_TOLERANCE_PX} pixels; of several objects the decisive one counts, then the smallest.`],
  };
}

const DECISIVE = 'the decisive object';
const NOTHING = 'no object';

interface ObjectBox {
  readonly kind: string;
  readonly box: readonly number[];
}

/**
 * The events whose maps lie best and worst on their evidence, all sampled frames, with the boxes of the evidence:
 * docs/pictures/planted.jpg.
 */
async function drawExamples(studies: readonly StudyEvents[], scores: readonly EventScores[]): Promise<void> {
  const events = studies.flatMap(({ visible, head, context }) => visible.map((event) => ({ event, head, context })));
  const lift = (index: number): number => {
    const own = scores[index]!.maps.get('l2caf')!;
    return own.reduce((sum, { energyLift }) => sum + energyLift, 0) / own.length;
  };
  const isShown = (index: number): boolean => events[index]!.event.hasEvidence.every(Boolean);
  const order = [...events.keys()].filter(isShown).sort((a, b) => lift(b) - lift(a));
  const chosen = [order[0]!, order[Math.floor(order.length / 2)]!, order.at(-1)!];
  const cells: PanelCell[] = [];
  for (const index of chosen) {
    const { event, head, context } = events[index]!;
    const { clip, label } = event.planned.event;
    const times = event.planned.views[0]!.frames.map(({ timestampSec }) => timestampSec);
    const frames = await framesAt(clip, times);
    const objects = await objectsAt(event);
    await measureEvents(head, [event.planned], context, async ({ tail }) => {
      const { filters } = await solveFilters(tail, { seed: context.seed });
      for (const [slot, filter] of filters.entries()) {
        cells.push({
          picture: frameCanvas(frames, slot),
          label: `${label} · ${times[slot]!.toFixed(1)} s${slot === 0 ? ` · lift ${lift(index).toFixed(1)}` : ''}`,
          paint: (ink, size) => {
            const scale = size.width / clip.width;
            ink.strokeStyle = '#fff';
            ink.setLineDash([5, 4]);
            for (const { kind, box } of objects[slot]!) {
              const [left, top, right, bottom] = box.map((value) => value * scale) as [number, number, number, number];
              if (kind === DECISIVE) ink.strokeRect(left, top, right - left, bottom - top);
            }
            ink.setLineDash([]);
            drawHeatmap(ink, size, toHeatmap(filter, { width: 96, height: 56 }), { ...defaultStyle, lineWidthPx: 2 });
          },
        });
      }
    });
  }
  const png = drawPanel({
    rows: rowsOf(cells, cells.length / chosen.length),
    widthPx: 1200,
    title: 'Evidence found, half found and missed',
    caption:
      'L2-CAF of the event that it finds best, the one in the middle and the worst; dashed: the planted evidence',
  });
  const picture = await loadImage(Buffer.from(png));
  const canvas = createCanvas(picture.width, picture.height);
  canvas.getContext('2d').drawImage(picture, 0, 0);
  await writeFileAtomically(join(root, 'docs', 'pictures', 'planted.jpg'), await canvas.encode('jpeg', 70));
}

/** Per frame with evidence, its objects; undefined for the other frames. */
async function objectsAt({ planned, hasEvidence }: VisibleEvent): Promise<(readonly ObjectBox[] | undefined)[]> {
  const text = await readFile(planned.event.clip.path.replace(/\.mp4$/, '.json'), 'utf8');
  const { objects } = documentSchema.parse(JSON.parse(text));
  return planned.views[0]!.frames.map(({ frameIndex }, slot) => {
    if (!hasEvidence[slot]) return undefined;
    return objects.flatMap(({ kind, decisive, boxes }) => {
      const box = boxes[frameIndex];
      return box ? [{ kind: decisive ? DECISIVE : kind, box }] : [];
    });
  });
}

function whatLiesAt({ values, width }: Heatmap, objects: readonly ObjectBox[]): string {
  const peak = values.reduce((best, value, i) => (value > values[best]! ? i : best), 0);
  const [x, y] = [peak % width, Math.floor(peak / width)];
  const outside = (at: number, low: number, high: number): number => Math.max(0, low - at, at - high);
  const near = objects.filter(
    ({ box: [left, top, right, bottom] }) =>
      Math.hypot(outside(x, left!, right!), outside(y, top!, bottom!)) <= POINTING_TOLERANCE_PX,
  );
  const area = ({ box: [left, top, right, bottom] }: ObjectBox): number => (right! - left!) * (bottom! - top!);
  const [found] = near.sort((a, b) => Number(b.kind === DECISIVE) - Number(a.kind === DECISIVE) || area(a) - area(b));
  return found?.kind ?? NOTHING;
}
