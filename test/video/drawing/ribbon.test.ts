import { createCanvas, type SKRSContext2D } from '@napi-rs/canvas';
import { describe, expect, test } from 'vitest';
import { layOutEvents } from '../../../src/video/drawing/event-lanes.ts';
import { classColor, OKABE_ITO } from '../../../src/video/drawing/palette.ts';
import { drawCursor, drawRibbon, ribbonHeight } from '../../../src/video/drawing/ribbon.ts';
import type { RibbonContent } from '../../../src/video/drawing/ribbon-rows.ts';
import { largestShares } from '../../../src/video/drawing/share-lines.ts';
import { scaleOf } from '../../../src/video/drawing/signal-lines.ts';

const PICTURE = { width: 1280, height: 100 };
const SPAN = { startSec: 0, endSec: 10 };
const LEFT_PX = 150;
const RIGHT_PX = 1280 - 16;

function xOf(timeSec: number): number {
  return Math.round(LEFT_PX + (timeSec / 10) * (RIGHT_PX - LEFT_PX));
}

function draw(content: RibbonContent, gaps: readonly { startSec: number; endSec: number }[] = []): SKRSContext2D {
  const context = createCanvas(PICTURE.width, PICTURE.height + ribbonHeight(PICTURE, content)).getContext('2d');
  const area = drawRibbon(context, PICTURE, { span: SPAN, gaps }, content);
  expect(area).toEqual({ left: 0, top: 100, right: 1280, bottom: context.canvas.height });
  return context;
}

test.each([160, 640, 1280, 1920])('no text is smaller than 10 pixels under a picture %d pixels wide', (width) => {
  const picture = { width, height: (3 * width) / 4 };
  const samples = [1, 5, 9].map((timestampSec) => ({ timestampSec, loss: 0.1, importance: 0.2 }));
  const names = ['traffic_light_amber', 'stop', 'left_turn', 'right_turn', 'cyclist', 'car'];
  const classes = largestShares(
    names.map((name, k) => ({ name, color: classColor(k), shares: samples.map(() => 1 / names.length) })),
  );
  const content = { samples, ...(classes && { classes }) };
  const context = createCanvas(width, picture.height + ribbonHeight(picture, content)).getContext('2d');
  const sizes: number[] = [];
  const write = context.fillText.bind(context);
  context.fillText = (text, x, y) => {
    sizes.push(Number(/([\d.]+)px/.exec(context.font)![1]));
    expect(x).toBeGreaterThan(0);
    write(text, x, y);
  };
  drawRibbon(context, picture, { span: SPAN, gaps: [] }, content);
  drawCursor(context, picture, { span: SPAN, gaps: [], timeSec: 5, ribbon: content });
  expect(sizes.length).toBeGreaterThan(8);
  expect(Math.min(...sizes)).toBeGreaterThanOrEqual(10);
});

/** How many pixels of a column of the ribbon have this colour. */
function count(context: SKRSContext2D, x: number, [red, green, blue]: readonly number[]): number {
  const { data } = context.getImageData(x, 100, 1, context.canvas.height - 100);
  let found = 0;
  for (let i = 0; i < data.length; i += 4) {
    if (data[i] === red && data[i + 1] === green && data[i + 2] === blue) found++;
  }
  return found;
}

/** `#rrggbb` as three numbers. */
function rgbOf(color: string): number[] {
  return [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16));
}

const SKY = [0x56, 0xb4, 0xe9];
const ORANGE = [0xe6, 0x9f, 0x00];
const GREY = [0xc9, 0xce, 0xd6];

test('bars stand at their samples, as high as their values', () => {
  const context = draw({
    samples: [
      { timestampSec: 2, loss: 0.5, importance: 1 },
      { timestampSec: 8, loss: 1, importance: 0.25 },
    ],
  });
  expect(count(context, xOf(8), SKY) / count(context, xOf(2), SKY)).toBeCloseTo(2, 0.7);
  expect(count(context, xOf(2), ORANGE) / count(context, xOf(8), ORANGE)).toBeCloseTo(4, 0);
  expect(count(context, xOf(5), SKY)).toBe(0);
});

