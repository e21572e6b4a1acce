/**
 * The contract between networks and everything that explains them: what a network must be so that an event can be
 * analyzed with it. Plain values on both sides, so that a network of this project, an imported one behind another engine,
 * and a page can all be one.
 */
import { L2cafError } from '../base/errors.ts';
import type { FittedSize, Resize } from '../base/fit.ts';
import type { FrameBatch, GridShape, PictureSize } from '../base/types.ts';
import type { Tail } from '../l2caf/tail.ts';
import type { Question } from './questions.ts';

/** What a network reads. */
export interface ModelInput {
  /** Frames of an event; absent: any number. */
  readonly frames?: number;
  /** Of a network of single pictures that takes several one after another: how many, where nobody says. */
  readonly usualFrames?: number;
  /** Length of the events that it was trained on, seconds; absent where it is not known. */
  readonly eventSec?: number;
  /** Size to which frames are resized, pixels, and how. */
  readonly size: FittedSize;
}

/** What can be explained of a network: an embedding, scores of classes (logits), or numbers with names. */
export interface ModelOutput {
  readonly name: string;
  readonly kind: 'embedding' | 'scores' | 'numbers';
  readonly size: number;
  /** Names of the classes or numbers, in order. */
  readonly labels?: readonly string[];
  /** What classes answer, where not all of them exclude each other; each is the answer to one question. */
  readonly questions?: readonly Question[];
}

/** Feature maps of one event: `data` holds `t·h·w·c` values row by row. */
export interface FeatureMaps {
  readonly data: Float32Array;
  /** `[t, h, w, c]` */
  readonly shape: readonly [number, number, number, number];
  /** Frames that the t slices of time share, see {@link sliceOfFrame}; default t. */
  readonly frames?: number;
  /** The trunk's features of each frame, averaged over its cells, `[t, c']`; where the model says how far events are. */
  readonly averages?: Float32Array;
  /** Of the same frames moved a little, for finer maps (`VIEW_OFFSETS` of `l2caf/woven.ts`). */
  readonly views?: readonly FeatureMaps[];
}

/** The slice of time that shows a frame: the one that lies over its middle when all are spread evenly over the frames. */
export function sliceOfFrame(
  frame: number,
  { shape: [slices], frames = slices }: Pick<FeatureMaps, 'shape' | 'frames'>,
) {
  return Math.floor(((2 * frame + 1) * slices) / (2 * frames));
}

/** The tail of an event: a slot for every slice of time, or one for all of them, whose grid holds their rows in order. */
export interface VideoTail extends Tail {
  /** Class probabilities after each frame, as far as the frames before it go; absent where there is no telling. */
  probabilitiesSoFar?(): readonly (readonly number[])[];
}

/** How far an event is, and up to which distance events are taken for what the network was trained on. */
export interface Distance {
  readonly distance: number;
  readonly limit: number;
}

/** A network that is ready to run. Dispose of it when done, after its tails. */
export interface VideoModel {
  /** What it is called. */
  readonly id: string;
  /** Of everything that its outputs depend on, hexadecimal. */
  readonly sha256: string;
  readonly input: ModelInput;
  /** The first is what is explained unless asked otherwise. */
  readonly outputs: readonly ModelOutput[];
  /** Of the feature maps that filters act on. */
  readonly grid: GridShape;
  /**
   * Frames of the input's size → the maps that filters act on.
   *
   * @throws L2cafError `shape-mismatch` for frames of another size or number
   */
  features(frames: FrameBatch): Promise<FeatureMaps>;
  /** The maps of an event from those of its frames, each alone; absent where a network may mix frames before its maps. */
  joined?(maps: readonly FeatureMaps[]): FeatureMaps;
  /**
   * The network after the maps of an event, up to one of its outputs (default: the first). The caller disposes of it.
   *
   * @throws L2cafError `shape-mismatch` for maps of another network, `usage` for an output that it does not have
   */
  tail(maps: FeatureMaps, output?: string): VideoTail;
  /**
   * Tails of the same maps with what lies behind them drawn at random, a few draws; absent where that would be another network to
   * open. Throws as `tail`. The caller disposes of them.
   */
  redrawn?(maps: FeatureMaps, output?: string): readonly VideoTail[];
  /** How far an event is from what it was trained on; absent, or undefined, where that is not known. */
  distance?(maps: FeatureMaps): Distance | undefined;
  /**
   * What it learnt, in parts that it can forget; absent where that is told in another way.
   *
   * @throws L2cafError `usage` when nothing of the kind is found in its file
   */
  unlearning?(): Unlearning;
  /** As documents describe it. */
  describe(): ModelDescription;
  /** Frees what it holds. */
  dispose(): void;
}

