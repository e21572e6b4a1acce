/** What is said of a frame that several windows hold. */
import { expect, it } from 'vitest';
import { DenseResult } from '../../src/analysis/dense-result.ts';
import type { Explanation } from '../../src/analysis/explain.ts';
import type { SolverStatus } from '../../src/base/types.ts';
import { FrameTroubles } from '../../src/video/media/damage.ts';

/** What a window of one frame has found. */
function explanation(status: SolverStatus, values: readonly number[]): Explanation {
  const found = { loss: values[0]!, lossHistory: [], iterations: 2, status };
  return {
    embedding: [1],
    attention: {
      filters: [{ height: 1, width: 2, values: Float32Array.from(values), ...found }],
      reason: 'asked for',
      options: { method: 'l2caf', solver: 'gd', preset: 'paper', objective: 'oblivious', constraint: 'l2' },
    },
    figures: [{ moved: 0.5, top: 0.6, random: 0.2 }],
    seconds: { filters: 0, verdict: 0 },
  };
}

function frameOf(...statuses: readonly SolverStatus[]) {
  const result = new DenseResult([0.5]);
  const maps = [
    [0.6, 0.8],
    [1, 0],
    [0, 1],
  ];
  for (const [i, status] of statuses.entries()) {
    result.add({ startSec: 0, endSec: 1, frames: [0] }, explanation(status, maps[i]!));
  }
  return result.describe(undefined, [], new FrameTroubles()).frames[0]!;
}

it.each<[SolverStatus, readonly SolverStatus[]]>([
  ['exact', ['exact', 'exact']],
  ['converged', ['exact', 'converged']],
  ['max-iterations', ['exact', 'max-iterations', 'converged']],
])('has the status that promises least: %s of %j', (worst, statuses) => {
  expect(frameOf(...statuses).status).toBe(worst);
});

it('judges windows by themselves and beside each other, frames and the whole by their means', () => {
  const result = new DenseResult([0, 1, 2]);
  const maps = [
    [0.1, 0.9],
    [0.2, 0.8],
    [0.8, 0.2],
  ];
  for (const [i, values] of maps.entries()) {
    const found = explanation('exact', values);
    const figures = [{ moved: 0.5, top: 0.5 + i / 10, random: 0.1, redrawn: -0.1 }];
    result.add({ startSec: i, endSec: i + 1, frames: [i] }, { ...found, figures });
  }
  const { windows, frames, verdict } = result.describe(undefined, [], new FrameTroubles());
  expect(windows!.map((window) => window.verdict!.steady)).toEqual([1, 0, -1]);
  expect(windows![2]!.verdict!.words).toBe('unstable');
  expect(frames[1]!.verdict).toEqual(windows![1]!.verdict);
  expect(verdict).toMatchObject({ top: expect.closeTo(0.6, 9), steady: 0, redrawn: expect.closeTo(-0.1, 9) });
});

it('is the mean of its windows, at unit length, with all their steps', () => {
  const { filter, loss, iterations, windows } = frameOf('exact', 'exact');
  expect(filter.values).toEqual([1.6, 0.8].map((x) => expect.closeTo(x / Math.hypot(1.6, 0.8), 6)));
  expect(loss).toBeCloseTo(0.8, 6);
  expect([iterations, windows]).toEqual([4, 2]);
});
