/** The maps of a still picture that are compared, by the names of `STILL_METHODS`. */
import { L2cafError } from '../base/errors.ts';
import type { AttentionFilter } from '../base/types.ts';
import { activationNorm } from '../l2caf/activation-norm.ts';
import { classActivation, lifted } from '../l2caf/cam.ts';
import type { AttentionMap } from '../l2caf/heatmap.ts';
import { fusedMapOf, gradCamOf } from '../l2caf/method.ts';
import type { Objective } from '../l2caf/objective.ts';
import { PRESET_NAMES, type PresetName } from '../l2caf/presets.ts';
import { type SolveOptions, solveFilters } from '../l2caf/solve.ts';
import { isMapTail, type MapTail, type Tail } from '../l2caf/tail.ts';
import { wovenFilter } from '../l2caf/woven.ts';
import { centredGaussian, randomMap } from './baseline-maps.ts';

/** How a map is found. */
export interface StillMapOptions extends Pick<SolveOptions, 'signal'> {
  /** Of starting points and of the random maps. */
  readonly seed: number;
  /** Tells the random maps of one picture from those of another. */
  readonly index: number;
  /** The tails of the picture's views, for finer maps. */
  viewed(): Promise<readonly Tail[]>;
}

/**
 * The map of one method, of which no value is negative.
 *
 * @param target the class that is explained; absent: all outputs
 * @throws L2cafError `usage` for a network that does not show its feature maps, where the method needs them; as
 *   `solveFilters` and `classActivation`
 */
export async function stillMap(
  tail: Tail,
  method: string,
  target: Extract<Objective, { readonly kind: 'class' }> | undefined,
  options: StillMapOptions,
): Promise<AttentionMap> {
  const gradTarget = target ?? ({ kind: 'embedding' } as const);
  switch (method) {
    case 'gradcam':
      return (await gradCamOf(mapsOf(tail, method), gradTarget, 'relu', [0]))[0]!;
    case 'gradcam-abs':
      return (await gradCamOf(mapsOf(tail, method), gradTarget, 'abs', [0]))[0]!;
    case 'cam':
      return lifted((await classActivation(mapsOf(tail, method), gradTarget, [0]))[0]!);
    case 'acol':
      return fusedMapOf(tail, gradTarget);
    case 'activation-norm':
      return activationNorm(mapsOf(tail, method), 0);
    case 'centre':
      return centredGaussian(tail.grid);
    case 'random':
      return randomMap(tail.grid, options.seed, RANDOM_STREAM, options.index);
    default:
      return filterMap(tail, method, target, options);
  }
}

/** The map of a filter: `l2caf-OBJECTIVE`, with what is shown of it, or how it was found, behind. */
async function filterMap(
  tail: Tail,
  method: string,
  target: Objective | undefined,
  { seed, signal, viewed }: StillMapOptions,
): Promise<AttentionMap> {
  const [, kind, variant = 'size'] = /^l2caf-(class|oblivious)(?:-(.+))?$/.exec(method)!;
  const objective: Objective = kind === 'class' ? target! : { kind: 'oblivious' };
  const preset = PRESET_NAMES.find((name): name is PresetName => name === variant);
  const descent = preset && ({ solver: 'gd', preset } as const);
  const filters: AttentionFilter[] = [];
  for (const seen of variant === 'fine' ? await viewed() : [tail]) {
    const solved = await solveFilters(seen, { objective, seed, ...descent, ...(signal && { signal }) });
    filters.push(solved.filters[0]!);
  }
  const { height, width, values } = variant === 'fine' ? wovenFilter(filters, 'l2') : filters[0]!;
  const part = variant === 'positive' ? (value: number) => Math.max(0, value) : Math.abs;
  return { height, width, values: values.map(part) };
}

/** Keeps the random maps apart from other draws of the same seed. */
const RANDOM_STREAM = 306;

/** @throws L2cafError `usage` */
function mapsOf(tail: Tail, method: string): MapTail {
  if (isMapTail(tail)) return tail;
  throw new L2cafError('usage', `${method} needs feature maps, which this network does not show`, {
    hint: 'name the methods with --methods: l2caf-class, l2caf-oblivious, centre, random',
  });
}
