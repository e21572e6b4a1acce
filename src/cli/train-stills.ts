/** `l2caf train-stills`: fits a head for still pictures and writes its folder. */
import { basename, extname, join, resolve } from 'node:path';
import { L2cafError } from '../base/errors.ts';
import type { PictureSize } from '../base/types.ts';
import type { StillFormat } from '../evaluation/choices.ts';
import { formatOf, readStills, stillsIn } from '../evaluation/still-datasets.ts';
import type { StillTruth } from '../evaluation/still-truth.ts';
import type { EngineChoice, Stage, StillHeadKind } from '../models/choices.ts';
import { trunkSide } from '../models/event-network.ts';
import { isImported } from '../models/imported.ts';
import type { OnnxTrunk } from '../models/onnx/trunk.ts';
import { findPretrained } from '../models/pretrained.ts';
import type { StillManifest } from '../models/still-directory.ts';
import { stageBefore } from '../models/tuned-stage.ts';
import type { MetricLoss, Mining } from '../training/choices.ts';
import {
  rolesOf,
  STILL_TRAINING_FILES,
  type StillPicture,
  type StillPlan,
  trainStill,
} from '../training/train-still.ts';
import { type FreeFolder, inOwnFolder, isOfOther } from './default-folder.ts';
import { openTrunk, type TrunkFlags } from './open-trunk.ts';
import { createTerminal, formatTable } from './terminal.ts';
import { trainHead } from './train-head.ts';

