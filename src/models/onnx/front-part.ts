/**
 * The affine front of a tail, ready to run: filters of the layer → the tensors that the rest reads of it; and how each number
 * of them depends on the cells, which is found out by trying.
 */
import type { NodeProto } from 'onnx-buf';
import { product } from '../../base/matrix.ts';
import { createRandom } from '../../base/random.ts';
import { dimsOf, type Layout, type LayoutSizes } from '../layout.ts';
import { type AffineSplit, affineSplit } from './affine.ts';
import {
  type Batching,
  batched,
  filteredLayer,
  type GraphPart,
  inputLike,
  LAYER,
  MASK,
  nodesBehind,
  partBytes,
  partOutput,
  type TailCut,
} from './cut.ts';
import { type OnnxGraph, readsOf } from './graph.ts';
import { apart, type Growth, grow } from './growth.ts';
import { Masks } from './masked.ts';
import { floatsOf, type OnnxSession, type OnnxTensor, openSession, tensorOf } from './runtime.ts';
import { unrolled } from './unroll.ts';

/** A tail that a front is looked for in. */
export interface CutTail {
  readonly graph: OnnxGraph;
  readonly cut: TailCut;
  readonly layout: Layout;
  readonly sizes: LayoutSizes;
  /** Types and shapes of one run. */
  readonly seen: ReadonlyMap<string, OnnxTensor>;
  readonly growth: ReadonlyMap<string, Growth>;
}

/**
 * What the parts read beside the layer and the boundary: numbers of the tail that no filter changes, such as shapes. Targets
 * of Reshape are written down instead.
 */
export function stillTensors(graph: OnnxGraph, cut: TailCut): string[] {
  const nodes = nodesBehind(graph, cut).map((node) => {
    return node.opType === 'Reshape' ? { ...node, input: node.input.slice(0, 1) } : node;
  });
  const { front, rest } = affineSplit(nodes, cut.layer, cut.outputs);
  return readFrom({ graph }, { nodes: [...front, ...rest], constants: [] }, [cut.layer, ...cut.boundary]);
}

/** What an event gives the parts of its tail. */
export interface TailEvent {
  readonly layer: Float32Array;
  /** What else they read of what comes before. */
  readonly boundary: ReadonlyMap<string, OnnxTensor>;
}

/** The most that goes into a part at once, bytes. */
export const CALL_BYTES = 64e6;

/** The nodes behind a layer in two parts, written for any number of events or for one. */
export interface SplitTail extends AffineSplit {
  /** Constants that the network itself has not. */
  readonly constants: GraphPart['constants'];
}

/** Splits a tail where it stops being affine. */
export function splitTail({ graph, cut, seen }: CutTail, batching: Batching): SplitTail {
  const kept = nodesBehind(graph, cut);
  const { nodes, constants } = batched(kept, seen, batching);
  const added = [...constants];
  const split = affineSplit(nodes, cut.layer, cut.outputs, (node, isAffine) => {
    const input = node.input[0] ?? '';
    const steps = isAffine(input) ? unrolled(node, seen.get(input)?.dims ?? []) : undefined;
    if (steps) added.push(...steps.constants);
    return steps?.nodes;
  });
  return { ...split, constants: added };
}

/** What a part reads that is neither its own nor a constant: it is fed. */
export function readFrom(
  { graph }: Pick<CutTail, 'graph'>,
  { nodes, constants }: Pick<GraphPart, 'nodes' | 'constants'>,
  given: readonly string[],
): string[] {
  const own = new Set([...given, ...constants.map(({ name }) => name), ...nodes.flatMap(({ output }) => output)]);
  return [...new Set(nodes.flatMap(readsOf))].filter((name) => !own.has(name) && !graph.fixed.has(name));
}

/** What is fed of an event for that many filters. */
export function grown(
  names: readonly string[],
  { boundary }: TailEvent,
  growth: CutTail['growth'],
  count: number,
): Record<string, OnnxTensor> {
  return Object.fromEntries(names.map((name) => [name, grow(boundary.get(name)!, growth.get(name)!, count)]));
}

/** A tensor that the rest reads of the front. */
export interface FrontTensor {
  readonly name: string;
  readonly type: OnnxTensor['type'];
  /** Of one event. */
  readonly dims: readonly number[];
  readonly size: number;
  /** Along which events are joined. */
  readonly axis: number;
  readonly form: Form;
}

/** How numbers depend on cells: each on one of them, on those of one slice of time, or on any. */
export type Form = { readonly kind: 'cell' | 'slice'; readonly owner: Int32Array } | { readonly kind: 'any' };

