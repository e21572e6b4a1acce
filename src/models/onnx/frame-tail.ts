/**
 * The tail of an event in two parts where what directly follows the layer takes its frames one by one: that part is run for the frame
 * that a filter acts on alone, the rest with what the other frames gave without one.
 */
import type { NodeProto } from 'onnx-buf';
import { product } from '../../base/matrix.ts';
import { createRandom } from '../../base/random.ts';
import { dimsOf, type LayoutSizes } from '../layout.ts';
import { leadingTo } from './affine.ts';
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
} from './cut.ts';
import type { AffineFront } from './front.ts';
import {
  CALL_BYTES,
  type CutTail,
  grown,
  MEMORY,
  readFrom,
  splitTail,
  type TailEvent,
  workOfNodes,
} from './front-part.ts';
import { readsOf } from './graph.ts';
import { grow } from './growth.ts';
import { Masks } from './masked.ts';
import { floatsOf, type OnnxSession, type OnnxTensor, openSession, tensorOf } from './runtime.ts';
import { type Evaluate, isAsWhole } from './same-outputs.ts';

/** A tensor between the parts. */
interface Between {
  readonly name: string;
  /** Of one event. */
  readonly dims: readonly number[];
  /** Numbers of one frame. */
  readonly block: number;
}

/** The parts of a tail. */
interface FrameSplit {
  readonly frame: readonly NodeProto[];
  readonly rest: readonly NodeProto[];
  readonly between: readonly Between[];
  readonly constants: GraphPart['constants'];
}

/** See the head of the file. Dispose of it when done. */
export class FrameTail {
  readonly #tail: CutTail;
  readonly #between: readonly Between[];
  readonly #frame: OnnxSession;
  readonly #rest: OnnxSession;
  readonly #frameReads: readonly string[];
  readonly #restReads: readonly string[];
  /** Of one frame. */
  readonly #sizes: LayoutSizes;
  readonly #masks: Masks;
  /** What frames give without a filter, by event: `[t, block]` by tensor. */
  readonly #unfiltered = new WeakMap<TailEvent, Promise<ReadonlyMap<string, Float32Array>>>();

  private constructor(tail: CutTail, split: FrameSplit, sessions: readonly [frame: OnnxSession, rest: OnnxSession]) {
    [this.#tail, this.#between, [this.#frame, this.#rest]] = [tail, split.between, sessions];
    [this.#frameReads, this.#restReads] = readsOfParts(tail, split);
    this.#sizes = { ...tail.sizes, t: 1 };
    this.#masks = new Masks(tail.layout, this.#sizes);
  }

  /**
   * Splits a tail; undefined where its frames do not go through it one by one, or that would save nothing over the affine front.
   *
   * @param whole evaluates the whole tail: an event's outputs must be the same
   * @param front the affine front of the tail, where it has one
   */
  static async open(
    tail: CutTail,
    event: TailEvent,
    batching: Batching,
    whole: Evaluate,
    front?: AffineFront,
  ): Promise<FrameTail | undefined> {
    const { cut, layout, sizes, seen } = tail;
    const isByFrame = layout.axes[0]!.names.join() === 'b,t' && sizes.t > 1;
    if (!isByFrame || batching === 'one' || seen.get(cut.layer)!.type !== 'float32') return undefined;
    const split = await splitByFrame(tail, event, batching, front);
    if (split === undefined) return undefined;
    const opened: OnnxSession[] = [];
    try {
      for (const bytes of partsOf(tail, split)) opened.push(await openSession(tail.graph.file.path, bytes));
      const found = new FrameTail(tail, split, opened as [OnnxSession, OnnxSession]);
      if (await isAsWhole(tail, event, whole, (...given) => found.evaluate(event, ...given))) return found;
    } catch {
      // it cannot be run so
    }
    for (const session of opened) session.release();
    return undefined;
  }

  /** Outputs `[rows, d]` of filters of slots, of one frame each. */
  async evaluate(
    event: TailEvent,
    filters: Float32Array,
    slots: readonly number[],
    output: string,
  ): Promise<Float32Array> {
    const { t, h, w } = this.#tail.sizes;
    const cells = h * w;
    const block = event.layer.length / t;
    const values = block + this.#between.reduce((sum, one) => sum + t * one.block, 0);
    const most = Math.max(1, Math.floor(CALL_BYTES / 4 / values));
    let results: Float32Array | undefined;
    for (const slot of new Set(slots)) {
      const own = [...slots.keys()].filter((row) => slots[row] === slot);
      for (let first = 0; first < own.length; first += most) {
        const rows = own.slice(first, first + most);
        const given = await this.#run(event, slot, rows.length, (set) => {
          for (const [row, place] of rows.entries()) {
            for (let cell = 0; cell < cells; cell++) set(row, cell, filters[place * cells + cell]!);
          }
        });
        const outputs = await this.#behind(event, slot, rows.length, given, output);
        const size = outputs.length / rows.length;
        if (!Number.isInteger(size)) throw new Error(`rows of ${output} are mixed`);
        results ??= new Float32Array(slots.length * size);
        for (const [row, place] of rows.entries())
          results.set(outputs.subarray(row * size, (row + 1) * size), place * size);
      }
    }
    return results ?? new Float32Array(0);
  }

