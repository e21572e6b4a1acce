/**
 * A trained head on disk: a folder with `model.json` (what it is: architecture, preprocessing, labels, the trunk it
 * belongs to, what it was trained on and how good it is) and `weights.safetensors`. Everything that could silently give
 * wrong embeddings (another trunk, another picture size, exchanged weights) is checked when it is loaded.
 */
import { join } from 'node:path';
import * as z from '#zod';
import { L2cafError, messageOf } from '../base/errors.ts';
import { sha256OfFile, writeFileAtomically } from '../base/files.ts';
import { readInput } from '../base/input-files.ts';
import { noteInput } from '../base/noted-inputs.ts';
import { removeSealed } from '../base/output.ts';
import { STAGES } from './choices.ts';
import { expectHash } from './expected-hash.ts';
import type { Familiarity } from './familiarity.ts';
import { type Head, type HeadSpec, headShapes } from './head.ts';
import { findPretrained } from './pretrained.ts';
import { questionSchema } from './question-schema.ts';
import { namedQuestions, type Question, questionsAmong } from './questions.ts';
import { featureShape } from './resnet.ts';
import { readSafetensors, writeSafetensors } from './safetensors.ts';
import { expectShapes } from './shapes.ts';
import type { Licence } from './video-model.ts';

/** Version of `model.json`; changes when a reader of the old one would go wrong. */
export const MODEL_SCHEMA = 'l2caf-model/1';

/** Labels by the thousand, figures, settings. */
const MAX_MANIFEST_BYTES = 64e6;

const MANIFEST_FILE = 'model.json';
const WEIGHTS_FILE = 'weights.safetensors';
const REFERENCE_FILE = 'reference.safetensors';
/** The files of a model directory. */
export const MODEL_FILES: readonly string[] = [MANIFEST_FILE, WEIGHTS_FILE, REFERENCE_FILE];

const count = z.int().nonnegative();
const positive = z.int().positive();
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const grid = z.object({ height: positive, width: positive });
const figures = z.record(z.string(), z.number());

/** How a temperature was found, and expected calibration errors on other events, in [0, 1], before and after. */
const calibrationSchema = z.object({
  events: positive,
  measuredOn: positive,
  before: z.number().min(0).max(1),
  after: z.number().min(0).max(1),
});

const manifestSchema = z.object({
  schema: z.literal(MODEL_SCHEMA),
  id: z.string().min(1),
  /** The version that trained it. */
  l2cafVersion: z.string(),
  trunk: z.object({ id: z.string(), sha256, stage: z.enum(STAGES), grid, channels: positive }),
  /** Must agree with the trunk's own; written down so that other programs can use the model. */
  preprocessing: z.object({
    width: positive,
    height: positive,
    channelOrder: z.literal('bgr'),
    mean: z.tuple([z.number(), z.number(), z.number()]),
    /** Frames per event in training; the LSTM takes any number. */
    frames: positive,
    /** Length of the training events, their median, seconds; absent in models of before it was written down. */
    eventSec: z.number().positive().optional(),
  }),
  architecture: z.object({
    shallowCnn: z.array(
      z.object({
        kernelSize: z.union([z.literal(1), z.literal(3)]),
        stride: z.union([z.literal(1), z.literal(2)]),
        channels: positive,
      }),
    ),
    pool: grid.optional(),
    attention: z.object({ heads: positive, keys: positive }).optional(),
    lstmUnits: positive,
    embeddingSize: positive,
  }),
  /** Classes in the order of the logits; absent without a classifier. */
  labels: z.array(z.string()).min(1).optional(),
  /** What classes answer, where not all of them exclude each other; with how well they were calibrated. */
  questions: z.array(questionSchema.extend({ calibration: calibrationSchema.optional() })).optional(),
  weights: z.object({
    sha256,
    /** Under what they may be used; absent where whoever trained them did not say. */
    licence: z.string().min(1).optional(),
  }),
  /** How far events may be from what it was trained on (`reference.safetensors`); absent where that is not known. */
  familiarity: z.object({ sha256, floor: z.number().positive(), limit: z.number().positive() }).optional(),
  training: z.object({
    seed: count,
    /** The settings of the run, as `l2caf train` took them. */
    options: z.record(z.string(), z.unknown()),
    domains: z.array(
      z.object({
        name: z.string(),
        /** Events per split and label. */
        events: z.record(z.string(), z.record(z.string(), count)),
        videos: count,
        /** Of the videos and labels; absent where whoever trained on them did not say. */
        licence: z.string().min(1).optional(),
      }),
    ),
  }),
  /** Figures on the test events, by domain. */
  figures: z.record(z.string(), figures),
});

