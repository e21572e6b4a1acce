/** What a run of the first part of a cut network gives: the layer, its boundary, and the outputs with no filter. */
import { L2cafError } from '../../base/errors.ts';
import { type KnownSizes, type Layout, type LayoutSizes, sizesOf } from '../layout.ts';
import { initialStates, type TailCut } from './cut.ts';
import type { TailEvent } from './front-part.ts';
import type { OnnxGraph } from './graph.ts';
import { expectNumbers } from './repeat.ts';
import { floatsOf, isFloating, type OnnxTensor } from './runtime.ts';

/** An event that went through the first part; the layer is as the graph has it. */
export interface CutEvent extends TailEvent {
  /** Outputs with no filter, by name. */
  readonly outputs: ReadonlyMap<string, Float32Array>;
}

/**
 * How large a layer is along the axes of its layout.
 *
 * @throws L2cafError `usage` when it does not fit that, or has a single cell
 */
export function sizesAt(layer: string, layout: Layout, at: OnnxTensor, known: KnownSizes): LayoutSizes {
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

/** What the first part computes: the layer, what else the tail and its parts read of it, and the outputs with no filter. */
export function computedBy(graph: OnnxGraph, cut: TailCut, beside: readonly string[]): string[] {
  return [...new Set([cut.layer, ...beside.filter((name) => !graph.inputs.includes(name)), ...cut.outputs])];
}

/** What was seen of a run, without the numbers but of states, which may begin at zero. */
export function shapesOf(
  graph: OnnxGraph,
  cut: TailCut,
  seen: ReadonlyMap<string, OnnxTensor>,
): ReadonlyMap<string, OnnxTensor> {
  const states = new Set(cut.places.flatMap((at) => initialStates(graph.nodes[at]!)));
  return new Map(
    [...seen].map(([name, { type, dims, data }]) => {
      return [name, { type, dims, data: states.has(name) ? data : new Float32Array(0) }];
    }),
  );
}

/**
 * An event from what was seen of a run.
 *
 * @throws L2cafError `model-invalid` when an output is not a number
 */
export function eventOf(
  { file }: OnnxGraph,
  cut: TailCut,
  beside: readonly string[],
  seen: ReadonlyMap<string, OnnxTensor>,
): CutEvent {
  const outputs = new Map(cut.outputs.map((name) => [name, expectNumbers(file.path, name, seen.get(name)!)]));
  return {
    layer: floatsOf(seen.get(cut.layer)!),
    boundary: new Map(beside.map((name) => [name, seen.get(name)!])),
    outputs,
  };
}
