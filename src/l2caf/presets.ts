/**
 * Settings of gradient descent under the names of where they were published: the paper and its authors' two released
 * codes, which disagree (METHOD §4). What a source leaves open is chosen here and said in `presetTable`.
 */
import type { InitialFilter } from './constraint.ts';
import type { Reduction } from './objective.ts';

/** Everything gradient descent needs to know. */
export interface DescentOptions {
  /** Of the squares in the class-oblivious loss (Eq. 1). */
  readonly reduction: Reduction;
  /** Plain gradient descent, or Adam with β = 0.9, 0.999 and ε = 1e-8. */
  readonly optimizer: 'sgd' | 'adam';
  readonly learningRate: number;
  /** The learning rate falls linearly to this over `maxIterations`. */
  readonly endLearningRate: number;
  readonly maxIterations: number;
  readonly initial: InitialFilter;
  /** d: the loss is looked at every so many iterations. */
  readonly checkEvery: number;
  /** ε: converged when the loss has changed by less than this, absolutely, since the last look. */
  readonly tolerance: number;
}

/** Names of the presets. */
export const PRESET_NAMES = ['paper', 'tf1', 'tf1-fast', 'pytorch'] as const;
/** Name of a preset. */
export type PresetName = (typeof PRESET_NAMES)[number];

const TF1: DescentOptions = {
  reduction: 'mean',
  optimizer: 'adam',
  learningRate: 0.5,
  endLearningRate: 0,
  maxIterations: 1000,
  initial: 'normal',
  checkEvery: 50,
  tolerance: 1e-6,
};

/**
 * The presets. `paper` takes loss, start and stop rule from the text (Sec. 3); the text names neither optimiser nor
 * learning rate, schedule or iteration limit: we choose Adam at 0.1, falling linearly to 1e-5 over 1000 iterations.
 */
export const PRESETS: Readonly<Record<PresetName, DescentOptions>> = {
  paper: {
    reduction: 'sum',
    optimizer: 'adam',
    learningRate: 0.1,
    endLearningRate: 1e-5,
    maxIterations: 1000,
    initial: 'uniform',
    checkEvery: 50,
    tolerance: 1e-5,
  },
  tf1: TF1,
  'tf1-fast': { ...TF1, tolerance: 1e-4 },
  pytorch: { ...TF1, optimizer: 'sgd', endLearningRate: 1e-5, initial: 'ones' },
};

/** One setting and its value in each preset. */
export interface PresetRow {
  readonly setting: string;
  readonly values: Readonly<Record<PresetName, string>>;
}

/** What differs between the presets, as a table to print; `(ours)` marks what the source leaves open. */
export function presetTable(): readonly PresetRow[] {
  const row = (setting: string, describe: (options: DescentOptions) => string, open: readonly PresetName[] = []) => {
    const value = (name: PresetName): string => describe(PRESETS[name]) + (open.includes(name) ? ' (ours)' : '');
    const values = Object.fromEntries(PRESET_NAMES.map((name) => [name, value(name)]));
    return { setting, values: values as Record<PresetName, string> };
  };
  return [
    row('class-oblivious loss', ({ reduction }) => `${reduction} of squares`, ['tf1-fast']),
    row('optimiser', ({ optimizer }) => (optimizer === 'adam' ? 'Adam, ε 1e-8' : 'SGD, no momentum'), ['paper']),
    row('learning rate', ({ learningRate }) => `${learningRate}`, ['paper']),
    row('schedule', ({ endLearningRate }) => `linear to ${endLearningRate}`, ['paper']),
    row('max iterations', ({ maxIterations }) => `${maxIterations}`, ['paper']),
    row('start', ({ initial }) => ({ uniform: 'U[0, 1]', normal: 'N(0, 1)', ones: 'ones' })[initial]),
    row('checked every', ({ checkEvery }) => `${checkEvery} iterations`),
    row('tolerance', ({ tolerance }) => `${tolerance}`),
  ].filter(({ values }) => new Set(Object.values(values)).size > 1);
}