  /** Frees its graphs. */
  dispose(): void {
    this.#frame.release();
    this.#rest.release();
  }

  /** What the first part gives for masks of a frame, `[rows, block]` by tensor. */
  async #run(
    event: TailEvent,
    slot: number,
    rows: number,
    write: (set: (row: number, cell: number, value: number) => void) => void,
  ): Promise<ReadonlyMap<string, Float32Array>> {
    const { layout, sizes, growth } = this.#tail;
    const block = event.layer.length / sizes.t;
    const beside = this.#frameReads.map((name) => {
      const tensor = event.boundary.get(name)!;
      const one = isOfFrames(tensor, sizes.t) ? frameOf(tensor, slot, sizes.t) : tensor;
      return [name, grow(one, growth.get(name)!, rows)] as const;
    });
    const results = await this.#frame.run({
      ...Object.fromEntries(beside),
      [LAYER]: tensorOf('float32', event.layer.slice(slot * block, (slot + 1) * block), dimsOf(layout, this.#sizes)),
      [MASK]: this.#masks.of(rows, 1, write),
    });
    return new Map(this.#between.map(({ name }) => [name, floatsOf(results[partOutput(name)]!)]));
  }

  /** Outputs of the rest, of what the first part gives for a frame of each row and of the others as they are. */
  async #behind(
    event: TailEvent,
    slot: number,
    rows: number,
    given: ReadonlyMap<string, Float32Array>,
    output: string,
  ): Promise<Float32Array> {
    const { t } = this.#tail.sizes;
    const unfiltered = await this.#withoutFilters(event);
    const between = this.#between.map(({ name, dims, block }) => {
      const data = new Float32Array(rows * t * block);
      const own = given.get(name)!;
      for (let row = 0; row < rows; row++) {
        data.set(unfiltered.get(name)!, row * t * block);
        data.set(own.subarray(row * block, (row + 1) * block), (row * t + slot) * block);
      }
      return [name, tensorOf('float32', data, dims.with(0, dims[0]! * rows))] as const;
    });
    const feeds = { ...grown(this.#restReads, event, this.#tail.growth, rows), ...Object.fromEntries(between) };
    return floatsOf((await this.#rest.run(feeds, [partOutput(output)]))[partOutput(output)]!);
  }

  #withoutFilters(event: TailEvent): Promise<ReadonlyMap<string, Float32Array>> {
    const known = this.#unfiltered.get(event) ?? this.#framesOf(event);
    this.#unfiltered.set(event, known);
    return known;
  }

  async #framesOf(event: TailEvent): Promise<ReadonlyMap<string, Float32Array>> {
    const { t } = this.#tail.sizes;
    const all = new Map(this.#between.map(({ name, block }) => [name, new Float32Array(t * block)]));
    for (let slot = 0; slot < t; slot++) {
      const given = await this.#run(event, slot, 1, () => {});
      for (const [name, values] of given) all.get(name)!.set(values, slot * values.length);
    }
    return all;
  }
}

function isOfFrames({ dims }: OnnxTensor, frames: number): boolean {
  return dims[0] === frames;
}

function frameOf({ type, dims, data }: OnnxTensor, slot: number, frames: number): OnnxTensor {
  const block = data.length / frames;
  return { type, dims: dims.with(0, 1), data: data.slice(slot * block, (slot + 1) * block) as OnnxTensor['data'] };
}

/** What each part reads beside the layer and what lies between them. */
function readsOfParts(tail: CutTail, { frame, rest, between, constants }: FrameSplit): [string[], string[]] {
  return [
    readFrom(tail, { nodes: frame, constants }, [tail.cut.layer]),
    readFrom(
      tail,
      { nodes: rest, constants },
      between.map(({ name }) => name),
    ),
  ];
}

/** Both parts as ONNX files. */
function partsOf(tail: CutTail, split: FrameSplit): [Uint8Array, Uint8Array] {
  const { graph, cut, layout, sizes, seen } = tail;
  const { frame, rest, between, constants } = split;
  const [frameReads, restReads] = readsOfParts(tail, split);
  const head = filteredLayer(cut, { seen, layout, sizes: { ...sizes, t: 1 } });
  const fed = (names: readonly string[]) => names.map((name) => inputLike(name, seen.get(name)!));
  return [
    partBytes(graph, {
      inputs: [...head.inputs, ...fed(frameReads)],
      nodes: [...head.nodes, ...frame],
      constants: [...head.constants, ...constants],
      outputs: between.map(({ name }) => name),
    }),
    partBytes(graph, {
      inputs: [
        ...between.map(({ name, dims }) => inputLike(name, tensorOf('float32', new Float32Array(0), dims))),
        ...fed(restReads),
      ],
      nodes: rest,
      constants,
      outputs: cut.outputs,
    }),
  ];
}

/** Nodes that take frames one by one, which is found by changing frames of noise in the layer's place. */
async function splitByFrame(
  tail: CutTail,
  event: TailEvent,
  batching: Batching,
  front: AffineFront | undefined,
): Promise<FrameSplit | undefined> {
  const { graph, cut, sizes, growth } = tail;
  const { nodes, constants } = batched(nodesBehind(graph, cut), tail.seen, batching);
  const varying = nodes.filter(({ opType }) => !['Shape', 'Size'].includes(opType));
  const made = await tensorsOf(tail, event, { nodes, constants });
  const behind = new Set([cut.layer, ...varying.flatMap(({ output }) => output)]);
  const own = new Set([cut.layer]);
  for (const node of varying) {
    const read = readsOf(node).filter((name) => behind.has(name));
    // What a Reshape is written to give has any number of frames along its first axis only.
    const fits = (axis: number | undefined): boolean => axis === 0 || (axis !== undefined && node.opType !== 'Reshape');
    const isOfFrame = read.every((name) => own.has(name)) && node.output.every((name) => fits(made.get(name)?.axis));
    if (isOfFrame) for (const name of node.output) own.add(name);
  }
  const outputsOwn = (node: NodeProto): boolean => node.output.every((name) => own.has(name));
  const rest = leadingTo(varying, cut.outputs, (name) => own.has(name));
  const read = new Set([...rest.flatMap(readsOf), ...cut.outputs]);
  const names = [...own].filter((name) => read.has(name));
  const frame = leadingTo(varying.filter(outputsOwn), names, (name) => name === cut.layer);
  const areRows = names.every((name) => name === cut.layer || made.get(name)!.axis === 0);
  const isSplit = frame.length > 0 && areRows && !cut.outputs.some((name) => own.has(name));
  if (!isSplit) return undefined;
  const between = names.map((name): Between => {
    const dims = name === cut.layer ? tail.seen.get(name)!.dims : made.get(name)!.dims;
    return { name, dims, block: product(dims) / sizes.t };
  });
  const split = { frame, rest, between, constants };
  const [frameReads] = readsOfParts(tail, split);
  const isFed = frameReads.every((name) => {
    const [how, tensor] = [growth.get(name), event.boundary.get(name)];
    return tensor !== undefined && (how === 'none' || (how !== undefined && 'axis' in how && how.axis === 0));
  });
  const dimsAt = (name: string): readonly number[] => (tail.seen.get(name) ?? made.get(name))?.dims ?? [];
  const work = (part: readonly NodeProto[]): number => workOfNodes(graph, part, dimsAt);
  const moved = between.reduce((sum, { block }) => sum + MEMORY * sizes.t * block, 0);
  const otherwise = front ? front.sumWork + work(splitTail(tail, batching).rest) : work(varying);
  return isFed && work(frame) / sizes.t + work(rest) + moved < otherwise ? split : undefined;
}

/** A tensor of the tail, of one event. */
interface Made {
  readonly dims: readonly number[];
  /** The axis along which it is made of as many parts as there are frames, each of which changes with its frame alone. */
  readonly axis: number | undefined;
}

/** All tensors of a tail. */
async function tensorsOf(
  tail: CutTail,
  event: TailEvent,
  { nodes, constants }: Pick<FrameSplit, 'constants'> & { readonly nodes: readonly NodeProto[] },
): Promise<ReadonlyMap<string, Made>> {
  const { graph, cut, layout, sizes, seen, growth } = tail;
  const names = nodes.flatMap(({ output }) => output.filter((name) => name !== ''));
  const reads = readFrom(tail, { nodes, constants }, [cut.layer]);
  const head = filteredLayer(cut, { seen, layout, sizes });
  const bytes = partBytes(graph, {
    inputs: [...head.inputs, ...reads.map((name) => inputLike(name, seen.get(name)!))],
    nodes: [...head.nodes, ...nodes],
    constants: [...head.constants, ...constants],
    outputs: names,
  });
  const session = await openSession(graph.file.path, bytes);
  try {
    const random = createRandom(0, event.layer.length);
    const noise = (): Float32Array => Float32Array.from({ length: event.layer.length }, () => random.normal());
    const [one, other] = [noise(), noise()];
    const block = one.length / sizes.t;
    const run = async (changed?: number): Promise<Readonly<Record<string, OnnxTensor>>> => {
      const layer = one.slice();
      if (changed !== undefined) layer.set(other.subarray(changed * block, (changed + 1) * block), changed * block);
      return session.run({
        ...grown(reads, event, growth, 1),
        [LAYER]: tensorOf('float32', layer, dimsOf(layout, sizes)),
        [MASK]: new Masks(layout, sizes).of(1, 1, () => {}),
      });
    };
    const base = await run();
    const changes = new Map<number, Readonly<Record<string, OnnxTensor>>>();
    for (const frame of new Set([0, sizes.t >> 1, sizes.t - 1])) changes.set(frame, await run(frame));
    return new Map(
      names.map((name) => {
        const { dims } = base[partOutput(name)]!;
        const before = floatsOf(base[partOutput(name)]!);
        const isAlong = (axis: number): boolean => {
          const [length, inner] = [dims[axis]! / sizes.t, product(dims.slice(axis + 1))];
          const frameAt = (i: number): number => Math.floor(i / (length * inner)) % sizes.t;
          return [...changes].every(([frame, after]) => {
            const values = floatsOf(after[partOutput(name)]!);
            return before.every((value, i) => value === values[i] || frameAt(i) === frame);
          });
        };
        const axis = dims.findIndex((n, at) => n % sizes.t === 0 && isAlong(at));
        return [name, { dims, axis: axis < 0 || dims.length < 2 ? undefined : axis }];
      }),
    );
  } finally {
    session.release();
  }
}
