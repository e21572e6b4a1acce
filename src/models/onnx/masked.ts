/**
 * Filters as a factor of the layer, multiplied inside of the graph: what is fed for each filter is one number per cell, and
 * the layer itself once, however many filters there are.
 */
import type { NodeProto, TensorProto } from 'onnx-buf';
import { dimsOf, interleaving, type Layout, type LayoutSizes, stridesOf } from '../layout.ts';
import { integerTensor, nodeOf } from './builder.ts';
import { type OnnxTensor, tensorOf } from './runtime.ts';

/** Nodes that multiply a layer `from` by a mask and call the product `to`; and their constants. */
export function maskedLayer(
  { from, mask, to }: { readonly from: string; readonly mask: string; readonly to: string },
  layout: Layout,
  sizes: LayoutSizes,
): { readonly nodes: NodeProto[]; readonly constants: TensorProto[] } {
  const [apart, shape] = [`${from} apart`, `${from} shape`];
  const back = dimsOf(layout, sizes).map((n, i) => (i === batchAxis(layout) ? -1 : n));
  return {
    nodes: [
      nodeOf('Reshape', [from, apart], [`${from} of events`]),
      nodeOf('Mul', [`${from} of events`, mask], [`${from} masked`]),
      nodeOf('Reshape', [`${from} masked`, shape], [to]),
    ],
    constants: [integerTensor(apart, eventDims(layout, sizes, -1)), integerTensor(shape, back)],
  };
}

/** How many axes a mask has. */
export function maskRank(layout: Layout, sizes: LayoutSizes): number {
  return eventDims(layout, sizes, 1).length;
}

/** Dimensions of a layer whose events have an axis of their own. */
function eventDims(layout: Layout, sizes: LayoutSizes, events: number): number[] {
  const all = { ...sizes, b: events };
  return dimsOf(layout, sizes).flatMap((length, i) => {
    const { names, hasToken } = layout.axes[i]!;
    const at = names.indexOf('b');
    if (at < 0 || hasToken) return [length];
    const product = (part: typeof names): number[] =>
      part.length > 0 ? [part.reduce((size, name) => size * all[name], 1)] : [];
    return [...product(names.slice(0, at)), events, ...product(names.slice(at + 1))];
  });
}

function batchAxis({ axes }: Layout): number {
  return axes.findIndex(({ names }) => names.includes('b'));
}

/** Puts filters of events into masks. */
export class Masks {
  /** Cells of an event, all slices of time. */
  readonly cells: number;
  readonly #layout: Layout;
  readonly #sizes: LayoutSizes;
  readonly #size: number;
  /** Where each cell lies in the mask of one event, `[t, h, w]`. */
  readonly #places: Int32Array;
  readonly #block: number;

  constructor(layout: Layout, sizes: LayoutSizes) {
    const single = { ...sizes, c: 1 };
    const { t, h, w, first } = { ...single, ...stridesOf(layout, single) };
    const { outer, block } = interleaving(layout, single);
    [this.#layout, this.#sizes, this.#block, this.#size] = [layout, single, block, outer * block];
    this.cells = sizes.t * sizes.h * sizes.w;
    this.#places = new Int32Array(this.cells);
    let at = 0;
    for (let slice = 0; slice < sizes.t; slice++) {
      for (let row = 0; row < sizes.h; row++) {
        for (let column = 0; column < sizes.w; column++) {
          this.#places[at++] = first + slice * t + row * h + column * w;
        }
      }
    }
  }

  /** Masks of that many events: `rest` everywhere but where `write` puts values, by event and cell. */
  of(rows: number, rest: 0 | 1, write: (set: (row: number, cell: number, value: number) => void) => void): OnnxTensor {
    const data = new Float32Array(rows * this.#size);
    if (rest !== 0) data.fill(rest);
    write((row, cell, value) => {
      const place = this.#places[cell]!;
      const outer = Math.floor(place / this.#block);
      data[(outer * rows + row) * this.#block + (place % this.#block)] = value;
    });
    return tensorOf('float32', data, eventDims(this.#layout, this.#sizes, rows));
  }
}