/** What a network learnt, in parts that it can forget: what is left of its maps then shows what they are made of. */
export interface Unlearning {
  /** What they are called, from the output to the input. */
  readonly parts: readonly string[];
  /** How many of the first lie behind the maps that filters act on. */
  readonly behind: number;
  /** The network with its first `count` parts drawn anew, of the same mean and spread. The caller disposes of it. */
  without(count: number, seed: number): Promise<VideoModel>;
}

/** What a document says of the network. */
export type ModelDescription = EventNetworkDescription | ImportedDescription;

/** Under what a part of a network, or the data that it learnt from, may be used. */
export interface Licence {
  /** Such as `head driving` or `training data camvid`. */
  readonly of: string;
  /** Its name or, where there is none, what is known. */
  readonly licence: string;
}

/** A network of this project: a trunk with a head. */
export interface EventNetworkDescription {
  readonly kind: 'event-network';
  readonly trunk: string;
  readonly trunkSha256: string;
  readonly stage: string;
  readonly head:
    | { readonly kind: 'untrained'; readonly seed: number; readonly sha256: string }
    | { readonly kind: 'trained'; readonly id: string; readonly sha256: string };
  readonly inputSize: PictureSize;
  readonly grid: GridShape;
  /** Of the weights, and of what they were trained on. */
  readonly licences?: readonly Licence[];
}

/** A network of the user's. */
export interface ImportedDescription {
  readonly kind: 'imported';
  readonly id: string;
  /** Of the file and the card. */
  readonly sha256: string;
  /** What the file is, such as `onnx`. */
  readonly format: string;
  /** The tensor that filters act on, and its layout in einops' notation, such as `(b t) c h w`. */
  readonly layer: string;
  readonly layout: string;
  readonly output: string;
  readonly inputSize: PictureSize;
  /** How frames of another shape are brought to that size; default `stretch`. */
  readonly resize?: Resize;
  readonly grid: GridShape;
  /** As its card says. */
  readonly licences?: readonly Licence[];
}

/** What a document says of a network's input. */
export function describedSize({
  width,
  height,
  resize,
}: FittedSize): Pick<ImportedDescription, 'inputSize' | 'resize'> {
  return { inputSize: { width, height }, ...(resize && { resize }) };
}

/**
 * What a network learnt, in parts that it can forget.
 *
 * @throws L2cafError `usage` for a network whose weights cannot be drawn anew
 */
export function unlearningOf(network: VideoModel): Unlearning {
  if (network.unlearning) return network.unlearning();
  throw new L2cafError('usage', `the weights of ${network.id} cannot be drawn anew`, {
    hint: 'export it to ONNX for that (docs/networks.md)',
  });
}

/** Whether a network reads single pictures. */
export function readsPictures({ frames, usualFrames }: ModelInput): boolean {
  return frames === 1 || usualFrames !== undefined;
}

/** The output of a name, or the first. */
export function outputNamed(outputs: readonly ModelOutput[], name?: string): ModelOutput | undefined {
  return name === undefined ? outputs[0] : outputs.find((output) => output.name === name);
}

/** The first output that scores classes. */
export function scoresOf(outputs: readonly ModelOutput[]): ModelOutput | undefined {
  return outputs.find(({ kind }) => kind === 'scores');
}
