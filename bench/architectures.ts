/**
 * Heads of other kinds than the packaged one, on its data: which of them leaves what a map shows to its recurrent part?
 * `npm run bench -- architectures DATA CLIPS PYTHON [SEEDS]`: DATA and CLIPS as of `driving`; PYTHON has torch (`architectures.py`). What is
 * trained in `out/architectures` is not trained again.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { evenlyChosen } from '../src/base/evenly.ts';
import { mean } from '../src/base/matrix.ts';
import { CAMVID_CLASSES } from '../src/evaluation/choices.ts';
import { scoreMaps } from '../src/evaluation/localization-study.ts';
import { objectsOf, surveyTruth, TruthFolder, type VisibleEvent } from '../src/evaluation/truth.ts';
import { readEvents } from '../src/events/labelled.ts';
import { npyBytes } from '../src/exports/npz.ts';
import type { FeatureReader } from '../src/features/cache.ts';
import { type PlannedEvent, type PlannedView, planEvents } from '../src/features/dataset.ts';
import { loadFeatures } from '../src/features/embed.ts';
import { openFeatureCache, prepareFeatures } from '../src/features/features.ts';
import type { AttentionMap } from '../src/l2caf/heatmap.ts';
import { rankCorrelation } from '../src/l2caf/similarity.ts';
import { useBackend } from '../src/models/backend.ts';
import { featureMapShape } from '../src/models/head.ts';
import { loadModel } from '../src/models/model-directory.ts';
import { findModel } from '../src/models/packaged.ts';
import { fitComponents, reduceFeatures } from '../src/training/components.ts';
import { DenseLabels } from '../src/training/dense-labels.ts';
import { steeringEvents } from './driving.ts';
import { firstEvents, GENERATED_CLASSES } from './generated.ts';
import { type ResultTable, spread, writeResults } from './results.ts';
import { report } from './study.ts';
import { root } from './support.ts';

const OUT = join(root, 'out', 'architectures');
const COMMAND = 'npm run bench -- architectures DATA CLIPS PYTHON';
const GENERATED = 960;
/** Events of each place that maps are measured on, at most. */
const MEASURED = 30;
/** As `l2caf train` finds them by default. */
const COMPONENTS = 128;
const FRAMES = 3;
/** Ways an event is shown, of which one that is not mirrored is its altered copy: what is left would not be on the right any more. */
const VIEWS = 8;

/** The kinds, by their names in architectures.py. */
const KINDS: Readonly<Record<string, string>> = {
  base: 'as packaged: shallow CNN (96, 64), 2×4 pooling, LSTM; boxes teach the CNN',
  'few-channels': '16 channels before the LSTM',
  'no-boxes': 'no boxes',
  'no-cnn': 'no CNN: the LSTM reads principal components of the trunk',
  convlstm: 'ConvLSTM over the cells',
  'convlstm-no-boxes': 'ConvLSTM, no boxes',
  attention: 'attention pooling, steered by the state of each step',
  'attention-no-boxes': 'attention pooling, no boxes',
  consistency: 'as packaged, and real clips agree with altered copies of themselves, without labels',
};

/** Trains and measures what is not there yet. */
export async function run([data, clips, python, seeds = '3']: readonly string[]): Promise<void> {
  if (data === undefined || clips === undefined || python === undefined) throw new Error(`usage: ${COMMAND} [SEEDS]`);
  await mkdir(OUT, { recursive: true });
  const places = await prepare(resolve(data), resolve(clips));
  const script = join(import.meta.dirname, 'architectures.py');
  const rows = new Map<string, Figures[]>(Object.keys(KINDS).map((kind) => [kind, []]));
  for (let seed = 0; seed < Number(seeds); seed++) {
    execFileSync(python, ['-W', 'ignore', script, OUT, String(seed)], { stdio: ['ignore', 'inherit', 'inherit'] });
    for (const [kind, found] of rows) found.push(await figuresOf(`${kind}-${seed}`, places));
  }
  const table: ResultTable = {
    columns: ['head', ...COLUMNS.map(([title]) => title), 'seeds'],
    rows: [...rows].map(([kind, found]) => [
      KINDS[kind]!,
      ...COLUMNS.map(([, of]) => spread(found.map(of), 2)),
      String(found.length),
    ]),
    notes: [
      `${MEASURED} test events of each place, evenly spread; of CamVid no head has seen anything. Correlation: Spearman's, of the trained head's maps with those after all that is behind the feature maps was drawn anew; the aim is at most 0.5. kNN: balanced accuracy by the 5 nearest training events. Trained and solved in PyTorch, apart from l2caf; the first row shows that it gives what l2caf does.`,
    ],
  };
  await writeResults({ name: 'architectures', command: COMMAND, tables: [table] });
}

