/**
 * What `train` can do beside what the packaged head was trained with: what the recurrent part of such heads adds to a map, and what their
 * maps cost. `npm run bench -- alternatives DATA CLIPS`: as of `driving`, whose head is measured as it is packaged. What is trained or
 * measured in `out/alternatives` is not done again.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { evenlyChosen } from '../src/base/evenly.ts';
import { mean } from '../src/base/matrix.ts';
import { measureOnHead, type StudyContext } from '../src/evaluation/subjects.ts';
import { readEvents } from '../src/events/labelled.ts';
import { planEvents } from '../src/features/dataset.ts';
import { rankCorrelation } from '../src/l2caf/similarity.ts';
import { solveFilters } from '../src/l2caf/solve.ts';
import { useBackend } from '../src/models/backend.ts';
import { loadModel } from '../src/models/model-directory.ts';
import { findModel } from '../src/models/packaged.ts';
import { DRIVING_OPTIONS, drivingLists, figuresOf, placesOf, trainedHead } from './driving.ts';
import { writeResults } from './results.ts';
import { report } from './study.ts';
import { median, root } from './support.ts';

const OUT = join(root, 'out', 'alternatives');
const COMMAND = 'npm run bench -- alternatives DATA CLIPS';
/** Generated test events of which all minima are looked for. */
const EVENTS = 20;
const STARTS = 8;
/** A start that ends so much above the best of all has missed it. */
const MISSED = 1.01;

interface Kind {
  readonly title: string;
  readonly name: string;
  /** Of its training, beside those of the packaged head; absent for that head. */
  readonly options?: readonly string[];
  /** Whether the real training events train it without their labels as well. */
  readonly agrees?: boolean;
}

const KINDS: readonly Kind[] = [
  { title: 'as packaged: pooled, 8 events of each class, 400 steps', name: 'packaged' },
  {
    title: 'the same, and real clips agree with altered copies of themselves, without labels',
    ...{ name: 'agreement', options: DRIVING_OPTIONS, agrees: true },
  },
  {
    title: 'attention, 4 heads, trained as the packaged one',
    ...{ name: 'attention-400', options: '--attention 4 --per-class 8 --steps 400'.split(' ') },
  },
  {
    title: 'the same, 4 events of each class, 200 steps',
    ...{ name: 'attention-200', options: '--attention 4 --per-class 4 --steps 200'.split(' ') },
  },
];

/** Trains and measures what is not there yet. */
export async function run([data, clips]: readonly string[]): Promise<void> {
  if (data === undefined || clips === undefined) throw new Error(`usage: ${COMMAND}`);
  const lists = await drivingLists(data, clips, OUT);
  const places = placesOf(data, clips, lists);
  const rows: string[][] = [];
  const unlabelled = ['--unlabelled', `streets=${await withoutLabels(lists.steering)}`];
  for (const { title, name, options, agrees = false } of KINDS) {
    const folder = options === undefined ? await findModel('driving') : join(OUT, name);
    const { figures } =
      options === undefined
        ? (await loadModel(folder)).manifest
        : await trainedHead(folder, lists, clips, [...options, ...(agrees ? unlabelled : []), '--seed', '0']);
    const maps: Awaited<ReturnType<typeof figuresOf>>[] = [];
    for (const [i, place] of places.entries()) {
      maps.push(await figuresOf(folder, `${i}`, place, join(OUT, `maps-${name}-${i}`)));
    }
    const { correlation, missed, ms } = await filtersOf(folder, lists.fixtures);
    const both = (of: 'energyLift' | 'pointing', place: number): string[] =>
      ['l2caf', 'l2caf-reinit'].map((method) => maps[place]![method]![of].toFixed(2));
    rows.push([
      ...[title, correlation.toFixed(2), ...both('energyLift', 1), ...both('pointing', 1)],
      ...[...both('energyLift', 0), ...both('pointing', 0)],
      ...['fixtures', 'steering'].map((domain) => figures[domain]!['knn']!.toFixed(2)),
      ...[`${(100 * missed).toFixed(0)} %`, ms.toFixed(0)],
    ]);
  }
  const anew = 'drawn anew';
  await writeResults({
    name: 'alternatives',
    command: COMMAND,
    tables: [
      {
        columns: [
          ...['head', 'correlation', 'generated lift', anew, 'generated pointing', anew],
          ...['CamVid lift', anew, 'CamVid pointing', anew, 'generated kNN', 'steering kNN', 'minima missed', 'ms'],
        ],
        rows,
        notes: [
          `Seed 0. Correlation: Spearman's, of the maps with those after all that is behind the feature maps was drawn anew, ${EVENTS} generated test events; the aim is at most 0.5. Minima missed: filters whose loss, from the usual start, is more than 1 % above the best of ${STARTS} starts. ms: filters of an event, one start, median, on wasm. The rest as above.`,
        ],
      },
    ],
  });
}

/** The training events of a list as one without labels. */
async function withoutLabels(list: string): Promise<string> {
  const training = (await readEvents(list)).filter(({ split }) => split === 'train');
  const rows = training.map(({ video, span }) => [video, span.startSec, span.endSec].join());
  const path = join(OUT, 'unlabelled.csv');
  await writeFile(path, `${['video,start,end', ...rows].join('\n')}\n`);
  return path;
}

/** How the filters of a head depend on its recurrent part and on where they start, and what they cost. */
async function filtersOf(
  model: string,
  list: string,
): Promise<Readonly<Record<'correlation' | 'missed' | 'ms', number>>> {
  const { head, manifest } = await loadModel(model);
  const { name: backend } = await useBackend('wasm');
  const context: StudyContext = { target: 'oblivious', seed: 0, backend, onProgress: report() };
  const tests = (await readEvents(list)).filter(({ split }) => split === 'test');
  const events = evenlyChosen(tests, EVENTS, 'starts');
  const { frames } = manifest.preprocessing;
  const planned = await planEvents([{ name: 'test', events }], { frames, views: 1, seed: 0 });
  const found = await measureOnHead(head, planned, context, async ({ tail, reinitialised }) => {
    const started = performance.now();
    const { filters } = await solveFilters(tail);
    const ms = performance.now() - started;
    const best = (await solveFilters(tail, { starts: STARTS })).filters;
    const others = (await solveFilters(await reinitialised())).filters;
    return filters.map(({ values, loss }, i) => {
      const correlation = rankCorrelation(values.map(Math.abs), others[i]!.values.map(Math.abs));
      return { ms, correlation, missed: Number(loss > MISSED * best[i]!.loss) };
    });
  });
  const all = found.flat();
  return {
    correlation: mean(all.map(({ correlation }) => correlation)),
    missed: mean(all.map(({ missed }) => missed)),
    ms: median(all.map(({ ms }) => ms)),
  };
}
