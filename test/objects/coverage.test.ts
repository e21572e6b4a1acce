/** Which part of cells boxes cover, by hand. */
import { expect, it } from 'vitest';
import { coverage } from '../../src/objects/coverage.ts';

const PICTURE = { width: 40, height: 20 }; // cells of 10 by 10 pixels on a grid of 2 by 4
const GRID = { height: 2, width: 4 };
const round = (values: Float64Array): number[] => [...values].map((value) => Number(value.toFixed(6)));

it('counts cells that a box cuts by area', () => {
  expect(round(coverage([{ x: 5, y: 5, width: 20, height: 10 }], PICTURE, GRID))).toEqual([
    ...[0.25, 0.5, 0.25, 0],
    ...[0.25, 0.5, 0.25, 0],
  ]);
});

it('counts each point once, however many boxes lie over it, and nothing beside the grid', () => {
  const boxes = [
    { x: 0, y: 0, width: 10, height: 10 },
    { x: 0, y: 0, width: 15, height: 5 },
    { x: 2, y: 2, width: 3, height: 3 },
    { x: 38, y: -4, width: 10, height: 9 },
  ];
  expect(round(coverage(boxes, PICTURE, GRID))).toEqual([1, 0.25, 0, 0.1, 0, 0, 0, 0]);
  expect(round(coverage([], PICTURE, GRID))).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
});

it('follows the view: a part of the picture, or more than it', () => {
  const box = [{ x: 20, y: 0, width: 10, height: 20 }];
  expect(round(coverage(box, PICTURE, GRID, { left: 0.5, top: 0, right: 1, bottom: 1 }))).toEqual([
    1, 1, 0, 0, 1, 1, 0, 0,
  ]);
  expect(round(coverage(box, PICTURE, GRID, { left: 0, top: -0.5, right: 1, bottom: 1.5 }))).toEqual([
    ...[0, 0, 0.5, 0],
    ...[0, 0, 0.5, 0],
  ]);
});

it('adds up to the area of the union, of boxes at random', () => {
  let state = 7;
  const next = (most: number): number => {
    state = (state * 48271) % 2147483647;
    return state % most;
  };
  for (let trial = 0; trial < 30; trial++) {
    const boxes = Array.from({ length: 12 }, () => ({
      x: next(36),
      y: next(16),
      width: 1 + next(12),
      height: 1 + next(8),
    }));
    let area = 0;
    for (let x = 0; x < 40; x++) {
      for (let y = 0; y < 20; y++) {
        const isIn = boxes.some((box) => x >= box.x && x < box.x + box.width && y >= box.y && y < box.y + box.height);
        area += isIn ? 1 : 0;
      }
    }
    const grid = { height: 3, width: 7 };
    const covered = coverage(boxes, PICTURE, grid);
    const cell = 800 / 21;
    expect(covered.reduce((sum, part) => sum + part * cell, 0)).toBeCloseTo(area, 6);
    expect(Math.max(...covered)).toBeLessThanOrEqual(1);
  }
});