/** See the head of the file. Dispose of it when done. */
export class FrontPart {
  readonly masks: Masks;
  readonly tensors: readonly FrontTensor[];
  /** What it takes for one filter: multiplications, and numbers that are read or written as {@link MEMORY} of them. */
  readonly work: number;
  readonly #tail: CutTail;
  readonly #session: OnnxSession;
  readonly #reads: readonly string[];
  readonly #isBatched: boolean;

  private constructor(
    tail: CutTail,
    session: OnnxSession,
    reads: readonly string[],
    isBatched: boolean,
    { tensors, work }: Pick<FrontPart, 'tensors' | 'work'>,
  ) {
    [this.#tail, this.#session, this.#reads, this.#isBatched] = [tail, session, reads, isBatched];
    this.masks = new Masks(tail.layout, tail.sizes);
    [this.tensors, this.work] = [tensors, work];
  }

  /** Makes a front ready, and looks at what it gives for an event. */
  static async open(tail: CutTail, split: SplitTail, event: TailEvent, isBatched: boolean): Promise<FrontPart> {
    const { graph, cut } = tail;
    const { front: nodes, frontier, constants } = split;
    const reads = readFrom(tail, { nodes, constants }, [cut.layer]);
    const name = `the part of ${graph.file.path} behind ${cut.layer}`;
    const session = await openSession(name, frontBytes(tail, split, reads, frontier));
    try {
      const part = new FrontPart(tail, session, reads, isBatched, { tensors: [], work: 0 });
      const tensors = await part.#lookAt(frontier, event);
      const work = await workOf(tail, split, reads, event);
      return new FrontPart(tail, session, reads, isBatched, { tensors, work });
    } catch (error) {
      session.release();
      throw error;
    }
  }

  /** Frontier tensors `[rows, size]`, by name, of that many masks. */
  async run(
    event: TailEvent,
    rows: number,
    maskOf: (first: number, count: number) => OnnxTensor,
  ): Promise<Map<string, Float32Array>> {
    const all = new Map(this.tensors.map(({ name, size }) => [name, new Float32Array(rows * size)]));
    const values = event.layer.length + this.tensors.reduce((sum, { size }) => sum + size, 0);
    const most = this.#isBatched ? Math.max(1, Math.floor(CALL_BYTES / 4 / values)) : 1;
    for (let first = 0; first < rows; first += most) {
      const count = Math.min(most, rows - first);
      const results = await this.#runOnce(event, count, maskOf(first, count));
      for (const { name, dims, axis, size } of this.tensors) {
        all.get(name)!.set(apart(floatsOf(results.get(name)!), dims, axis), first * size);
      }
    }
    return all;
  }

  /** Frees its graphs. */
  dispose(): void {
    this.#session.release();
  }

  async #runOnce(event: TailEvent, count: number, mask: OnnxTensor): Promise<Map<string, OnnxTensor>> {
    const { layout, sizes, growth } = this.#tail;
    const results = await this.#session.run({
      ...grown(this.#reads, event, growth, count),
      [LAYER]: tensorOf('float32', event.layer, dimsOf(layout, sizes)),
      [MASK]: mask,
    });
    return new Map(Object.entries(results).map(([name, tensor]) => [name.slice(partOutput('').length), tensor]));
  }

  /**
   * What the frontier is made of: the front is run on noise in place of the layer, so that nothing is 0 by chance, once with
   * all cells at 1, once at the number of their slice, once at their own number. Where a number on the frontier has grown by
   * a whole factor, that factor is the one slice or cell that it depends on.
   */
  async #lookAt(names: readonly string[], event: TailEvent): Promise<FrontTensor[]> {
    const { layer } = event;
    const { seen, cut, sizes } = this.#tail;
    const random = createRandom(0, layer.length);
    const noise = { ...event, layer: Float32Array.from({ length: layer.length }, () => random.normal()) };
    const { cells } = this.masks;
    const perSlice = sizes.h * sizes.w;
    const level = [() => 0, () => 1, (cell: number) => Math.floor(cell / perSlice) + 1, (cell: number) => cell + 1];
    const masks = (first: number, count: number): OnnxTensor =>
      this.masks.of(count, 0, (set) => {
        for (let row = 0; row < count; row++) {
          for (let cell = 0; cell < cells; cell++) set(row, cell, level[first + row]!(cell));
        }
      });
    const one = await this.#runOnce(noise, 1, masks(0, 1));
    const two = this.#isBatched ? await this.#runOnce(noise, 2, masks(0, 2)) : undefined;
    const bare = names.map((name) => {
      const { dims, data } = one.get(name)!;
      const axis = two ? dims.findIndex((n, i) => two.get(name)!.dims[i] === 2 * n) : Math.max(0, dims.indexOf(1));
      if (axis < 0) throw new Error(`${name} does not grow with the number of events`);
      const type = name === cut.layer ? seen.get(name)!.type : (seen.get(name)?.type ?? 'float32');
      return { name, type, dims, axis, size: data.length, form: { kind: 'any' } as const };
    });
    const trial = new FrontPart(this.#tail, this.#session, this.#reads, this.#isBatched, { tensors: bare, work: 0 });
    const values = await trial.run(noise, level.length, masks);
    return bare.map((tensor) => ({ ...tensor, form: formOf(values.get(tensor.name)!, tensor.size, cells, sizes.t) }));
  }
}

