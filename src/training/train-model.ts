/**
 * Training from files to a model directory: events → features → head → figures → files. The steps in the order in which
 * they run; each lives in a file of its own.
 */
import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { L2cafError } from '../base/errors.ts';
import { writeFileAtomically } from '../base/files.ts';
import { groupBy } from '../base/group-by.ts';
import { removeSealed } from '../base/output.ts';
import { createRandom } from '../base/random.ts';
import { VERSION } from '../base/version.ts';
import { readEvents } from '../events/labelled.ts';
import type { FeatureReader } from '../features/cache.ts';
import { type Domain, type PlannedEvent, planEvents } from '../features/dataset.ts';
import { pooledFeatures } from '../features/embed.ts';
import { type FeatureOptions, openFeatureCache, prepareFeatures } from '../features/features.ts';
import { uprightViewsOf } from '../features/views.ts';
import { EXPORTED_FILES, writeExported } from '../models/export.ts';
import type { Familiarity } from '../models/familiarity.ts';
import { featureMapShape, type Head, type HeadSpec, untrainedHead } from '../models/head.ts';
import { SURVEY_FILE } from '../models/imported.ts';
import { licencesOf, MODEL_FILES, type ModelFacts, type ModelManifest, saveModel } from '../models/model-directory.ts';
import type { OnnxTrunk } from '../models/onnx/trunk.ts';
import type { NamedArray } from '../models/safetensors.ts';
import { askedOf } from './calibration.ts';
import { freshState, readCheckpoint, type StepRecord, type TrainingState } from './checkpoint.ts';
import { checkComponents, fitComponents, reducedSpec, reduceFeatures, unfoldComponents } from './components.ts';
import { drawCurves } from './curves.ts';
import { DenseLabels, type DenseSource } from './dense-labels.ts';
import { domainFigures } from './domain-figures.ts';
import { fitFamiliarity } from './familiarity.ts';
import { BatchSampler, PairSampler, type SamplerOptions } from './sampler.ts';
import { checkTrainable } from './trainable.ts';
import { type TrainerOptions, train } from './trainer.ts';

/** A list of events and the name of its domain. */
export interface DomainFile {
  readonly name: string;
  readonly path: string;
}

/** Everything that decides the result of a training. */
export interface TrainingPlan {
  readonly id: string;
  readonly domains: readonly DomainFile[];
  /** Lists of events without labels, of which two views each should agree. */
  readonly unlabelled?: readonly DomainFile[];
  /** A user's own network that the head stands on, as `spec` says; whoever opened it disposes of it. */
  readonly trunk?: OnnxTrunk | undefined;
  /** The head to train; its labels are those of the events if `classifier` is set. */
  readonly spec: HeadSpec;
  readonly classifier: boolean;
  /** Masks or boxes, by domain; see `DenseLabels`. */
  readonly dense: ReadonlyMap<string, DenseSource>;
  /** Videos, as the events name them, whose training events validate instead. */
  readonly validationVideos: readonly string[];
  /** By the name of a domain that of its videos and labels; by {@link OF_WEIGHTS} that of the trained weights. */
  readonly licences?: ReadonlyMap<string, string>;
  /** Views of each training event. */
  readonly views: number;
  /** Principal components of the trunk's features to train on; 0: the features themselves. */
  readonly components: number;
  readonly trainer: TrainerOptions;
  readonly sampler: Omit<SamplerOptions, 'seed'>;
}

/** Among licences, the name of the trained weights. */
export const OF_WEIGHTS = 'weights';

/** How a training runs; none of this changes the result. */
export interface TrainingWork extends FeatureOptions {
  /** Folder of the videos; default: that of each list. */
  readonly videos?: string | undefined;
  readonly outputFolder: string;
  /** Continue from the checkpoint in the output folder. */
  readonly resume: boolean;
  /** Told about every step. */
  readonly onStep?: (record: StepRecord) => void;
  /** Told what the user should know, a sentence at a time. */
  readonly onNote?: (text: string) => void;
  /** Told what must not be overlooked. */
  readonly onWarning?: (text: string) => void;
}

const CHECKPOINT = 'checkpoint.safetensors';