test('shares fill the height, each sample until halfway to the next, none in a gap', () => {
  const shares = { left: 0.25, centre: 0.5, right: 0.25, near: 1, far: 0 };
  const samples = [
    { timestampSec: 2, loss: 0, shares },
    { timestampSec: 6, loss: 0, shares: { ...shares, left: 0.75, centre: 0 } },
  ];
  const context = draw({ samples }, [{ startSec: 8, endSec: 9 }]);
  const whole = count(context, xOf(1), SKY) * 4;
  expect(count(context, xOf(1), GREY)).toBeCloseTo(whole / 2, -0.5);
  expect(count(context, xOf(3.9), GREY)).toBeCloseTo(whole / 2, -0.5);
  expect(count(context, xOf(4.1), SKY)).toBeCloseTo((whole * 3) / 4, -0.5);
  expect(count(context, xOf(8.5), SKY)).toBe(0);
  expect(count(context, xOf(9.5), SKY)).toBe(0);
});

describe('rows', () => {
  const samples = [{ timestampSec: 1, loss: 1 }];

  test('are there only for what is known', () => {
    const height = (more: Partial<RibbonContent>): number => ribbonHeight(PICTURE, { samples, ...more });
    const events = layOutEvents([{ label: 'left turn', startSec: 1, endSec: 3 }], SPAN)!;
    const classes = largestShares([{ name: 'left turn', color: OKABE_ITO.orange, shares: [1] }])!;
    expect(height({ events })).toBeGreaterThan(height({}));
    expect(height({ classes })).toBeGreaterThan(height({ events }));
    expect(ribbonHeight({ width: 640, height: 50 }, { samples })).toBeLessThan(height({}));
  });

  test('draw labelled events as blocks with their labels, one below the other where they overlap', () => {
    const events = layOutEvents(
      [
        { label: 'left turn', startSec: 1, endSec: 6 },
        { label: 'stop', startSec: 4, endSec: 9 },
      ],
      SPAN,
    )!;
    const context = draw({ samples, events });
    const [turn, stop] = events.blocks.map(({ color }) => rgbOf(color));
    const heights = [0.5, 5.9, 8].map((timeSec) => [
      count(context, xOf(timeSec), turn!),
      count(context, xOf(timeSec), stop!),
    ]);
    expect(heights[0]).toEqual([0, 0]);
    expect(heights[1]![0]).toBeGreaterThan(15);
    expect(heights[1]![1]).toBe(heights[1]![0]);
    expect(heights[2]).toEqual([0, heights[1]![1]]);
    const white = (fromSec: number, toSec: number): number => {
      const { data } = context.getImageData(xOf(fromSec), 100, xOf(toSec) - xOf(fromSec), 60);
      return data.filter((value, i) => i % 4 === 0 && value === 255 && data[i + 1] === 255 && data[i + 2] === 255)
        .length;
    };
    expect(white(1, 2)).toBeGreaterThan(20);
    expect(white(7, 9)).toBe(0);
  });

  test('draw the most probable classes as lines', () => {
    const two = [
      { timestampSec: 0, loss: 0 },
      { timestampSec: 10, loss: 0 },
    ];
    const classes = largestShares([
      { name: 'straight', color: OKABE_ITO.sky, shares: [0.7, 0.7] },
      { name: 'turn', color: OKABE_ITO.orange, shares: [0, 1] },
      { name: 'stop', color: OKABE_ITO.green, shares: [0.04, 0.04] },
    ])!;
    expect(classes).toMatchObject({ lines: [{ name: 'turn' }, { name: 'straight' }], hidden: 1 });
    // A line from the lower left to the upper right.
    const context = draw({ samples: two, classes });
    const heightAt = (timeSec: number): number => {
      const { data } = context.getImageData(xOf(timeSec), 100, 1, context.canvas.height - 100);
      for (let i = 0; i < data.length; i += 4) if (ORANGE.every((value, c) => data[i + c] === value)) return -i / 4;
      return Number.NaN;
    };
    expect(heightAt(9)).toBeGreaterThan(heightAt(5));
    expect(heightAt(5)).toBeGreaterThan(heightAt(1));
  });
});