/** A front as a graph, from the layer and a mask to tensors of it. */
function frontBytes(
  tail: CutTail,
  { front, constants }: SplitTail,
  reads: readonly string[],
  outputs: readonly string[],
): Uint8Array {
  const head = filteredLayer(tail.cut, tail);
  return partBytes(tail.graph, {
    inputs: [...head.inputs, ...reads.map((name) => inputLike(name, tail.seen.get(name)!))],
    nodes: [...head.nodes, ...front],
    constants: [...head.constants, ...constants],
    outputs,
  });
}

/** How far from a whole number a factor may be. */
const WHOLE = 0.05;

/** The form of numbers that were seen under nothing, ones, numbers of slices and numbers of cells. */
function formOf(values: Float32Array, size: number, cells: number, slices: number): Form {
  const [nothing, ones, bySlice, byCell] = [0, 1, 2, 3].map((row) => values.subarray(row * size, (row + 1) * size));
  let largest = 0;
  for (let i = 0; i < size; i++) largest = Math.max(largest, Math.abs(ones![i]! - nothing![i]!));
  const owners = (seen: Float32Array, count: number): Int32Array | undefined => {
    const owner = new Int32Array(size);
    for (let i = 0; i < size; i++) {
      const [unit, moved] = [ones![i]! - nothing![i]!, seen[i]! - nothing![i]!];
      if (Math.abs(unit) <= 1e-6 * largest && Math.abs(moved) <= 1e-6 * count * largest) continue; // of no cell
      const factor = moved / unit;
      owner[i] = Math.round(factor) - 1;
      if (!(Math.abs(factor - owner[i]! - 1) < WHOLE && owner[i]! >= 0 && owner[i]! < count)) return undefined;
    }
    return owner;
  };
  const cell = owners(byCell!, cells);
  if (cell) return { kind: 'cell', owner: cell };
  const slice = slices > 1 ? owners(bySlice!, slices) : undefined;
  return slice ? { kind: 'slice', owner: slice } : { kind: 'any' };
}

/** What a number that is read or written costs, in multiplications of a product of matrices. */
export const MEMORY = 16;

/** What a front takes for one filter: its shapes are seen in one run. */
async function workOf(tail: CutTail, split: SplitTail, reads: readonly string[], event: TailEvent): Promise<number> {
  const { graph, layout, sizes, seen, growth, cut } = tail;
  const { front } = split;
  const names = front.flatMap(({ output }) => output.filter((name) => name !== ''));
  const session = await openSession(graph.file.path, frontBytes(tail, split, reads, names));
  try {
    const results = await session.run({
      ...grown(reads, event, growth, 1),
      [LAYER]: tensorOf('float32', event.layer, dimsOf(layout, sizes)),
      [MASK]: new Masks(layout, sizes).of(1, 1, () => {}),
    });
    const dimsAt = (name: string): readonly number[] =>
      name === cut.layer ? seen.get(name)!.dims : (results[partOutput(name)]?.dims ?? []);
    return workOfNodes(graph, front, dimsAt);
  } finally {
    session.release();
  }
}

/** What nodes take for one filter. */
export function workOfNodes(
  { constants }: Pick<OnnxGraph, 'constants'>,
  nodes: readonly NodeProto[],
  dimsAt: (name: string) => readonly number[],
): number {
  return nodes.reduce((sum, { opType, input, output }) => {
    const made = output.reduce((total, name) => total + product(dimsAt(name)), 0);
    const weights = constants.get(input[1] ?? '')?.dims.map(Number) ?? [];
    const inner = opType.startsWith('Conv')
      ? product(weights.slice(1))
      : ['MatMul', 'Gemm', 'Einsum'].includes(opType)
        ? (dimsAt(input[0]!).at(-1) ?? dimsAt(input[1]!).at(-2) ?? 1)
        : 0;
    return sum + made * (inner + (MOVING.includes(opType) ? 0 : MEMORY));
  }, 0);
}

/** Operators that give the same numbers another shape. */
const MOVING = ['Identity', 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Dropout'];
