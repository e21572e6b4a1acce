/**
 * One interface for L2-CAF and its baselines: whatever finds the map of a slot, what comes out is a filter with the loss
 * it has as a filter, so that everything downstream can show and measure any method.
 */

import { L2cafError } from '../base/errors.ts';
import type { AttentionFilter } from '../base/types.ts';
import { classActivation, lifted } from './cam.ts';
import type { Method } from './choices.ts';
import { type GradCamTarget, type GradCamVariant, gradCam } from './gradcam.ts';
import type { AttentionMap } from './heatmap.ts';
import { measuredGradCam } from './measured-gradcam.ts';
import { bindObjective, type Objective } from './objective.ts';
import { PRESETS } from './presets.ts';
import { type FilterSolution, type SolveOptions, solveFilters } from './solve.ts';
import { isFeatureTail, isMapTail, type MapTail, type Tail } from './tail.ts';

/** The maps of a tail's slots, and how they were found. */
export interface Attention {
  /** One per slot. Those of other methods than L2-CAF are never negative and have unit L2 norm, or are zero everywhere. */
  readonly filters: readonly AttentionFilter[];
  /** Why this solver. */
  readonly reason: string;
  /** The choices that were made, by name. */
  readonly options: Omit<FilterSolution['options'], 'solver'> & { readonly method: Method; readonly solver: string };
}

/**
 * Finds the attention of every slot (or of `options.slots`) with a method.
 *
 * @throws L2cafError `usage` when the method has no form for the objective; else as {@link solveFilters}
 */
export async function findAttention(tail: Tail, method: Method, options: SolveOptions = {}): Promise<Attention> {
  if (method === 'l2caf') {
    const { filters, reason, options: chosen } = await solveFilters(tail, options);
    return { filters, reason, options: { method, ...chosen } };
  }
  const { objective = { kind: 'oblivious' }, preset = 'paper' } = options;
  const slots = options.slots ?? Array.from({ length: tail.slots }, (_, slot) => slot);
  const { found, reason, solver } = await otherMaps(tail, method, objective, slots);
  const maps = found.map(toUnitNorm);
  const losses = await lossesOf(tail, objective, maps, slots, PRESETS[preset].reduction);
  const filters = maps.map((map, i): AttentionFilter => {
    const loss = losses[i]!;
    return { ...map, loss, iterations: 0, status: 'exact', lossHistory: [loss] };
  });
  return {
    filters,
    reason,
    options: { method, solver, preset, objective: objective.kind, constraint: 'l2' },
  };
}

/** Maps that are not solved for. Throws as {@link findAttention}. */
async function otherMaps(
  tail: Tail,
  method: Exclude<Method, 'l2caf'>,
  objective: Objective,
  slots: readonly number[],
): Promise<{ found: readonly AttentionMap[]; reason: string; solver: string }> {
  if (method === 'rollout') {
    const reason = 'attention of all layers multiplied; it is the same whatever is explained';
    return { found: await rolloutOf(tail, slots), reason, solver: 'attention' };
  }
  if (method === 'acol') {
    const reason = "the larger of two branches' class maps, no optimisation";
    return { found: [await fusedMapOf(tail, objective)], reason, solver: 'dense layers' };
  }
  if (!isMapTail(tail)) {
    throw new L2cafError('usage', `${method} needs feature maps, which this network does not show`, {
      hint: 'use the method l2caf',
    });
  }
  if (method === 'cam') {
    const maps = await classActivation(tail, targetOf(objective, 'cam'), slots);
    return {
      found: maps.map(lifted),
      reason: 'the weights of the dense layer, no optimisation',
      solver: 'dense layer',
    };
  }
  const found = await gradCamOf(tail, targetOf(objective, 'Grad-CAM'), method === 'gradcam' ? 'relu' : 'abs', slots);
  const reason = isFeatureTail(tail) ? 'one gradient, no optimisation' : 'one measured gradient, no optimisation';
  return { found, reason, solver: 'gradient' };
}

/**
 * Attention rollout of slots.
 *
 * @throws L2cafError `usage` for a network without softmax attention over places of the picture
 */
export async function rolloutOf(tail: Tail, slots: readonly number[]): Promise<AttentionMap[]> {
  const { rollout, grid } = tail;
  if (rollout === undefined) {
    throw new L2cafError('usage', 'rollout needs softmax attention, which is not found in this network', {
      hint: 'use l2caf, gradcam or gradcam-abs; attention is found in ONNX files of transformers, as a Softmax between two MatMuls',
    });
  }
  return Promise.all(slots.map(async (slot) => ({ ...grid, values: await rollout(slot) })));
}

/**
 * The fused map of a class, of a network with two branches (ACoL).
 *
 * @throws L2cafError `usage` for another network, or unless a class is explained
 */
export async function fusedMapOf({ fused, grid }: Tail, target: Objective | GradCamTarget): Promise<AttentionMap> {
  if (fused === undefined) {
    throw new L2cafError('usage', 'acol needs a network of two adversarial branches', {
      hint: 'l2caf train-stills --head acol trains one',
    });
  }
  if (target.kind === 'class') return { ...grid, values: await fused(target.index) };
  throw new L2cafError('usage', 'acol explains a class, not all outputs at once', {
    hint: 'name a class as the target',
  });
}

/** Grad-CAM by gradients through tensors where there are any, else by evaluations. Throws as `gradCam`. */
export async function gradCamOf(
  tail: MapTail,
  target: GradCamTarget,
  variant: GradCamVariant,
  slots: readonly number[],
): Promise<AttentionMap[]> {
  return isFeatureTail(tail) ? gradCam(tail, target, variant, slots) : measuredGradCam(tail, target, variant, slots);
}

function targetOf(objective: Objective, method: string): GradCamTarget {
  switch (objective.kind) {
    case 'oblivious':
      return { kind: 'embedding' };
    case 'class':
    case 'output':
      return objective;
    default:
      throw new L2cafError('usage', `${method} has no form for the ${objective.kind} objective`, {
        hint: 'use the method l2caf',
      });
  }
}

function toUnitNorm({ height, width, values }: AttentionMap): AttentionMap {
  const norm = Math.hypot(...values);
  return { height, width, values: norm > 0 ? values.map((value) => value / norm) : values };
}

/** What each map would cost as a filter of its slot. */
async function lossesOf(
  tail: Tail,
  objective: Objective,
  maps: readonly AttentionMap[],
  slots: readonly number[],
  reduction: 'sum' | 'mean',
): Promise<number[]> {
  const cells = tail.grid.height * tail.grid.width;
  const filters = new Float32Array(maps.length * cells);
  for (const [i, { values }] of maps.entries()) filters.set(values, i * cells);
  const outputs = await tail.evaluate(filters, slots);
  const { lossOf } = bindObjective(objective, tail, reduction);
  const size = tail.outputSize;
  return maps.map((_, i) => lossOf(Float64Array.from(outputs.subarray(i * size, (i + 1) * size))).loss);
}

/** Share of a signed filter's energy (sum of squares) in cells that argue against the output, 0 to 1. */
export function opposingShare(values: Float32Array): number {
  let opposing = 0;
  let all = 0;
  for (const value of values) {
    all += value * value;
    if (value < 0) opposing += value * value;
  }
  return all > 0 ? opposing / all : 0;
}
