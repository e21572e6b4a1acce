/**
 * The maps that are compared: L2-CAF, and what it has to beat. Some baselines know nothing of the network (centre,
 * random), some nothing of what it learnt over time (the norm of its activations, its filters after the LSTM was
 * re-initialised); a map that is no better than those explains nothing of the recurrent part.
 */

import { createRandom } from '../base/random.ts';
import type { AttentionFilter, GridShape } from '../base/types.ts';
import { activationNorm } from '../l2caf/activation-norm.ts';
import { classActivation, lifted } from '../l2caf/cam.ts';
import type { AttentionMap } from '../l2caf/heatmap.ts';
import { gradCamOf, rolloutOf } from '../l2caf/method.ts';
import type { Objective } from '../l2caf/objective.ts';
import type { PresetName } from '../l2caf/presets.ts';
import { type SolveOptions, solveFilters } from '../l2caf/solve.ts';
import type { MapTail, Tail } from '../l2caf/tail.ts';
import type { MapMethod } from './choices.ts';

/** The methods that are L2-CAF on the trained network. */
export const OWN_METHODS: readonly MapMethod[] = ['l2caf', 'l2caf-positive', 'l2caf-paper', 'l2caf-pytorch'];

/** An event, as the methods see it. */
export interface MapSubject {
  readonly tail: MapTail;
  /** A tail with the same feature maps and a re-initialised head (`forgetfulHead`); stays the subject's. */
  reinitialised(): Tail | Promise<Tail>;
  /** What is explained: the embedding or a class. */
  readonly objective: Extract<Objective, { readonly kind: 'oblivious' | 'class' }>;
}

/** Which maps, and how. */
export interface MapOptions extends Pick<SolveOptions, 'signal'> {
  readonly slots: readonly number[];
  /** Of starting points and of the random maps. */
  readonly seed: number;
  /** Tells the random maps of one event from those of another. */
  readonly eventIndex: number;
}

/** The maps of an event by method, one per slot that was asked for; no value is negative. Throws as `solveFilters`. */
export async function mapsOf(
  { tail, reinitialised, objective }: MapSubject,
  methods: readonly MapMethod[],
  { slots, seed, eventIndex, signal }: MapOptions,
): Promise<Map<MapMethod, AttentionMap[]>> {
  const solve = async (on: Tail, preset?: PresetName): Promise<readonly AttentionFilter[]> => {
    const descent = preset && ({ solver: 'gd', preset } as const);
    return (await solveFilters(on, { objective, slots, seed, ...descent, ...(signal && { signal }) })).filters;
  };
  const sizeOf = (filters: readonly AttentionFilter[]): AttentionMap[] =>
    filters.map((filter) => partOf(filter, Math.abs));
  const isFiltered = methods.includes('l2caf') || methods.includes('l2caf-positive');
  const filters = isFiltered ? await solve(tail) : [];
  const gradTarget = objective.kind === 'class' ? objective : ({ kind: 'embedding' } as const);
  const make: Readonly<Record<MapMethod, () => AttentionMap[] | Promise<AttentionMap[]>>> = {
    l2caf: () => sizeOf(filters),
    'l2caf-positive': () => filters.map((filter) => partOf(filter, (value) => Math.max(0, value))),
    'l2caf-paper': async () => sizeOf(await solve(tail, 'paper')),
    'l2caf-pytorch': async () => sizeOf(await solve(tail, 'pytorch')),
    'l2caf-reinit': async () => sizeOf(await solve(await reinitialised())),
    gradcam: () => gradCamOf(tail, gradTarget, 'relu', slots),
    'gradcam-abs': () => gradCamOf(tail, gradTarget, 'abs', slots),
    cam: async () => (await classActivation(tail, gradTarget, slots)).map(lifted),
    rollout: () => rolloutOf(tail, slots),
    'activation-norm': () => slots.map((slot) => activationNorm(tail, slot)),
    centre: () => slots.map(() => centredGaussian(tail.grid)),
    random: () => slots.map((slot) => randomMap(tail.grid, seed, RANDOM_STREAM, eventIndex, slot)),
  };
  const maps = new Map<MapMethod, AttentionMap[]>();
  for (const method of methods) maps.set(method, await make[method]());
  return maps;
}

/** A Gaussian in the middle of the grid, its standard deviation a quarter of each side; its highest value is at most 1. */
export function centredGaussian({ height, width }: GridShape): AttentionMap {
  const along = (size: number): number[] =>
    Array.from({ length: size }, (_, i) => Math.exp(-0.5 * ((4 * (i + 0.5)) / size - 2) ** 2));
  const [rows, columns] = [along(height), along(width)];
  return { height, width, values: Float32Array.from(rows.flatMap((row) => columns.map((column) => row * column))) };
}

/** Uniform numbers in [0, 1), of the stream that `keys` name. */
export function randomMap({ height, width }: GridShape, ...keys: readonly number[]): AttentionMap {
  const random = createRandom(...keys);
  return { height, width, values: Float32Array.from({ length: height * width }, () => random.uniform()) };
}

/** Keeps the random maps apart from other draws of the same seed. */
const RANDOM_STREAM = 302;

function partOf({ height, width, values }: AttentionFilter, part: (value: number) => number): AttentionMap {
  return { height, width, values: values.map(part) };
}