/** What commander hands over. */
export interface TrainStillsFlags extends TrunkFlags {
  readonly format?: StillFormat;
  readonly head: StillHeadKind;
  readonly output?: string;
  readonly name?: string;
  readonly stage: Stage;
  readonly fineTune?: boolean;
  readonly tuneRate?: number;
  readonly size?: PictureSize;
  readonly channels: readonly [number, number];
  readonly erase?: number;
  readonly dropRate?: number;
  readonly dropThreshold?: number;
  readonly embedding?: number;
  readonly loss?: MetricLoss;
  readonly mining?: Mining;
  readonly margin?: number;
  readonly steps: number;
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly dropout: number;
  readonly classes: number;
  readonly perClass: number;
  readonly mirror: boolean;
  readonly licence?: string;
  readonly dataLicence?: string;
  readonly seed: number;
  readonly cacheLimit: number;
  readonly backend: EngineChoice;
  readonly resume: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** Options that only one kind of head has, by their names in the flags, and what they are without being asked for. */
const OF_KIND = {
  acol: { erase: 0.6 },
  adl: { dropRate: 0.75, dropThreshold: 0.9 },
  retrieval: { embedding: 64, loss: 'triplet', mining: 'semi-hard', margin: 0.2 },
} as const;

/** Trains on a data set. */
export async function trainStills(named: string, flags: TrainStillsFlags, signal: AbortSignal): Promise<void> {
  const terminal = createTerminal(flags);
  checkKind(flags);
  await checkTuning(flags);
  const data = await stillsIn(named);
  const pictures = await readStills(data, flags.format ?? (await formatOf(data)), 'all');
  const source = sourceName(named);
  await inOwnFolder(flags.output ?? defaultFolder(source, flags), (output) =>
    trainHead(
      {
        ...{ output, files: STILL_TRAINING_FILES },
        openTrunk: () => openTrunk(flags, signal),
        plan: (trunk) => {
          const plan = planOf(labelled(pictures, named), source, output, flags, trunk);
          rolesOf(plan); // before an engine is fetched
          return plan;
        },
        train: trainStill,
        table: figuresTable,
      },
      flags,
      terminal,
      signal,
    ),
  );
}

/** @throws L2cafError `usage` for an option of another kind of head, or too few pictures per class for pairs */
function checkKind(flags: TrainStillsFlags): void {
  for (const [kind, options] of Object.entries(OF_KIND)) {
    if (kind === flags.head) continue;
    const given = Object.keys(options).find((name) => flags[name as keyof TrainStillsFlags] !== undefined);
    if (given === undefined) continue;
    const option = given.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    throw new L2cafError('usage', `--${option} is for --head ${kind}, not ${flags.head}`, {
      hint: `leave it out, or use --head ${kind}`,
    });
  }
  if (flags.head === 'retrieval' && flags.perClass < 2) {
    throw new L2cafError('usage', 'a metric loss compares pictures of one class: --per-class must be 2 or more');
  }
}

/** @throws L2cafError `usage` for a stage that cannot learn, or the rate of one that does not */
async function checkTuning({ fineTune, tuneRate, trunk }: TrainStillsFlags): Promise<void> {
  if (fineTune && (await isImported(trunk))) {
    throw new L2cafError('usage', `--fine-tune is not for ${trunk}: what runs ONNX files computes no gradients`, {
      hint: 'tune it where it was made, and export it again; or leave --fine-tune out',
    });
  }
  if (tuneRate === undefined || fineTune) return;
  throw new L2cafError('usage', '--tune-rate is for a stage that learns: give --fine-tune, too');
}

/** @throws L2cafError `input-unreadable` where the classes are not known */
function labelled(pictures: readonly StillTruth[], data: string): StillPicture[] {
  return pictures.map(({ path, label, split, isSeen }) => {
    if (label !== undefined) return { path, label, split, isSeen };
    throw new L2cafError('input-unreadable', `${data} does not say of which class ${basename(path)} is`, {
      hint: 'docs/evaluation.md describes the layouts: a list of boxes has the column class',
    });
  });
}

function planOf(
  pictures: readonly StillPicture[],
  source: string,
  output: string,
  flags: TrainStillsFlags,
  trunk: OnnxTrunk | undefined,
): StillPlan {
  const { head, channels, steps, seed, learningRate, weightDecay, dropout, classes, perClass, mirror } = flags;
  const own = { ...OF_KIND.adl, ...OF_KIND.retrieval };
  const front = trunk
    ? {
        ...{ trunk: trunk.id, stage: trunk.layer, trunkGrid: trunk.grid, trunkChannels: trunk.channels },
        inputSize: trunk.size,
      }
    : ownFront(flags);
  return {
    id: flags.name ?? basename(resolve(output)),
    ...{ source, pictures, trunk },
    spec: { ...front, kind: head, channels, ...(head === 'acol' && { erase: flags.erase ?? OF_KIND.acol.erase }) },
    embedding: flags.embedding ?? own.embedding,
    mirrored: mirror,
    sampler: { classesPerBatch: classes, perClass },
    trainer: {
      ...{ steps, seed, learningRate, weightDecay, dropout },
      loss: flags.loss ?? own.loss,
      mining: flags.mining ?? own.mining,
      margin: flags.margin ?? own.margin,
      dropRate: flags.dropRate ?? own.dropRate,
      dropThreshold: flags.dropThreshold ?? own.dropThreshold,
      ...(flags.fineTune && { ownRates: { [`${flags.stage}_`]: flags.tuneRate ?? USUAL_TUNE_RATE } }),
      warmUpSteps: Math.min(10, steps),
      maxGradientNorm: 5,
      checkpointEvery: Math.max(1, Math.min(40, Math.ceil(steps / 4))),
    },
    licences: { weights: flags.licence, pictures: flags.dataLicence },
  };
}

/** The frozen part of a trunk of this project, and the stage behind it that learns, where that is asked for. */
function ownFront({ trunk, stage, size = USUAL_SIZE, fineTune }: TrainStillsFlags) {
  const pretrained = findPretrained(trunk);
  if (!fineTune) return trunkSide(pretrained, stage, size);
  const frozen = stageBefore(stage);
  if (frozen !== undefined) return { ...trunkSide(pretrained, frozen, size), tuned: stage };
  throw new L2cafError(
    'usage',
    `--fine-tune needs a frozen stage before the one that learns, and ${stage} is the first`,
    {
      hint: 'take a later one, such as --stage conv5',
    },
  );
}

/** Of a stage that has learnt before; the head's own is thirty times as high. */
const USUAL_TUNE_RATE = 1e-4;
/** What the ResNet-50 was trained at. */
const USUAL_SIZE: PictureSize = { width: 224, height: 224 };

/** `still-head`, unless the one there is of another kind or data set. */
function defaultFolder(source: string, { head }: TrainStillsFlags): FreeFolder {
  const isTaken = (folder: string): Promise<boolean> =>
    isOfOther(join(folder, 'still.json'), (document) => {
      const { head: own, training } = document as Pick<StillManifest, 'head' | 'training'>;
      return own.kind === head && training.data === source;
    });
  return { name: 'still-head', isTaken };
}

/** The name of a folder, or of a list without its ending. */
function sourceName(path: string): string {
  const name = basename(resolve(path));
  return basename(name, extname(name));
}

function figuresTable({ figures, head }: StillManifest): string {
  const titles =
    head.kind === 'retrieval'
      ? { pictures: 'pictures', recallAt1: 'R@1', mapAtR: 'MAP@R', nmi: 'NMI' }
      : { pictures: 'pictures', top1: 'top-1', top5: 'top-5' };
  const rows = Object.entries(figures).map(([name, own]) => [
    name,
    ...Object.keys(titles).map((key) => String(own[key] ?? '-')),
  ]);
  return formatTable([['measured on', ...Object.values(titles)], ...rows]);
}
