/**
 * A trained head for still pictures on disk: a folder with `still.json` (what it is, on which trunk it stands, what it was trained
 * on and how good it is), `weights.safetensors`, and of a user's own trunk the part that it needs, `trunk.onnx` with its card.
 */
import { join } from 'node:path';
import * as z from '#zod';
import { L2cafError, messageOf } from '../base/errors.ts';
import { exists, sha256OfFile, writeFileAtomically } from '../base/files.ts';
import { jsonIn, readInput } from '../base/input-files.ts';
import { noteInput } from '../base/noted-inputs.ts';
import { removeSealed } from '../base/output.ts';
import { cardPath } from './card.ts';
import { STAGES, STILL_HEADS } from './choices.ts';
import { trunkSide } from './event-network.ts';
import { expectHash } from './expected-hash.ts';
import type { OnnxTrunk } from './onnx/trunk.ts';
import { findPretrained } from './pretrained.ts';
import { stageNamed } from './resnet.ts';
import { type NamedArray, readSafetensors, writeSafetensors } from './safetensors.ts';
import { expectShapes } from './shapes.ts';
import { type StillHeadSpec, stillHeadShapes } from './still-head.ts';
import { stageBefore } from './tuned-stage.ts';

/** Version of `still.json`; changes when a reader of the old one would go wrong. */
export const STILL_HEAD_SCHEMA = 'l2caf-still-head/1';

/** Class names by the thousand, figures, settings. */
const MAX_MANIFEST_BYTES = 64e6;

const MANIFEST_FILE = 'still.json';
const WEIGHTS_FILE = 'weights.safetensors';
const TRUNK_FILE = 'trunk.onnx';
/** The files of such a folder; the last two on a user's own trunk only. */
export const STILL_HEAD_FILES: readonly string[] = [MANIFEST_FILE, WEIGHTS_FILE, TRUNK_FILE, cardPath(TRUNK_FILE)];

const count = z.int().nonnegative();
const positive = z.int().positive();
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const share = z.number().min(0).max(1);

const manifestSchema = z.object({
  schema: z.literal(STILL_HEAD_SCHEMA),
  id: z.string().min(1),
  /** The version that trained it. */
  l2cafVersion: z.string(),
  trunk: z.object({
    id: z.string(),
    /** Of the trunk's weights, or of `trunk.onnx`. */
    sha256,
    /** Stage after which it is frozen and trimmed, or the layer of a user's own. */
    stage: z.string(),
    grid: z.object({ height: positive, width: positive }),
    channels: positive,
    /** Whether it lies beside this file. */
    own: z.boolean(),
  }),
  inputSize: z.object({ width: positive, height: positive }),
  head: z.object({
    kind: z.enum(STILL_HEADS),
    channels: z.tuple([positive, positive]),
    outputs: positive,
    labels: z.array(z.string()).min(2).optional(),
    erase: share.optional(),
    /** The stage behind it, where that learnt with the head: its weights are among those of the head. */
    tuned: z.enum(STAGES).optional(),
  }),
  weights: z.object({ sha256, licence: z.string().min(1).optional() }),
  training: z.object({
    seed: count,
    /** The data set, by its name. */
    data: z.string(),
    /** The settings of the run. */
    options: z.record(z.string(), z.unknown()),
    /** Pictures by what they were used for. */
    pictures: z.record(z.string(), count),
    /** Of the pictures. */
    licence: z.string().min(1).optional(),
  }),
  /** Figures by the pictures that they were measured on: `val`, `test` or `unseen`. */
  figures: z.record(z.string(), z.record(z.string(), z.number())),
});

/** What `still.json` holds. */
export type StillManifest = z.infer<typeof manifestSchema>;

/** The JSON Schema of `still.json`. */
export function stillHeadJsonSchema(): object {
  return { title: STILL_HEAD_SCHEMA, ...z.toJSONSchema(manifestSchema, { io: 'input' }) };
}

/** A trained head. */
export interface StillHead {
  readonly spec: StillHeadSpec;
  readonly weights: ReadonlyMap<string, NamedArray>;
}

/** What a training adds to the head. */
export type StillFacts = Pick<StillManifest, 'id' | 'l2cafVersion' | 'training' | 'figures'> & {
  /** Of the weights. */
  readonly licence?: string | undefined;
};

/** A head as it was read. */
export interface LoadedStillHead extends StillHead {
  readonly manifest: StillManifest;
  /** Of everything that its outputs depend on. */
  readonly sha256: string;
  /** The file of its trunk, where that is a user's own. */
  readonly trunkFile?: string;
}

/** Whether a folder holds such a head. */
export async function isStillHead(folder: string): Promise<boolean> {
  return exists(join(folder, MANIFEST_FILE));
}

/**
 * Writes a head to a folder, `still.json` last.
 *
 * @param trunk the user's own on which it stands
 * @throws L2cafError `output-unwritable`
 */
