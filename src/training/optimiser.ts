/**
 * AdamW (Loshchilov and Hutter, https://arxiv.org/abs/1711.05101) with warm-up, cosine decay and clipping, on plain
 * arrays: a head has a few hundred thousand weights, so this costs milliseconds, gives the same result on every backend,
 * and a checkpoint is a copy of the arrays.
 */

/** Arrays by name. */
export type Arrays = ReadonlyMap<string, Float32Array>;

/** What AdamW remembers of earlier gradients. */
export interface OptimiserState {
  /** Running mean of the gradients, and of their squares. */
  readonly first: Arrays;
  readonly second: Arrays;
}

/** Settings of the optimiser. */
export interface OptimiserOptions {
  /** Highest learning rate. */
  readonly learningRate: number;
  /** The same of weights whose names begin so, such as those of a stage that has learnt before. */
  readonly ownRates?: Readonly<Record<string, number>>;
  /** Share of a kernel that a step at learning rate 1 would remove; biases do not decay. */
  readonly weightDecay: number;
  /** Steps of linear warm-up. */
  readonly warmUpSteps: number;
  /** All steps; the rate falls to 0 with half a cosine. */
  readonly steps: number;
}

const FIRST_DECAY = 0.9;
const SECOND_DECAY = 0.999;
const EPSILON = 1e-8;

/** The state before the first step. */
export function initialState(weights: Arrays): OptimiserState {
  const zeros = (): Arrays => new Map([...weights].map(([name, { length }]) => [name, new Float32Array(length)]));
  return { first: zeros(), second: zeros() };
}

/** Learning rate of a step, counted from 0. */
export function learningRateAt(step: number, { learningRate, warmUpSteps, steps }: OptimiserOptions): number {
  if (step < warmUpSteps) return (learningRate * (step + 1)) / warmUpSteps;
  const progress = (step - warmUpSteps) / Math.max(1, steps - warmUpSteps);
  return (learningRate * (1 + Math.cos(Math.PI * progress))) / 2;
}

/** Scales all gradients together so that their joint norm is at most `maxNorm`; returns the norm before. */
export function clipGradients(gradients: Arrays, maxNorm: number): number {
  let squared = 0;
  for (const values of gradients.values()) for (const value of values) squared += value * value;
  const norm = Math.sqrt(squared);
  if (norm <= maxNorm) return norm;
  for (const values of gradients.values()) for (let i = 0; i < values.length; i++) values[i]! *= maxNorm / norm;
  return norm;
}

/** One step, counted from 0: changes the weights and the state in place. */
export function adamWStep(
  weights: Arrays,
  gradients: Arrays,
  { first, second }: OptimiserState,
  step: number,
  options: OptimiserOptions,
): void {
  const { ownRates = {} } = options;
  const firstScale = 1 / (1 - FIRST_DECAY ** (step + 1));
  const secondScale = 1 / (1 - SECOND_DECAY ** (step + 1));
  for (const [name, values] of weights) {
    const own = Object.keys(ownRates).find((start) => name.startsWith(start));
    const rate = learningRateAt(step, own === undefined ? options : { ...options, learningRate: ownRates[own]! });
    const [gradient, m, v] = [gradients.get(name)!, first.get(name)!, second.get(name)!];
    const kept = name.endsWith('bias') ? 1 : 1 - rate * options.weightDecay;
    for (let i = 0; i < values.length; i++) {
      const g = gradient[i]!;
      m[i] = FIRST_DECAY * m[i]! + (1 - FIRST_DECAY) * g;
      v[i] = SECOND_DECAY * v[i]! + (1 - SECOND_DECAY) * g * g;
      values[i] = kept * values[i]! - (rate * m[i]! * firstScale) / (Math.sqrt(v[i]! * secondScale) + EPSILON);
    }
  }
}