/** The JSON Schema of `model.json`. */
export function modelJsonSchema(): object {
  return { title: MODEL_SCHEMA, ...z.toJSONSchema(manifestSchema, { io: 'input' }) };
}

/** What `model.json` holds. */
export type ModelManifest = z.infer<typeof manifestSchema>;

/** What a training adds to the head to make a {@link ModelManifest}. */
export type ModelFacts = Pick<ModelManifest, 'id' | 'l2cafVersion' | 'training' | 'figures'> & {
  readonly frames: number;
  /** Of the weights. */
  readonly licence?: string | undefined;
  readonly familiarity?: Familiarity | undefined;
  readonly calibration?: Calibrations | undefined;
};

/** How well the classes of a question are calibrated, see {@link ModelManifest}. */
export type Calibration = z.infer<typeof calibrationSchema>;

/** What a calibration found, for people. */
export function calibrationInWords(temperature: number, { events, measuredOn, before, after }: Calibration): string {
  return `temperature ${temperature} (of ${events} events); expected error ${before} before, ${after} after, on ${measuredOn}`;
}

/** By the name of a question. */
export type Calibrations = ReadonlyMap<string, Calibration>;

/** A model as it was read. */
export interface LoadedModel {
  readonly head: Head;
  readonly manifest: ModelManifest;
}

/**
 * Writes a head to a folder: the weights first, so that a `model.json` always has its weights. Throws L2cafError
 * `output-unwritable`.
 */
export async function saveModel(folder: string, { spec, weights }: Head, facts: ModelFacts): Promise<ModelManifest> {
  const { id, l2cafVersion, training, frames, licence, familiarity, calibration } = facts;
  const weightsPath = join(folder, WEIGHTS_FILE);
  await writeSafetensors(weightsPath, weights, { id });
  const { mean, channelOrder, weightsSha256 } = findPretrained(spec.trunk);
  const { shallowCnn, pool, attention, lstmUnits, embeddingSize, eventSec } = spec;
  const manifest: ModelManifest = manifestSchema.parse({
    schema: MODEL_SCHEMA,
    id,
    l2cafVersion,
    trunk: {
      id: spec.trunk,
      sha256: weightsSha256,
      stage: spec.stage,
      grid: spec.trunkGrid,
      channels: spec.trunkChannels,
    },
    preprocessing: { ...spec.inputSize, channelOrder, mean, frames, ...(eventSec !== undefined && { eventSec }) },
    architecture: { shallowCnn, ...(pool && { pool }), ...(attention && { attention }), lstmUnits, embeddingSize },
    ...(spec.labels && { labels: spec.labels, ...describeQuestions(spec, calibration) }),
    weights: { sha256: await sha256OfFile(weightsPath), ...(licence !== undefined && { licence }) },
    ...(familiarity && { familiarity: await writeReference(folder, familiarity) }),
    training,
    figures: facts.figures,
  });
  if (familiarity === undefined) await removeSealed([join(folder, REFERENCE_FILE)]); // of an earlier head
  await writeFileAtomically(join(folder, MANIFEST_FILE), `${JSON.stringify(manifest, null, 2)}\n`);
  return manifest;
}

