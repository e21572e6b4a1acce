/** `l2caf train`: fits a head to labelled events and writes a model directory. */
import { basename, dirname, extname, join } from 'node:path';
import { L2cafError } from '../base/errors.ts';
import type { PictureSize } from '../base/types.ts';
import type { EngineChoice, Norm, Stage } from '../models/choices.ts';
import { trunkSide } from '../models/event-network.ts';
import type { HeadSpec } from '../models/head.ts';
import type { ModelManifest } from '../models/model-directory.ts';
import type { OnnxTrunk } from '../models/onnx/trunk.ts';
import { findPretrained } from '../models/pretrained.ts';
import type { ShallowCnnSpec } from '../models/shallow-cnn.ts';
import type { MetricLoss, Mining } from '../training/choices.ts';
import type { DenseSource } from '../training/dense-labels.ts';
import {
  type DomainFile,
  OF_WEIGHTS,
  TRAINING_FILES,
  type TrainedModel,
  type TrainingPlan,
  trainModel,
} from '../training/train-model.ts';
import { type FreeFolder, inOwnFolder, isOfOther } from './default-folder.ts';
import { openTrunk } from './open-trunk.ts';
import { createTerminal, formatTable } from './terminal.ts';
import { trainHead } from './train-head.ts';

/** What commander hands over. */
export interface TrainFlags {
  readonly videos?: string;
  readonly domain: readonly DomainFile[];
  readonly dense: readonly DomainFile[];
  readonly denseClasses: readonly DomainFile[];
  readonly output?: string;
  readonly name?: string;
  readonly trunk: string;
  readonly stage: Stage;
  readonly layer?: string;
  readonly layout?: string;
  readonly norm?: Norm;
  readonly bgr?: boolean;
  readonly card?: string;
  readonly size?: PictureSize;
  readonly frames: number;
  readonly grid: 'half' | 'full';
  readonly pool?: PictureSize;
  readonly attention?: number;
  readonly channels: readonly [number, number];
  readonly units: number;
  readonly embedding: number;
  readonly components?: number;
  readonly loss: MetricLoss;
  readonly mining: Mining;
  readonly margin: number;
  readonly classifier: boolean;
  readonly classifierWeight: number;
  readonly denseWeight: number;
  readonly sparsity: number;
  readonly selection: number;
  readonly unlabelled: readonly DomainFile[];
  readonly agreement: number;
  readonly relation: readonly (readonly [string, number])[];
  readonly steps: number;
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly dropout: number;
  readonly classes: number;
  readonly perClass: number;
  readonly views: number;
  readonly swap: readonly (readonly [string, string])[];
  readonly licence: readonly (readonly [string, string])[];
  readonly validate: readonly string[];
  readonly seed: number;
  readonly cacheLimit: number;
  readonly backend: EngineChoice;
  readonly resume: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** Trains on the lists that are named, as the flags say. */
export async function trainOnLists(events: readonly string[], flags: TrainFlags, signal: AbortSignal): Promise<void> {
  const terminal = createTerminal(flags);
  const domains = domainsOf(events, flags);
  await inOwnFolder(flags.output ?? defaultFolder([...domains, ...flags.unlabelled]), (output) =>
    trainHead(
      {
        ...{ output, files: TRAINING_FILES },
        openTrunk: () => openEventTrunk(flags, signal),
        plan: (trunk) => planOf(domains, output, flags, trunk),
        train: (plan, work) => trainModel(plan, { ...work, videos: flags.videos }),
        table: figuresTable,
      },
      flags,
      terminal,
      signal,
    ),
  );
}

/** The trunk, where it is a network file. Throws as `openTrunk`; `usage` for one of another number of frames. */
async function openEventTrunk(flags: TrainFlags, signal: AbortSignal): Promise<OnnxTrunk | undefined> {
  const trunk = await openTrunk(flags, signal);
  if (trunk?.frames === undefined || trunk.frames === flags.frames) return trunk;
  trunk.dispose();
  throw new L2cafError('usage', `${flags.trunk} was exported for ${trunk.frames} frames`, {
    hint: `use --frames ${trunk.frames}, or export it with that axis dynamic`,
  });
}

/** `model`, unless the model there was trained on other lists. */
function defaultFolder(domains: readonly DomainFile[]): FreeFolder {
  const names = domains.map(({ name }) => name).join();
  const isTaken = (folder: string): Promise<boolean> =>
    isOfOther(join(folder, 'model.json'), (document) => {
      const { training } = document as Pick<ModelManifest, 'training'>;
      return training.domains.map(({ name }) => name).join() === names;
    });
  return { name: 'model', isTaken };
}

function domainsOf(events: readonly string[], flags: TrainFlags): DomainFile[] {
  const domains = [...events.map((path) => ({ name: stem(path), path })), ...flags.domain];
  const names = [...domains, ...flags.unlabelled].map(({ name }) => name);
  if (domains.length === 0) throw new L2cafError('usage', 'no events to train on', { hint: 'l2caf train EVENTS.csv' });
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) {
    throw new L2cafError('usage', `two lists are named ${twice}`, {
      hint: 'name them: --domain NAME=EVENTS.csv',
    });
  }
  return domains;
}

