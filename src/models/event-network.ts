/**
 * The whole event network: preprocessing → trunk → shallow CNN, frame by frame, then the
 * recurrent head over the frames of an event.
 */

import { createHash } from 'node:crypto';
import { L2cafError } from '../base/errors.ts';
import { concatenated } from '../base/matrix.ts';
import * as tf from '../base/tensorflow.ts';
import type { FrameBatch, GridShape, PictureSize } from '../base/types.ts';
import { computed, currentBackend, type EngineName, onBackend } from './backend.ts';
import type { Stage } from './choices.ts';
import type { RecurrentTail } from './event-tail.ts';
import { averaged, headDistance } from './familiarity.ts';
import { type LoadOptions, loadFrameTrunk } from './frame-trunk.ts';
import { eventOutputs, featureMapShape, type Head, type HeadSpec, headName, headSha256, inputOf } from './head.ts';
import { createRecurrentHead, ForgetfulHeads } from './head-tails.ts';
import { type FrameTrunk, licencesOn, loadTrunk, type PretrainedTrunk, preprocess } from './pretrained.ts';
import type { RecurrentHead, RecurrentOutput } from './recurrent-tail.ts';
import { featureShape, stageNamed, type Trunk } from './resnet.ts';
import { createShallowCnn, type ShallowCnn } from './shallow-cnn.ts';
import {
  type Distance,
  type EventNetworkDescription,
  type FeatureMaps,
  outputNamed,
  type VideoModel,
} from './video-model.ts';

/** Frames that go through the trunk together; bounds its memory, whatever the number of frames of an event. */
export const FRAMES_PER_BATCH = 4;

/** A trunk and a head, ready to run. Dispose of it when done. */
export class EventNetwork implements VideoModel {
  readonly head: Head;
  readonly pretrained: PretrainedTrunk;
  /** On TensorFlow.js, which gives tensors, or on another engine, which gives numbers. */
  readonly #trunk: { readonly tensors: Trunk } | { readonly numbers: FrameTrunk };
  /** Where its tensors are computed; the tail's, on which filters iterate, on the current backend. */
  readonly #engine: EngineName;
  readonly #shallowCnn: ShallowCnn;
  readonly #recurrent: RecurrentHead;
  readonly #forgetful: ForgetfulHeads;

