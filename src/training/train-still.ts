/**
 * Training of a head for still pictures, from files to a folder: pictures → features → head → figures → files. What is frozen of the
 * trunk runs once per picture; gradients reach back into its last stage where that is part of the head (`spec.tuned`).
 */
import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { L2cafError } from '../base/errors.ts';
import { writeFileAtomically } from '../base/files.ts';
import { groupBy } from '../base/group-by.ts';
import { VERSION } from '../base/version.ts';
import type { Split } from '../events/row.ts';
import { type FeatureOptions, openFeatureCache, preparePictures } from '../features/features.ts';
import { type LabelledPicture, type PlannedPicture, planPictures } from '../features/pictures.ts';
import { currentBackend, type EngineName, onBackend } from '../models/backend.ts';
import type { OnnxTrunk } from '../models/onnx/trunk.ts';
import { findPretrained } from '../models/pretrained.ts';
import { pullTrunk } from '../models/pull.ts';
import type { NamedArray } from '../models/safetensors.ts';
import { STILL_HEAD_FILES, type StillHead, type StillManifest, saveStillHead } from '../models/still-directory.ts';
import { type StillHeadSpec, untrainedStillHead } from '../models/still-head.ts';
import { pretrainedStage } from '../models/tuned-stage.ts';
import { freshState, readCheckpoint, type StepRecord, type TrainingState } from './checkpoint.ts';
import { drawCurves } from './curves.ts';
import { runLoop } from './loop.ts';
import { type ClassOptions, ClassSampler } from './sampler.ts';
import { stillFigures } from './still-figures.ts';
import { type StillTrainerOptions, stillObjective } from './still-objective.ts';

/** A picture that can be trained or measured on. */
export interface StillPicture extends LabelledPicture {
  /** What it is for, where its data set says so. */
  readonly split?: Split | undefined;
  /** Whether its class is among those that a retrieval head is trained on, where the data set says so. */
  readonly isSeen?: boolean | undefined;
}

/** Everything that decides the result of a training. */
export interface StillPlan {
  readonly id: string;
  /** Name of the data set. */
  readonly source: string;
  readonly pictures: readonly StillPicture[];
  /** The head to train, but for its classes, which are those of the pictures. */
  readonly spec: Omit<StillHeadSpec, 'labels' | 'outputs'>;
  /** Components of the embedding of a retrieval head. */
  readonly embedding: number;
  /** A user's own network that the head stands on, as `spec` says; whoever opened it disposes of it. */
  readonly trunk?: OnnxTrunk | undefined;
  /** Whether training pictures are also shown mirrored. */
  readonly mirrored: boolean;
  readonly sampler: Omit<ClassOptions, 'seed'>;
  readonly trainer: StillTrainerOptions;
  /** Of the weights, and of the pictures. */
  readonly licences?: { readonly weights?: string | undefined; readonly pictures?: string | undefined };
}

/** How a training runs; none of this changes the result. */
export interface StillWork extends FeatureOptions {
  readonly outputFolder: string;
  /** Continue from the checkpoint in the output folder. */
  readonly resume: boolean;
  /** Told about every step. */
  readonly onStep?: (record: StepRecord) => void;
  /** Told what the user should know, a sentence at a time. */
  readonly onNote?: (text: string) => void;
}

const CHECKPOINT = 'checkpoint.safetensors';

/** The files that {@link trainStill} writes into its folder. */
export const STILL_TRAINING_FILES: readonly string[] = [
  ...STILL_HEAD_FILES,
  ...[CHECKPOINT, 'training.json', 'curves.png'],
];

/** What pictures are used for: fitting the weights, watching that, measuring the result. */
interface Roles<T> {
  readonly train: readonly T[];
  readonly val: readonly T[];
  readonly measured: readonly T[];
  /** What those that measure the result are called. */
  readonly name: 'test' | 'unseen';
}

/**
 * Trains a head and writes its folder, `training.json` (settings, losses, validation) and `curves.png`.
 *
 * @throws L2cafError `input-unreadable` for pictures that nothing can be learnt from; as reading pictures, features and
 *   checkpoints does; `diverged`; `aborted`
 */