/** What is measured of one head. */
interface Figures {
  readonly correlation: number;
  readonly knn: Readonly<Record<'fixtures' | 'steering', number>>;
  /** By place: of the trained head's maps, of the others. */
  readonly lift: readonly (readonly [number, number])[];
  readonly pointing: readonly (readonly [number, number])[];
}

const COLUMNS: readonly (readonly [string, (of: Figures) => number])[] = [
  ['correlation', (of) => of.correlation],
  ['generated lift', (of) => of.lift[1]![0]],
  ['drawn anew', (of) => of.lift[1]![1]],
  ['generated pointing', (of) => of.pointing[1]![0]],
  ['CamVid lift', (of) => of.lift[0]![0]],
  ['drawn anew', (of) => of.lift[0]![1]],
  ['CamVid pointing', (of) => of.pointing[0]![0]],
  ['drawn anew', (of) => of.pointing[0]![1]],
  ['steering kNN', (of) => of.knn.steering],
  ['generated kNN', (of) => of.knn.fixtures],
];

/** Test events of one source, of which the maps are measured. */
interface Place {
  /** Its measured events are these of all that are measured. */
  readonly first: number;
  readonly planned: readonly PlannedEvent[];
  readonly visible: readonly VisibleEvent[];
  readonly truth: TruthFolder;
}

/** Writes the features and labels that architectures.py reads, if they are not there yet. */
async function prepare(data: string, clips: string): Promise<Place[]> {
  const lists = { fixtures: await firstEvents(GENERATED, clips, OUT), steering: join(OUT, 'steering.csv') };
  await writeFile(lists.steering, await steeringEvents(data));
  const camvid = join(data, 'camvid', 'events.csv');
  const tests = (await readEvents(camvid)).filter(({ split }) => split === 'test');
  const plan = (name: string, events: Awaited<ReturnType<typeof readEvents>>, views = 1): Promise<PlannedEvent[]> =>
    planEvents([{ name, events }], { frames: FRAMES, views, seed: 0 });
  const generated = await plan('fixtures', await readEvents(lists.fixtures));
  const steering = await plan('steering', await readEvents(lists.steering), VIEWS);
  const streets = await plan('camvid', evenlyChosen(tests, MEASURED, 'starts'));
  const training = [...generated, ...steering];
  const planned = [...training, ...streets];
  const testEvents = evenlyChosen(
    generated.filter(({ event }) => event.split === 'test'),
    MEASURED,
    'starts',
  );
  const place = async (first: number, events: readonly PlannedEvent[], folder: string): Promise<Place> => {
    const truth = new TruthFolder(folder, CAMVID_CLASSES);
    return { first, planned: events, truth, visible: (await surveyTruth(events, truth)).events };
  };
  const places = [
    await place(0, streets, join(dirname(camvid), 'labels')),
    await place(streets.length, testEvents, clips),
  ];
  if (!existsSync(join(OUT, 'events.json'))) {
    const measured = [...streets, ...testEvents].map((event) => planned.indexOf(event));
    await writeFeatures({ planned, training, clips, measured });
  }
  return places;
}

interface Written {
  readonly planned: readonly PlannedEvent[];
  readonly training: readonly PlannedEvent[];
  readonly clips: string;
  readonly measured: readonly number[];
}

