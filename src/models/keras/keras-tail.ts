/**
 * The part of a Keras network after the layer that is filtered, for one event. Layers that are applied frame by frame see only
 * the frame that a row filters; the others keep what they gave without a filter.
 */
import { L2cafError } from '../../base/errors.ts';
import { oneHot } from '../../base/one-hot.ts';
import * as tf from '../../base/tensorflow.ts';
import type { FeatureTail, MapTail } from '../../l2caf/tail.ts';
import type { FeatureMaps } from '../video-model.ts';
import type { Layer } from './layer.ts';
import { sizeOf } from './layer-config.ts';
import { applyNode, type Node } from './node.ts';

/** A node whose output is explained, and the layer that makes it: with scores the one before the softmax. */
export interface OutputNode {
  readonly node: Node;
  readonly layer: Layer | undefined;
}

/** What lies between the filtered layer and some outputs. */
export interface TailPlan {
  /** The filtered layer. */
  readonly cut: Node;
  /** What depends on it and leads to the outputs, in order. */
  readonly nodes: readonly Node[];
  /** What else these read. */
  readonly others: readonly Node[];
  readonly outputs: readonly OutputNode[];
}

/** Feature maps of an event with what else the tails need of it. */
export interface KerasMaps extends FeatureMaps {
  /** Of the event. */
  readonly frames: number;
  /** Values of the nodes that tails read beside the maps, without a batch, by name. */
  readonly others: ReadonlyMap<string, Float32Array>;
}

/**
 * Finds what lies between a layer and outputs.
 *
 * @throws L2cafError `model-invalid` when the layer does not lead there
 */
export function planTail(nodes: readonly Node[], cut: Node, outputs: readonly OutputNode[]): TailPlan {
  const wanted = outputs.map(({ node }) => node);
  const { nodes: own, others } = tailBehind(nodes, cut, wanted);
  const missed = wanted.find((node) => !own.includes(node));
  if (missed !== undefined) {
    throw new L2cafError('model-invalid', `${missed.name} does not depend on the layer ${cut.name}`, {
      hint: 'choose an earlier layer, or another output',
    });
  }
  return { cut, nodes: own, others, outputs };
}

/** What depends on a layer and leads to outputs, in order, and what else that reads. */
export function tailBehind(
  nodes: readonly Node[],
  cut: Node,
  outputs: readonly Node[],
): Pick<TailPlan, 'nodes' | 'others'> {
  const behind = new Set<Node>([cut]);
  for (const node of nodes) if (node.inputs.some((one) => behind.has(one as Node))) behind.add(node);
  const wanted = new Set<Node>(outputs);
  for (const node of nodes.toReversed()) if (wanted.has(node)) for (const one of nodesIn(node)) wanted.add(one);
  const own = nodes.filter((node) => node !== cut && behind.has(node) && wanted.has(node));
  const others = new Set(own.flatMap(nodesIn).filter((node) => !behind.has(node)));
  return { nodes: own, others: [...others] };
}

/** What a node reads. */
export function nodesIn({ inputs }: Node): Node[] {
  return inputs.filter((one) => typeof one !== 'number');
}

/** Values of one batch at most: 64 MB. */
const VALUES_PER_BATCH = 2 ** 24;

/** Weights of a node's layer. */
export type WeightsOf = (node: Node) => readonly tf.Tensor[];

/**
 * The tail of an event. Of a network whose gradients the backends know, also in tensors.
 *
 * @throws L2cafError `shape-mismatch` for maps of another network, `diverged` when its outputs are not numbers
 */
export function kerasTail(plan: TailPlan, maps: FeatureMaps & Partial<KerasMaps>, weightsOf: WeightsOf): MapTail {
  const parts = new TailParts(plan, maps, weightsOf);
  try {
    return tailOf(parts, plan);
  } catch (error) {
    parts.dispose();
    throw error;
  }
}

