/** How far an event is from the training events: by hand in two dimensions, and through a network's maps. */
import { describe, expect, it } from 'vitest';
import { averaged, distanceOf, type Familiarity, headDistance } from '../../src/models/familiarity.ts';

/** Events spread by a variance of 3 along the first of two axes; the floor is 1. */
const KNOWN: Familiarity = {
  mean: Float32Array.of(1, 2),
  directions: Float32Array.of(1, 0),
  variances: Float32Array.of(3),
  floor: 1,
  limit: 2,
};

describe('the distance', () => {
  it('is that of Mahalanobis, with the floor in every direction', () => {
    expect(distanceOf(KNOWN, Float32Array.of(1, 2))).toBe(0);
    expect(distanceOf(KNOWN, Float32Array.of(5, 2))).toBeCloseTo(2); // √(4² / (3 + 1))
    expect(distanceOf(KNOWN, Float32Array.of(1, 5))).toBeCloseTo(3); // √(3² / 1): a direction that is not kept
    expect(distanceOf(KNOWN, Float32Array.of(5, 5))).toBeCloseTo(Math.sqrt(4 + 9));
  });

  it('of maps is that of the mean of their frames', () => {
    const maps = { data: new Float32Array(2), shape: [2, 1, 1, 1] as const };
    const averages = Float32Array.of(3, 0, 7, 4); // two frames, whose mean is 5, 2
    expect(headDistance({ facts: { familiarity: KNOWN } }, { ...maps, averages })).toEqual({ distance: 2, limit: 2 });
    expect(headDistance({ facts: { familiarity: KNOWN } }, maps)).toBeUndefined();
    expect(headDistance({}, { ...maps, averages })).toBeUndefined();
  });
});

it('averages cells channel by channel', () => {
  expect([...averaged(Float32Array.of(1, 10, 3, 30, 5, 50), 2)]).toEqual([3, 30]);
});