export async function saveStillHead(
  folder: string,
  { spec, weights }: StillHead,
  { id, l2cafVersion, training, figures, licence }: StillFacts,
  trunk?: OnnxTrunk,
): Promise<StillManifest> {
  const [weightsPath, trunkPath] = [join(folder, WEIGHTS_FILE), join(folder, TRUNK_FILE)];
  await writeSafetensors(weightsPath, weights, { id });
  if (trunk) {
    const { bytes, card } = trunk.alone();
    await writeFileAtomically(trunkPath, bytes);
    await writeFileAtomically(cardPath(trunkPath), `${JSON.stringify({ model: TRUNK_FILE, ...card }, null, 2)}\n`);
  } else {
    await removeSealed([trunkPath, cardPath(trunkPath)]); // of an earlier training
  }
  const { kind, channels, outputs, labels, erase, tuned } = spec;
  const manifest: StillManifest = manifestSchema.parse({
    schema: STILL_HEAD_SCHEMA,
    id,
    l2cafVersion,
    trunk: {
      id: spec.trunk,
      sha256: trunk ? await sha256OfFile(trunkPath) : findPretrained(spec.trunk).weightsSha256,
      stage: spec.stage,
      grid: spec.trunkGrid,
      channels: spec.trunkChannels,
      own: trunk !== undefined,
    },
    inputSize: spec.inputSize,
    head: {
      ...{ kind, channels, outputs },
      ...(labels && { labels }),
      ...(erase !== undefined && { erase }),
      ...(tuned && { tuned }),
    },
    weights: { sha256: await sha256OfFile(weightsPath), ...(licence !== undefined && { licence }) },
    training,
    figures,
  });
  await writeFileAtomically(join(folder, MANIFEST_FILE), `${JSON.stringify(manifest, null, 2)}\n`);
  return manifest;
}

/**
 * Reads a head from its folder.
 *
 * @throws L2cafError `input-not-found` when there is none; `model-invalid`, naming the field, when its description is malformed, of
 *   another version, or does not fit its trunk; `weights-invalid` when files are damaged or exchanged
 */
export async function loadStillHead(folder: string): Promise<LoadedStillHead> {
  const manifest = await readManifest(folder);
  const { trunk, inputSize, head } = manifest;
  const spec: StillHeadSpec = {
    ...{ trunk: trunk.id, stage: trunk.stage, trunkGrid: trunk.grid, trunkChannels: trunk.channels, inputSize },
    ...{ kind: head.kind, channels: head.channels, outputs: head.outputs },
    ...(head.labels && { labels: head.labels }),
    ...(head.erase !== undefined && { erase: head.erase }),
    ...(head.tuned && { tuned: head.tuned }),
  };
  checkHead(folder, spec);
  checkTuned(folder, manifest);
  const weightsPath = join(folder, WEIGHTS_FILE);
  noteInput(weightsPath);
  const { tensors } = await readSafetensors(weightsPath);
  await expectHash(weightsPath, manifest.weights.sha256, MANIFEST_FILE);
  expectShapes(stillHeadShapes(spec), tensors);
  const trunkFile = join(folder, TRUNK_FILE);
  if (trunk.own) await expectHash(trunkFile, trunk.sha256, MANIFEST_FILE);
  else expectTrunk(folder, manifest);
  return { spec, weights: tensors, manifest, sha256: manifest.weights.sha256, ...(trunk.own && { trunkFile }) };
}

async function readManifest(folder: string): Promise<StillManifest> {
  const path = join(folder, MANIFEST_FILE);
  const bytes = await readInput(path, { maxBytes: MAX_MANIFEST_BYTES }).catch((cause: unknown) => {
    if (cause instanceof L2cafError && cause.code === 'input-unreadable') throw cause;
    throw new L2cafError('input-not-found', `there is no head for still pictures: ${messageOf(cause)}`, {
      hint: `it is a folder with ${MANIFEST_FILE} and ${WEIGHTS_FILE}, as l2caf train-stills writes it`,
      cause,
    });
  });
  const result = manifestSchema.safeParse(jsonIn(bytes));
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const place = issue.path.length > 0 ? `${issue.path.join('.')}: ` : '';
  throw invalid(folder, `${MANIFEST_FILE}: ${place}${issue.message}`, result.error);
}

/** @throws L2cafError `model-invalid` for what a head of its kind cannot be */
function checkHead(folder: string, { kind, labels, outputs, erase }: StillHeadSpec): void {
  if ((kind === 'retrieval') !== (labels === undefined)) {
    throw invalid(folder, `a ${kind} head ${labels ? 'has no' : 'needs'} labels`);
  }
  if (labels && labels.length !== outputs)
    throw invalid(folder, `there are ${labels.length} labels for ${outputs} scores`);
  if ((kind === 'acol') !== (erase !== undefined)) {
    throw invalid(folder, `a ${kind} head ${erase === undefined ? 'needs' : 'has no'} height from which it erases`);
  }
}

/** @throws L2cafError `model-invalid` for a stage that learnt and does not follow the frozen ones */
function checkTuned(folder: string, { trunk, head: { tuned } }: StillManifest): void {
  if (tuned === undefined || (!trunk.own && stageBefore(tuned) === trunk.stage)) return;
  throw invalid(folder, `${tuned} cannot have learnt behind ${trunk.own ? `a file's ${trunk.stage}` : trunk.stage}`);
}

/** @throws L2cafError `model-unknown`, `model-invalid` when it was trained on another trunk than the one of this version */
function expectTrunk(folder: string, { trunk, inputSize }: StillManifest): void {
  const pretrained = findPretrained(trunk.id);
  const known = trunkSide(pretrained, stageNamed(trunk.stage), inputSize);
  const { height, width } = known.trunkGrid;
  const isSame =
    trunk.sha256 === pretrained.weightsSha256 &&
    trunk.channels === known.trunkChannels &&
    trunk.grid.height === height &&
    trunk.grid.width === width;
  if (isSame) return;
  throw invalid(folder, `its trunk is not the ${trunk.id} of this version`);
}

function invalid(folder: string, why: string, cause?: unknown): L2cafError {
  return new L2cafError('model-invalid', `${folder}: ${why}`, {
    hint: 'train it again: l2caf train-stills',
    ...(cause !== undefined && { cause }),
  });
}
