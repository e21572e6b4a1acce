import { expect, it } from 'vitest';
import { rankClasses } from '../../src/analysis/explain.ts';

it('ranks classes from the most probable to the least, each with its own label', () => {
  expect(rankClasses(['stop', 'turn', 'merge'], [0.2, 0.7, 0.1])).toEqual([
    { label: 'turn', probability: 0.7 },
    { label: 'stop', probability: 0.2 },
    { label: 'merge', probability: 0.1 },
  ]);
});
