/**
 * LSTM, GRU and RNN step by step: the product of their inputs with the input weights, which is affine in the inputs, as
 * nodes of its own, then a few nodes for each moment. One operator would multiply anew for every filter.
 */
import type { AttributeProto, NodeProto, TensorProto } from 'onnx-buf';
import { integerTensor, nodeOf } from './builder.ts';

/** Nodes, and the constants that they read. */
export interface Unrolled {
  readonly nodes: readonly NodeProto[];
  readonly constants: readonly TensorProto[];
}

/** Gates of a cell. */
const GATES: Readonly<Record<string, number>> = { LSTM: 4, GRU: 3, RNN: 1 };
/** Moments that are written out: more would make a graph that takes long to make ready. */
const MOST_STEPS = 64;
/** What an operator may be told and still be one of these. */
const KNOWN = ['hidden_size', 'direction', 'linear_before_reset'];

/** A recurrent node for inputs of `[steps, batch, size]`; undefined where it is of an unusual kind. */
export function unrolled(node: NodeProto, dims: readonly number[]): Unrolled | undefined {
  const { opType, domain, input, output, attribute } = node;
  const gates = GATES[opType];
  const [steps] = dims;
  const told = (name: string): AttributeProto | undefined => attribute.find((one) => one.name === name);
  const size = Number(told('hidden_size')?.i ?? 0);
  const isUsual =
    attribute.every(({ name, i }) => KNOWN.includes(name) || (name === 'layout' && i === 0n)) &&
    !input[4] && // lengths of sequences
    !input[7]; // peepholes
  if (gates === undefined || domain || dims.length !== 3 || !steps || steps > MOST_STEPS || !size || !isUsual) {
    return undefined;
  }
  const direction = Buffer.from(told('direction')?.s ?? []).toString() || 'forward';
  const writer = new Writer(`l2caf/${output.find((name) => name !== '')}`);
  const cell = { writer, node, size, gates, steps, isLinearFirst: told('linear_before_reset')?.i === 1n };
  const ways = direction === 'bidirectional' ? [false, true] : [direction === 'reverse'];
  const runs = ways.map((isReverse, at) => oneWay(cell, at, isReverse));
  const [all, last, lastCell] = output;
  if (all) {
    const moments = Array.from({ length: steps }, (_, t) => {
      return writer.concat(
        runs.map(({ states }) => writer.shaped(states[t]!, [1, 1, -1, size])),
        1,
      );
    });
    writer.named(all, 'Concat', moments, { axis: 0 });
  }
  const ends = (name: string, states: readonly string[]): void => {
    writer.named(
      name,
      'Concat',
      states.map((state) => writer.shaped(state, [1, -1, size])),
      { axis: 0 },
    );
  };
  const end = (states: readonly string[], at: number): string => states[ways[at] ? 0 : steps - 1]!;
  if (last)
    ends(
      last,
      runs.map(({ states }, at) => end(states, at)),
    );
  if (lastCell)
    ends(
      lastCell,
      runs.map(({ cells }, at) => end(cells, at)),
    );
  return writer;
}

interface Cell {
  readonly writer: Writer;
  readonly node: NodeProto;
  readonly size: number;
  readonly gates: number;
  readonly steps: number;
  /** Of a GRU: whether the reset gate acts on the product, not before it. */
  readonly isLinearFirst: boolean;
}

/** States of all moments, `[batch, size]` each, in one direction. */
function oneWay(cell: Cell, way: number, isReverse: boolean): { states: string[]; cells: string[] } {
  const { writer, node, size, gates, steps } = cell;
  const [x, w, r, b, , h0, c0] = node.input;
  const place = writer.integers([way]);
  const of = (name: string, shape: readonly number[]): string =>
    writer.shaped(writer.add('Gather', [name, place], { axis: 0 }), shape);
  const turned = (name: string, inner: number): string =>
    writer.add('Transpose', [of(name, [gates * size, inner])], { perm: [1, 0] });
  const bias = b ? of(b, [2, gates * size]) : undefined;
  const biasAt = (row: number): string | undefined =>
    bias && writer.shaped(writer.add('Gather', [bias, writer.integers([row])], { axis: 0 }), [gates * size]);
  const product = writer.add('MatMul', [x!, turned(w!, -1)]);
  const inputs = writer.plus(product, biasAt(0));
  const [recurrent, offset] = [turned(r!, size), biasAt(1)];
  const states = new Array<string>(steps);
  const cells = new Array<string>(steps);
  let before = h0 ? of(h0, [-1, size]) : undefined;
  let cellBefore = c0 ? of(c0, [-1, size]) : undefined;
  for (let step = 0; step < steps; step++) {
    const t = isReverse ? steps - 1 - step : step;
    const moment = writer.shaped(writer.add('Gather', [inputs, writer.integers([t])], { axis: 0 }), [-1, gates * size]);
    const run = CELLS[node.opType]!;
    [before, cellBefore] = run(cell, { moment, before, cellBefore, recurrent, offset });
    [states[t], cells[t]] = [before!, cellBefore ?? before!];
  }
  return { states, cells };
}

