/**
 * A network that is cut at a layer, both parts ready to run: inputs → the layer and its boundary → outputs. Events of other
 * filters go through the tail together where the export allows it, which is found out by trying, and one by one where not.
 */
import { L2cafError } from '../../base/errors.ts';
import { createRandom } from '../../base/random.ts';
import type { MapTail } from '../../l2caf/tail.ts';
import type { FILTER_SPANS } from '../choices.ts';
import {
  dimsOf,
  gathered,
  interleaving,
  type KnownSizes,
  type Layout,
  type LayoutSizes,
  type LayoutStrides,
  scatter,
  sizesOf,
  stridesOf,
} from '../layout.ts';
import { cutAt, rewrittenBy, type TailCut, tailBytes, tailNames, tailOutput, withOutputs } from './cut.ts';
import { invalid } from './file.ts';
import type { OnnxGraph } from './graph.ts';
import { expectSameAgain } from './repeat.ts';
import { floatsOf, isFloating, type OnnxSession, type OnnxTensor, openSession, tensorOf } from './runtime.ts';

/** What a network is fed, by name. */
export type Feeds = Readonly<Record<string, OnnxTensor>>;

/** Where a network is cut. */
export interface CutOptions {
  /** A tensor, or a node by its first output. */
  readonly layer: string;
  readonly layout: Layout;
  /** Tensors to explain. */
  readonly outputs: readonly string[];
  /** Inputs to try the network with: of one event, and of two where the export takes more. */
  readonly example: (events: 1 | 2) => Feeds;
  readonly known: KnownSizes;
  /** Whether the network is known to say the same of the same input twice; default false: it is tried. */
  readonly isSteady?: boolean;
}

/** An event that went through the first part. */
export interface CutEvent {
  /** The layer as the graph has it. */
  readonly layer: Float32Array;
  readonly boundary: ReadonlyMap<string, OnnxTensor>;
  /** Outputs with no filter, by name. */
  readonly outputs: ReadonlyMap<string, Float32Array>;
}

/** Filters of one slice of time each, or one of all of them together. */
export type FilterSpan = (typeof FILTER_SPANS)[number];

/** The most that goes into a tail at once, bytes. */
const CALL_BYTES = 64e6;
/** By how much rows of a batch may differ from the same rows alone, of the largest output. */
const BATCHING = 1e-5;

/** How a boundary tensor grows with the number of events: joined along an axis, or in whole numbers, or not at all. */
export type Growth = { readonly axis: number } | { readonly step: BigInt64Array } | 'none';

/** See the head of the file. Dispose of it when done. */
export class CutNetwork {
  readonly graph: OnnxGraph;
  readonly cut: TailCut;
  readonly layout: Layout;
  readonly sizes: LayoutSizes;
  /** Whether events go through the tail together. */
  readonly isBatched: boolean;
  /** Length of each output. */
  readonly outputSizes: ReadonlyMap<string, number>;
  readonly #strides: LayoutStrides;
  readonly #trunk: OnnxSession;
  readonly #tail: OnnxSession;
  readonly #layer: string;
  readonly #layerLength: number;
  readonly #growth: ReadonlyMap<string, Growth>;

