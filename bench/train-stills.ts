/**
 * Tables 2 and 3 of the paper on drawn pictures: heads for classes, two of them made to localize, and for retrieval, trained with several
 * seeds on the frozen ResNet-50; where their maps lie, with the accuracy beside it; and whether the directions of the paper hold.
 * `npm run bench -- train-stills STILLS [SEEDS [STEPS [PICTURES]]]`, STILLS as `npm run fixtures -- --stills` writes them.
 */
import { join } from 'node:path';
import { evenlyChosen } from '../src/base/evenly.ts';
import { bootstrap, type Estimate } from '../src/evaluation/bootstrap.ts';
import { showEstimate } from '../src/evaluation/figure-table.ts';
import { PAPER_TABLES } from '../src/evaluation/reproduce/choices.ts';
import { type Outcome, outcomesOf } from '../src/evaluation/reproduce/outcomes.ts';
import { readStills, readUnseen } from '../src/evaluation/still-datasets.ts';
import type { StillTruth } from '../src/evaluation/still-truth.ts';
import { useEngine } from '../src/models/backend.ts';
import type { StillHeadKind } from '../src/models/choices.ts';
import { trunkSide } from '../src/models/event-network.ts';
import { RESNET50_IMAGENET } from '../src/models/pretrained.ts';
import { openStillHead } from '../src/models/still-head-network.ts';
import { stillNetwork } from '../src/stills/still-network.ts';
import type { MetricLoss } from '../src/training/choices.ts';
import { trainStill } from '../src/training/train-still.ts';
import { type ResultTable, writeResults } from './results.ts';
import { report } from './study.ts';
import { temporaryFolder } from './support.ts';

/** Of the boxes. */
const LEVEL = 0.2;
/** Seven cells by seven, as the ResNet-50's own last map. */
const STAGE = 'conv5';

interface Trained {
  readonly name: string;
  readonly kind: StillHeadKind;
  readonly loss: MetricLoss;
}

const HEADS: readonly Trained[] = [
  { name: 'gap', kind: 'gap', loss: 'triplet' },
  { name: 'acol', kind: 'acol', loss: 'triplet' },
  { name: 'adl', kind: 'adl', loss: 'triplet' },
  { name: 'triplet', kind: 'retrieval', loss: 'triplet' },
  { name: 'npair', kind: 'retrieval', loss: 'npair' },
];

/** What a head did on pictures: for each seed, one outcome per picture. */
interface Runs {
  readonly methods: readonly string[];
  readonly seeds: readonly (readonly Outcome[])[];
}

/** Measures, and writes bench/results/train-stills.json. */
export async function run([drawn, seeds = '3', steps = '60', pictures = '80']: readonly string[]): Promise<void> {
  if (drawn === undefined) throw new Error('usage: npm run bench -- train-stills STILLS [SEEDS [STEPS [PICTURES]]]');
  const list = join(drawn, 'stills.csv');
  const all = await readStills(list, 'boxes', 'all');
  const tested = evenlyChosen(await readStills(list, 'boxes'), Number(pictures), 'starts');
  const unseen = evenlyChosen(await readUnseen(list, 'boxes'), Number(pictures), 'starts');
  const runs = new Map<string, Runs>();
  for (let seed = 0; seed < Number(seeds); seed++) {
    for (const head of HEADS) {
      const stills = head.kind === 'retrieval' ? unseen : tested;
      const { methods, outcomes } = await runOf(head, all, stills, seed, Number(steps));
      runs.set(head.name, { methods, seeds: [...(runs.get(head.name)?.seeds ?? []), outcomes] });
    }
    await write(runs, { tested: tested.length, unseen: unseen.length, seeds: seed + 1, steps, pictures });
  }
}