export async function trainStill(plan: StillPlan, work: StillWork): Promise<StillManifest> {
  const { trainer, trunk, sampler } = plan;
  const { signal, onProgress, onNote } = work;
  const roles = rolesOf(plan);
  const spec = specOf(plan, roles);
  const planned = await plannedRoles(plan, roles, work);
  const cache = openFeatureCache(spec, work.cacheBytes, trunk?.sha256);
  const all = [...planned.train, ...planned.val, ...planned.measured];
  const { computed, reused } = await preparePictures(all, spec, cache, { ...work, importedTrunk: trunk });
  onNote?.(`features of ${computed + reused} pictures: ${computed} computed, ${reused} from the cache`);
  onNote?.(whatLearns(spec, work.backend));

  const checkpoint = { path: join(work.outputFolder, CHECKPOINT), fingerprint: fingerprintOf(plan, spec, planned) };
  const state = work.resume
    ? await readCheckpoint(checkpoint.path, checkpoint.fingerprint)
    : freshState(await untrainedWeights(spec, trainer.seed, work));
  if (work.resume) onNote?.(`resuming after step ${state.step}`);
  const headOf = ({ weights }: TrainingState): StillHead => ({ spec, weights });
  const measure = { cache, backend: work.backend, seed: trainer.seed, signal };
  if (planned.val.length === 0) onNote?.('no validation pictures: the training is watched by its loss alone');
  const classes = [...groupBy(planned.train, ({ label }) => label).values()];
  await runLoop(
    stillObjective(spec, trainer, new ClassSampler(classes, { ...sampler, seed: trainer.seed }), cache),
    trainer,
    {
      backend: work.backend,
      checkpoint,
      validate: planned.val.length > 0 ? (current) => figuresOf(headOf(current), planned.val, measure) : undefined,
      onStep: work.onStep,
      signal,
    },
    state,
  );

  const head = headOf(state);
  const figures: Record<string, Record<string, number>> = {};
  const measuring = { ...measure, onProgress };
  if (planned.val.length > 0) figures['val'] = await stillFigures(head, planned.val, measuring);
  if (planned.measured.length > 0) figures[planned.name] = await stillFigures(head, planned.measured, measuring);
  const { weights: licence, pictures: dataLicence } = plan.licences ?? {};
  const { history, validation } = state;
  const log = { head: plan.id, options: settingsOf(plan), steps: history, validation };
  await writeFileAtomically(join(work.outputFolder, 'training.json'), `${JSON.stringify(log, null, 1)}\n`);
  await writeFileAtomically(join(work.outputFolder, 'curves.png'), await drawCurves(history, validation));
  const facts = {
    ...{ id: plan.id, l2cafVersion: VERSION, figures, licence },
    training: {
      seed: trainer.seed,
      data: plan.source,
      options: settingsOf(plan),
      pictures: {
        train: planned.train.length,
        val: planned.val.length,
        [planned.name]: planned.measured.length,
      },
      ...(dataLicence !== undefined && { licence: dataLicence }),
    },
  };
  const manifest = await saveStillHead(work.outputFolder, head, facts, trunk);
  await rm(checkpoint.path, { force: true });
  return manifest;
}

function whatLearns({ tuned, stage }: StillHeadSpec, engine: EngineName): string {
  if (tuned === undefined) return 'the trunk is frozen: only the head behind it learns';
  const backend = onBackend(engine, currentBackend);
  const slow = backend === 'wasm' ? ', which takes seconds a step: @tensorflow/tfjs-node is several times as fast' : '';
  return `${tuned} learns with the head, up to ${stage} the trunk is frozen; gradients on ${backend}${slow}`;
}

/** The head at random, and the stage that learns with it as it was pulled. Throws as `pullTrunk`. */
async function untrainedWeights(
  spec: StillHeadSpec,
  seed: number,
  { onProgress, signal }: StillWork,
): Promise<Map<string, NamedArray>> {
  const head = untrainedStillHead(spec, seed);
  if (spec.tuned === undefined) return head;
  await pullTrunk(findPretrained(spec.trunk), { ...(onProgress && { onProgress }), ...(signal && { signal }) });
  return new Map([...head, ...(await pretrainedStage(spec.trunk, spec.tuned))]);
}

/** Figures to watch, without the number of pictures. */
async function figuresOf(...args: Parameters<typeof stillFigures>): Promise<Record<string, number>> {
  const { pictures: _, ...figures } = await stillFigures(...args);
  return figures;
}