test('signals are lines between their least and greatest values, cut where they are not known', () => {
  const YELLOW = [0xf0, 0xe4, 0x42];
  const samples = [0, 2, 4, 6, 8, 10].map((timestampSec) => ({ timestampSec, loss: 0 }));
  const signals = [{ lines: [{ name: 'steering', values: [-1, 0, 1, null, 0, 0] }] }];
  const context = draw({ samples, signals });
  const topAt = (timeSec: number): number => {
    const { data } = context.getImageData(xOf(timeSec), 100, 1, context.canvas.height - 100);
    for (let i = 0; i < data.length; i += 4) if (YELLOW.every((value, c) => data[i + c] === value)) return i / 4;
    return Number.NaN;
  };
  expect(topAt(3)).toBeLessThan(topAt(1));
  expect(topAt(9)).toBeCloseTo((topAt(1) + topAt(3)) / 2, -0.5);
  expect(topAt(5)).toBeNaN();
  expect(topAt(7)).toBeNaN();
  expect(scaleOf({ lines: [{ name: 'a', values: [3, null, 3] }] })).toEqual({ min: 2, max: 4 });
  expect(scaleOf({ lines: [{ name: 'a', values: [null] }] })).toEqual({ min: -1, max: 1 });
});

test('values below 0 are bars below a line', () => {
  const samples = [-1, 1].map((loss, i) => ({ timestampSec: 2.5 + 5 * i, loss }));
  const context = draw({ samples });
  const rowsAt = (timeSec: number): number[] => {
    const { data } = context.getImageData(xOf(timeSec), 100, 1, 60);
    const sky = rgbOf(OKABE_ITO.sky);
    return Array.from({ length: 60 }, (_, y) => y).filter((y) => sky.every((value, c) => data[4 * y + c] === value));
  };
  const [below, above] = [rowsAt(2.5), rowsAt(7.5)];
  expect(below.length).toBeGreaterThan(10);
  expect(Math.abs(below.length - above.length)).toBeLessThan(3);
  expect(Math.min(...below)).toBeGreaterThan(Math.max(...above) - 2);
});

test('the values of the classes stand beside the cursor, in their colours, none over another', () => {
  const samples = [2, 8].map((timestampSec) => ({ timestampSec, loss: 1 }));
  const lines = ['a', 'b', 'c'].map((name, k) => ({
    name,
    color: classColor(k),
    shares: [0.5, [0.1, 0.2, 0.7][k]!],
  }));
  const ribbon = { samples, classes: largestShares(lines)! };
  const context = createCanvas(PICTURE.width, PICTURE.height + ribbonHeight(PICTURE, ribbon)).getContext('2d');
  const written: { text: string; color: unknown; y: number }[] = [];
  const write = context.fillText.bind(context);
  context.fillText = (text, x, y) => {
    written.push({ text, color: context.fillStyle, y });
    write(text, x, y);
  };
  drawCursor(context, PICTURE, { span: SPAN, gaps: [], timeSec: 3, ribbon });
  const values = written.filter(({ text }) => text.endsWith('%'));
  expect(values.map(({ text }) => text)).toEqual(['50 %', '50 %', '50 %']);
  expect(new Set(values.map(({ color }) => color)).size).toBe(3);
  const ys = values.map(({ y }) => y).sort((a, b) => a - b);
  expect(Math.min(ys[1]! - ys[0]!, ys[2]! - ys[1]!)).toBeGreaterThanOrEqual(12);
  written.length = 0;
  drawCursor(context, PICTURE, { span: SPAN, gaps: [], timeSec: 9, ribbon });
  expect(written.flatMap(({ text }) => (text.endsWith('%') ? [text] : []))).toEqual(['70 %', '20 %', '10 %']);
  expect(classColor(40)).not.toBe(classColor(41));
});

test.each([0, 5, 10])('the cursor stands at %d s, and draws only where it says', (timeSec) => {
  const lines = [{ name: 'left turn', color: OKABE_ITO.orange, shares: [1] }];
  const ribbon = { samples: [{ timestampSec: 1, loss: 1 }], classes: largestShares(lines)! };
  const height = PICTURE.height + ribbonHeight(PICTURE, ribbon);
  const context = createCanvas(PICTURE.width, height).getContext('2d');
  const area = drawCursor(context, PICTURE, { span: SPAN, gaps: [], timeSec, ribbon });
  expect([...context.getImageData(xOf(timeSec), 120, 1, 1).data]).toEqual([255, 255, 255, 255]);
  const [left, right] = [Math.floor(area.left), Math.ceil(area.right)];
  context.clearRect(left, area.top, right - left, area.bottom - area.top);
  const { data } = context.getImageData(0, 0, PICTURE.width, height);
  expect(data.some((value) => value > 0)).toBe(false);
});