function tailOf(parts: TailParts, plan: TailPlan): MapTail {
  const { slots, grid, channels } = parts;
  const reference = tf.tidy(() => parts.outputsOf(parts.mapAt(0), [0]).dataSync<'float32'>());
  if (!reference.every(Number.isFinite)) {
    throw new L2cafError('diverged', 'the network gives outputs that are not numbers', {
      hint: 'do the frames have the range that it was trained with? Are its weights whole?',
    });
  }
  const outputSize = reference.length;
  /** Rows in batches; `outputsAt` gives the outputs of some of them. */
  const inBatches = async (
    rows: number,
    outputsAt: (first: number, count: number) => tf.Tensor2D,
  ): Promise<Float32Array> => {
    const result = new Float32Array(rows * outputSize);
    const most = parts.rowsPerBatch;
    for (let first = 0; first < rows; first += most) {
      const outputs = tf.tidy(() => outputsAt(first, Math.min(most, rows - first)));
      result.set(await outputs.data<'float32'>().finally(() => outputs.dispose()), first * outputSize);
    }
    return result;
  };
  const cells = grid.height * grid.width;
  const tail: MapTail = {
    slots,
    grid,
    outputSize,
    reference,
    evaluate: (filters, slotOfRow) =>
      inBatches(slotOfRow.length, (first, count) => {
        const own = slotOfRow.slice(first, first + count);
        const values = filters.subarray(first * cells, (first + count) * cells);
        return parts.outputsOf(parts.filteredMaps(tf.tensor3d(values, [count, grid.height, grid.width]), own), own);
      }),
    mapOf: (slot) => parts.mapValues(slot),
    evaluateMaps: (values, slotOfRow) =>
      inBatches(slotOfRow.length, (first, count) => {
        const size = cells * channels;
        const maps = values.subarray(first * size, (first + count) * size);
        const shape: [number, number, number, number] = [count, grid.height, grid.width, channels];
        return parts.outputsOf(tf.tensor4d(maps, shape), slotOfRow.slice(first, first + count));
      }),
    ...(slots > 1 && {
      subsets: {
        absent: 'emptied',
        evaluate: (present) =>
          inBatches(present.length / slots, (first, count) =>
            parts.outputsOfSets(present.subarray(first * slots, (first + count) * slots), count),
          ),
      },
    }),
    dispose: () => parts.dispose(),
  };
  if (plan.nodes.some(({ layer }) => layer!.noGradient)) return tail;
  const inTensors: Pick<FeatureTail, 'filtered' | 'features' | 'outputsOf' | 'isMeasured'> = {
    isMeasured: true,
    filtered: (filters, slotOfRow) => tf.tidy(() => parts.outputsOf(parts.filteredMaps(filters, slotOfRow), slotOfRow)),
    features: (slot) => parts.features(slot),
    outputsOf: (features, slotOfRow) => tf.tidy(() => parts.outputsOf(features, slotOfRow)),
  };
  return { ...tail, ...inTensors };
}

/** The tensors of an event's tail, and how rows go through it. */
class TailParts {
  readonly slots: number;
  readonly grid: { readonly height: number; readonly width: number };
  readonly channels: number;
  readonly rowsPerBatch: number;
  readonly #plan: TailPlan;
  readonly #weightsOf: WeightsOf;
  readonly #data: Float32Array;
  /** `[slots, h, w, c]` */
  readonly #maps: tf.Tensor4D;
  /** `[1, …]`, by node. */
  readonly #others: ReadonlyMap<Node, tf.Tensor>;
  /** The cut and the nodes after it that are applied frame by frame. */
  readonly #framewise: ReadonlySet<Node>;
  /** What framewise nodes give without a filter, `[1, t, …]`. */
  readonly #unfiltered = new Map<Node, tf.Tensor>();
  readonly #features = new Map<number, tf.Tensor3D>();

  constructor(plan: TailPlan, maps: FeatureMaps & Partial<KerasMaps>, weightsOf: WeightsOf) {
    const { cut } = plan;
    this.#plan = plan;
    this.#weightsOf = weightsOf;
    const hasTime = cut.shape.length === 4;
    const [height, width, channels] = cut.shape.slice(-3) as [number, number, number];
    this.slots = hasTime ? cut.shape[0]! : 1;
    this.grid = { height, width };
    this.channels = channels;
    const expected = [this.slots, height, width, channels];
    if (maps.shape.join() !== expected.join() || maps.data.length !== sizeOf(expected)) {
      throw new L2cafError(
        'shape-mismatch',
        `the network makes maps of [${expected.join(', ')}], not [${maps.shape.join(', ')}]`,
      );
    }
    for (const { name, shape } of plan.others) {
      if (maps.others?.get(name)?.length === sizeOf(shape)) continue;
      throw new L2cafError('shape-mismatch', `the maps come without what the network makes at ${name}`, {
        hint: 'explain maps that features() of the same network made',
      });
    }
    this.#data = maps.data;
    this.#framewise = framewise(plan, hasTime);
    this.rowsPerBatch = rowsPerBatch(plan, this.#framewise, this.slots);
    this.#maps = tf.tensor4d(maps.data, [this.slots, height, width, channels]);
    this.#others = new Map(
      plan.others.map((node) => [node, tf.tensor(maps.others!.get(node.name)!, [1, ...node.shape])]),
    );
    if (!hasTime) return;
    tf.tidy(() => {
      const unfiltered = this.#withoutFilter(tf.expandDims(this.#maps, 0));
      for (const [node, value] of unfiltered) this.#unfiltered.set(node, tf.keep(tf.clone(value)));
    });
  }

