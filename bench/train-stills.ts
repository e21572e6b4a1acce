/**
 * Tables 2 and 3 of the paper on drawn pictures: heads for classes, two of them made to localize, and for retrieval, trained with several
 * seeds on the frozen ResNet-50 and with its last stage; where their maps lie, with the accuracy beside it; and whether the directions of
 * the paper hold.
 * `npm run bench -- train-stills STILLS [SEEDS [STEPS [PICTURES]]]`, STILLS as `npm run fixtures -- --stills` writes them.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { evenlyChosen } from '../src/base/evenly.ts';
import { isLocalized } from '../src/evaluation/localization.ts';
import { PAPER_TABLES } from '../src/evaluation/reproduce/choices.ts';
import { readStills, readUnseen } from '../src/evaluation/still-datasets.ts';
import { type MeasuredStill, measureStill, type StillScore, withNeighbours } from '../src/evaluation/still-measure.ts';
import type { StillTruth } from '../src/evaluation/still-truth.ts';
import { boxOverlaps, mapScores, WSOL_SIDE } from '../src/evaluation/wsol.ts';
import { toHeatmap } from '../src/l2caf/heatmap.ts';
import { useEngine } from '../src/models/backend.ts';
import type { StillHeadKind } from '../src/models/choices.ts';
import { trunkSide } from '../src/models/event-network.ts';
import { RESNET50_IMAGENET } from '../src/models/pretrained.ts';
import { openStillHead } from '../src/models/still-head-network.ts';
import { stageBefore } from '../src/models/tuned-stage.ts';
import { stillNetwork } from '../src/stills/still-network.ts';
import type { MetricLoss } from '../src/training/choices.ts';
import { trainStill } from '../src/training/train-still.ts';
import { writeResults } from './results.ts';
import {
  AllRuns,
  CLASS_HEADS,
  directionsTable,
  LEVEL,
  type MapScore,
  mapsTable,
  type PictureOutcome,
  RETRIEVAL_HEADS,
  TRUNKS,
  tuningTable,
} from './still-directions.ts';
import { report } from './study.ts';
import { temporaryFolder } from './support.ts';

/** Seven cells by seven, as the ResNet-50's own last map. */
const STAGE = 'conv5';