/**
 * Writes what a model is told of its training events, in place of what it was told before.
 *
 * @throws L2cafError as {@link loadModel} for the model that is there; `output-unwritable`
 */
export async function saveFamiliarity(folder: string, familiarity: Familiarity): Promise<void> {
  const manifest = await readManifest(join(folder, MANIFEST_FILE));
  const changed = { ...manifest, familiarity: await writeReference(folder, familiarity) };
  await writeFileAtomically(join(folder, MANIFEST_FILE), `${JSON.stringify(manifestSchema.parse(changed), null, 2)}\n`);
}

/**
 * Writes what the classes of a model answer and how they are calibrated, in place of what was written before.
 *
 * @throws L2cafError as {@link loadModel} for the model that is there; `output-unwritable`
 */
export async function saveQuestions(
  folder: string,
  questions: readonly Question[],
  calibration: Calibrations,
): Promise<void> {
  const manifest = await readManifest(join(folder, MANIFEST_FILE));
  const { labels = [] } = manifest;
  const changed = { ...manifest, ...describeQuestions({ labels, questions }, calibration) };
  await writeFileAtomically(join(folder, MANIFEST_FILE), `${JSON.stringify(manifestSchema.parse(changed), null, 2)}\n`);
}

function describeQuestions(
  { labels, questions }: Pick<HeadSpec, 'labels' | 'questions'>,
  calibrations: Calibrations = new Map(),
): Pick<ModelManifest, 'questions'> {
  if (labels === undefined || questions === undefined) return {};
  return {
    questions: namedQuestions(labels, questions).map((question) => {
      const calibration = calibrations.get(question.name);
      return { ...question, ...(calibration && { calibration }) };
    }),
  };
}

async function writeReference(
  folder: string,
  { mean, directions, variances, floor, limit }: Familiarity,
): Promise<NonNullable<ModelManifest['familiarity']>> {
  const path = join(folder, REFERENCE_FILE);
  const [count, channels] = [variances.length, mean.length];
  const tensors = new Map([
    ['mean', { shape: [channels], data: mean }],
    ['directions', { shape: [count, channels], data: directions }],
    ['variances', { shape: [count], data: variances }],
  ]);
  await writeSafetensors(path, tensors);
  return { sha256: await sha256OfFile(path), floor, limit };
}

/** @throws L2cafError `weights-invalid` */
async function readReference(folder: string, { trunk, familiarity }: ModelManifest): Promise<Familiarity | undefined> {
  if (familiarity === undefined) return undefined;
  const { sha256: expected, floor, limit } = familiarity;
  const path = join(folder, REFERENCE_FILE);
  noteInput(path);
  const { tensors } = await readSafetensors(path);
  await expectHash(path, expected, MANIFEST_FILE);
  const count = tensors.get('variances')?.data.length ?? 0;
  const { channels } = trunk;
  expectShapes(
    new Map([
      ['mean', [channels]],
      ['directions', [count, channels]],
      ['variances', [count]],
    ]),
    tensors,
  );
  const values = (name: string): Float32Array => tensors.get(name)!.data;
  return { mean: values('mean'), directions: values('directions'), variances: values('variances'), floor, limit };
}

/**
 * Reads a model from its folder.
 *
 * @throws L2cafError `input-not-found` when there is no model; `model-invalid`, naming the field, when its description is
 *   malformed, of another version, or does not fit its trunk; `model-unknown` when its trunk is not known;
 *   `weights-invalid` when its weights are damaged, exchanged or of another architecture.
 */