  /** `[1, h, w, c]` */
  mapAt(slot: number): tf.Tensor4D {
    return tf.slice(this.#maps, [slot, 0, 0, 0], [1, -1, -1, -1]);
  }

  mapValues(slot: number): Float32Array {
    const size = this.#data.length / this.slots;
    return this.#data.slice(slot * size, (slot + 1) * size);
  }

  /** `[h, w, c]` */
  features(slot: number): tf.Tensor3D {
    const kept = this.#features.get(slot);
    if (kept) return kept;
    const features = tf.tidy(() => tf.keep(tf.squeeze<tf.Tensor3D>(this.mapAt(slot), [0]))); // whoever asks may tidy up
    this.#features.set(slot, features);
    return features;
  }

  /** Filters `[n, h, w]` → maps `[n, h, w, c]`. */
  filteredMaps(filters: tf.Tensor3D, slots: readonly number[]): tf.Tensor4D {
    const isSame = slots.every((slot) => slot === slots[0]);
    const maps = isSame ? this.mapAt(slots[0]!) : tf.gather(this.#maps, tf.tensor1d([...slots], 'int32'));
    return tf.mul(maps, tf.expandDims(filters, 3));
  }

  /** Maps `[n, h, w, c]` in the place of those of their slots → outputs `[n, d]`. */
  outputsOf(maps: tf.Tensor4D, slots: readonly number[]): tf.Tensor2D {
    const { cut, nodes } = this.#plan;
    const rows = new Rows(slots, this.slots);
    const known = new Map<Node, tf.Tensor>([[cut, this.#framewise.has(cut) ? tf.expandDims(maps, 1) : maps]]);
    const wholes = new Map<Node, tf.Tensor>();
    /** A node's value for all frames, `[n, …]`. */
    const whole = (node: Node): tf.Tensor => {
      const before = wholes.get(node);
      if (before !== undefined) return before;
      const own = known.get(node);
      const value =
        own === undefined
          ? rows.repeated(this.#others.get(node)!)
          : this.#framewise.has(node)
            ? rows.placed(own, this.#unfiltered.get(node)!)
            : own;
      wholes.set(node, value);
      return value;
    };
    /** A node's value for the frame of each row, `[n, 1, …]`. */
    const ofFrame = (node: Node): tf.Tensor => known.get(node) ?? rows.picked(this.#others.get(node)!);
    const inputsOf = (node: Node): tf.Tensor[] => {
      const read = this.#framewise.has(node) ? ofFrame : whole;
      return node.inputs.map((one) => (typeof one === 'number' ? tf.scalar(one) : read(one)));
    };
    for (const node of nodes) known.set(node, applyNode(node, inputsOf(node), this.#weightsOf(node)));
    return this.#flatOutputs(slots.length, whole);
  }

  /** Sets of slots, `[n, slots]`: the maps of the slots that are not in a set are zero → outputs `[n, d]`. */
  outputsOfSets(present: Uint8Array, count: number): tf.Tensor2D {
    const { nodes } = this.#plan;
    const isThere = tf.tensor2d(Float32Array.from(present), [count, this.slots]);
    const emptied = this.#withoutFilter(tf.zerosLike(tf.expandDims(this.#maps, 0)));
    const repeated = (x: tf.Tensor): tf.Tensor => tf.tile(x, [count, ...x.shape.slice(1).map(() => 1)]);
    const known = new Map<Node, tf.Tensor>();
    /** A node's value for all frames, `[n, …]`. */
    const whole = (node: Node): tf.Tensor => {
      const before = known.get(node);
      if (before !== undefined) return before;
      const full = this.#unfiltered.get(node);
      if (full === undefined) return repeated(this.#others.get(node)!);
      const there = tf.reshape(isThere, [count, this.slots, ...full.shape.slice(2).map(() => 1)]);
      const value = tf.add(tf.mul(there, full), tf.mul(tf.sub(1, there), emptied.get(node)!));
      known.set(node, value);
      return value;
    };
    for (const node of nodes) {
      if (this.#framewise.has(node)) continue;
      const inputs = node.inputs.map((one) => (typeof one === 'number' ? tf.scalar(one) : whole(one)));
      known.set(node, applyNode(node, inputs, this.#weightsOf(node)));
    }
    return this.#flatOutputs(count, whole);
  }

  /** The outputs side by side, `[n, d]`, of what nodes give for all frames. */
  #flatOutputs(count: number, whole: (node: Node) => tf.Tensor): tf.Tensor2D {
    const flat = this.#plan.outputs.map(({ node, layer }) => {
      const isOwn = layer === node.layer;
      if (isOwn) return tf.reshape(whole(node), [count, -1]);
      const inputs = node.inputs.map((one) => (typeof one === 'number' ? tf.scalar(one) : whole(one)));
      return tf.reshape(applyNode({ ...node, layer: layer! }, inputs, this.#weightsOf(node)), [count, -1]);
    });
    return (flat.length === 1 ? flat[0]! : tf.concat(flat, 1)) as tf.Tensor2D;
  }

  dispose(): void {
    tf.dispose([this.#maps, ...this.#others.values(), ...this.#unfiltered.values(), ...this.#features.values()]);
  }

  /** What framewise nodes give for maps `[1, t, h, w, c]`, `[1, t, …]` each. */
  #withoutFilter(maps: tf.Tensor): Map<Node, tf.Tensor> {
    const { cut, nodes } = this.#plan;
    const found = new Map<Node, tf.Tensor>([[cut, maps]]);
    for (const node of nodes) {
      if (!this.#framewise.has(node)) continue;
      const inputs = node.inputs.map((one) =>
        typeof one === 'number' ? tf.scalar(one) : (found.get(one) ?? this.#others.get(one)!),
      );
      found.set(node, applyNode(node, inputs, this.#weightsOf(node)));
    }
    return found;
  }
}

/** Nodes that can be computed from one frame alone. */
function framewise({ cut, nodes }: TailPlan, hasTime: boolean): Set<Node> {
  const found = new Set<Node>(hasTime ? [cut] : []);
  const own = new Set<Node>(nodes);
  const isFramewise = (node: Node): boolean =>
    node.lead > 0 && nodesIn(node).every((one) => found.has(one) || (!own.has(one) && one !== cut));
  for (const node of nodes) if (isFramewise(node)) found.add(node);
  return found;
}

function rowsPerBatch({ cut, nodes }: TailPlan, framewiseNodes: ReadonlySet<Node>, slots: number): number {
  const valuesOf = (node: Node): number => sizeOf(node.shape) / (framewiseNodes.has(node) ? slots : 1);
  const values = [cut, ...nodes].reduce((sum, node) => sum + valuesOf(node), 0);
  return Math.max(1, Math.floor(VALUES_PER_BATCH / values));
}

/** Rows of a batch, each with a frame of its own. */
class Rows {
  readonly #slots: readonly number[];
  readonly #frames: number;
  /** `[n, t]`, 1 at each row's frame. */
  #own: tf.Tensor2D | undefined;

  constructor(slots: readonly number[], frames: number) {
    this.#slots = slots;
    this.#frames = frames;
  }

  /** `[1, …]` → `[n, …]` */
  repeated(x: tf.Tensor): tf.Tensor {
    return tf.tile(x, [this.#slots.length, ...x.shape.slice(1).map(() => 1)]);
  }

  /** `[1, t, …]` → each row's frame of it, `[n, 1, …]`. */
  picked(x: tf.Tensor): tf.Tensor {
    const frames = tf.gather(tf.squeeze(x, [0]), tf.tensor1d([...this.#slots], 'int32'));
    return tf.expandDims(frames, 1);
  }

  /** `[n, 1, …]` in the places of the rows' frames among those of `[1, t, …]` → `[n, t, …]`. */
  placed(x: tf.Tensor, others: tf.Tensor): tf.Tensor {
    this.#own ??= oneHot(this.#slots, this.#frames);
    const own = tf.reshape(this.#own, [this.#slots.length, this.#frames, ...x.shape.slice(2).map(() => 1)]);
    return tf.add(tf.mul(own, x), tf.mul(tf.sub(1, own), others));
  }
}