  private constructor(
    head: Head,
    pretrained: PretrainedTrunk,
    trunk: { readonly tensors: Trunk } | { readonly numbers: FrameTrunk },
    engine: EngineName,
  ) {
    this.head = head;
    this.pretrained = pretrained;
    this.#trunk = trunk;
    this.#engine = engine;
    this.#shallowCnn = onBackend(engine, () =>
      createShallowCnn(head.spec.shallowCnn, head.spec.trunkChannels, head.weights),
    );
    this.#recurrent = createRecurrentHead(head);
    this.#forgetful = new ForgetfulHeads(head);
  }

  /**
   * Loads the trunk from the cache, its weights edited if asked for, and puts the head on it.
   *
   * @throws L2cafError `weights-invalid` when the cache is damaged or the head does not fit; `package-missing` without the
   *   engine that is asked for
   */
  static async load(head: Head, pretrained: PretrainedTrunk, options: LoadOptions = {}): Promise<EventNetwork> {
    const stage = stageNamed(head.spec.stage);
    const trunk =
      options.engine === 'onnxruntime'
        ? { numbers: await loadFrameTrunk(pretrained, stage, options) }
        : { tensors: await loadTrunk(pretrained, stage, options) };
    const isOnTensors = options.engine !== undefined && options.engine !== 'onnxruntime';
    return new EventNetwork(head, pretrained, trunk, isOnTensors ? options.engine : currentBackend());
  }

  /**
   * Frames of the head's input size, `[t, h, w, 3]` → the feature maps that filters act on, `[t, h', w', c]`.
   *
   * @throws L2cafError `shape-mismatch` for frames of another size
   */
  async features(frames: FrameBatch): Promise<FeatureMaps> {
    const isKnown = this.head.facts?.familiarity !== undefined; // then the trunk's features are needed, too
    if (isKnown || !('tensors' in this.#trunk)) return this.mapsOf(await this.trunkFeatures(frames));
    const { tensors } = this.#trunk;
    const maps = await this.#inBatches(frames, (pictures) => {
      return computed(this.#engine, () =>
        this.#shallowCnn.apply(tensors.features(preprocess(this.pretrained, pictures))),
      );
    });
    return this.#toMaps(maps, frames.shape[0]);
  }

  /**
   * The same at once and on the current backend, `[t, h', w', c]`: what every iteration with vanilla endpoints computes. Call
   * inside `tf.tidy`, or dispose of the result.
   *
   * @throws Error when another engine than TensorFlow.js runs the trunk
   */
  featureMapsTensor(frames: Pick<FrameBatch, 'rgb' | 'shape'>): tf.Tensor4D {
    if (!('tensors' in this.#trunk)) throw new Error('the trunk does not run on TensorFlow.js');
    const { tensors } = this.#trunk;
    return tf.tidy(() => this.#shallowCnn.apply(tensors.features(preprocess(this.pretrained, frames))));
  }

  /**
   * Frames of the head's input size → the trunk's features, `[t, h, w, c]` row by row: what does not change with the head.
   *
   * @throws L2cafError `shape-mismatch` for frames of another size
   */
  async trunkFeatures(frames: Pick<FrameBatch, 'rgb' | 'shape'>): Promise<Float32Array> {
    const trunk = this.#trunk;
    return this.#inBatches(frames, (pictures) => {
      if ('numbers' in trunk) return trunk.numbers.features(pictures);
      return computed(this.#engine, () => trunk.tensors.features(preprocess(this.pretrained, pictures)));
    });
  }

  /** The trunk's features of t frames → their feature maps; with {@link trunkFeatures} the same as {@link EventNetwork.features}. */
  async mapsOf(features: Float32Array): Promise<FeatureMaps> {
    const { trunkGrid, trunkChannels } = this.head.spec;
    const steps = features.length / (trunkGrid.height * trunkGrid.width * trunkChannels);
    const shape: [number, number, number, number] = [steps, trunkGrid.height, trunkGrid.width, trunkChannels];
    const maps = this.#toMaps(
      await computed(this.#engine, () => this.#shallowCnn.apply(tf.tensor4d(features, shape))),
      steps,
    );
    if (this.head.facts?.familiarity === undefined) return maps;
    const frameLength = features.length / steps;
    const averages = new Float32Array(steps * trunkChannels);
    for (let t = 0; t < steps; t++) {
      const frame = features.subarray(t * frameLength, (t + 1) * frameLength);
      averages.set(averaged(frame, trunkChannels), t * trunkChannels);
    }
    return { ...maps, averages };
  }

  #toMaps(data: Float32Array, steps: number): FeatureMaps {
    const { height, width, channels } = featureMapShape(this.head.spec);
    return { data, shape: [steps, height, width, channels] };
  }

  /** Runs frames through the network, a few at a time, and puts the outputs one after another. */
  async #inBatches(
    frames: Pick<FrameBatch, 'rgb' | 'shape'>,
    apply: (pictures: Pick<FrameBatch, 'rgb' | 'shape'>) => Promise<Float32Array>,
  ): Promise<Float32Array> {
    const [steps, rows, columns] = frames.shape;
    const { inputSize } = this.head.spec;
    if (rows !== inputSize.height || columns !== inputSize.width) {
      const expected = `${inputSize.width}x${inputSize.height}`;
      throw new L2cafError('shape-mismatch', `the network expects frames of ${expected}, got ${columns}x${rows}`);
    }
    const frameBytes = rows * columns * 3;
    const parts: Float32Array[] = [];
    for (let first = 0; first < steps; first += FRAMES_PER_BATCH) {
      const count = Math.min(FRAMES_PER_BATCH, steps - first);
      const rgb = frames.rgb.subarray(first * frameBytes, (first + count) * frameBytes);
      const pictures = { rgb, shape: [count, rows, columns, 3] as const };
      parts.push(await apply(pictures));
    }
    return concatenated(parts);
  }

  get id(): string {
    return headName(this.head.origin);
  }

  get sha256(): string {
    const { trunkSha256, stage, head } = this.describe();
    return createHash('sha256')
      .update(JSON.stringify([trunkSha256, stage, head.sha256]))
      .digest('hex');
  }

  get input(): VideoModel['input'] {
    return inputOf(this.head.spec);
  }

  get outputs(): VideoModel['outputs'] {
    return eventOutputs(this.head.spec);
  }

  get grid(): GridShape {
    const { height, width } = featureMapShape(this.head.spec);
    return { height, width };
  }

  tail(maps: FeatureMaps, output: string = 'embedding'): RecurrentTail {
    if (outputNamed(this.outputs, output) === undefined) {
      throw new L2cafError('usage', `the model has no output ${output}`, {
        hint: `its outputs: ${this.outputs.map(({ name }) => name).join(', ')}`,
      });
    }
    return this.#recurrent.tail(maps, output as RecurrentOutput);
  }

  redrawn(maps: FeatureMaps, output?: string): RecurrentTail[] {
    return this.#forgetful.tails(maps, output);
  }

  distance(maps: FeatureMaps): Distance | undefined {
    return headDistance(this.head, maps);
  }

  describe(): EventNetworkDescription {
    const { head, pretrained, grid } = this;
    return {
      kind: 'event-network',
      trunk: pretrained.id,
      trunkSha256: pretrained.weightsSha256,
      stage: head.spec.stage,
      head: { ...head.origin, sha256: headSha256(head) },
      inputSize: head.spec.inputSize,
      grid,
      licences: licencesOn(pretrained, head),
    };
  }

  /** Frees its tensors. */
  dispose(): void {
    ('tensors' in this.#trunk ? this.#trunk.tensors : this.#trunk.numbers).dispose();
    this.#shallowCnn.dispose();
    this.#recurrent.dispose();
    this.#forgetful.dispose();
  }
}