/** The files that {@link trainModel} writes into its folder; on a user's own trunk those of a network in place of a model's. */
export const TRAINING_FILES: readonly string[] = [
  ...[...MODEL_FILES, ...EXPORTED_FILES],
  ...[CHECKPOINT, 'training.json', 'curves.png'],
];

/** What a training has made. */
export type TrainedModel = Pick<ModelManifest, 'id' | 'l2cafVersion' | 'training' | 'figures'>;

/**
 * Trains a head and writes the model directory, `training.json` (settings, losses, validation) and `curves.png`. A head on a
 * user's own trunk is written as one network with it, an ONNX file and its card.
 *
 * @throws L2cafError as reading events, features and checkpoints do; `usage` when a validation video is not among the
 *   events, or the components do not fit the head; `diverged`; `aborted`.
 */
export async function trainModel(plan: TrainingPlan, work: TrainingWork): Promise<TrainedModel> {
  const { trainer } = plan;
  checkComponents(plan.spec, plan.components);
  const { signal, onProgress } = work;
  const domains = await readDomains(plan, work);
  const planning = { frames: trainer.frames, seed: trainer.seed, signal };
  const planned = await planEvents(domains, { ...planning, views: plan.views });
  const others = await readUnlabelled(plan, work);
  const unlabelled = await planEvents(others, { ...planning, views: UNLABELLED_VIEWS, kind: uprightViewsOf });
  const all = [...planned, ...unlabelled];
  const labels = [...new Set(planned.map(({ event }) => event.label))].sort();
  const spec: HeadSpec = {
    ...plan.spec,
    eventSec: medianLength(planned),
    ...(plan.classifier && { labels }),
  };
  const cache = openFeatureCache(spec, work.cacheBytes, plan.trunk?.sha256);
  const { computed, reused } = await prepareFeatures(all, spec, cache, { ...work, importedTrunk: plan.trunk });
  work.onNote?.(`features of ${computed + reused} frames: ${computed} computed, ${reused} from the cache`);
  const components = plan.components
    ? await fitComponents(all, cache, spec.trunkChannels, plan.components, work)
    : undefined;
  const features = components ? await reduceFeatures(all, cache, components, work) : cache;
  const trainedSpec = components ? reducedSpec(spec, components) : spec;
  const dense = plan.dense.size > 0 ? await DenseLabels.load(planned, plan.dense, featureMapShape(spec)) : undefined;

  const checkpoint = {
    path: join(work.outputFolder, CHECKPOINT),
    fingerprint: fingerprintOf(plan, all),
  };
  const state = work.resume
    ? await readCheckpoint(checkpoint.path, checkpoint.fingerprint)
    : freshState(initialWeights(trainedSpec, trainer.seed, dense));
  if (work.resume) work.onNote?.(`resuming after step ${state.step}`);
  const headOf = ({ weights }: TrainingState): Head => finishedHead(trainedSpec, plan.id, weights);
  const validating = planned.filter(({ event }) => event.split === 'val');
  if (validating.length === 0) work.onNote?.('no validation events: the training is watched by its loss alone');
  const sampler = new BatchSampler(planned, { ...plan.sampler, seed: trainer.seed });
  const pairs =
    unlabelled.length > 0 ? new PairSampler(unlabelled, { seed: trainer.seed, pairs: PAIRS_PER_BATCH }) : undefined;
  const figures = { cache: features, backend: work.backend, seed: trainer.seed, signal };
  const validate = async (current: TrainingState): Promise<Record<string, number>> =>
    flatten(await domainFigures(headOf(current), planned, 'val', figures));
  await train(
    {
      spec: trainedSpec,
      options: trainer,
      backend: work.backend,
      sampler,
      cache: features,
      dense,
      pairs,
      checkpoint,
      validate: validating.length > 0 ? validate : undefined,
      onStep: work.onStep,
      signal,
    },
    state,
  );

  const head = headOf(state);
  const { questions, calibration } = await askedOf(head, planned, { ...figures, onProgress, onNote: work.onNote });
  const whole = components ? unfoldComponents(spec, head, components) : head;
  const finished = questions.length > 0 ? { ...whole, spec: { ...whole.spec, questions } } : whole;
  const facts: TrainedModel = {
    id: plan.id,
    l2cafVersion: VERSION,
    training: {
      seed: trainer.seed,
      options: settingsOf(plan),
      domains: [...domains, ...others].map((domain) => summaryOf(domain, plan.licences?.get(domain.name))),
    },
    figures: await domainFigures(head, planned, 'test', { ...figures, onProgress }),
  };
  const familiarity = plan.trunk ? undefined : await familiarityOf(all, spec, cache, work);
  const model = await write(plan, finished, { ...facts, familiarity, calibration }, work.outputFolder);
  const { history, validation } = state;
  const about = plan.trunk ? facts : { options: settingsOf(plan) }; // a model's own file says the rest
  const log = { model: model.id, ...about, steps: history, validation };
  await writeFileAtomically(join(work.outputFolder, 'training.json'), `${JSON.stringify(log, null, 1)}\n`);
  await writeFileAtomically(join(work.outputFolder, 'curves.png'), await drawCurves(history, validation));
  await rm(checkpoint.path, { force: true });
  return model;
}