function planOf(
  domains: readonly DomainFile[],
  output: string,
  flags: TrainFlags,
  trunk: OnnxTrunk | undefined,
): TrainingPlan {
  const names = domains.map(({ name }) => name);
  const { classes, perClass, seed, swap, steps, unlabelled } = flags;
  const spec = specOf(flags, trunk);
  return {
    id: flags.name ?? basename(output),
    domains,
    unlabelled,
    trunk,
    spec,
    classifier: flags.classifier,
    dense: denseSources(flags, names),
    validationVideos: flags.validate,
    licences: licencesOf(flags, [...names, ...unlabelled.map(({ name }) => name)]),
    views: flags.views,
    components: flags.components ?? Math.min(USUAL_COMPONENTS, spec.trunkChannels),
    trainer: {
      loss: flags.loss,
      mining: flags.mining,
      margin: flags.margin,
      classifierWeight: flags.classifierWeight,
      denseWeight: flags.denseWeight,
      sparsityWeight: flags.sparsity,
      selectionWeight: flags.selection,
      agreementWeight: flags.agreement,
      relationWeights: relationWeights(flags, names),
      learningRate: flags.learningRate,
      weightDecay: flags.weightDecay,
      warmUpSteps: Math.min(10, steps),
      steps,
      seed,
      frames: flags.frames,
      dropout: flags.dropout,
      maxGradientNorm: 5,
      checkpointEvery: Math.max(1, Math.min(40, Math.ceil(steps / 4))),
    },
    sampler: { classesPerBatch: classes, eventsPerClass: perClass, mirroredLabels: mirroredLabels(swap) },
  };
}

/** @throws L2cafError `usage` for the licence of what is no domain */
function licencesOf({ licence }: TrainFlags, domains: readonly string[]): Map<string, string> {
  const stray = licence.find(([name]) => name !== OF_WEIGHTS && !domains.includes(name));
  if (stray) {
    throw new L2cafError('usage', `--licence ${stray[0]}: the domains are ${domains.join(', ')}`, {
      hint: `name one of them, or ${OF_WEIGHTS}`,
    });
  }
  return new Map(licence);
}

function denseSources({ dense, denseClasses }: TrainFlags, domains: readonly string[]): Map<string, DenseSource> {
  const unknown = dense.find(({ name }) => !domains.includes(name));
  if (unknown) throw new L2cafError('usage', `--dense ${unknown.name}: the domains are ${domains.join(', ')}`);
  const stray = denseClasses.find(({ name }) => !dense.some((source) => source.name === name));
  if (stray) throw new L2cafError('usage', `--dense-classes ${stray.name}: there is no --dense ${stray.name}`);
  return new Map(
    dense.map(({ name, path: folder }) => {
      const classes = denseClasses.find((entry) => entry.name === name)?.path.split(',');
      return [name, { folder, ...(classes && { classes }) }];
    }),
  );
}

function specOf(
  { trunk, stage, size = USUAL_SIZE, grid, pool, attention, channels, units, embedding }: TrainFlags,
  own: OnnxTrunk | undefined,
): HeadSpec {
  const shallowCnn: ShallowCnnSpec = [
    { kernelSize: 1, stride: 1, channels: channels[0] },
    { kernelSize: 3, stride: grid === 'half' ? 2 : 1, channels: channels[1] },
  ];
  const reading: Pick<HeadSpec, 'pool' | 'attention'> = {
    ...(pool && { pool: { height: pool.height, width: pool.width } }),
    ...(attention !== undefined && { attention: { heads: attention, keys: ATTENTION_KEYS } }),
  };
  const sizes = { lstmUnits: units, embeddingSize: embedding };
  const front = own
    ? { trunk: own.id, stage: own.layer, trunkGrid: own.grid, trunkChannels: own.channels, inputSize: own.size }
    : trunkSide(findPretrained(trunk), stage, size);
  return { ...front, shallowCnn, ...sizes, ...reading };
}

const ATTENTION_KEYS = 64;
const USUAL_COMPONENTS = 128;
const USUAL_SIZE: PictureSize = { width: 384, height: 224 };

function relationWeights({ relation }: TrainFlags, domains: readonly string[]): Record<string, number> {
  const unknown = relation.find(([name]) => !domains.includes(name));
  if (unknown) throw new L2cafError('usage', `--relation ${unknown[0]}: the domains are ${domains.join(', ')}`);
  return Object.fromEntries(relation);
}

/** Both ways; left and right turns are exchanged unless something else is asked for. */
function mirroredLabels(swaps: TrainFlags['swap']): Map<string, string> {
  const pairs = swaps.length > 0 ? swaps : [['left_turn', 'right_turn'] as const];
  return new Map(pairs.flatMap(([a, b]) => [[a, b] as const, [b, a] as const]));
}

function figuresTable({ figures }: TrainedModel): string {
  const names = ['events', 'recallAt1', 'recallAt1NoOverlap', 'mapAtRNoOverlap', 'nmi', 'knn'];
  const heading = ['domain', 'events', 'R@1', 'R@1 no overlap', 'MAP@R no overlap', 'NMI', 'kNN'];
  const rows = Object.entries(figures).map(([domain, own]) => [domain, ...names.map((name) => String(own[name]))]);
  return formatTable([heading, ...rows]);
}

/** The name of a list; of one that is called `events.csv`, the name of its folder. */
function stem(path: string): string {
  const own = basename(path, extname(path));
  return own === 'events' ? basename(dirname(path)) : own;
}
