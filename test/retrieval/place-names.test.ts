import { expect, it } from 'vitest';
import { placeNames, type Rectangle } from '../../src/retrieval/place-names.ts';

const PLACING = { area: { left: 0, top: 0, right: 400, bottom: 300 }, heightPx: 14, radiusPx: 5 };
const WIDTH = 60;

const touches = (a: Rectangle, b: Rectangle): boolean =>
  a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
const markerOf = ([x, y]: readonly [number, number]): Rectangle => ({
  left: x - 5,
  top: y - 5,
  right: x + 5,
  bottom: y + 5,
});

/** Points on a grid around a place. */
function cluster(x: number, y: number, count: number, stepPx = 12): [number, number][] {
  return Array.from({ length: count * count }, (_, i) => [
    x + (i % count) * stepPx,
    y + Math.floor(i / count) * stepPx,
  ]);
}

it('names cover no point and no other name, and lie within the map beside their own points', () => {
  const groups = [cluster(40, 40, 6), cluster(100, 50, 6), cluster(330, 230, 5), [[2, 298] as [number, number]]];
  const boxes = placeNames(
    groups.map((points) => ({ points, widthPx: WIDTH })),
    PLACING,
  );
  for (const [k, box] of boxes.entries()) {
    expect(box).toBeDefined();
    expect(box!.right - box!.left).toBeCloseTo(WIDTH);
    expect(Math.min(box!.left, box!.top)).toBeGreaterThanOrEqual(0);
    expect([box!.right <= 400, box!.bottom <= 300]).toEqual([true, true]);
    for (const point of groups.flat()) expect(touches(box!, markerOf(point))).toBe(false);
    for (const other of boxes.slice(0, k)) expect(touches(box!, other!)).toBe(false);
    const middle = [(box!.left + box!.right) / 2, (box!.top + box!.bottom) / 2] as const;
    const nearest = groups.map((points) =>
      Math.min(...points.map(([x, y]) => Math.hypot(x - middle[0], y - middle[1]))),
    );
    expect(nearest[k]).toBeLessThan(60);
    expect(nearest.indexOf(Math.min(...nearest))).toBe(k);
  }
});

it('a group in the midst of others gets no name', () => {
  const around = cluster(0, 0, 40, 10).filter(([x, y]) => Math.hypot(x - 200, y - 150) > 12);
  const groups = [around, [[200, 150] as [number, number]]].map((points) => ({ points, widthPx: WIDTH }));
  expect(placeNames(groups, PLACING)).toEqual([undefined, undefined]);
});

it('an empty group gets none, and the others theirs', () => {
  const groups = [
    { points: [], widthPx: WIDTH },
    { points: cluster(200, 150, 2), widthPx: WIDTH },
  ];
  const [none, some] = placeNames(groups, PLACING);
  expect(none).toBeUndefined();
  expect(some).toBeDefined();
});