/** Length of the training events, their median, seconds. */
function medianLength(planned: readonly PlannedEvent[]): number {
  const spans = planned.flatMap(({ event: { split, span } }) => (split === 'train' ? [span] : []));
  const lengths = spans.map(({ startSec, endSec }) => Number((endSec - startSec).toFixed(6))).sort((a, b) => a - b);
  return lengths[Math.floor(lengths.length / 2)]!;
}

/** How far events may be from the training events; undefined, which is said, where all of a domain are of one video. */
async function familiarityOf(
  planned: readonly PlannedEvent[],
  { trunkChannels }: HeadSpec,
  cache: FeatureReader,
  { onNote, onProgress, signal }: TrainingWork,
): Promise<Familiarity | undefined> {
  const training = planned.filter(({ event }) => event.split === 'train');
  const views = training.map((event) => event.views[0]!);
  const features = await pooledFeatures(views, trunkChannels, { cache, onProgress, signal });
  const events = training.map(({ event, domain }, i) => ({ features: features[i]!, domain, video: event.video }));
  const found = await fitFamiliarity(events, signal);
  if (found === undefined) onNote?.('training events of one video: the model cannot say what is unlike them');
  return found;
}

/** Writes what was trained, and removes what an earlier training of the other kind has left: it would be taken for this. */
async function write(
  { trunk, trainer: { frames }, licences }: TrainingPlan,
  head: Head,
  { familiarity, calibration, ...facts }: TrainedModel & Pick<ModelFacts, 'familiarity' | 'calibration'>,
  folder: string,
): Promise<TrainedModel> {
  const others = trunk ? MODEL_FILES : [...EXPORTED_FILES, SURVEY_FILE];
  await removeSealed(others.map((name) => join(folder, name)));
  const licence = licences?.get(OF_WEIGHTS);
  if (trunk === undefined) return saveModel(folder, head, { ...facts, frames, licence, familiarity, calibration });
  const { bytes, card } = trunk.withHead(head, frames);
  const all = [...licencesOf({ ...facts, licence }), ...(card.licences ?? [])];
  await writeExported(folder, { bytes, card: { ...card, ...(all.length > 0 && { licences: all }) } });
  return facts;
}

/** Reads all lists; training events of the validation videos become validation events. */
async function readDomains(plan: TrainingPlan, { videos: folder, signal, onWarning }: TrainingWork): Promise<Domain[]> {
  const videos = new Set(plan.validationVideos);
  const domains: Domain[] = [];
  const found = new Set<string>();
  for (const { name, path } of plan.domains) {
    const events = (await readEvents(path, { videos: folder, signal, onNote: onWarning })).map((event) => {
      if (!videos.has(event.video) || event.split !== 'train') return event;
      found.add(event.video);
      return { ...event, split: 'val' as const };
    });
    checkTrainable(path, events);
    domains.push({ name, events });
  }
  const unused = plan.validationVideos.filter((video) => !found.has(video));
  if (unused.length > 0) throw new L2cafError('usage', `no training event is cut from ${unused.join(', ')}`);
  return domains;
}

