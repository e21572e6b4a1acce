/** Networks that call their layers for one frame after another: the calls of a layer are one layer that is applied along time. */
import { groupBy } from '../../base/group-by.ts';
import * as tf from '../../base/tensorflow.ts';
import { placeAlong } from './axes.ts';
import { keepsAxes } from './axis-orders.ts';
import type { Layer } from './layer.ts';
import { shapeText } from './layer-config.ts';
import type { Node } from './node.ts';

type Nodes = Pick<Parts, 'nodes' | 'outputs'>;

interface Parts {
  readonly input: Node;
  readonly outputs: readonly Node[];
  readonly nodes: readonly Node[];
}

/**
 * The same network with the calls of each layer for single frames made one along time, in the order of the frames whatever that
 * of the calls. A network without such calls is left as it is.
 */
export function alongFrames({ input, nodes, outputs }: Parts): Nodes {
  const groups = groupsOf(input, nodes);
  if (groups.length === 0) return { nodes, outputs };
  const merging = new Merging(nodes, groups);
  const merged = outputs.map((node) => merging.of(node));
  return merging.isCyclic ? { nodes, outputs } : { nodes: merging.nodes, outputs: merged };
}

/** Calls of one layer for one frame each, in the order of the frames. */
interface Group {
  readonly calls: readonly Node[];
}

/** Nodes of several frames, of which one frame may be taken; and the frame that others are made of alone. */
function groupsOf(input: Node, nodes: readonly Node[]): Group[] {
  if (input.shape.length !== 4) return [];
  const ofAll = new Set<Node>([input]);
  const frames = new Map<Node, number>();
  for (const node of nodes) {
    const read = node.inputs.filter((one) => typeof one !== 'number');
    const [first] = read;
    if (node.layer === undefined || first === undefined) continue;
    if (ofAll.has(first) && read.length === 1) {
      const { takes } = node.layer;
      if (takes !== undefined && node.lead === 0) frames.set(node, takes);
      else if (node.shape[0] === input.shape[0] && (node.lead > 0 || keepsAxes(node.className, node.layer)))
        ofAll.add(node);
      continue;
    }
    const own = new Set(read.filter(({ inputs }) => inputs.length > 0).map((one) => frames.get(one)));
    const [frame] = own;
    if (own.size === 1 && frame !== undefined) frames.set(node, frame);
  }
  const calls = [...frames.keys()].filter(({ layer }) => layer!.takes === undefined);
  const byLayer = groupBy(calls, ({ className, weights, name, shape }) => {
    return `${className} ${weights} ${/\[\d+\]$/.exec(name)?.[0] ?? ''} ${shapeText(shape)}`;
  });
  return [...byLayer.values()].flatMap((calls) => {
    const isOfEach = calls.length > 1 && new Set(calls.map((node) => frames.get(node))).size === calls.length;
    return isOfEach ? [{ calls: calls.toSorted((a, b) => frames.get(a)! - frames.get(b)!) }] : [];
  });
}

/** Makes the nodes of a network anew, with those of groups in one. */
class Merging {
  readonly nodes: Node[] = [];
  /** Calls that read what is made of them, as no order of frames explains: nothing is merged then. */
  isCyclic = false;
  readonly #groupOf = new Map<Node, Group>();
  readonly #made = new Map<Node | Group, Node>();
  readonly #stacked = new Map<string, Node>();
  readonly #underWay = new Set<Node | Group>();

  constructor(nodes: readonly Node[], groups: readonly Group[]) {
    for (const group of groups) for (const call of group.calls) this.#groupOf.set(call, group);
    for (const node of nodes) if (node.layer === undefined || node.inputs.length === 0) this.#add(node, node);
    for (const node of nodes) if (!this.#groupOf.has(node)) this.of(node);
    for (const group of groups) this.#whole(group);
  }

  /** What stands for a node: of a call in a group, its frame of what the group makes. */
  of(node: Node): Node {
    const group = this.#groupOf.get(node);
    return this.#once(node, () => {
      if (group === undefined)
        return { ...node, inputs: node.inputs.map((one) => (typeof one === 'number' ? one : this.of(one))) };
      const place = group.calls.indexOf(node);
      const whole = this.#whole(group);
      const layer = placeAlong(whole.shape, 1, place);
      return { ...plain(`${whole.name}:${place}`, 'GetItem'), shape: node.shape, inputs: [whole], layer };
    });
  }

  /** All calls of a group in one, along time. */
  #whole(group: Group): Node {
    const { calls } = group;
    const [first] = calls as readonly [Node];
    return this.#once(group, () => ({
      ...first,
      name: first.name.replace(/:\d+(?=(\[\d+\])?$)/, ''),
      shape: [calls.length, ...first.shape],
      lead: first.lead + 1,
      inputs: first.inputs.map((one, i) => {
        return typeof one === 'number' ? one : this.#together(calls.map(({ inputs }) => inputs[i] as Node));
      }),
    }));
  }

  /** What calls read at one place, along time. */
  #together(read: readonly Node[]): Node {
    const [first] = read as readonly [Node];
    const group = this.#groupOf.get(first);
    if (group?.calls.length === read.length && group.calls.every((call, i) => call === read[i]))
      return this.#whole(group);
    const [source] = first.inputs;
    const isWhole = read.every(({ layer, inputs }, i) => layer?.takes === i && inputs[0] === source);
    if (isWhole && typeof source === 'object' && source.shape[0] === read.length) return this.of(source);
    const inputs = read.map((one) => this.of(one));
    const name = `${inputs.map((one) => one.name).join(' + ')} along time`;
    const before = this.#stacked.get(name);
    if (before !== undefined) return before;
    const shape = [read.length, ...first.shape];
    const layer: Layer = { shape, weights: [], apply: (values) => tf.stack([...values], 1) };
    const made: Node = { ...plain(name, 'Stack'), shape, inputs, layer };
    this.nodes.push(made);
    this.#stacked.set(name, made);
    return made;
  }

  #once(key: Node | Group, make: () => Node): Node {
    const before = this.#made.get(key);
    if (before !== undefined) return before;
    if (this.#underWay.has(key)) {
      this.isCyclic = true;
      return key as Node;
    }
    this.#underWay.add(key);
    const made = make();
    return this.#add(key, made);
  }

  #add(key: Node | Group, made: Node): Node {
    this.nodes.push(made);
    this.#made.set(key, made);
    return made;
  }
}

/** What a node without weights has. */
function plain(name: string, className: string): Pick<Node, 'name' | 'className' | 'lead' | 'weights'> {
  return { name, className, lead: 0, weights: name };
}