/** The tables of all seeds so far, so that a run that is stopped has not been for nothing. */
async function write(
  runs: ReadonlyMap<string, Runs>,
  {
    tested,
    unseen,
    seeds,
    steps,
    pictures,
  }: {
    readonly tested: number;
    readonly unseen: number;
    readonly seeds: number;
    readonly steps: string;
    readonly pictures: string;
  },
): Promise<void> {
  const about = `${seeds} ${seeds === 1 ? 'seed' : 'seeds'}, ${steps} steps, on the last map of the ResNet-50`;
  await writeResults({
    name: 'train-stills',
    command: `npm run bench -- train-stills STILLS ${seeds} ${steps} ${pictures}`,
    tables: [
      classTable(runs, `Heads for classes (${about}, ${tested} test pictures)`),
      retrievalTable(runs, `Heads for retrieval (${about}, ${unseen} pictures of unseen classes)`),
      directions(runs),
    ],
  });
}

/** Trains a head and measures it on pictures, on which the training measures it, too. */
async function runOf(
  { name, kind, loss }: Trained,
  all: readonly StillTruth[],
  stills: readonly StillTruth[],
  seed: number,
  steps: number,
): Promise<{ readonly methods: readonly string[]; readonly outcomes: readonly Outcome[] }> {
  const methods = kind === 'retrieval' ? PAPER_TABLES.table3.methods : PAPER_TABLES.table2.methods;
  const measured = new Set(stills.map(({ path }) => path));
  const used = all.filter(
    ({ split, isSeen, path }) => measured.has(path) || (split === 'train' && (kind !== 'retrieval' || isSeen)),
  );
  const folder = temporaryFolder();
  const { name: backend } = await useEngine('auto');
  await trainStill(
    {
      ...{ id: name, source: 'stills', embedding: 64, mirrored: true },
      pictures: used.map(({ path, label, split, isSeen }) => ({ path, label: label!, split, isSeen })),
      spec: {
        ...trunkSide(RESNET50_IMAGENET, STAGE, { width: 224, height: 224 }),
        ...{ kind, channels: [128, 128], ...(kind === 'acol' && { erase: 0.6 }) },
      },
      sampler: { classesPerBatch: 8, perClass: 4 },
      trainer: {
        ...{ loss, mining: 'semi-hard', margin: 0.2, dropRate: 0.75, dropThreshold: 0.9, dropout: 0.3 },
        ...{ learningRate: 3e-3, weightDecay: 0.1, warmUpSteps: 10, steps, seed },
        ...{ maxGradientNorm: 5, checkpointEvery: steps },
      },
    },
    { backend, outputFolder: folder, resume: false, onProgress: report() },
  );
  const open = await openStillHead(folder, { backend: 'auto' });
  try {
    const path = join(folder, 'outcomes.json');
    const options = { methods, level: LEVEL, seed: 0, path, onProgress: report() };
    return await outcomesOf(stillNetwork(open, {}), stills, options);
  } finally {
    open.network.dispose();
  }
}

/** The mean over seeds of something of each picture; pictures of which it is not known are not numbers. */
function perPicture({ seeds }: Runs, of: (outcome: Outcome) => boolean | undefined): number[] {
  return seeds[0]!.map((_, i) => {
    const values = seeds.map((outcomes) => of(outcomes[i]!));
    return values.some((value) => value === undefined)
      ? Number.NaN
      : values.filter((value) => value === true).length / values.length;
  });
}

type Figure = (outcome: Outcome, fits: boolean) => boolean | undefined;

const BOX: Figure = (_, fits) => fits;
const TOP1: Figure = ({ isTop1 }, fits) => isTop1 && fits;
const RECALL: Figure = ({ isNearestRight }, fits) => isNearestRight && fits;

const ofMethod = (runs: Runs, method: string, figure: Figure): number[] => {
  const place = runs.methods.indexOf(method);
  return perPicture(runs, (outcome) => figure(outcome, outcome.fits[place]!));
};
const accuracy = (runs: Runs, key: 'isTop1' | 'isNearestRight'): number[] =>
  perPicture(runs, (outcome) => outcome[key]);

/** Mean with its interval over pictures, those of all seeds of a picture together. */
function estimate(values: readonly number[]): Estimate {
  const known = values.filter(Number.isFinite);
  return bootstrap(known.length, (indices) => indices.reduce((sum, i) => sum + known[i]!, 0) / indices.length, {
    seed: 0,
  });
}