/** What a moment is made of. */
interface Moment {
  /** Product of the input, `[batch, gates · size]`. */
  readonly moment: string;
  /** Absent at the start, for zeros. */
  readonly before: string | undefined;
  readonly cellBefore: string | undefined;
  /** `[size, gates · size]` */
  readonly recurrent: string;
  readonly offset: string | undefined;
}

/** The next state and, of an LSTM, cell state (ONNX's definitions of these operators). */
type Step = (cell: Cell, moment: Moment) => [state: string, cell: string | undefined];

const CELLS: Readonly<Record<string, Step>> = {
  LSTM: ({ writer, size }, { moment, before, cellBefore, recurrent, offset }) => {
    const sum = writer.plus(moment, offset, before && writer.add('MatMul', [before, recurrent]));
    const gate = (at: number, by: string): string => writer.add(by, [writer.slice(sum, at * size, (at + 1) * size)]);
    const fresh = writer.add('Mul', [gate(0, 'Sigmoid'), gate(3, 'Tanh')]);
    const kept = cellBefore && writer.add('Mul', [gate(2, 'Sigmoid'), cellBefore]);
    const next = writer.plus(fresh, kept);
    return [writer.add('Mul', [gate(1, 'Sigmoid'), writer.add('Tanh', [next])]), next];
  },
  GRU: ({ writer, size, isLinearFirst }, { moment, before, recurrent, offset }) => {
    const part = (of: string, first: number, last: number): string => writer.slice(of, first * size, last * size);
    const gatesOf = (at: number): string => {
      const pulled = before && writer.add('MatMul', [before, part(recurrent, at, at + 1)]);
      return writer.add('Sigmoid', [writer.plus(part(moment, at, at + 1), offset && biasPart(offset, at), pulled)]);
    };
    const biasPart = (of: string, at: number): string => writer.slice(of, at * size, (at + 1) * size, 0);
    const [update, reset] = [gatesOf(0), gatesOf(1)];
    const weights = part(recurrent, 2, 3);
    const bias = offset && biasPart(offset, 2);
    const own = part(moment, 2, 3);
    const pulled = isLinearFirst
      ? (before || bias) &&
        writer.add('Mul', [reset, writer.plus(before && writer.add('MatMul', [before, weights]), bias)])
      : before && writer.add('MatMul', [writer.add('Mul', [reset, before]), weights]);
    const candidate = writer.add('Tanh', [writer.plus(own, isLinearFirst ? undefined : bias, pulled)]);
    // (1 − z) c + z h = c + z (h − c)
    const away = before ? writer.add('Sub', [before, candidate]) : writer.add('Neg', [candidate]);
    return [writer.plus(candidate, writer.add('Mul', [update, away])), undefined];
  },
  RNN: ({ writer }, { moment, before, recurrent, offset }) => {
    const pulled = before && writer.add('MatMul', [before, recurrent]);
    return [writer.add('Tanh', [writer.plus(moment, offset, pulled)]), undefined];
  },
};

/** Writes nodes whose results have names of their own. */
class Writer implements Unrolled {
  readonly nodes: NodeProto[] = [];
  readonly constants: TensorProto[] = [];
  readonly #prefix: string;
  readonly #integers = new Map<string, string>();

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  add(opType: string, input: readonly string[], attributes: Parameters<typeof nodeOf>[3] = {}): string {
    return this.named(`${this.#prefix}/${this.nodes.length}`, opType, input, attributes);
  }

  named(name: string, opType: string, input: readonly string[], attributes: Parameters<typeof nodeOf>[3]): string {
    this.nodes.push(nodeOf(opType, input, [name], attributes));
    return name;
  }

  integers(values: readonly number[]): string {
    const key = values.join(',');
    const known = this.#integers.get(key);
    if (known !== undefined) return known;
    const name = `${this.#prefix}/integers ${key}`;
    this.constants.push(integerTensor(name, values));
    this.#integers.set(key, name);
    return name;
  }

  shaped(name: string, shape: readonly number[]): string {
    return this.add('Reshape', [name, this.integers(shape)]);
  }

  concat(names: readonly string[], axis: number): string {
    return names.length === 1 ? names[0]! : this.add('Concat', names, { axis });
  }

  slice(name: string, first: number, last: number, axis = 1): string {
    return this.add('Slice', [name, this.integers([first]), this.integers([last]), this.integers([axis])]);
  }

  /** The sum of those that there are, at least one. */
  plus(...names: readonly (string | undefined)[]): string {
    const [first, ...others] = names.filter((name) => name !== undefined);
    return others.reduce((sum, name) => this.add('Add', [sum, name]), first!);
  }
}
