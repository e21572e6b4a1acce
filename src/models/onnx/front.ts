/**
 * The collapsed tail of an ONNX network (METHOD §4): what lies directly behind the layer and is affine in it, the front, is
 * computed once for each cell; a filter then goes through the rest alone, as the sum of what its cells contribute there.
 */
import type { NodeProto, TensorProto, ValueInfoProto } from 'onnx-buf';
import { addRows, concatenated, product } from '../../base/matrix.ts';
import { elementType, integerTensor, nodeOf } from './builder.ts';
import { BATCHINGS, type Batching, type GraphPart, inputLike, ofRank, partBytes, partOutput } from './cut.ts';
import {
  CALL_BYTES,
  type CutTail,
  FrontPart,
  type FrontTensor,
  grown,
  MEMORY,
  readFrom,
  type SplitTail,
  splitTail,
  type TailEvent,
} from './front-part.ts';
import { floatsOf, type OnnxSession, type OnnxTensor, openSession, tensorOf } from './runtime.ts';
import { type Evaluate, isAsWhole } from './same-outputs.ts';

/** See the head of the file. Dispose of it when done. */
export class AffineFront {
  readonly #tail: CutTail;
  readonly #front: FrontPart;
  readonly #rest: Rest | undefined;

  private constructor(tail: CutTail, front: FrontPart, rest: Rest | undefined) {
    [this.#tail, this.#front, this.#rest] = [tail, front, rest];
  }

  /**
   * The front of a tail; undefined where there is none, or it would take more than it saves.
   *
   * @param batching how filters go through the whole tail together
   * @param whole evaluates the whole tail: an event's outputs behind the front must be the same
   */
  static async open(
    tail: CutTail,
    event: TailEvent,
    batching: Batching,
    whole: Evaluate,
  ): Promise<AffineFront | undefined> {
    // What does not go through the whole tail together may yet go through the rest.
    const alone: [Batching, Batching][] = [...BATCHINGS, 'one' as const].map((rest) => ['one', rest]);
    const ways = batching === 'one' ? alone : [[batching, batching] as const, ...alone];
    for (const [front, rest] of ways) {
      const split = splitTail(tail, rest);
      if (split.front.length === 0) return undefined;
      const part = await FrontPart.open(tail, splitTail(tail, front), event, front !== 'one').catch(() => undefined);
      if (part === undefined) continue; // it cannot be run so
      if (!isWorthwhile(tail, part)) {
        part.dispose();
        return undefined;
      }
      const isAll = tail.cut.outputs.every((name) => split.frontier.includes(name));
      const session = isAll ? undefined : await Rest.open(tail, split, part, rest !== 'one').catch(() => undefined);
      const opened = isAll || session ? new AffineFront(tail, part, session) : undefined;
      const behind = opened?.of(event, 1);
      const isSame = behind && isAsWhole(tail, event, whole, (...given) => behind.evaluate(...given));
      if (opened && (await isSame?.catch(() => false))) return opened;
      session?.dispose();
      part.dispose();
    }
    return undefined;
  }

  /** What it takes to add up what cells contribute, for one filter. */
  get sumWork(): number {
    return sumWorkOf(this.#tail, this.#front);
  }

  /** An event whose slots are that many slices of time. */
  of(event: TailEvent, slices: number): FrontEvent {
    return new FrontEvent(this.#tail, this.#front, this.#rest, event, slices);
  }

  /** Frees its graphs. */
  dispose(): void {
    this.#front.dispose();
    this.#rest?.dispose();
  }
}

/** Whether adding up what cells contribute takes less than the front does. */
function isWorthwhile(tail: CutTail, front: FrontPart): boolean {
  const { t, h, w, c } = tail.sizes;
  return sumWorkOf(tail, front) < front.work + 2 * MEMORY * (t * h * w * c);
}

/** What adding up takes for one filter. */
function sumWorkOf({ sizes: { h, w } }: CutTail, { tensors }: FrontPart): number {
  const rows = h * w + 1;
  return tensors.reduce((sum, { size, form }) => sum + size * (form.kind === 'cell' ? MEMORY : MEMORY + rows), 0);
}

/** What cells of a slot contribute to the frontier, and last what all else does: `[cells + 1, size]` by tensor. */
type Responses = ReadonlyMap<string, Float32Array>;

/** An event behind the front. What its cells contribute is computed when it is needed, and kept. */
export class FrontEvent {
  readonly #front: FrontPart;
  readonly #rest: Rest | undefined;
  readonly #event: TailEvent;
  /** Cells of a slot, and all of them. */
  readonly #cells: number;
  readonly #perSlice: number;
  readonly #all: number;
  #bare: Promise<Map<string, Float32Array>> | undefined;
  #together: Promise<Map<string, Float32Array>> | undefined;
  readonly #responses = new Map<number, Promise<Responses>>();

  constructor(tail: CutTail, front: FrontPart, rest: Rest | undefined, event: TailEvent, slices: number) {
    [this.#front, this.#rest, this.#event] = [front, rest, event];
    this.#perSlice = tail.sizes.h * tail.sizes.w;
    this.#cells = slices * this.#perSlice;
    this.#all = front.masks.cells;
  }

  /** Outputs `[rows, d]` of filters `[rows, cells]` of slots. */
  async evaluate(filters: Float32Array, slots: readonly number[], output: string): Promise<Float32Array> {
    const cells = this.#cells;
    let results: Float32Array | undefined;
    for (const slot of new Set(slots)) {
      const places = [...slots.keys()].filter((row) => slots[row] === slot);
      const own = new Float32Array(places.length * cells);
      for (const [i, row] of places.entries()) own.set(filters.subarray(row * cells, (row + 1) * cells), i * cells);
      const responses = await this.#responsesOf(slot);
      const values = this.#rest
        ? await this.#rest.run(
            this.#event,
            { filters: own, slot, cells, all: this.#all, responses, bare: await this.#nothing() },
            output,
          )
        : summed(own, cells, responses.get(output)!);
      const size = values.length / places.length;
      if (!Number.isInteger(size)) throw new Error(`rows of ${output} are mixed`);
      results ??= new Float32Array(slots.length * size);
      for (const [i, row] of places.entries()) results.set(values.subarray(i * size, (i + 1) * size), row * size);
    }
    return results ?? new Float32Array(0);
  }

  /** The frontier without any cell, and with all: two rows. */
  #nothing(): Promise<Map<string, Float32Array>> {
    this.#bare ??= this.#front.run(this.#event, 2, (first, count) =>
      this.#front.masks.of(count, 0, (set) => {
        for (let row = 0; row < count; row++) {
          if (first + row === 1) for (let cell = 0; cell < this.#all; cell++) set(row, cell, 1);
        }
      }),
    );
    return this.#bare;
  }

  #responsesOf(slot: number): Promise<Responses> {
    let known = this.#responses.get(slot);
    if (known === undefined) {
      known = this.#measured(slot);
      this.#responses.set(slot, known);
    }
    return known;
  }

