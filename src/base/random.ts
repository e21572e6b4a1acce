/**
 * Seeded random numbers, the same on every machine: initial filters, untrained heads and generated fixtures must be
 * reproducible from a seed. Generator: sfc32 (PractRand), seeded through splitmix32.
 */

/** A stream of random numbers. */
export interface Random {
  /** Uniform in [0, 1). */
  uniform(): number;
  /** Normal, mean 0, standard deviation 1 (Box–Muller). */
  normal(): number;
}

/**
 * The stream that `keys` (whole numbers: a seed, then whatever tells one use from another) name. Streams with different
 * keys are independent, so what is drawn for one thing does not depend on what else is drawn.
 */
export function createRandom(...keys: readonly number[]): Random {
  const mix = splitmix32(keys.reduce((hash, key) => splitmix32(hash ^ key)(), keys.length));
  let [a, b, c, d] = [mix(), mix(), mix(), 1] as [number, number, number, number];
  const uniform = (): number => {
    const t = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + t) | 0;
    return (t >>> 0) / 2 ** 32;
  };
  for (let i = 0; i < 12; i++) uniform();
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  return { uniform, normal };
}

/** The items in random order (Fisher–Yates). */
export function shuffled<T>(items: readonly T[], random: Random): T[] {
  const order = [...items];
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(random.uniform() * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

function splitmix32(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let z = state ^ (state >>> 16);
    z = Math.imul(z, 0x21f0aaad);
    z ^= z >>> 15;
    z = Math.imul(z, 0x735a2d97);
    return z ^ (z >>> 15);
  };
}