/**
 * What each picture is used for. A retrieval head is trained on all pictures of the classes that it may see, and measured on those of
 * the others, where the data set tells them apart.
 *
 * @throws L2cafError `input-unreadable` for pictures that nothing can be learnt from
 */
export function rolesOf({
  pictures,
  spec: { kind },
  source,
}: Pick<StillPlan, 'pictures' | 'spec' | 'source'>): Roles<StillPicture> {
  const splits = (split: Split) => pictures.filter((picture) => picture.split === split);
  const isOpen = kind === 'retrieval' && pictures.some(({ isSeen }) => isSeen === false);
  const roles: Roles<StillPicture> = isOpen
    ? {
        train: pictures.filter(({ isSeen, split }) => isSeen === true && split !== 'val'),
        val: pictures.filter(({ isSeen, split }) => isSeen === true && split === 'val'),
        measured: pictures.filter(({ isSeen }) => isSeen === false),
        name: 'unseen',
      }
    : { train: splits('train'), val: splits('val'), measured: splits('test'), name: 'test' };
  const counts = [...groupBy(roles.train, ({ label }) => label)].map(([label, own]) => [label, own.length] as const);
  const alone = kind === 'retrieval' ? counts.filter(([, count]) => count === 1) : [];
  const problem =
    roles.train.length === 0
      ? 'has no pictures for training (split train)'
      : counts.length === 1
        ? `has training pictures of one class only, ${counts[0]![0]}`
        : alone.length > 0
          ? `has one training picture only of ${alone[0]![0]}: it has no positive pair`
          : undefined;
  if (problem === undefined) return roles;
  throw new L2cafError('input-unreadable', `${source} ${problem}`, {
    hint: 'docs/training.md says what training needs of pictures',
  });
}

/** The head with its classes, in alphabetical order. */
function specOf({ spec, embedding }: StillPlan, { train }: Roles<StillPicture>): StillHeadSpec {
  if (spec.kind === 'retrieval') return { ...spec, outputs: embedding };
  const labels = [...new Set(train.map(({ label }) => label))].sort();
  return { ...spec, labels, outputs: labels.length };
}

/** The same with their files read. Of a classifier, pictures of classes that it does not learn are left out, which is said. */
async function plannedRoles(
  { spec, mirrored }: StillPlan,
  { train, val, measured, name }: Roles<StillPicture>,
  work: StillWork,
): Promise<Roles<StillPicture & PlannedPicture>> {
  const known = new Set(train.map(({ label }) => label));
  const fitting = (pictures: readonly StillPicture[], what: string): readonly StillPicture[] => {
    if (spec.kind === 'retrieval') return pictures;
    const own = pictures.filter(({ label }) => known.has(label));
    const left = pictures.length - own.length;
    if (left > 0) work.onNote?.(`${left} ${what} pictures are of classes without training pictures: left out`);
    return own;
  };
  return {
    train: await planPictures(train, mirrored, work),
    val: await planPictures(fitting(val, 'validation'), false, work),
    measured: await planPictures(fitting(measured, 'test'), false, work),
    name,
  };
}

/** What must be equal for a checkpoint to be continued: the settings, and every picture. */
function fingerprintOf(
  plan: StillPlan,
  spec: StillHeadSpec,
  { train, val }: Roles<StillPicture & PlannedPicture>,
): string {
  const pictures = [train, val].map((own) => own.map(({ label, views }) => [label, views]));
  return createHash('sha256')
    .update(JSON.stringify([settingsOf(plan), spec, pictures, plan.trunk?.sha256]))
    .digest('hex');
}

/** The settings that count, as they are written down; no paths, so that a head does not tell where it was made. */
function settingsOf({ trainer, sampler, mirrored, embedding, spec, trunk }: StillPlan): Record<string, unknown> {
  const { loss, mining, margin, dropRate, dropThreshold, ...common } = trainer;
  const ofKind = {
    gap: {},
    acol: { erase: spec.erase },
    adl: { dropRate, dropThreshold },
    retrieval: { embedding, loss, ...(loss === 'triplet' && { mining, margin }) },
  }[spec.kind];
  return {
    ...(trunk && { trunk: { name: trunk.id, sha256: trunk.fileSha256, layer: trunk.layer } }),
    ...(spec.tuned && { fineTuned: spec.tuned }),
    ...{ head: spec.kind, ...ofKind, ...common, ...sampler, mirrored },
  };
}