export async function loadModel(folder: string): Promise<LoadedModel> {
  const manifest = await readManifest(join(folder, MANIFEST_FILE));
  const spec = specOf(manifest, folder);
  const weightsPath = join(folder, WEIGHTS_FILE);
  noteInput(weightsPath);
  const { tensors } = await readSafetensors(weightsPath);
  await expectHash(weightsPath, manifest.weights.sha256, MANIFEST_FILE);
  expectShapes(headShapes(spec), tensors);
  const { id, training } = manifest;
  const familiarity = await readReference(folder, manifest);
  const facts = {
    licences: licencesOf({ id, training, licence: manifest.weights.licence }),
    ...(familiarity && { familiarity }),
  };
  return { head: { spec, origin: { kind: 'trained', id }, facts, weights: tensors }, manifest };
}

/** Of a head's weights and of the data that it was trained on, as far as they are known. */
export function licencesOf({
  id,
  licence: ofWeights,
  training,
}: Pick<ModelFacts, 'id' | 'licence' | 'training'>): Licence[] {
  const all = [
    { of: `head ${id}`, licence: ofWeights },
    ...training.domains.map(({ name, licence }) => ({ of: `training data ${name}`, licence })),
  ];
  return all.flatMap(({ of, licence }) => (licence === undefined ? [] : [{ of, licence }]));
}

async function readManifest(path: string): Promise<ModelManifest> {
  const bytes = await readInput(path, { maxBytes: MAX_MANIFEST_BYTES }).catch((cause: unknown) => {
    if (cause instanceof L2cafError && cause.code === 'input-unreadable') throw cause;
    throw new L2cafError('input-not-found', `there is no model: ${messageOf(cause)}`, {
      hint: `a model is a folder with ${MANIFEST_FILE} and ${WEIGHTS_FILE}, as l2caf train writes it`,
      cause,
    });
  });
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw new L2cafError('model-invalid', `${path} is not JSON: ${messageOf(cause)}`, { cause });
  }
  const version = (json as { schema?: unknown } | null)?.schema;
  if (version !== MODEL_SCHEMA) {
    throw new L2cafError(
      'model-invalid',
      `${path} has the schema ${JSON.stringify(version)}, this version reads "${MODEL_SCHEMA}"`,
    );
  }
  const result = manifestSchema.safeParse(json);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  throw new L2cafError('model-invalid', `${path}: ${issue.path.join('.')}: ${issue.message}`, { cause: result.error });
}

/** The architecture, checked against the trunk as this version knows it. */
function specOf({ trunk, preprocessing, architecture, labels, questions }: ModelManifest, folder: string): HeadSpec {
  const pretrained = findPretrained(trunk.id);
  const { width, height, channelOrder, mean, eventSec } = preprocessing;
  const expected = featureShape({ ...pretrained.spec, upTo: trunk.stage }, { width, height });
  const compare = (what: string, found: unknown, known: unknown): void => {
    if (JSON.stringify(found) === JSON.stringify(known)) return;
    const [a, b] = [JSON.stringify(found), JSON.stringify(known)];
    throw new L2cafError('model-invalid', `${folder}: its ${what} is ${a}, that of the trunk ${trunk.id} is ${b}`, {
      hint: 'it was trained with another trunk or version: train it again',
    });
  };
  compare('trunk hash', trunk.sha256, pretrained.weightsSha256);
  compare(
    'grid',
    [trunk.grid.height, trunk.grid.width, trunk.channels],
    [expected.height, expected.width, expected.channels],
  );
  compare('preprocessing', [channelOrder, mean], [pretrained.channelOrder, pretrained.mean]);
  const { shallowCnn, pool, attention, lstmUnits, embeddingSize } = architecture;
  return {
    trunk: trunk.id,
    stage: trunk.stage,
    trunkGrid: trunk.grid,
    trunkChannels: trunk.channels,
    inputSize: { width, height },
    ...(eventSec !== undefined && { eventSec }),
    shallowCnn,
    ...(pool && { pool }),
    ...(attention && { attention }),
    lstmUnits,
    embeddingSize,
    ...(labels && { labels }),
    ...(labels && questions && { questions: questionsAmong(labels, questions, join(folder, MANIFEST_FILE)) }),
  };
}
