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
    seconds: 0,
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

it('is the mean of its windows, at unit length, with all their steps', () => {
  const { filter, loss, iterations, windows } = frameOf('exact', 'exact');
  expect(filter.values).toEqual([1.6, 0.8].map((x) => expect.closeTo(x / Math.hypot(1.6, 0.8), 6)));
  expect(loss).toBeCloseTo(0.8, 6);
  expect([iterations, windows]).toEqual([4, 2]);
});
