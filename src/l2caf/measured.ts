/**
 * What a tail that only evaluates can still offer, found by evaluating it: whether it is linear, then its closed form from
 * one row per cell; else its response, with the Jacobian by central differences, two rows per cell. No engine needs to know
 * derivatives, and all rows of a Jacobian go through the network together.
 */
import { createRandom } from '../base/random.ts';
import type { LinearProjection, SmoothResponse, Tail } from './tail.ts';

/**
 * Half the distance between the two points of a difference, for filters of unit length: to find the way, to arrive, and to
 * get closer where the network has kinks.
 */
const STEPS = [1e-2, 1e-3, 1e-4] as const;
/** By how much a linear tail may miss linearity, of the largest output that is compared: single precision, and no more. */
const LINEARITY = 1e-4;

/** The closed forms of slots, by slot; undefined when a slot is not linear. */
export async function measuredProjections(
  tail: Tail,
  slots: readonly number[],
): Promise<ReadonlyMap<number, LinearProjection> | undefined> {
  for (const slot of slots) if (!(await isLinear(tail, slot))) return undefined;
  const projections = new Map<number, LinearProjection>();
  for (const slot of slots) projections.set(slot, await projectionOf(tail, slot));
  return projections;
}

/** The response of a slot by ever smaller differences, to be used one after another. They hold nothing of the tail. */
export function measuredResponses(tail: Tail, slot: number): readonly SmoothResponse[] {
  const output = async (filter: Float64Array): Promise<Float64Array> => {
    return Float64Array.from(await evaluateAll(tail, Float32Array.from(filter), slot));
  };
  return STEPS.map((step) => ({ output, jacobian: (filter) => differences(tail, slot, filter, step) }));
}

/**
 * `FT(a + b) = FT(a) + FT(b) − FT(0)` for two filters without order? Each about as large as a filter is, and of both signs:
 * a ReLU right after the filter lets all positive filters through as a linear tail would.
 */
export async function isLinear(tail: Tail, slot: number): Promise<boolean> {
  const cells = cellsOf(tail);
  const random = createRandom(0, slot);
  const a = Float32Array.from({ length: cells }, () => random.normal() / Math.sqrt(cells));
  const b = Float32Array.from({ length: cells }, () => random.normal() / Math.sqrt(cells));
  const rows = new Float32Array(4 * cells);
  rows.set(a, 0);
  rows.set(b, cells);
  for (let cell = 0; cell < cells; cell++) rows[2 * cells + cell] = a[cell]! + b[cell]!;
  const outputs = await evaluateAll(tail, rows, slot);
  const d = tail.outputSize;
  let [largest, miss] = [0, 0];
  for (let k = 0; k < d; k++) {
    const [ofA, ofB, ofBoth, ofNone] = [outputs[k]!, outputs[d + k]!, outputs[2 * d + k]!, outputs[3 * d + k]!];
    largest = Math.max(largest, Math.abs(ofA - ofNone), Math.abs(ofB - ofNone), Math.abs(ofBoth - ofNone));
    miss = Math.max(miss, Math.abs(ofBoth - ofA - ofB + ofNone));
  }
  return miss <= LINEARITY * largest;
}

/** From every cell alone, and no cell. */
async function projectionOf(tail: Tail, slot: number): Promise<LinearProjection> {
  const cells = cellsOf(tail);
  const rows = new Float32Array((cells + 1) * cells);
  for (let cell = 0; cell < cells; cell++) rows[cell * cells + cell] = 1;
  const outputs = await evaluateAll(tail, rows, slot);
  const d = tail.outputSize;
  const bias = Float64Array.from(outputs.subarray(cells * d));
  const matrix = new Float64Array(d * cells);
  for (let cell = 0; cell < cells; cell++) {
    for (let k = 0; k < d; k++) matrix[k * cells + cell] = outputs[cell * d + k]! - bias[k]!;
  }
  return { matrix, bias };
}

/** Central differences in every cell: `[d, h·w]`. */
async function differences(tail: Tail, slot: number, filter: Float64Array, step: number): Promise<Float64Array> {
  const cells = filter.length;
  const rows = new Float32Array(2 * cells * cells);
  const widths = new Float64Array(cells);
  for (let cell = 0; cell < cells; cell++) {
    for (const [row, sign] of [
      [2 * cell, 1],
      [2 * cell + 1, -1],
    ] as const) {
      rows.set(filter, row * cells);
      rows[row * cells + cell] = filter[cell]! + sign * step;
    }
    widths[cell] = rows[2 * cell * cells + cell]! - rows[(2 * cell + 1) * cells + cell]!; // as single precision has it
  }
  const outputs = await evaluateAll(tail, rows, slot);
  const d = tail.outputSize;
  const jacobian = new Float64Array(d * cells);
  for (let cell = 0; cell < cells; cell++) {
    for (let k = 0; k < d; k++) {
      const difference = outputs[2 * cell * d + k]! - outputs[(2 * cell + 1) * d + k]!;
      jacobian[k * cells + cell] = difference / widths[cell]!;
    }
  }
  return jacobian;
}

/** Evaluates filters `[n, h·w]` of one slot. */
function evaluateAll(tail: Tail, filters: Float32Array, slot: number): Promise<Float32Array> {
  return tail.evaluate(filters, new Array<number>(filters.length / cellsOf(tail)).fill(slot));
}

function cellsOf({ grid }: Tail): number {
  return grid.height * grid.width;
}