  async #measured(slot: number): Promise<Responses> {
    const dense = this.#front.tensors.filter(({ form }) => this.#rest === undefined || form.kind !== 'cell');
    if (dense.length === 0) return new Map();
    const bare = await this.#nothing();
    const single = await this.#cellByCell(dense, slot);
    const responses = new Map<string, Float32Array>();
    for (const { name, size, form } of dense) {
      const [values, start] = [single.get(name)!, bare.get(name)!];
      const all = new Float32Array((this.#cells + 1) * size);
      const rest = start.slice(size);
      const slotOf = (i: number): number => {
        if (form.kind === 'any') return slot;
        const slice = form.kind === 'cell' ? Math.floor(form.owner[i]! / this.#perSlice) : form.owner[i]!;
        return Math.floor((slice * this.#perSlice) / this.#cells);
      };
      const own = Array.from({ length: size }, (_, i) => i).filter((i) => slotOf(i) === slot);
      for (let cell = 0; cell < this.#cells; cell++) {
        for (const i of own) {
          const response = values[cell * size + i]! - start[i]!;
          all[cell * size + i] = response;
          rest[i]! -= response;
        }
      }
      all.set(rest, this.#cells * size);
      responses.set(name, all);
    }
    return responses;
  }

  /** The frontier with one cell: of a slot, or of every slot at once where they do not meet on the frontier. */
  #cellByCell(dense: readonly FrontTensor[], slot: number): Promise<Map<string, Float32Array>> {
    const cells = this.#cells;
    const run = (places: readonly number[]): Promise<Map<string, Float32Array>> =>
      this.#front.run(this.#event, cells, (first, count) =>
        this.#front.masks.of(count, 0, (set) => {
          for (let row = 0; row < count; row++) for (const at of places) set(row, at * cells + first + row, 1);
        }),
      );
    if (dense.some(({ form }) => form.kind === 'any')) return run([slot]);
    this.#together ??= run(Array.from({ length: this.#all / cells }, (_, at) => at));
    return this.#together;
  }
}

/** Sums of rows of responses `[cells + 1, d]`, weighted by filters and, the last, by 1: `[rows, d]`. */
function summed(filters: Float32Array, cells: number, responses: Float32Array): Float32Array {
  const size = responses.length / (cells + 1);
  const rows = filters.length / cells;
  const matrix = Float64Array.from(responses);
  const results = new Float32Array(rows * size);
  for (let row = 0; row < rows; row++) {
    const sum = matrix.slice(cells * size);
    addRows(Float64Array.from(filters.subarray(row * cells, (row + 1) * cells)), matrix, sum, size);
    results.set(sum, row * size);
  }
  return results;
}

/** Filters of a slot for the rest. */
interface RestRows {
  /** `[rows, cells]` */
  readonly filters: Float32Array;
  readonly slot: number;
  readonly cells: number;
  /** Cells of all slots. */
  readonly all: number;
  readonly responses: Responses;
  /** The frontier without any cell, and with all. */
  readonly bare: ReadonlyMap<string, Float32Array>;
}

/** What the rest is fed: filters of a slot and a 1, filters of all slots, and what cells contribute. */
const [FILTER, CELLS] = ['l2caf/filter', 'l2caf/cells'];
const responseOf = (name: string): string => `l2caf/response of ${name}`;
const nothingOf = (name: string): string => `l2caf/nothing of ${name}`;

/** The rest of a tail, behind the front. */
class Rest {
  readonly #tail: CutTail;
  readonly #session: OnnxSession;
  readonly #tensors: readonly FrontTensor[];
  readonly #reads: readonly string[];
  readonly #isBatched: boolean;

