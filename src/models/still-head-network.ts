/**
 * A trained head for still pictures on its trunk, ready to run. The trunk is a frozen one in plain values, on any engine; the head
 * is a network of its own, whose first layer is what the trunk gives; a stage that learnt with the head is part of it.
 */
import * as tf from '../base/tensorflow.ts';
import type { FrameBatch, PictureSize } from '../base/types.ts';
import type { FeatureTail } from '../l2caf/tail.ts';
import { type EngineInfo, type EngineName, useEngine } from './backend.ts';
import { type EngineChoice, STAGES } from './choices.ts';
import { type LayeredNetwork, withoutClasses } from './classification-network.ts';
import { classifierTail } from './classifier-tail.ts';
import { loadFrameTrunk } from './frame-trunk.ts';
import type { WeightTensors } from './head-network.ts';
import type { Fetching } from './onnx/pull-engine.ts';
import { type FrameTrunk, findPretrained, licencesOn } from './pretrained.ts';
import { pullTrunk } from './pull.ts';
import { type NetworkPart, reinitialise } from './reinitialise.ts';
import { stageNamed } from './resnet.ts';
import { type LoadedStillHead, loadStillHead, type StillManifest } from './still-directory.ts';
import { convolved, fusedMap, lastMap, type StillHeadSpec, untrainedStillHead } from './still-head.ts';
import { isOfStage } from './tuned-stage.ts';
import type { Licence } from './video-model.ts';

/** A head that is ready, and what runs its trunk. Its `network` is to be disposed of. */
export interface OpenStillHead {
  readonly network: StillHeadNetwork;
  readonly backend: EngineInfo;
  /** What a person should know. */
  readonly warnings: readonly string[];
}

/** How it is opened. */
export interface StillHeadOptions extends Fetching {
  /** What runs the trunk; a user's own always runs on onnxruntime. */
  readonly backend: EngineChoice;
}

/**
 * Opens a trained head; fetches its trunk first if it is one of this project and not in the cache.
 *
 * @throws L2cafError as `loadStillHead`, `pullTrunk`, `useEngine` and `OnnxTrunk.open`
 */
export async function openStillHead(
  folder: string,
  { backend, ...fetching }: StillHeadOptions,
): Promise<OpenStillHead> {
  const head = await loadStillHead(folder);
  if (head.trunkFile !== undefined) {
    const engine = await useEngine('onnxruntime', fetching);
    const { OnnxTrunk } = await import('./onnx/trunk.ts'); // takes a fifth of a second
    const trunk = await OnnxTrunk.open(head.trunkFile, fetching.signal ? { signal: fetching.signal } : {});
    const frames: FrameTrunk = { features: ({ rgb }) => trunk.features(rgb), dispose: () => trunk.dispose() };
    return { network: new StillHeadNetwork(head, frames, engine.name), backend: engine, warnings: [] };
  }
  const pretrained = findPretrained(head.spec.trunk);
  await pullTrunk(pretrained, fetching);
  const engine = await useEngine(backend, fetching);
  const trunk = await loadFrameTrunk(pretrained, stageNamed(head.spec.stage), { engine: engine.name });
  return {
    network: new StillHeadNetwork(head, trunk, engine.name),
    backend: engine,
    warnings: engine.warning === undefined ? [] : [engine.warning],
  };
}

/** See the head of the file. Dispose of it when done, after its tails. */
export class StillHeadNetwork {
  readonly id: string;
  /** Of everything that its outputs depend on. */
  readonly sha256: string;
  readonly spec: StillHeadSpec;
  readonly inputSize: PictureSize;
  /** The layers whose outputs can be filtered: the trunk's last, then those of the head. */
  readonly layers: readonly string[];
  readonly manifest: StillManifest;
  readonly #head: LoadedStillHead;
  readonly #trunk: FrameTrunk;
  readonly #engine: EngineName;
  readonly #weights: WeightTensors;
  readonly #layered: LayeredNetwork;
  /** Whether its trunk is another network's, which frees it. */
  readonly #borrows: boolean;

  constructor(head: LoadedStillHead, trunk: FrameTrunk, engine: EngineName, borrows = false) {
    const { spec, manifest } = head;
    this.id = manifest.id;
    this.sha256 = head.sha256;
    [this.spec, this.inputSize, this.manifest] = [spec, spec.inputSize, manifest];
    [this.#head, this.#trunk, this.#engine, this.#borrows] = [head, trunk, engine, borrows];
    this.#weights = Object.fromEntries(
      [...head.weights].map(([name, { data, shape }]) => [name, tf.tensor(data, [...shape])]),
    );
    this.#layered = layeredNetwork(this.id, head, this.#weights);
    this.layers = this.#layered.steps.map(({ name }) => name);
  }

  /** The layer whose output is filtered unless another is asked for. */
  get defaultLayer(): string {
    return this.#layered.defaultLayer;
  }

