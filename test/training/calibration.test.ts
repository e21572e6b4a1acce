import { describe, expect, it } from 'vitest';
import { softmax } from '../../src/base/matrix.ts';
import { createRandom } from '../../src/base/random.ts';
import { calibrationError, fitTemperature, LEAST_EVENTS, type ScoredEvent } from '../../src/training/calibration.ts';

/** Events whose class is drawn by the probabilities that their scores promise at a temperature. */
function drawn(temperature: number, count: number): ScoredEvent[] {
  const random = createRandom(7);
  return Array.from({ length: count }, () => {
    const scores = Array.from({ length: 4 }, () => 3 * random.normal());
    let left = random.uniform();
    const truth = softmax(scores.map((score) => score / temperature)).findIndex((p) => {
      left -= p;
      return left <= 0;
    });
    return { scores, truth: Math.max(0, truth) };
  });
}

describe('fitTemperature', () => {
  it.each([0.5, 1, 3])('finds the temperature %d by which classes were drawn', (temperature) => {
    expect(fitTemperature(drawn(temperature, 20000)) / temperature).toBeCloseTo(1, 1);
  });

  it('is where the expected score is that of the true class, by hand', () => {
    // 3 of 4 right at a difference of 2: 1/(1 + e^(−2/T)) = 3/4, so T = 2/ln 3.
    const events = Array.from({ length: 52 }, (_, i) => ({ scores: [2, 0], truth: i % 4 === 3 ? 1 : 0 }));
    expect(fitTemperature(events)).toBeCloseTo(2 / Math.log(3), 9);
    expect(fitTemperature(events.slice(0, LEAST_EVENTS - 1))).toBe(1); // too few to tell
  });

  it('learns nothing where all are right, or all wrong', () => {
    for (const truth of [0, 1]) {
      expect(fitTemperature(Array.from({ length: LEAST_EVENTS }, () => ({ scores: [2, 0], truth })))).toBe(1);
    }
  });
});

describe('calibrationError', () => {
  it('is what confidence and accuracy differ by, bin by bin, by hand', () => {
    const sure = { scores: [Math.log(9), 0], truth: 0 }; // 0.9 and right, half of the time
    const unsure = { scores: [Math.log(1.5), 0], truth: 0 }; // 0.6 and right
    const events = [sure, { ...sure, truth: 1 }, unsure, unsure];
    expect(calibrationError(events, 1)).toBeCloseTo((Math.abs(1 - 1.8) + Math.abs(2 - 1.2)) / 4, 12);
  });

  it('is small at the temperature by which classes were drawn, and large at another', () => {
    const events = drawn(3, 20000);
    expect(calibrationError(events, 3)).toBeLessThan(0.02);
    expect(calibrationError(events, 1)).toBeGreaterThan(0.1);
  });
});
