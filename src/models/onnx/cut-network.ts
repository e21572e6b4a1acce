/**
 * A network that is cut at a layer, both parts ready to run: inputs → the layer and its boundary → outputs. Events of other
 * filters go through the tail together where the export allows it, which is found out by trying, and one by one where not.
 */
import { L2cafError } from '../../base/errors.ts';
import { createRandom } from '../../base/random.ts';
import type { FrameSets, MapTail } from '../../l2caf/tail.ts';
import type { FILTER_SPANS } from '../choices.ts';
import {
  dimsOf,
  gathered,
  hasBatch,
  interleaving,
  type KnownSizes,
  type Layout,
  type LayoutSizes,
  type LayoutStrides,
  scatter,
  stridesOf,
} from '../layout.ts';
import {
  BATCHINGS,
  type Batching,
  cutAt,
  LAYER,
  MASK,
  partOutput,
  rewrittenBy,
  type TailCut,
  tailBytes,
  withOutputs,
} from './cut.ts';
import { type CutEvent, computedBy, eventOf, shapesOf, sizesAt } from './cut-run.ts';
import { invalid } from './file.ts';
import { FrameTail } from './frame-tail.ts';
import { AffineFront, type FrontEvent } from './front.ts';
import { CALL_BYTES, type CutTail, grown, stillTensors, type TailEvent } from './front-part.ts';
import type { OnnxGraph } from './graph.ts';
import { type Growth, growthOf, joined } from './growth.ts';
import { Masks } from './masked.ts';
import { expectSameAgain } from './repeat.ts';
import { floatsOf, type OnnxSession, type OnnxTensor, openSession, tensorOf } from './runtime.ts';

/** What a network is fed, by name. */
export type Feeds = Readonly<Record<string, OnnxTensor>>;

/** Where a network is cut. */
export interface CutOptions {
  /** A tensor, or a node by its first output. */
  readonly layer: string;
  readonly layout: Layout;
  /** Tensors to explain. */
  readonly outputs: readonly string[];
  /** Inputs to try the network with: of one event, and of two where it may take more. */
  readonly example: (events: 1 | 2) => Feeds | undefined;
  readonly known: KnownSizes;
  /** Whether the network is known to say the same of the same input twice; default false: it is tried. */
  readonly isSteady?: boolean;
}

/** Filters of one slice of time each, or one of all of them together. */
export type FilterSpan = (typeof FILTER_SPANS)[number];

/** By how much rows of a batch may differ from the same rows alone, of the largest output. */
const BATCHING = 1e-5;

/** See the head of the file. Dispose of it when done. */
export class CutNetwork {
  readonly graph: OnnxGraph;
  readonly cut: TailCut;
  readonly layout: Layout;
  readonly sizes: LayoutSizes;
  /** How events go through the tail together, if they do. */
  readonly #batching: Batching;
  /** Length of each output. */
  readonly outputSizes: ReadonlyMap<string, number>;
  readonly #strides: LayoutStrides;
  readonly #trunk: OnnxSession;
  readonly #tail: OnnxSession;
  readonly #masks: Masks;
  /** What the tail and its parts read beside the layer. */
  readonly #beside: readonly string[];
  readonly #seen: ReadonlyMap<string, OnnxTensor>;
  /** What is affine behind the layer; looked for when many filters are tried. */
  #front: Promise<AffineFront | undefined> | undefined;
  /** What takes frames one by one; looked for then, too. */
  #frameTail: Promise<FrameTail | undefined> | undefined;
  readonly #layerLength: number;
  readonly #growth: ReadonlyMap<string, Growth>;