async function writeFeatures({ planned, training, clips, measured }: Written): Promise<void> {
  const { spec } = (await loadModel(await findModel('driving'))).head;
  const { name: backend } = await useBackend('auto');
  const altered = planned.flatMap((event, i) => {
    const view = event.views.findIndex(({ view: { mirrored } }, k) => k > 1 && !mirrored);
    return view < 0 ? [] : [{ event: i, view: event.views[view]! }];
  });
  const copies = altered.map(({ event, view }) => ({ ...planned[event]!, views: [view] }));
  const plain = planned.map((event) => ({ ...event, views: [event.views[0]!] }));
  const cache = openFeatureCache(spec);
  const work = { backend, onProgress: report() };
  await prepareFeatures([...plain, ...copies], spec, cache, work);
  const components = await fitComponents(training, cache, spec.trunkChannels, COMPONENTS, work);
  const reduced = await reduceFeatures([...plain, ...copies], cache, components, work);
  await writeArray('features', plain, reduced);
  await writeArray('altered', copies, reduced);
  const source = { folder: clips, classes: GENERATED_CLASSES };
  const labels = await DenseLabels.load(planned, new Map([['fixtures', source]]), featureMapShape(spec));
  const boxed = planned.flatMap((event, i) =>
    event.domain === 'fixtures' && event.event.split === 'train' ? [i] : [],
  );
  const batch = labels.batch(boxed.flatMap((i) => planned[i]!.views[0]!.frames));
  for (const name of ['present', 'importance'] as const) {
    const values = (await batch[name].data()) as Float32Array;
    const shape = [boxed.length, values.length / boxed.length / labels.classes.length, labels.classes.length];
    await writeFile(join(OUT, `${name}.npy`), npyBytes({ shape, values }));
  }
  const events = planned.map(({ event: { label, split }, domain }) => ({ label, split, domain }));
  const about = { events, measured, boxed, altered: altered.map(({ event }) => event) };
  await writeFile(join(OUT, 'events.json'), JSON.stringify(about));
}

/** The features of the first view of each event. */
async function writeArray(name: string, planned: readonly PlannedEvent[], features: FeatureReader): Promise<void> {
  const perEvent = FRAMES * features.length;
  const values = new Float32Array(planned.length * perEvent);
  for (const [i, { views }] of planned.entries()) {
    values.set(await loadFeatures([views[0] as PlannedView], features), i * perEvent);
  }
  const shape = [planned.length, FRAMES, features.length / COMPONENTS, COMPONENTS];
  await writeFile(join(OUT, `${name}.npy`), npyBytes({ shape, values }));
}

/** What the maps of a trained head are worth. */
async function figuresOf(name: string, places: readonly Place[]): Promise<Figures> {
  const { knn } = JSON.parse(await readFile(join(OUT, `${name}.json`), 'utf8')) as Pick<Figures, 'knn'>;
  const [trained, forgotten] = [await readMaps(`${name}.trained`), await readMaps(`${name}.forgotten`)];
  const scores = await Promise.all(
    places.map(async (place) => [await scoresOf(place, trained), await scoresOf(place, forgotten)] as const),
  );
  const generated = places[1]!;
  const correlations = trained.flatMap((maps, i) =>
    i < generated.first ? [] : maps.map(({ values }, t) => rankCorrelation(values, forgotten[i]![t]!.values)),
  );
  return {
    knn,
    correlation: mean(correlations),
    lift: scores.map(([own, other]) => [own.lift, other.lift]),
    pointing: scores.map(([own, other]) => [own.pointing, other.pointing]),
  };
}

/** Absolute filters, by measured event and frame. */
async function readMaps(name: string): Promise<AttentionMap[][]> {
  const bytes = await readFile(join(OUT, `${name}.f32`));
  const values = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4).map(Math.abs);
  const [height, width] = [7, 12];
  const cells = height * width;
  return Array.from({ length: values.length / cells / FRAMES }, (_, event) =>
    Array.from({ length: FRAMES }, (_, t) => {
      const first = (event * FRAMES + t) * cells;
      return { height, width, values: values.subarray(first, first + cells) };
    }),
  );
}

async function scoresOf(
  { first, planned, visible, truth }: Place,
  maps: readonly (readonly AttentionMap[])[],
): Promise<{ readonly lift: number; readonly pointing: number }> {
  const found = [];
  for (const event of visible) {
    const own = maps[first + planned.indexOf(event.planned)]!.filter((_, frame) => event.hasEvidence[frame]);
    const scores = scoreMaps(new Map([['l2caf', own]]), await objectsOf(event, truth)).get('l2caf')!;
    found.push(...scores);
  }
  return {
    lift: mean(found.map(({ energyLift }) => energyLift)),
    pointing: mean(found.map(({ isHit }) => Number(isHit))),
  };
}