/** Reads the lists without labels, all of them for training. */
async function readUnlabelled({ unlabelled = [] }: TrainingPlan, work: TrainingWork): Promise<Domain[]> {
  const { videos, signal, onWarning: onNote } = work;
  const domains: Domain[] = [];
  for (const { name, path } of unlabelled) {
    const events = await readEvents(path, { needs: [], videos, signal, onNote });
    domains.push({ name, events: events.map((event) => ({ ...event, label: UNLABELLED, split: 'train' })) });
  }
  return domains;
}

/** What stands in place of a label, in counts of events. */
const UNLABELLED = 'unlabelled';
/** Ways in which each event without a label is shown. */
const UNLABELLED_VIEWS = 4;
/** Of these events a batch holds so many at most. */
const PAIRS_PER_BATCH = 32;

/** Random weights of the head and, for dense labels, of the auxiliary layer that is trained with it. */
function initialWeights(spec: HeadSpec, seed: number, dense: DenseLabels | undefined): Map<string, NamedArray> {
  const weights = new Map(untrainedHead(spec, seed).weights);
  if (dense === undefined) return weights;
  const { channels } = featureMapShape(spec);
  const classes = dense.classes.length;
  const random = createRandom(seed, DENSE_STREAM);
  const kernel = Float32Array.from({ length: channels * classes }, () => (0.1 * random.normal()) / channels);
  weights.set('dense/kernel', { shape: [channels, classes], data: kernel });
  weights.set('dense/bias', { shape: [classes], data: new Float32Array(classes) });
  return weights;
}

/** The head without what only the training needs; the arrays are those of the state. */
function finishedHead(spec: HeadSpec, id: string, weights: ReadonlyMap<string, NamedArray>): Head {
  const own = [...weights].filter(([name]) => !name.startsWith('dense/'));
  return { spec, origin: { kind: 'trained', id }, weights: new Map(own) };
}

/** What must be equal for a checkpoint to be continued: the settings, and every frame of every view. */
function fingerprintOf(plan: TrainingPlan, planned: readonly PlannedEvent[]): string {
  const events = planned.map(({ event, domain, views }) => [domain, event.id, event.label, event.split, views]);
  const trunk = plan.trunk ? [plan.trunk.sha256] : [];
  return createHash('sha256')
    .update(JSON.stringify([settingsOf(plan), plan.spec, events, ...trunk]))
    .digest('hex');
}

/** The settings as they are written down; no paths, so that a model does not tell where it was made. */
function settingsOf({
  trainer,
  sampler,
  views,
  components,
  classifier,
  dense,
  validationVideos,
  trunk,
}: TrainingPlan): Record<string, unknown> {
  return {
    ...(trunk && { trunk: { name: trunk.id, sha256: trunk.fileSha256, layer: trunk.layer } }),
    ...trainer,
    ...sampler,
    mirroredLabels: Object.fromEntries(sampler.mirroredLabels),
    views,
    components,
    classifier,
    dense: Object.fromEntries([...dense].map(([name, { classes }]) => [name, classes ?? 'all'])),
    validationVideos,
  };
}

function summaryOf(
  { name, events }: Domain,
  licence: string | undefined,
): ModelManifest['training']['domains'][number] {
  const bySplit = [...groupBy(events, ({ split }) => split)].map(([split, own]) => {
    const counts = [...groupBy(own, ({ label }) => label)].map(([label, { length }]) => [label, length]);
    return [split, Object.fromEntries(counts.sort())];
  });
  return {
    ...{ name, events: Object.fromEntries(bySplit), videos: new Set(events.map(({ video }) => video)).size },
    ...(licence !== undefined && { licence }),
  };
}

/** `{ camvid: { knn: 1 } }` → `{ 'camvid knn': 1 }` */
function flatten(figures: Readonly<Record<string, Readonly<Record<string, number>>>>): Record<string, number> {
  const entries = Object.entries(figures);
  return Object.fromEntries(
    entries.flatMap(([domain, own]) => Object.entries(own).map(([name, value]) => [`${domain} ${name}`, value])),
  );
}

/** Keeps these draws apart from others of the same seed. */
const DENSE_STREAM = 105;