interface Trained {
  readonly name: (typeof CLASS_HEADS)[number] | (typeof RETRIEVAL_HEADS)[number];
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

/** Measures, and writes bench/results/train-stills.json. */
export async function run([drawn, seeds = '3', steps = '60', pictures = '80']: readonly string[]): Promise<void> {
  if (drawn === undefined) throw new Error('usage: npm run bench -- train-stills STILLS [SEEDS [STEPS [PICTURES]]]');
  const list = join(drawn, 'stills.csv');
  const all = await readStills(list, 'boxes', 'all');
  const tested = evenlyChosen(await readStills(list, 'boxes'), Number(pictures), 'starts');
  const unseen = evenlyChosen(await readUnseen(list, 'boxes'), Number(pictures), 'starts');
  const runs = new AllRuns();
  for (let seed = 0; seed < Number(seeds); seed++) {
    for (const trunk of TRUNKS) {
      for (const head of HEADS) {
        const stills = head.kind === 'retrieval' ? unseen : tested;
        const { outcomes, seconds } = await runOf(head, trunk, all, stills, { seed, steps: Number(steps) });
        runs.add(head.name, trunk, outcomes, seconds);
        console.log(`seed ${seed}: ${head.name}, ${trunk}, ${seconds.toFixed(0)} s`);
      }
    }
    // The tables of all seeds so far, so that a run that is stopped has not been for nothing.
    const about = `${seed + 1} ${seed === 0 ? 'seed' : 'seeds'}, ${steps} steps, on ${STAGE} of the ResNet-50`;
    await writeResults({
      name: 'train-stills',
      command: `npm run bench -- train-stills STILLS ${seed + 1} ${steps} ${pictures}`,
      tables: [
        tuningTable(runs),
        directionsTable(runs),
        mapsTable(runs, CLASS_HEADS, `Heads for classes (${about}, ${tested.length} test pictures)`),
        mapsTable(runs, RETRIEVAL_HEADS, `Heads for retrieval (${about}, ${unseen.length} pictures of unseen classes)`),
      ],
    });
  }
}

/** Trains a head and measures it on pictures, on which the training measures it, too. */
async function runOf(
  { name, kind, loss }: Trained,
  trunk: (typeof TRUNKS)[number],
  all: readonly StillTruth[],
  stills: readonly StillTruth[],
  { seed, steps }: { readonly seed: number; readonly steps: number },
): Promise<{ readonly outcomes: readonly PictureOutcome[]; readonly seconds: number }> {
  const measured = new Set(stills.map(({ path }) => path));
  const used = all.filter(
    ({ split, isSeen, path }) => measured.has(path) || (split === 'train' && (kind !== 'retrieval' || isSeen)),
  );
  const folder = temporaryFolder();
  const { name: backend } = await useEngine('auto');
  const isTuned = trunk === 'fine-tuned';
  const front = trunkSide(RESNET50_IMAGENET, isTuned ? stageBefore(STAGE)! : STAGE, { width: 224, height: 224 });
  let startedAt = performance.now();
  await trainStill(
    {
      ...{ id: name, source: 'stills', embedding: 64, mirrored: true },
      pictures: used.map(({ path, label, split, isSeen }) => ({ path, label: label!, split, isSeen })),
      spec: {
        ...front,
        ...(isTuned && { tuned: STAGE }),
        ...{ kind, channels: [128, 128], ...(kind === 'acol' && { erase: 0.6 }) },
      },
      sampler: { classesPerBatch: 8, perClass: 2 },
      trainer: {
        ...{ loss, mining: 'semi-hard', margin: 0.2, dropRate: 0.75, dropThreshold: 0.9, dropout: 0.3 },
        ...{ learningRate: 3e-3, weightDecay: 0.1, warmUpSteps: 10, steps, seed },
        ...(isTuned && { ownRates: { [`${STAGE}_`]: 1e-4 } }),
        ...{ maxGradientNorm: 5, checkpointEvery: steps },
      },
    },
    {
      ...{ backend, outputFolder: folder, resume: false, onProgress: report() },
      onNote: (text) => {
        if (text.includes('learns')) startedAt = performance.now(); // features are there
      },
    },
  );
  const seconds = (performance.now() - startedAt) / 1000;
  const { methods } = kind === 'retrieval' ? PAPER_TABLES.table3 : PAPER_TABLES.table2;
  const own = methods.filter((method) => method !== 'acol' || kind === 'acol');
  const outcomes = await measuredWith(folder, stills, own);
  await rm(folder, { recursive: true });
  return { outcomes, seconds };
}

/** What the head in a folder does on pictures. */
async function measuredWith(
  folder: string,
  stills: readonly StillTruth[],
  methods: readonly string[],
): Promise<PictureOutcome[]> {
  const open = await openStillHead(folder, { backend: 'auto' });
  const network = stillNetwork(open, {});
  const score: StillScore<MapScore> = (map, { boxes }, view) => {
    const heatmap = toHeatmap(map, { height: WSOL_SIDE, width: WSOL_SIDE, view });
    const { largest } = boxOverlaps(mapScores(map, view), boxes);
    return { isFit: isLocalized({ heatmap, level: LEVEL, boxes, isClassCorrect: true }), largest };
  };
  const measured: MeasuredStill<MapScore>[] = [];
  try {
    for (const [index, still] of stills.entries()) {
      measured.push(await measureStill(network, still, { methods, seed: 0, index }, score));
    }
  } finally {
    open.network.dispose();
  }
  const answered = network.output.kind === 'embedding' ? withNeighbours(measured, stills) : measured;
  return answered.map(({ rows, answer }) => ({ answer, maps: rows }));
}
