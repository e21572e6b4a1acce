/**
 * The study of heads: which settings find events of other drives again, and look at what decides them.
 * `npm run bench -- heads DATA CLIPS [TABLE [SEEDS]]`: DATA holds `camvid` and `sim-track` (events.csv, videos, CamVid's `labels`),
 * CLIPS a set of generated events. Every training is kept in `out/heads`, so an interrupted study is continued.
 */
import { access, readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { writeFileAtomically } from '../src/base/files.ts';
import type { GridShape, PictureSize } from '../src/base/types.ts';
import { CAMVID_CLASSES, DEFAULT_METHODS } from '../src/evaluation/choices.ts';
import { localizationTables, studyLocalization } from '../src/evaluation/localization-study.ts';
import { openTruth, surveyTruth } from '../src/evaluation/truth.ts';
import { readEvents } from '../src/events/labelled.ts';
import { planEvents } from '../src/features/dataset.ts';
import { embedViews, pooledFeatures } from '../src/features/embed.ts';
import { openFeatureCache, prepareFeatures } from '../src/features/features.ts';
import { useBackend } from '../src/models/backend.ts';
import type { Stage } from '../src/models/choices.ts';
import { trunkSide } from '../src/models/event-network.ts';
import { type Head, type HeadSpec, untrainedHead } from '../src/models/head.ts';
import { loadModel, type ModelManifest } from '../src/models/model-directory.ts';
import { findModel } from '../src/models/packaged.ts';
import { licencesOn, RESNET50_IMAGENET } from '../src/models/pretrained.ts';
import { evaluateRetrieval } from '../src/retrieval/evaluate.ts';
import type { ValidationRecord } from '../src/training/checkpoint.ts';
import type { DenseSource } from '../src/training/dense-labels.ts';
import { describe } from '../src/training/domain-figures.ts';
import { type TrainingPlan, trainModel } from '../src/training/train-model.ts';
import { firstEvents, GENERATED_CLASSES } from './generated.ts';
import { type ResultTable, spread, writeResults } from './results.ts';
import { root, STUDIED_MODEL } from './support.ts';

const DOMAINS = ['camvid', 'sim-track', 'fixtures'] as const;
type DomainName = (typeof DOMAINS)[number];

/** A way to train a head; what is absent is as in {@link BASE}. */
interface Variant {
  readonly name: string;
  readonly domains?: readonly DomainName[];
  /** Training events of the generated set. */
  readonly generated?: number;
  readonly stage?: Stage;
  readonly size?: PictureSize;
  readonly stride?: 1 | 2;
  readonly pool?: GridShape | 'none';
  readonly frames?: number;
  readonly classifier?: boolean;
  readonly dense?: boolean;
  readonly steps?: number;
  readonly learningRate?: number;
  readonly relation?: number;
  readonly selection?: number;
  /** Times at which each training event is sampled, see `planEvents`. */
  readonly views?: number;
  /** A CamVid drive whose training events validate instead: the figures are theirs, not the test events'. */
  readonly leaveOut?: string;
}

const BASE = {
  domains: ['camvid', 'sim-track'],
  generated: 480,
  stage: 'conv4',
  size: { width: 384, height: 224 },
  stride: 2,
  pool: { height: 2, width: 4 },
  frames: 3,
  classifier: true,
  dense: true,
  steps: 150,
  learningRate: 0.003,
  relation: 10,
  selection: 0,
  views: 2,
} as const;

/** Trainings of each variant, unless fewer are asked for. */
const SEEDS = 3;

/** Like the reference head: its loss, steps and learning rate. */
const REFERENCE = { dense: false, relation: 0, steps: 120, learningRate: 0.001 } as const;

/** What the reference reached: CamVid MAP@R without overlap and kNN, sim MAP@R and kNN (means of three seeds). */
type ReferenceFigures = readonly [string, string, string, string];
const REFERENCE_ROWS: readonly (readonly [Variant, string, ReferenceFigures])[] = [
  [
    { ...REFERENCE, name: 'triplet-camvid', domains: ['camvid'], classifier: false, pool: 'none' },
    'triplet, CamVid',
    ['0.47', '0.25', '', ''],
  ],
  [
    { ...REFERENCE, name: 'softmax-camvid', domains: ['camvid'], pool: 'none' },
    'triplet + softmax, CamVid',
    ['0.50', '0.26', '', ''],
  ],
  [
    { ...REFERENCE, name: 'pooled-camvid', domains: ['camvid'] },
    'triplet + softmax, 2×4, CamVid',
    ['0.50', '0.32', '', ''],
  ],
  [
    { ...REFERENCE, name: 'triplet-sim', domains: ['sim-track'], classifier: false, pool: 'none' },
    'triplet, sim',
    ['', '', '0.78', '0.82'],
  ],
  [
    { ...REFERENCE, name: 'triplet-both', classifier: false, pool: 'none' },
    'triplet, both',
    ['0.41', '0.18', '0.77', '0.78'],
  ],
  [{ ...REFERENCE, name: 'pooled-both' }, 'triplet + softmax, 2×4, both', ['0.45', '0.31', '0.79', '0.91']],
];

const STUDY: readonly (readonly [Variant, string])[] = [
  [{ name: 'base' }, 'base: 2×4 pooling, 12×7 cells, conv4, T = 3, dense labels'],
  [{ name: 'flat', pool: 'none' }, 'no pooling: 12×7 cells into the LSTM'],
  [{ name: 'global', pool: { height: 1, width: 1 } }, 'global average pooling: the LSTM cannot tell places apart'],
  [{ name: 'no-dense', dense: false }, 'no dense labels'],
  [{ name: 'no-relation', relation: 0 }, 'no relational term'],
  [{ name: 'selection', selection: 0.003 }, 'group lasso on the LSTM, 0.003'],
  [{ name: 'square', size: { width: 224, height: 224 } }, '224×224: 7×7 cells'],
  [{ name: 'fine', stride: 1 }, '24×14 cells'],
  [{ name: 'conv3', stage: 'conv3' }, 'conv3: 24×14 cells'],
  [{ name: 'conv5', stage: 'conv5', stride: 1 }, 'conv5: 12×7 cells'],
  [{ name: 't5', frames: 5 }, 'T = 5'],
  [{ name: 't8', frames: 8 }, 'T = 8'],
];

const GENERATED: readonly (readonly [Variant, string])[] = [
  [{ name: 'generated-0', steps: 400, views: 1 }, '0'],
  [{ name: 'generated-200', domains: DOMAINS, generated: 200, steps: 400, views: 1 }, '200'],
  [{ name: 'generated-1000', domains: DOMAINS, generated: 1000, steps: 400, views: 1 }, '1,000'],
  [{ name: 'generated-3000', domains: DOMAINS, generated: 3000, steps: 400, views: 1 }, '3,000'],
];

/** What the packaged head may be like, chosen on one training drive after another that the training leaves out. */
const CHOICES: readonly (readonly [Variant, string])[] = [
  [{ name: 'choice-t3' }, 'base: 2×4 pooling, T = 3'],
  [{ name: 'choice-t5', frames: 5 }, 'T = 5'],
  [{ name: 'choice-t8', frames: 8 }, 'T = 8'],
  [{ name: 'choice-columns', pool: { height: 1, width: 4 } }, '1×4 pooling: left and right, not up and down'],
  [{ name: 'choice-global', pool: { height: 1, width: 1 } }, 'global average pooling'],
  [{ name: 'choice-long', steps: 400, views: 1 }, '400 steps, one view of each event'],
  [
    { name: 'choice-generated', domains: DOMAINS, generated: 1000, steps: 400, views: 1 },
    'the same with 1,000 generated events',
  ],
];
const TRAINING_DRIVES = ['0001TP_train.mp4', '0006R0_train.mp4', '0016E5_train.mp4'] as const;

/** The packaged head's own settings. */
const PACKAGED: readonly (readonly [Variant, string])[] = [
  [{ name: 'packaged', domains: DOMAINS, generated: 480, steps: 400 }, '480, two views: the packaged head'],
];

interface Places {
  readonly data: string;
  readonly clips: string;
  readonly seeds: number;
}

/** Trains what is not yet trained, measures it, and writes one file of results per table, anew after each of its rows. */
export async function run([data, clips, only, seeds = String(SEEDS)]: readonly string[]): Promise<void> {
  if (data === undefined || clips === undefined) {
    throw new Error('usage: npm run bench -- heads DATA CLIPS [TABLE [SEEDS]]');
  }
  const places = { data: resolve(data), clips: resolve(clips), seeds: Number(seeds) };
  const { name: backend } = await useBackend('auto');
  const measure: Measurer = (variant, withLift) => measureVariant(variant, withLift, places, backend);
  const tables: Readonly<Record<string, () => AsyncGenerator<ResultTable>>> = {
    study: () => studyTable('settings', STUDY, measure),
    generated: () => studyTable('generated training events', GENERATED, measure),
    packaged: () => packagedTable(measure),
    reference: () => referenceTable(places, backend, measure),
    choices: () => choicesTable(measure),
  };
  for (const [name, make] of Object.entries(tables)) {
    if (only !== undefined && only !== name) continue;
    const command = `npm run bench -- heads DATA CLIPS ${name}`;
    for await (const table of make()) await writeResults({ name: `heads-${name}`, command, tables: [table] });
  }
}

/** The figures of one trained head, on test events or on those of the drive that was left out. */
interface SeedFigures {
  readonly retrieval: ModelManifest['figures'];
  /** On CamVid's masks, by method. */
  readonly lift: Readonly<Record<string, number>>;
}

/** Trains a variant's seeds, where that was not done before, and measures them; energy lift only if asked for. */
type Measurer = (variant: Variant, withLift: boolean) => Promise<SeedFigures[]>;

type Backend = Awaited<ReturnType<typeof useBackend>>['name'];

async function measureVariant(
  variant: Variant,
  withLift: boolean,
  places: Places,
  backend: Backend,
): Promise<SeedFigures[]> {
  const found: SeedFigures[] = [];
  for (let seed = 0; seed < places.seeds; seed++) {
    const folder = join(root, 'out', 'heads', `${variant.name}-${seed}`);
    const isTrained = await exists(join(folder, 'model.json'));
    if (!isTrained) {
      console.error(`training ${variant.name}, seed ${seed}`);
      await trainModel(await planOf(variant, seed, places), { backend, outputFolder: folder, resume: false });
    }
    const { head, manifest } = await loadModel(folder);
    const retrieval = variant.leaveOut === undefined ? manifest.figures : await validationFigures(folder);
    const lift = withLift ? await liftOf(head, manifest.preprocessing.frames, variant, folder, places, backend) : {};
    found.push({ retrieval, lift });
  }
  return found;
}

/** The last validation figures of a training, as a manifest has those of the test events. */
async function validationFigures(folder: string): Promise<ModelManifest['figures']> {
  const log = JSON.parse(await readFile(join(folder, 'training.json'), 'utf8')) as {
    validation: readonly ValidationRecord[];
  };
  const found: Record<string, Record<string, number>> = {};
  for (const [name, value] of Object.entries(log.validation.at(-1)?.figures ?? {})) {
    const [domain, figure] = name.split(' ') as [string, string];
    found[domain] = { ...found[domain], [figure]: value };
  }
  return found;
}

async function planOf(variant: Variant, seed: number, places: Places): Promise<TrainingPlan> {
  const own = { ...BASE, ...variant };
  const paths: Record<DomainName, string> = {
    camvid: join(places.data, 'camvid', 'events.csv'),
    'sim-track': join(places.data, 'sim-track', 'events.csv'),
    fixtures: own.domains.includes('fixtures')
      ? await firstEvents(own.generated, places.clips, join(root, 'out', 'heads'))
      : '',
  };
  const sources: readonly (readonly [DomainName, DenseSource])[] = [
    ['camvid', { folder: join(places.data, 'camvid', 'labels'), classes: ['6', '8', '9', '10'] }],
    ['fixtures', { folder: places.clips, classes: GENERATED_CLASSES }],
  ];
  const pooling = own.pool === 'none' ? {} : { pool: own.pool };
  const spec: HeadSpec = {
    ...trunkSide(RESNET50_IMAGENET, own.stage, own.size),
    shallowCnn: [
      { kernelSize: 1, stride: 1, channels: 96 },
      { kernelSize: 3, stride: own.stride, channels: 64 },
    ],
    ...pooling,
    lstmUnits: 128,
    embeddingSize: 64,
  };
  return {
    id: variant.name,
    domains: own.domains.map((name) => ({ name, path: paths[name] })),
    spec,
    classifier: own.classifier,
    dense: new Map(own.dense ? sources.filter(([name]) => own.domains.includes(name)) : []),
    validationVideos: own.leaveOut === undefined ? [] : [own.leaveOut],
    views: own.views,
    components: 128,
    trainer: {
      loss: 'triplet',
      mining: 'semi-hard',
      margin: 0.2,
      classifierWeight: 1,
      denseWeight: 1,
      sparsityWeight: 0,
      selectionWeight: own.selection,
      agreementWeight: 0,
      relationWeights: own.relation > 0 && own.domains.includes('camvid') ? { camvid: own.relation } : {},
      learningRate: own.learningRate,
      weightDecay: 0.1,
      warmUpSteps: 10,
      steps: own.steps,
      seed,
      frames: own.frames,
      dropout: 0.3,
      maxGradientNorm: 5,
      checkpointEvery: own.steps,
    },
    sampler: {
      classesPerBatch: 18,
      eventsPerClass: own.domains.length === 3 ? 4 : 8,
      mirroredLabels: new Map([
        ['left_turn', 'right_turn'],
        ['right_turn', 'left_turn'],
      ]),
    },
  };
}

const LIFT_METHODS = DEFAULT_METHODS.filter((method) => ['l2caf', 'l2caf-reinit', 'activation-norm'].includes(method));

/** Energy lift on CamVid's masks by method, kept beside the model. */
async function liftOf(
  head: Head,
  frames: number,
  { leaveOut }: Variant,
  folder: string,
  { data }: Places,
  backend: Backend,
): Promise<Record<string, number>> {
  const path = join(folder, 'lift.json');
  if (await exists(path)) return JSON.parse(await readFile(path, 'utf8')) as Record<string, number>;
  const events = (await readEvents(join(data, 'camvid', 'events.csv'))).filter(({ split, video }) =>
    leaveOut === undefined ? split === 'test' : video === leaveOut,
  );
  const planned = await planEvents([{ name: 'camvid', events }], { frames, views: 1, seed: 0 });
  const truth = await openTruth(join(data, 'camvid', 'labels'), CAMVID_CLASSES);
  const { events: visible } = await surveyTruth(planned, truth);
  const scores = await studyLocalization(head, visible, {
    methods: LIFT_METHODS,
    truth,
    target: 'oblivious',
    seed: 0,
    backend,
  });
  const [table] = await localizationTables(scores, { seed: 0 });
  const overall = table!.rows.filter(({ group }) => group === undefined);
  const lift = Object.fromEntries(overall.map(({ name, figures }) => [name, figures['energyLift']!.value]));
  await writeFileAtomically(path, `${JSON.stringify(lift)}\n`);
  return lift;
}

const RETRIEVAL_COLUMNS = ['CamVid MAP@R', 'CamVid kNN', 'sim MAP@R', 'sim kNN'];
const retrievalOf = (found: readonly SeedFigures[]): string[] =>
  (['camvid', 'sim-track'] as const).flatMap((domain) =>
    (['mapAtRNoOverlap', 'knn'] as const).map((figure) =>
      spread(found.map(({ retrieval }) => retrieval[domain]?.[figure])),
    ),
  );

const LIFT_COLUMNS = ['CamVid lift', 'LSTM re-initialised', 'activation norm'];
const liftCells = (found: readonly SeedFigures[]): string[] =>
  LIFT_METHODS.map((method) => spread(found.map(({ lift }) => lift[method])));

async function* studyTable(
  what: string,
  variants: readonly (readonly [Variant, string])[],
  measure: Measurer,
  further: readonly string[] = [],
): AsyncGenerator<ResultTable> {
  const rows: string[][] = [];
  for (const [variant, title] of variants) {
    const found = await measure(variant, true);
    rows.push([title, ...retrievalOf(found), ...liftCells(found), String(found.length)]);
    yield {
      columns: [what, ...RETRIEVAL_COLUMNS, ...LIFT_COLUMNS, 'seeds'],
      rows,
      notes: [
        'Test events; MAP@R without overlapping windows; kNN: balanced accuracy by the 5 nearest training events. Trained on CamVid and the simulator drive, 150 steps, two views of each event; with generated events: 400 steps, one view.',
        ...further,
      ],
    };
  }
}

/** The packaged head's settings, and what it may be used for. */
async function* packagedTable(measure: Measurer): AsyncGenerator<ResultTable> {
  const { head } = await loadModel(await findModel(STUDIED_MODEL));
  const licences = licencesOn(RESNET50_IMAGENET, head);
  const note = `Licences. ${licences.map(({ of, licence }) => `${of}: ${licence}`).join('; ')}.`;
  yield* studyTable('generated training events', PACKAGED, measure, [note]);
}

/** One row per setting: means over the drives left out in turn. */
async function* choicesTable(measure: Measurer): AsyncGenerator<ResultTable> {
  const rows: string[][] = [];
  for (const [variant, title] of CHOICES) {
    const found: SeedFigures[] = [];
    for (const leaveOut of TRAINING_DRIVES) {
      found.push(
        ...(await measure({ ...variant, name: `${variant.name}-${basename(leaveOut, '.mp4')}`, leaveOut }, true)),
      );
    }
    const [mapAtR, knn] = retrievalOf(found);
    rows.push([title, mapAtR!, knn!, ...liftCells(found), String(found.length)]);
    yield {
      columns: ['settings', ...RETRIEVAL_COLUMNS.slice(0, 2), ...LIFT_COLUMNS, 'trainings'],
      rows,
      notes: [
        `Events of the training drive that was left out, mean ± standard deviation over the ${TRAINING_DRIVES.length} drives and their seeds; kNN: by the events of the other training drives.`,
      ],
    };
  }
}

async function* referenceTable(places: Places, backend: Backend, measure: Measurer): AsyncGenerator<ResultTable> {
  const rows = await untrainedRows(places, backend);
  for (const [variant, title, reference] of REFERENCE_ROWS) {
    const own = retrievalOf(await measure(variant, false));
    rows.push([title, ...own.flatMap((cell, i) => [cell, reference[i]!])]);
    yield {
      columns: ['head', ...RETRIEVAL_COLUMNS.flatMap((column) => [column, 'reference'])],
      rows,
      notes: [
        `The reference is another implementation, in PyTorch, on the same events. Both: 120 steps, semi-hard triplets, learning rate 0.001; ours on 128 principal components of the features. Three seeds of the reference, ${places.seeds} of ours.`,
      ],
    };
  }
}

/** The trunk without a head, and an untrained head. */
async function untrainedRows(places: Places, backend: Backend): Promise<string[][]> {
  const cells: [string[], string[]] = [[], []];
  const { spec } = await planOf({ name: 'base' }, 0, places);
  for (const domain of ['camvid', 'sim-track']) {
    const events = await readEvents(join(places.data, domain, 'events.csv'));
    const planned = await planEvents([{ name: domain, events }], { frames: 3, views: 1, seed: 0 });
    const cache = openFeatureCache(spec);
    await prepareFeatures(planned, spec, cache, { backend });
    const views = planned.map((event) => event.views[0]!);
    const spaces = [
      await pooledFeatures(views, spec.trunkChannels, { cache }),
      await embedViews(untrainedHead(spec, 0), views, { cache }),
    ];
    for (const [i, space] of spaces.entries()) {
      const all = planned.map(({ event }, k) => ({ split: event.split, ...describe(event, space[k]!) }));
      const [test, training] = (['test', 'train'] as const).map((split) =>
        all.filter((event) => event.split === split),
      );
      const report = await evaluateRetrieval(test!, training!, { exclude: 'overlap', seed: 0 });
      cells[i]!.push(report.mapAtR.toFixed(3), report.knn!.balancedAccuracy.toFixed(3));
    }
  }
  const reference = [
    ['0.52', '0.17', '0.42', '0.60'],
    ['0.47', '0.17', '0.40', '0.61'],
  ];
  return ['none: pooled trunk', 'random head'].map((title, i) => [
    title,
    ...cells[i]!.flatMap((cell, k) => [cell, reference[i]![k]!]),
  ]);
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