  /** Of the weights, the pictures that they were trained on, and the trunk, as far as they are known. */
  get licences(): readonly Licence[] {
    const { weights, training, trunk } = this.manifest;
    const own = [
      { of: `head ${this.id}`, licence: weights.licence },
      { of: `training data of ${this.id}`, licence: training.licence },
    ].flatMap(({ of, licence }) => (licence === undefined ? [] : [{ of, licence }]));
    return trunk.own ? own : licencesOn(findPretrained(trunk.id), { facts: { licences: own } });
  }

  /**
   * The network behind a layer, for one picture of the input's size. The caller disposes of it.
   *
   * @param asEmbedding whether the pooled last map is the output, in place of the classes
   * @throws L2cafError `usage` when there is no such layer
   */
  async tail(
    picture: Pick<FrameBatch, 'rgb' | 'shape'>,
    layer: string = this.defaultLayer,
    asEmbedding = false,
  ): Promise<FeatureTail> {
    const { spec } = this;
    const { height, width } = spec.trunkGrid;
    const data = await this.#trunk.features(picture);
    const features = tf.tensor4d(data, [1, height, width, spec.trunkChannels]);
    try {
      const tail = classifierTail(asEmbedding ? withoutClasses(this.#layered) : this.#layered, features, layer);
      if (spec.kind !== 'acol' || asEmbedding) return tail;
      const kept = tf.clone(features);
      return {
        ...tail,
        fused: (index) => fusedMap(spec, this.#weights, kept, index),
        dispose: () => {
          kept.dispose();
          tail.dispose();
        },
      };
    } finally {
      features.dispose();
    }
  }

  /** Its parts from the output to the input, which it can forget: of a user's own trunk, which holds no weights, those of the head. */
  get parts(): readonly string[] {
    return [...HEAD_PARTS.map(({ name }) => name), ...this.#trunkParts().map(({ name }) => name)];
  }

  /**
   * Itself with the first `count` of these parts drawn anew, those of the head as before its training (numbers of the same mean and
   * spread would leave a map of zeros behind its ReLUs). The caller disposes of it, before this one.
   */
  async without(count: number, seed: number): Promise<StillHeadNetwork> {
    const parts = HEAD_PARTS.slice(0, count);
    const forgotten = this.#trunkParts().slice(0, Math.max(0, count - HEAD_PARTS.length));
    const untrained = untrainedStillHead(this.spec, seed);
    const weights = new Map(
      [...reinitialise(this.#head.weights, forgotten, seed)].map(([name, own]) => [
        name,
        parts.some((part) => part.owns(name)) ? untrained.get(name)! : own,
      ]),
    );
    const head = { ...this.#head, weights };
    const { trunk, stage, tuned } = this.spec;
    const isTrunkKept = forgotten.every(({ name }) => name === tuned);
    if (isTrunkKept) return new StillHeadNetwork(head, this.#trunk, this.#engine, true);
    const edited = await loadFrameTrunk(findPretrained(trunk), stageNamed(stage), {
      engine: this.#engine,
      edit: (trunkWeights) => reinitialise(trunkWeights, forgotten, seed),
    });
    return new StillHeadNetwork(head, edited, this.#engine);
  }

  /** Its stages from the last, which may have learnt with the head, to the first. */
  #trunkParts(): readonly NetworkPart[] {
    if (this.manifest.trunk.own) return [];
    const { stage, tuned } = this.spec;
    const stages = STAGES.slice(0, STAGES.indexOf(tuned ?? stageNamed(stage)) + 1);
    return ['conv1', ...stages].reverse().map((name) => ({ name, owns: (weight) => isOfStage(weight, name) }));
  }

  /** Frees what it holds. */
  dispose(): void {
    if (!this.#borrows) this.#trunk.dispose();
    tf.dispose(Object.values(this.#weights));
  }
}

/** From the output to the input; those of both branches of ACoL together. */
const HEAD_PARTS: readonly NetworkPart[] = ['dense', 'cnn2', 'cnn1'].map((name) => ({
  name,
  owns: (weight) => weight.startsWith(`${name}/`) || weight.startsWith(`second/${name}/`),
}));

/** The head as steps behind the trunk; of ACoL the first branch, whose scores are the network's. */
function layeredNetwork(id: string, { spec, weights }: LoadedStillHead, tensors: WeightTensors): LayeredNetwork {
  const step = (name: string) => ({ name, apply: (x: tf.Tensor4D) => tf.tidy(() => convolved(x, tensors, name)) });
  return {
    id,
    steps: [
      { name: spec.stage, apply: (x) => tf.clone(x) },
      ...(spec.tuned ? [{ name: spec.tuned, apply: (x: tf.Tensor4D) => lastMap(spec, tensors, x) }] : []),
      ...[step('cnn1'), step('cnn2')],
    ],
    defaultLayer: 'cnn2',
    dense: { kernel: weights.get('dense/kernel')!.data, bias: weights.get('dense/bias')!.data },
    answer: spec.kind === 'retrieval' ? 'embedding' : 'scores',
    classes: spec.outputs,
  };
}
