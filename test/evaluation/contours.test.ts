/** Borders of small images, counted by hand. */
import { describe, expect, it } from 'vitest';
import { type BinaryImage, findContours } from '../../src/evaluation/contours.ts';

/** An image drawn with # and other characters. */
function image(...rows: readonly string[]): BinaryImage {
  const pixels = Uint8Array.from([...rows.join('')].map((character) => Number(character === '#')));
  return { width: rows[0]!.length, height: rows.length, pixels };
}

describe('findContours', () => {
  it('finds nothing in an empty image', () => {
    expect(findContours(image('...', '...'))).toEqual([]);
  });

  it('gives a pixel and a line no area, and a full image that of its pixel centres', () => {
    expect(findContours(image('#'))).toEqual([{ left: 0, top: 0, right: 0, bottom: 0, area: 0 }]);
    expect(findContours(image('....', '.###'))).toEqual([{ left: 1, top: 1, right: 3, bottom: 1, area: 0 }]);
    expect(findContours(image('####', '####', '####'))).toEqual([{ left: 0, top: 0, right: 3, bottom: 2, area: 6 }]);
  });

  it('joins pixels that touch at a corner, and does not join holes there', () => {
    expect(findContours(image('#..', '.#.', '..#'))).toEqual([{ left: 0, top: 0, right: 2, bottom: 2, area: 0 }]);
    const ring = findContours(image('.#.', '#.#', '.#.'));
    expect(ring).toEqual([
      { left: 0, top: 0, right: 2, bottom: 2, area: 2 },
      { left: 0, top: 0, right: 2, bottom: 2, area: 2 },
    ]);
  });

  it('follows the border of a hole along the pixels around it', () => {
    expect(findContours(image('######', '######', '##..##', '######', '######'))).toEqual([
      { left: 0, top: 0, right: 5, bottom: 4, area: 20 },
      { left: 1, top: 1, right: 4, bottom: 3, area: 4 },
    ]);
  });

  it('finds what lies in a hole, and every region once', () => {
    const found = findContours(image('#####.#', '#...#..', '#.#.#.#', '#...#..', '#####.#'));
    expect(found.map(({ left, top }) => [left, top])).toEqual([
      [0, 0],
      [6, 0],
      [0, 0],
      [2, 2],
      [6, 2],
      [6, 4],
    ]);
  });
});
