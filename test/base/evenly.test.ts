import { expect, it } from 'vitest';
import { evenlyChosen, evenPositions, type Spacing } from '../../src/base/evenly.ts';

it.each<[Spacing, readonly number[]]>([
  ['starts', [0, 3, 6]],
  ['middles', [1, 5, 8]],
  ['ends', [0, 5, 9]],
])('spreads three over ten: %s', (spacing, positions) => {
  expect(evenPositions(10, 3, spacing)).toEqual(positions);
  expect(evenPositions(2, 3, spacing)).toEqual([0, 1]);
  expect(evenPositions(0, 3, spacing)).toEqual([]);
});

it('takes one from where the spacing says, and the things at the positions', () => {
  expect((['starts', 'middles', 'ends'] as const).map((spacing) => evenPositions(5, 1, spacing))).toEqual([
    [0],
    [2],
    [0],
  ]);
  expect(evenlyChosen(['a', 'b', 'c', 'd'], 2, 'middles')).toEqual(['b', 'd']);
  expect(evenlyChosen(['a', 'b'], undefined, 'starts')).toEqual(['a', 'b']);
});
