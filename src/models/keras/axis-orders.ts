/**
 * Networks with channels before rows and columns. Backends compute with channels last, so what such a layer makes is kept with
 * its channels last, and as the file has it only for whoever reads it so.
 */
import { ACTIVATION_LAYERS } from './activations.ts';
import type { Layer } from './layer.ts';
import type { LayerConfig, Shape } from './layer-config.ts';
import { MERGE_LAYERS } from './merges.ts';
import type { Node } from './node.ts';
import { NORMALISATION_LAYERS } from './normalisations.ts';
import { ELEMENTWISE_OPERATORS } from './operators.ts';
import { transposed } from './shape-layers.ts';

/** For each axis of a tensor, from 0, which one it is of another: both without the batch. */
export type AxisOrder = readonly number[];

/** Layers whose output has the axes of their inputs in the same order. */
const KEEPS_AXES: ReadonlySet<string> = new Set([
  ...ELEMENTWISE_OPERATORS,
  ...Object.keys(ACTIVATION_LAYERS),
  ...Object.keys(MERGE_LAYERS),
  ...Object.keys(NORMALISATION_LAYERS),
]);

/** Whether what a layer makes has the axes of its inputs, whatever these are. */
export function keepsAxes(className: string, { isIdentity }: Layer): boolean {
  return isIdentity === true || KEEPS_AXES.has(className);
}

/** Whether a layer has its channels before its rows and columns. */
export function isChannelsFirst(config: LayerConfig): boolean {
  return ['channels_first', 'channelsFirst'].includes(String(config.get('data_format')));
}

/** The order in which a tensor with channels first, or behind its first `lead` axes, has them last. */
export function channelsToLast(axes: number, lead: number): AxisOrder {
  const all = Array.from({ length: axes }, (_, axis) => axis);
  return [...all.slice(0, lead), ...all.slice(lead + 1), lead];
}

/** The order in which a layer brings its input's axes, where it only moves channels, or undoes that; else undefined. */
export function movesChannels(
  className: string,
  config: LayerConfig,
  axes: number,
  lead: number,
): AxisOrder | undefined {
  const key = { Permute: 'dims', Transpose: 'axes' }[className];
  if (key === undefined || axes - lead < 3) return undefined;
  const given = config.integers(key);
  const own = key === 'dims' ? given : given.slice(1); // a function counts the batch
  const leading = Array.from({ length: lead }, (_, axis) => axis);
  const order = [...leading, ...own.map((axis) => lead + axis - 1)];
  const isIt = leading.concat(lead, lead + 1).some((before) => {
    const last = channelsToLast(axes, before);
    return [last, inverse(last)].some((one) => one.join() === order.join());
  });
  return isIt ? order : undefined;
}

/** The order that undoes another. */
export function inverse(order: AxisOrder): AxisOrder {
  return order.map((_, axis) => order.indexOf(axis));
}

/** One order of what another made. */
export function composed(first: AxisOrder, then: AxisOrder): AxisOrder {
  return then.map((axis) => first[axis]!);
}

/** Whether an order changes nothing. */
export function isSame(order: AxisOrder): boolean {
  return order.every((axis, i) => axis === i);
}

/** A shape with its axes in an order. */
export function ordered(shape: Shape, order: AxisOrder): Shape {
  return order.map((axis) => shape[axis]!);
}

/** A layer of tensors in a file's order, for tensors that are kept in another: theirs is `order` of those. */
export function inFileOrder(layer: Layer, order: AxisOrder): Layer {
  const back = inverse(order);
  const shape = ordered(layer.shape, back);
  if (layer.isIdentity) return { ...layer, shape };
  return {
    ...layer,
    shape,
    apply: (inputs, weights) => {
      const given = inputs.map((x) => (x.rank === order.length + 1 ? transposed(x, order) : x));
      return transposed(layer.apply(given, weights), back);
    },
  };
}

/** A node's values in another order of axes. */
interface Moved {
  readonly source: Node;
  /** Axis i is that axis of the source. */
  readonly order: AxisOrder;
}

/** What is kept in another order than the file has it, and the nodes that bring it into that of the file. */
export class AxisOrders {
  readonly #moved = new Map<Node, Moved>();
  readonly #made = new Map<string, Node>();
  readonly #nodes: Node[];

  /** @param nodes to which those that move axes are added */
  constructor(nodes: Node[]) {
    this.#nodes = nodes;
  }

  /** The node whose values these are, in the order in which they are kept. */
  sourceOf(node: Node): Node {
    return this.#moved.get(node)?.source ?? node;
  }

  /** The order in which the first of some tensors is kept, if it is another than the file's: behind their first `lead` axes. */
  orderOf(read: readonly (Node | number)[], lead: number): AxisOrder | undefined {
    const nodes = read.filter((one) => typeof one !== 'number');
    const moved = nodes.map((node) => this.#moved.get(node)).find((one) => one !== undefined);
    const fits =
      moved && isSame(moved.order.slice(0, lead)) && nodes.every(({ shape }) => shape.length === moved.order.length);
    return fits ? moved.order : undefined;
  }

  /** A tensor with its axes in an order. */
  inOrder(node: Node, order: AxisOrder, name?: string): Node {
    const before = this.#moved.get(node);
    const source = before?.source ?? node;
    const whole = before === undefined ? order : composed(before.order, order);
    if (isSame(whole)) return source;
    const called = name ?? `${source.name} [${whole.join(', ')}]`;
    const known = this.#made.get(called);
    if (known !== undefined) return known;
    const lead = whole.findIndex((axis, i) => axis !== i);
    const each = whole.slice(lead).map((axis) => axis - lead);
    const shape = ordered(source.shape, whole);
    const layer: Layer = { shape: shape.slice(lead), weights: [], apply: ([x]) => transposed(x!, each) };
    const made: Node = { name: called, className: 'Permute', shape, inputs: [source], layer, lead, weights: called };
    this.#nodes.push(made);
    this.#made.set(called, made);
    this.#moved.set(made, { source, order: whole });
    return made;
  }
}