  private constructor(
    tail: CutTail,
    session: OnnxSession,
    tensors: readonly FrontTensor[],
    reads: readonly string[],
    isBatched: boolean,
  ) {
    [this.#tail, this.#session, this.#tensors] = [tail, session, tensors];
    [this.#reads, this.#isBatched] = [reads, isBatched];
  }

  static async open(tail: CutTail, split: SplitTail, { tensors }: FrontPart, isBatched: boolean): Promise<Rest> {
    const { graph, cut, seen } = tail;
    const { rest: nodes, frontier, constants } = split;
    const sums = assembly(tensors, isBatched);
    const reads = readFrom(tail, { nodes, constants }, frontier);
    const bytes = partBytes(graph, {
      inputs: [...sums.inputs, ...reads.map((name) => inputLike(name, seen.get(name)!))],
      nodes: [...sums.nodes, ...nodes],
      constants: [...sums.constants, ...constants],
      outputs: cut.outputs,
    });
    const session = await openSession(`the part of ${graph.file.path} behind what is affine in ${cut.layer}`, bytes);
    return new Rest(tail, session, tensors, reads, isBatched);
  }

  /** Outputs `[rows, d]`. */
  async run(event: TailEvent, rows: RestRows, output: string): Promise<Float32Array> {
    const { filters, slot, cells, all, responses, bare } = rows;
    const total = filters.length / cells;
    const values = this.#tensors.reduce((sum, { size }) => sum + size, cells);
    const most = this.#isBatched ? Math.max(1, Math.floor(CALL_BYTES / 4 / values)) : 1;
    const fixed: Record<string, OnnxTensor> = {};
    for (const { name, size, form } of this.#tensors) {
      if (form.kind === 'cell') {
        const [nothing, ones] = [bare.get(name)!.subarray(0, size), bare.get(name)!.subarray(size)];
        fixed[nothingOf(name)] = tensorOf('float32', nothing, [size]);
        const response = ones.map((value, i) => value - nothing[i]!);
        fixed[responseOf(name)] = tensorOf('float32', response, [size]);
      } else fixed[responseOf(name)] = tensorOf('float32', responses.get(name)!, [cells + 1, size]);
    }
    const isWithCells = this.#tensors.some(({ form }) => form.kind === 'cell');
    const isWithFilter = this.#tensors.some(({ form }) => form.kind !== 'cell');
    const parts: Float32Array[] = [];
    for (let first = 0; first < total; first += most) {
      const count = Math.min(most, total - first);
      const own = (row: number) => filters.subarray((first + row) * cells, (first + row + 1) * cells);
      const spread = (width: number, at: number): OnnxTensor => {
        const data = new Float32Array(count * width).fill(1);
        for (let row = 0; row < count; row++) data.set(own(row), row * width + at);
        return tensorOf('float32', data, [count, width]);
      };
      const results = await this.#session.run(
        {
          ...fixed,
          ...grown(this.#reads, event, this.#tail.growth, count),
          ...(isWithFilter && { [FILTER]: spread(cells + 1, 0) }),
          ...(isWithCells && { [CELLS]: spread(all, slot * cells) }),
        },
        [partOutput(output)],
      );
      parts.push(floatsOf(results[partOutput(output)]!));
    }
    return concatenated(parts);
  }

  dispose(): void {
    this.#session.release();
  }
}

/** The nodes that make the frontier of filters. */
function assembly(
  tensors: readonly FrontTensor[],
  isBatched: boolean,
): Pick<GraphPart, 'inputs' | 'nodes' | 'constants'> {
  const [inputs, nodes, constants]: [ValueInfoProto[], NodeProto[], TensorProto[]] = [[], [], []];
  if (tensors.some(({ form }) => form.kind !== 'cell')) inputs.push(ofRank(FILTER, 'float32', 2));
  if (tensors.some(({ form }) => form.kind === 'cell')) inputs.push(ofRank(CELLS, 'float32', 2));
  for (const { name, dims, axis, type, form } of tensors) {
    const [response, flat] = [responseOf(name), `${responseOf(name)}/sum`];
    const integers = (what: string, values: ArrayLike<number>): string => {
      constants.push(integerTensor(`${flat}/${what}`, Array.from(values)));
      return `${flat}/${what}`;
    };
    if (form.kind === 'cell') {
      inputs.push(ofRank(response, 'float32', 1), ofRank(nothingOf(name), 'float32', 1));
      nodes.push(
        nodeOf('Gather', [CELLS, integers('owner', form.owner)], [`${flat}/of`], { axis: 1 }),
        nodeOf('Mul', [`${flat}/of`, response], [`${flat}/times`]),
        nodeOf('Add', [`${flat}/times`, nothingOf(name)], [flat]),
      );
    } else {
      inputs.push(ofRank(response, 'float32', 2));
      nodes.push(nodeOf('MatMul', [FILTER, response], [flat]));
    }
    const isCast = type !== 'float32';
    const shaped = isCast ? `${flat}/shaped` : name;
    const target = integers('shape', isBatched ? dims.map((n, i) => (i === axis ? -1 : n)) : dims);
    const outer = product(dims.slice(0, axis));
    if (isBatched && outer > 1) {
      const inner = product(dims.slice(axis));
      nodes.push(
        nodeOf('Reshape', [flat, integers('apart', [-1, outer, inner])], [`${flat}/apart`]),
        nodeOf('Transpose', [`${flat}/apart`], [`${flat}/turned`], { perm: [1, 0, 2] }),
        nodeOf('Reshape', [`${flat}/turned`, target], [shaped]),
      );
    } else nodes.push(nodeOf('Reshape', [flat, target], [shaped]));
    if (isCast) nodes.push(nodeOf('Cast', [shaped], [name], { to: elementType(name, type) }));
  }
  return { inputs, nodes, constants };
}