  private constructor(parts: {
    readonly graph: OnnxGraph;
    readonly cut: TailCut;
    readonly layout: Layout;
    readonly sizes: LayoutSizes;
    readonly trunk: OnnxSession;
    readonly tail: OnnxSession;
    readonly isBatched: boolean;
    /** What the tail calls the layer. */
    readonly layer: string;
    readonly growth: ReadonlyMap<string, Growth>;
    /** Of the example. */
    readonly event: CutEvent;
  }) {
    const { graph, cut, layout, sizes, isBatched, trunk, tail, layer, growth, event } = parts;
    [this.graph, this.cut, this.layout, this.sizes, this.isBatched] = [graph, cut, layout, sizes, isBatched];
    this.#strides = stridesOf(layout, sizes);
    [this.#trunk, this.#tail, this.#layer, this.#growth] = [trunk, tail, layer, growth];
    this.#layerLength = event.layer.length;
    this.outputSizes = new Map([...event.outputs].map(([name, values]) => [name, values.length]));
  }

  /**
   * Cuts a network and makes both parts ready.
   *
   * @throws L2cafError `usage` when the layer does not lie between input and output, or does not fit its layout;
   *   `model-invalid` when the network cannot be run, its outputs are not numbers, or differ from one run to the next;
   *   `package-missing`
   */
  static async open(graph: OnnxGraph, options: CutOptions): Promise<CutNetwork> {
    return (await CutNetwork.openWithExample(graph, options)).network;
  }

  /** {@link CutNetwork.open}, and the example of one event that it was tried with. */
  static async openWithExample(
    graph: OnnxGraph,
    { layer, layout, outputs, example, known, isSteady = false }: CutOptions,
  ): Promise<{ readonly network: CutNetwork; readonly event: CutEvent }> {
    const { file } = graph;
    const cut = cutAt(graph, layer, outputs);
    const wanted = [...new Set([...computedBy(graph, cut), ...rewrittenBy(graph, cut)])];
    const trunk = await openSession(file.path, withOutputs(file, wanted), file.externalData);
    const opened = [trunk];
    try {
      const feeds = example(1);
      const seen = new Map(Object.entries({ ...feeds, ...(await trunk.run(feeds, wanted)) }));
      if (!isSteady) await expectSameAgain(trunk, { path: file.path, feeds, outputs, seen });
      const at = seen.get(cut.layer)!;
      const sizes = sizesAt(layer, layout, at, known);
      const event = eventOf(graph, cut, seen);
      const growth = await growthOf(cut, trunk, example, seen);
      const parts = { graph, cut, layout, sizes, trunk, growth, layer: tailNames(cut, seen).layer, event };
      const single = await openSession(
        `the part of ${file.path} behind ${layer}`,
        tailBytes(graph, cut, { seen, batched: false }),
      );
      opened.push(single);
      const alone = new CutNetwork({ ...parts, tail: single, isBatched: false });
      const rewritten = tailBytes(graph, cut, { seen, batched: true });
      const tail = await openSession(file.path, rewritten).catch(() => undefined);
      if (tail === undefined) return { network: alone, event };
      const together = new CutNetwork({ ...parts, tail, isBatched: true });
      const areTheSame = await givesTheSame(together, alone, event);
      (areTheSame ? single : tail).release();
      return { network: areTheSame ? together : alone, event };
    } catch (error) {
      for (const session of opened) session.release();
      throw error;
    }
  }

  /** Runs the first part. */
  async run(feeds: Feeds): Promise<CutEvent> {
    const { graph, cut } = this;
    const results = await this.#trunk.run(feeds, computedBy(graph, cut));
    const event = eventOf(graph, cut, new Map(Object.entries({ ...feeds, ...results })));
    if (event.layer.length !== this.#layerLength) {
      throw new L2cafError('shape-mismatch', `the layer ${cut.layer} has another size for this input than for others`);
    }
    return event;
  }

  /** The layer of an event, `[t, h, w, c]`. */
  mapsOf({ layer }: CutEvent): Float32Array {
    return gathered(layer, this.sizes, this.#strides);
  }

  /** The tail of an event, up to an output. It holds nothing that has to be freed. */
  tail(event: CutEvent, output: string = this.cut.outputs[0]!, span: FilterSpan = 'slice'): MapTail {
    const { sizes } = this;
    const { t, h, w, c } = sizes;
    const reference = event.outputs.get(output)!;
    const outputSize = reference.length;
    const perSlot = span === 'slice' ? 1 : t;
    const cells = perSlot * h * w;
    const size = cells * c;
    const ofSlot = { ...sizes, t: perSlot };
    const strides = this.#strides;
    const at = (slot: number): LayoutStrides => ({ ...strides, first: strides.first + slot * perSlot * strides.t });
    return {
      slots: t / perSlot,
      grid: { height: perSlot * h, width: w },
      outputSize,
      reference,
      evaluate: (filters, slots) =>
        this.#evaluate(event, output, outputSize, slots.length, (row, target) => {
          this.#filter(target, filters.subarray(row * cells, (row + 1) * cells), slots[row]! * perSlot, perSlot);
        }),
      mapOf: (slot) => gathered(event.layer, ofSlot, at(slot)),
      evaluateMaps: (maps, slots) =>
        this.#evaluate(event, output, outputSize, slots.length, (row, target) => {
          scatter(maps.subarray(row * size, (row + 1) * size), ofSlot, at(slots[row]!), target);
        }),
      dispose: () => {},
    };
  }

  /** Frees both parts. */
  dispose(): void {
    this.#trunk.release();
    this.#tail.release();
  }

  /** Multiplies `count` slices of a layer from `first` on by a filter `[count, h, w]`. */
  #filter(layer: Float32Array, filter: Float32Array, first: number, count: number): void {
    const { h, w, c } = this.sizes;
    const strides = this.#strides;
    let at = 0;
    for (let t = first; t < first + count; t++) {
      for (let row = 0; row < h; row++) {
        for (let column = 0; column < w; column++) {
          const value = filter[at++]!;
          const cell = strides.first + t * strides.t + row * strides.h + column * strides.w;
          for (let channel = 0; channel < c; channel++) layer[cell + channel * strides.c]! *= value;
        }
      }
    }
  }

  /** Outputs `[rows, d]` of an event whose layer `edit` changes for each row. */
  async #evaluate(
    event: CutEvent,
    output: string,
    outputSize: number,
    rows: number,
    edit: (row: number, layer: Float32Array) => void,
  ): Promise<Float32Array> {
    const results = new Float32Array(rows * outputSize);
    const bytes =
      4 * (event.layer.length + [...event.boundary.values()].reduce((sum, { data }) => sum + data.length, 0));
    const most = this.isBatched ? Math.max(1, Math.floor(CALL_BYTES / bytes)) : 1;
    for (let first = 0; first < rows; first += most) {
      const count = Math.min(most, rows - first);
      const layers = Array.from({ length: count }, (_, i) => {
        const layer = event.layer.slice();
        edit(first + i, layer);
        return layer;
      });
      const values = await this.#runTail(event, layers, output);
      if (values.length !== count * outputSize) {
        throw invalid(this.graph.file.path, `its output ${output} has another size behind a filter`);
      }
      results.set(values, first * outputSize);
    }
    return results;
  }

  async #runTail(event: CutEvent, layers: readonly Float32Array[], output: string): Promise<Float32Array> {
    const count = layers.length;
    const grown = [...event.boundary].map(
      ([key, tensor]) => [key, grow(tensor, this.#growth.get(key)!, count)] as const,
    );
    const { layout, sizes } = this;
    const layer = tensorOf('float32', joined(layers, interleaving(layout, sizes)), dimsOf(layout, sizes, count));
    const feeds = { ...Object.fromEntries(grown), [this.#layer]: layer };
    const results = await this.#tail.run(feeds, [tailOutput(output)]);
    return floatsOf(results[tailOutput(output)]!);
  }
}

/** @throws L2cafError `usage` when a layer does not fit its layout, or has a single cell */
function sizesAt(layer: string, layout: Layout, at: OnnxTensor, known: KnownSizes): LayoutSizes {
  const sizes = isFloating(at) ? sizesOf(layout, at.dims, known) : undefined;
  const shape = `the layer ${layer} has the shape ${at.dims.join('×')}`;
  if (sizes === undefined) {
    const hint = 'name its layout with --layout, or see l2caf models inspect';
    throw new L2cafError('usage', `${shape}: it is no ${layout.text}`, { hint });
  }
  const { h, w } = sizes;
  if (h * w === 1) {
    const hint = 'take an earlier layer: l2caf models inspect lists them';
    throw new L2cafError('usage', `${shape}: it has one place for the whole picture`, { hint });
  }
  const { grid } = known;
  if (grid && (grid.height !== h || grid.width !== w)) {
    const hint = 'leave the grid out: it is only needed where rows and columns are folded into one axis';
    throw new L2cafError('usage', `${shape}: its grid is ${h}x${w}, not ${grid.height}x${grid.width}`, { hint });
  }
  return sizes;
}

/** What the first part computes: the layer, what else the tail reads of it, and the outputs with no filter. */
function computedBy(graph: OnnxGraph, { layer, boundary, outputs }: TailCut): string[] {
  return [...new Set([layer, ...boundary.filter((name) => !graph.inputs.includes(name)), ...outputs])];
}

/** @throws L2cafError `model-invalid` when an output is not a number */
function eventOf({ file }: OnnxGraph, cut: TailCut, seen: ReadonlyMap<string, OnnxTensor>): CutEvent {
  const outputs = new Map(cut.outputs.map((name) => [name, floatsOf(seen.get(name)!)]));
  for (const [name, values] of outputs) {
    if (values.every(Number.isFinite)) continue;
    const hint = 'check how pictures are given to it (--norm), and its weights';
    throw invalid(file.path, `its output ${name} is not a number`, hint);
  }
  return {
    layer: floatsOf(seen.get(cut.layer)!),
    boundary: new Map(cut.boundary.map((name) => [name, seen.get(name)!])),
    outputs,
  };
}

/** Tries two events at once, to see what else of the tail's inputs grows with their number. */
async function growthOf(
  cut: TailCut,
  trunk: OnnxSession,
  example: CutOptions['example'],
  seen: ReadonlyMap<string, OnnxTensor>,
): Promise<Map<string, Growth>> {
  const feeds = cut.boundary.length > 0 ? example(2) : undefined;
  const computed = cut.boundary.filter((name) => feeds?.[name] === undefined);
  const both = feeds && { ...feeds, ...(await trunk.run(feeds, computed).catch(() => undefined)) };
  return new Map(
    cut.boundary.map((name) => {
      const one = seen.get(name)!;
      return [name, growthBetween(one, both?.[name])] as const;
    }),
  );
}

function growthBetween(one: OnnxTensor, two: OnnxTensor | undefined): Growth {
  const { dims, data } = one;
  if (two === undefined || two.dims.length !== dims.length) {
    return isFloating(one) && dims.length > 0 ? { axis: 0 } : 'none'; // the export fixes one event: to be tried
  }
  const axis = dims.findIndex((n, i) => two.dims[i] === 2 * n);
  if (axis >= 0) return { axis };
  if (data instanceof BigInt64Array && two.data instanceof BigInt64Array && data.length === two.data.length) {
    const after = two.data;
    return { step: data.map((value, i) => after[i]! - value) };
  }
  return 'none';
}

/** A tensor of one event, for several. */
export function grow(tensor: OnnxTensor, growth: Growth, count: number): OnnxTensor {
  if (growth === 'none' || count === 1) return tensor;
  const { type, dims, data } = tensor;
  if ('step' in growth) {
    const { step } = growth;
    return { type, dims, data: (data as BigInt64Array).map((value, i) => value + step[i]! * BigInt(count - 1)) };
  }
  const { axis } = growth;
  const outer = dims.slice(0, axis).reduce((product, n) => product * n, 1);
  const block = data.length / outer;
  const all = new (data.constructor as new (length: number) => Float32Array)(data.length * count);
  for (let i = 0; i < outer; i++) {
    const part = (data as Float32Array).subarray(i * block, (i + 1) * block);
    for (let k = 0; k < count; k++) all.set(part, (i * count + k) * block);
  }
  return { type, dims: dims.map((n, i) => (i === axis ? n * count : n)), data: all };
}

/** Tensors of several events as one. */
function joined(tensors: readonly Float32Array[], { outer, block }: { outer: number; block: number }): Float32Array {
  const all = new Float32Array(tensors.length * outer * block);
  for (let i = 0; i < outer; i++) {
    for (const [k, tensor] of tensors.entries()) {
      all.set(tensor.subarray(i * block, (i + 1) * block), (i * tensors.length + k) * block);
    }
  }
  return all;
}

/** Whether rows that go through a tail together come out as they do alone: three different filters at different places. */
async function givesTheSame(network: CutNetwork, reference: CutNetwork, event: CutEvent): Promise<boolean> {
  const { t, h, w } = network.sizes;
  const slots = [0, Math.min(1, t - 1), t - 1];
  const random = createRandom(0, h, w);
  const filters = Float32Array.from({ length: slots.length * h * w }, () => random.uniform());
  for (const output of network.cut.outputs) {
    try {
      const [together, alone] = [
        await network.tail(event, output).evaluate(filters, slots),
        await reference.tail(event, output).evaluate(filters, slots),
      ];
      const largest = alone.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      if (!alone.every((value, i) => Math.abs(value - together[i]!) <= BATCHING * largest)) return false;
    } catch {
      return false;
    }
  }
  return true;
}
