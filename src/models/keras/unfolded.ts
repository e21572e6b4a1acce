/** A network of Keras once it is unfolded, and what it is unfolded with. */
import type { AxisOrder } from './axis-orders.ts';
import type { WeightSpec } from './layer.ts';
import type { Shape } from './layer-config.ts';
import type { Node } from './node.ts';

/** A layer's weights, and where files have them. */
export interface WeightSlot {
  readonly key: string;
  readonly title: string;
  /** In the order of the layer's; `trained` is false for all where the layer is frozen. */
  readonly specs: readonly WeightSpec[];
  /** The layer of the outermost network that it belongs to. */
  readonly topLayer: string;
  /** The folder that a .keras file has its weights in: names, and `undefined` for a network's list of layers. */
  readonly folder: readonly (string | undefined)[];
}

/** A network for frames of one shape. */
export interface Graph {
  readonly input: Node;
  readonly outputs: readonly Node[];
  /** Every node after those it reads. */
  readonly nodes: readonly Node[];
  /** In the order of the file's layers. */
  readonly slots: readonly WeightSlot[];
}

/** A Lambda layer in words: `scale · x + offset`. */
export interface Scaling {
  readonly scale: number;
  readonly offset: number;
}

/** A Lambda layer as one that Keras has, with that layer's options: `{ layer: 'Resizing', height: 66, width: 200 }`. */
export interface StandIn {
  readonly layer: string;
  readonly [option: string]: unknown;
}

/** What one of a network's inputs is given: pictures where there are no values. */
export interface GivenInput {
  readonly name: string;
  /** Without the batch. */
  readonly shape: Shape;
  readonly values?: readonly number[];
  /** Of a network with an input for each frame: which it is of the clip, whose shape is the same for all. */
  readonly frame?: number;
  /** Of pictures whose channels are not last in the file: the order that its axes are of those of `shape`. */
  readonly order?: AxisOrder;
}

/** How a network is unfolded. */
export interface GraphOptions {
  readonly kerasMajor: number;
  /** What Lambda layers do, and others that are not known, by their names. */
  readonly lambdas: Readonly<Record<string, Scaling | StandIn>>;
}