  private constructor(parts: {
    readonly graph: OnnxGraph;
    readonly cut: TailCut;
    readonly beside: readonly string[];
    readonly layout: Layout;
    readonly sizes: LayoutSizes;
    readonly trunk: OnnxSession;
    readonly tail: OnnxSession;
    readonly batching: Batching;
    readonly growth: ReadonlyMap<string, Growth>;
    /** Types and shapes. */
    readonly seen: ReadonlyMap<string, OnnxTensor>;
    /** Of the example. */
    readonly event: CutEvent;
  }) {
    const { graph, cut, layout, sizes, batching, trunk, tail, growth, seen, event } = parts;
    [this.graph, this.cut, this.layout, this.sizes, this.#batching] = [graph, cut, layout, sizes, batching];
    this.#strides = stridesOf(layout, sizes);
    [this.#masks, this.#beside] = [new Masks(layout, sizes), parts.beside];
    [this.#trunk, this.#tail, this.#growth, this.#seen] = [trunk, tail, growth, seen];
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
    const beside = [...cut.boundary, ...stillTensors(graph, cut)];
    const wanted = [...new Set([...computedBy(graph, cut, beside), ...rewrittenBy(graph, cut)])];
    const trunk = await openSession(file.path, withOutputs(graph, wanted), file.externalData);
    const opened = [trunk];
    try {
      const feeds = example(1)!;
      const seen = new Map(Object.entries({ ...feeds, ...(await trunk.run(feeds, wanted)) }));
      if (!isSteady) await expectSameAgain(trunk, { path: file.path, feeds, outputs, seen });
      const at = seen.get(cut.layer)!;
      const sizes = sizesAt(layer, layout, at, known);
      const event = eventOf(graph, cut, beside, seen);
      const growth = await growthOf(beside, trunk, example, seen);
      const parts = { graph, cut, beside, layout, sizes, trunk, growth, event, seen: shapesOf(graph, cut, seen) };
      const tailOf = (batching: Batching) => tailBytes(graph, cut, { seen, layout, sizes, batching });
      const single = await openSession(`the part of ${file.path} behind ${layer}`, tailOf('one'));
      opened.push(single);
      const alone = new CutNetwork({ ...parts, tail: single, batching: 'one' });
      for (const batching of hasBatch(layout) ? BATCHINGS : []) {
        const tail = await openSession(file.path, tailOf(batching)).catch(() => undefined);
        if (tail === undefined) continue;
        const together = new CutNetwork({ ...parts, tail, batching });
        const areTheSame = await givesTheSame(together, alone, event);
        (areTheSame ? single : tail).release();
        if (areTheSame) return { network: together, event };
      }
      return { network: alone, event };
    } catch (error) {
      for (const session of opened) session.release();
      throw error;
    }
  }

  /** Whether events go through the tail together. */
  get isBatched(): boolean {
    return this.#batching !== 'one';
  }

  /** Runs the first part. */
  async run(feeds: Feeds): Promise<CutEvent> {
    const { graph, cut } = this;
    const results = await this.#trunk.run(feeds, computedBy(graph, cut, this.#beside));
    const event = eventOf(graph, cut, this.#beside, new Map(Object.entries({ ...feeds, ...results })));
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
    const collapsed = new Set<number>();
    let behind: Promise<FrontEvent | undefined> | undefined;
    const at = (slot: number): LayoutStrides => ({ ...strides, first: strides.first + slot * perSlot * strides.t });
    return {
      slots: t / perSlot,
      grid: { height: perSlot * h, width: w },
      outputSize,
      reference,
      evaluate: async (filters, slots) => {
        // Of a slot of which so many filters are tried, what its cells contribute is worth computing.
        for (const slot of new Set(slots)) {
          if (slots.filter((other) => other === slot).length >= cells) collapsed.add(slot);
        }
        if (slots.every((slot) => collapsed.has(slot))) {
          const apart = perSlot === 1 ? await this.#frameTailOf(event) : undefined;
          if (apart) return apart.evaluate(event, filters, slots, output);
          behind ??= this.#frontOf(event).then((front) => front?.of(event, perSlot));
          const front = await behind;
          if (front) return front.evaluate(filters, slots, output);
        }
        return this.#filtered(event, filters, slots, output);
      },
      mapOf: (slot) => gathered(event.layer, ofSlot, at(slot)),
      evaluateMaps: (maps, slots) =>
        this.#evaluate(event, output, slots.length, (first, count) => ({
          layer: joined(
            Array.from({ length: count }, (_, i) => {
              const layer = event.layer.slice();
              const row = first + i;
              scatter(maps.subarray(row * size, (row + 1) * size), ofSlot, at(slots[row]!), layer);
              return layer;
            }),
            interleaving(this.layout, sizes),
          ),
          mask: this.#masks.of(1, 1, () => {}),
        })),
      ...(perSlot < t && { subsets: this.#setsOf(event, output) }),
      dispose: () => {},
    };
  }

  /** Slices of time that are not there are emptied by their masks. */
  #setsOf(event: CutEvent, output: string): FrameSets {
    const { t, h, w } = this.sizes;
    return {
      absent: 'emptied',
      evaluate: (present) =>
        this.#evaluate(event, output, present.length / t, (first, count) => ({
          layer: event.layer,
          mask: this.#masks.of(count, 1, (set) => {
            for (let row = 0; row < count; row++) {
              for (let cell = 0; cell < t * h * w; cell++) {
                if (present[(first + row) * t + Math.floor(cell / (h * w))] === 0) set(row, cell, 0);
              }
            }
          }),
        })),
    };
  }

  /** Frees both parts. */
  dispose(): void {
    this.#trunk.release();
    this.#tail.release();
    void this.#front?.then((front) => front?.dispose());
    void this.#frameTail?.then((apart) => apart?.dispose());
  }

  /** The tail that parts are looked for in. */
  get #whole(): CutTail {
    const { graph, cut, layout, sizes } = this;
    return { graph, cut, layout, sizes, seen: this.#seen, growth: this.#growth };
  }

  #frameTailOf(event: CutEvent): Promise<FrameTail | undefined> {
    this.#frameTail ??= this.#frontOf(event)
      .then((front) =>
        FrameTail.open(this.#whole, event, this.#batching, (...given) => this.#filtered(...given), front),
      )
      .catch(() => undefined);
    return this.#frameTail;
  }

  #frontOf(event: CutEvent): Promise<AffineFront | undefined> {
    this.#front ??= AffineFront.open(this.#whole, event, this.#batching, (...given) => this.#filtered(...given));
    return this.#front;
  }

  /** Outputs `[rows, d]` of filters of slots, by the whole tail. */
  #filtered(event: TailEvent, filters: Float32Array, slots: readonly number[], output: string): Promise<Float32Array> {
    const cells = filters.length / slots.length;
    return this.#evaluate(event, output, slots.length, (first, count) => ({
      layer: event.layer,
      mask: this.#masks.of(count, 1, (set) => {
        for (let row = 0; row < count; row++) {
          const from = (first + row) * cells;
          const at = slots[first + row]! * cells;
          for (let cell = 0; cell < cells; cell++) set(row, at + cell, filters[from + cell]!);
        }
      }),
    }));
  }

  /** Outputs `[rows, d]` of an event; `feed` gives the layers and masks of some rows. */
  async #evaluate(
    event: TailEvent,
    output: string,
    rows: number,
    feed: (first: number, count: number) => { readonly layer: Float32Array; readonly mask: OnnxTensor },
  ): Promise<Float32Array> {
    const outputSize = this.outputSizes.get(output)!;
    const results = new Float32Array(rows * outputSize);
    const { boundary } = this.cut;
    const read = boundary.reduce((sum, name) => sum + event.boundary.get(name)!.data.length, 0);
    const bytes = 4 * (event.layer.length + read);
    const most = this.isBatched ? Math.max(1, Math.floor(CALL_BYTES / bytes)) : 1;
    for (let first = 0; first < rows; first += most) {
      const count = Math.min(most, rows - first);
      const { layer, mask } = feed(first, count);
      const events = layer.length / event.layer.length;
      const feeds = {
        ...grown(boundary, event, this.#growth, count),
        [LAYER]: tensorOf('float32', layer, dimsOf(this.layout, this.sizes, events)),
        [MASK]: mask,
      };
      const values = floatsOf((await this.#tail.run(feeds, [partOutput(output)]))[partOutput(output)]!);
      if (values.length !== count * outputSize) {
        throw invalid(this.graph.file.path, `its output ${output} has another size behind a filter`);
      }
      results.set(values, first * outputSize);
    }
    return results;
  }
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