function classTable(runs: ReadonlyMap<string, Runs>, title: string): ResultTable {
  const rows = HEADS.filter(({ kind }) => kind !== 'retrieval').flatMap(({ name }) => {
    const own = runs.get(name)!;
    return own.methods.map((method) => [
      ...[name, method],
      ...[accuracy(own, 'isTop1'), ofMethod(own, method, TOP1), ofMethod(own, method, BOX)].map((values) =>
        showEstimate(estimate(values), 3),
      ),
    ]);
  });
  return { title, columns: ['head', 'maps', 'class top-1', 'top-1 and box', 'GT-known'], rows, notes: [NOTE] };
}

function retrievalTable(runs: ReadonlyMap<string, Runs>, title: string): ResultTable {
  const rows = HEADS.filter(({ kind }) => kind === 'retrieval').flatMap(({ name }) => {
    const own = runs.get(name)!;
    return own.methods.map((method) => [
      ...[name, method],
      ...[accuracy(own, 'isNearestRight'), ofMethod(own, method, RECALL), ofMethod(own, method, BOX)].map((values) =>
        showEstimate(estimate(values), 3),
      ),
    ]);
  });
  return { title, columns: ['loss', 'maps', 'R@1', 'R@1 and box', 'box'], rows, notes: [NOTE] };
}

const NOTE = `Mean over seeds; 95 % intervals by bootstrap over pictures. Boxes: of the largest region above ${LEVEL} of the map's range.`;

/** Differences that the paper foretells to be positive. */
function directions(runs: ReadonlyMap<string, Runs>): ResultTable {
  const [gap, acol, adl, triplet, npair] = HEADS.map(({ name }) => runs.get(name)!) as [Runs, Runs, Runs, Runs, Runs];
  const minus = (a: readonly number[], b: readonly number[]): number[] => a.map((value, i) => value - b[i]!);
  const box = (own: Runs, method: string): number[] => ofMethod(own, method, BOX);
  const foretold: [string, number[]][] = [
    ['gap: box of L2-CAF less that of CAM', minus(box(gap, 'l2caf-class'), box(gap, 'cam'))],
    ['box of the fused map of ACoL less that of CAM on gap', minus(box(acol, 'acol'), box(gap, 'cam'))],
    ['box of CAM on ADL less that of CAM on gap', minus(box(adl, 'cam'), box(gap, 'cam'))],
    ['class top-1 of gap less that of ACoL', minus(accuracy(gap, 'isTop1'), accuracy(acol, 'isTop1'))],
    ['class top-1 of gap less that of ADL', minus(accuracy(gap, 'isTop1'), accuracy(adl, 'isTop1'))],
    ['triplet: box of L2-CAF less that of Grad-CAM', minus(box(triplet, 'l2caf-oblivious'), box(triplet, 'gradcam'))],
    ['N-pair: box of L2-CAF less that of Grad-CAM', minus(box(npair, 'l2caf-oblivious'), box(npair, 'gradcam'))],
    [
      'N-pair: box of L2-CAF less that of Grad-CAM-abs',
      minus(box(npair, 'l2caf-oblivious'), box(npair, 'gradcam-abs')),
    ],
    [
      'R@1 of N-pair less that of triplet',
      minus(accuracy(npair, 'isNearestRight'), accuracy(triplet, 'isNearestRight')),
    ],
    ['box of L2-CAF, N-pair less triplet', minus(box(npair, 'l2caf-oblivious'), box(triplet, 'l2caf-oblivious'))],
  ];
  return {
    title: 'What the paper foretells to be more than 0',
    columns: ['difference', 'on drawn pictures', 'holds'],
    rows: foretold.map(([name, values]) => {
      const found = estimate(values);
      const verdict = found.low > 0 ? 'yes' : found.high < 0 ? 'no, the contrary' : 'not told apart';
      return [name, showEstimate(found, 3), verdict];
    }),
    notes: [NOTE],
  };
}