/**
 * The part of a head's architecture that follows from the trunk, the stage and the input size.
 *
 * @throws L2cafError `shape-mismatch` when a side of `inputSize` is not a multiple of 32.
 */
export function trunkSide(
  pretrained: PretrainedTrunk,
  stage: Stage,
  inputSize: PictureSize,
): Pick<HeadSpec, 'trunk' | 'stage' | 'trunkGrid' | 'trunkChannels' | 'inputSize'> {
  const { height, width, channels } = featureShape({ ...pretrained.spec, upTo: stage }, inputSize);
  return { trunk: pretrained.id, stage, trunkGrid: { height, width }, trunkChannels: channels, inputSize };
}

/**
 * A head for frames of another size. Only a head that pools its maps to a fixed grid, or reads them by attention, can take one.
 *
 * @throws L2cafError `shape-mismatch`
 */
export function withInputSize(head: Head, pretrained: PretrainedTrunk, inputSize: PictureSize): Head {
  const { spec } = head;
  if (inputSize.width === spec.inputSize.width && inputSize.height === spec.inputSize.height) return head;
  if (spec.pool === undefined && spec.attention === undefined) {
    const { width, height } = spec.inputSize;
    throw new L2cafError('shape-mismatch', `this model takes frames of ${width}x${height} only`, {
      hint: 'leave --size out, or use a model that pools its feature maps or reads them by attention',
    });
  }
  const resized = { ...spec, ...trunkSide(pretrained, stageNamed(spec.stage), inputSize) };
  const { height, width } = featureMapShape(resized);
  if (spec.pool && (height < spec.pool.height || width < spec.pool.width)) {
    const { width: w, height: h } = inputSize;
    throw new L2cafError('shape-mismatch', `frames of ${w}x${h} are too small for this model`, {
      hint: `they give ${width}x${height} feature cells, it needs ${spec.pool.width}x${spec.pool.height}`,
    });
  }
  const { facts, ...rest } = head;
  if (facts === undefined) return { ...rest, spec: resized };
  const { familiarity: _, ...others } = facts; // other sizes give other features
  return { ...rest, spec: resized, facts: others };
}
