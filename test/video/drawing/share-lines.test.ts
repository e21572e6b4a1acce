/** Which shares are worth a line, on which scale. */
import { expect, it } from 'vitest';
import { largestShares, type ShareLine, topOfShares } from '../../../src/video/drawing/share-lines.ts';

const line = (name: string, ...shares: readonly (number | null)[]): ShareLine => ({ name, color: '#000', shares });
const shown = (all: readonly ShareLine[], asked?: string) => {
  const found = largestShares(all, asked);
  return found && [found.lines.map(({ name }) => name).join(''), found.hidden];
};

it('are the six that become largest, the largest first', () => {
  const eight = 'abcdefgh'.split('').map((name, i) => line(name, 0, 0.1 * (i + 1), null));
  expect(shown(eight)).toEqual(['hgfedc', 2]);
  expect(shown(eight, 'a')).toEqual(['ahgfed', 2]); // the one that was asked for is first
  expect(shown([line('a', 0.5, 0.1), line('b', 0.2, 0.4)])).toEqual(['ab', 0]);
});

it('are no lines along the edge, but for the largest and what is asked for', () => {
  expect(shown([line('a', 0.05), line('b', 0.049), line('c', 0.9)])).toEqual(['ca', 1]);
  expect(shown([line('a', 0.01), line('b', 0.02)])).toEqual(['b', 1]);
  expect(shown([line('a', 0.01), line('b', 0.9)], 'a')).toEqual(['ab', 0]);
  expect(shown([line('a', 0, null), line('b', null)])).toEqual(['', 0]);
  expect(shown([line('a', 0), line('b', 0)], 'b')).toEqual(['b', 1]);
  expect(shown([])).toBeUndefined();
});

it.each([
  [[], 0.1],
  [[line('a', null)], 0.1],
  [[line('a', 0.1)], 0.1],
  [[line('a', 0.05, 0.11)], 0.2],
  [[line('a', 0.1), line('b', 0.2)], 0.2],
  [[line('a', 0.5), line('b', 0.2)], 0.5],
  [[line('a', 0.51, null)], 1],
])('have room (%#)', (lines, top) => {
  expect(topOfShares({ lines, hidden: 0 })).toBe(top);
});
