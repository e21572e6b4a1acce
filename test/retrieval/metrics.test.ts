/** Retrieval figures against small cases worked out by hand; `test/golden` compares them with reference numbers. */
import { describe, expect, it } from 'vitest';
import { kMeans } from '../../src/retrieval/k-means.ts';
import {
  confusionTable,
  nearestNeighbourLabels,
  normalizedMutualInformation,
  retrievalFigures,
  unitVectors,
} from '../../src/retrieval/metrics.ts';

/** Unit vectors in the plane at these angles, degrees. */
function circle(...degrees: number[]): Float32Array[] {
  return degrees.map((d) => Float32Array.of(Math.cos((d * Math.PI) / 180), Math.sin((d * Math.PI) / 180)));
}

describe('retrievalFigures', () => {
  it('ranks by angle, whatever the length of the vectors', async () => {
    const embeddings = circle(0, 10, 25, 45).map((v, i) => v.map((x) => x * (i + 1)));
    const figures = await retrievalFigures(unitVectors(embeddings), ['a', 'b', 'a', 'b']);
    // Hits per query, nearest first: 0° [b A b], 10° [a a B], 25° [b b A]→ 10°, 45°, 0°; 45° [a B a].
    expect(figures.perQuery.length).toBe(4);
    expect(figures.recallAt).toEqual([0, 0.5, 1, 1]);
    expect(figures.mapAtR).toBe(0);
  });
  it('averages precision at each hit among the nearest R', async () => {
    const figures = await retrievalFigures(circle(0, 10, 20, 30), ['a', 'b', 'a', 'a'], (query) => query === 0);
    // R = 2, nearest two: b, a → (1/2)/2; one hit of two.
    expect(figures).toMatchObject({ perQuery: [{ mapAtR: 0.25 }], mapAtR: 0.25, rPrecision: 0.5 });
  });
  it('leaves out queries with nothing to find', async () => {
    const sameHalf = (a: number, b: number): boolean => a < 2 === b < 2;
    expect(await retrievalFigures(circle(0, 5, 100, 120), ['a', 'a', 'a', 'b'], sameHalf)).toMatchObject({
      perQuery: [{ mapAtR: 1 }, { mapAtR: 1 }],
      mapAtR: 1,
    });
  });
});

describe('nearest neighbours and confusion', () => {
  it('votes, and lets the nearest decide a tie', async () => {
    const references = { embeddings: circle(0, 10, 20, 30), labels: ['a', 'b', 'b', 'a'] };
    expect(await nearestNeighbourLabels(circle(-5), references, { k: 3 })).toEqual(['b']);
    expect(await nearestNeighbourLabels(circle(-5), references, { k: 2 })).toEqual(['a']);
  });
  it('counts rows of truth and columns of predictions', () => {
    const table = confusionTable(['x', 'x', 'x', 'y'], ['x', 'y', 'x', 'y']);
    expect(table.counts).toEqual([
      [2, 1],
      [0, 1],
    ]);
    expect(table.balancedAccuracy).toBeCloseTo((2 / 3 + 1) / 2, 12);
  });
});

describe('NMI and k-means', () => {
  it('is 1 for the same partition under other names and 0 for independent ones', () => {
    expect(normalizedMutualInformation([0, 0, 1, 1], ['b', 'b', 'a', 'a'])).toBeCloseTo(1, 12);
    expect(normalizedMutualInformation([0, 0, 1, 1], [0, 1, 0, 1])).toBeCloseTo(0, 12);
  });
  it('finds three well-separated clusters, the same ones for the same seed', async () => {
    const vectors = circle(0, 3, 5, 120, 121, 125, 240, 244).map((v) => Float64Array.from(v));
    const clusters = await kMeans(vectors, { clusters: 3, seed: 1 });
    expect(normalizedMutualInformation(clusters, [0, 0, 0, 1, 1, 1, 2, 2])).toBeCloseTo(1, 12);
    expect(await kMeans(vectors, { clusters: 3, seed: 1 })).toEqual(clusters);
  });
  it('starts from centres that lie apart, so that one start tells two groups from a third that is far', async () => {
    // Centres that all lie in one group stay there: they share it, and one of them has both others.
    const vectors = [0, 100, 110].flatMap((x) => [0, 1e-3, 2e-3].map((y) => Float64Array.of(x, y)));
    for (let seed = 0; seed < 20; seed++) {
      const clusters = await kMeans(vectors, { clusters: 3, seed, starts: 1 });
      expect(normalizedMutualInformation(clusters, [0, 0, 0, 1, 1, 1, 2, 2, 2])).toBeCloseTo(1, 12);
    }
  });
  it('does not fail with more clusters than different vectors', async () => {
    const vectors = circle(0, 0, 0).map((v) => Float64Array.from(v));
    expect(await kMeans(vectors, { clusters: 5, seed: 1 })).toHaveLength(3);
  });
});
