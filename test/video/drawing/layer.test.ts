/** A hill with a shoulder, as a filter resized to 8 points per cell would be. */
import { createCanvas } from '@napi-rs/canvas';
import { describe, expect, test } from 'vitest';
import type { Heatmap } from '../../../src/base/types.ts';
import { LayerPainter, layerSize } from '../../../src/video/drawing/layer.ts';
import { drawLegend, stillEdges } from '../../../src/video/drawing/legend.ts';
import { drawMoment, drawTimeline, drawTitle, originInWords } from '../../../src/video/drawing/marks.ts';
import { drawHeatmap } from '../../../src/video/drawing/overlay.ts';
import { defaultStyle } from '../../../src/video/drawing/style.ts';
import { YuvaLayer } from '../../../src/video/drawing/yuva.ts';

function hill(height: number, width: number, turn = 0): Heatmap {
  const values = Float32Array.from({ length: height * width }, (_, i) => {
    const x = ((i % width) + 0.5) / width - 0.5;
    const y = (Math.floor(i / width) + 0.5) / height - 0.5;
    const [along, across] = [x * Math.cos(turn) + y * Math.sin(turn), y * Math.cos(turn) - x * Math.sin(turn)];
    return Math.exp(-(along * along) / 0.08 - (across * across) / 0.03);
  });
  return { height, width, values, min: 0, max: 1 };
}

/** Planes as RGBA over grey: what a viewer would see, up to the shared U and V. */
function seenOver(grey: number, layer: YuvaLayer): Uint8ClampedArray {
  const seen = new Uint8ClampedArray(layer.width * layer.height * 3);
  for (let i = 0; i < layer.width * layer.height; i++) {
    const block = (Math.floor(i / layer.width) >> 1) * (layer.width >> 1) + ((i % layer.width) >> 1);
    const [y, u, v] = [(layer.y[i]! - 16) * (255 / 219), layer.u[block]! - 128, layer.v[block]! - 128];
    const rgb = [y + 1.596 * v, y - 0.392 * u - 0.813 * v, y + 2.017 * u];
    const opacity = layer.alpha[i]! / 255;
    seen.set(
      rgb.map((value) => grey + (value - grey) * opacity),
      3 * i,
    );
  }
  return seen;
}

describe.each(['contour', 'heatmap', 'both'] as const)('a layer of kind %s', (kind) => {
  const picture = { width: 322, height: 182 };
  const span = { startSec: 0, endSec: 10 };
  const momentsSec = [0, 5, 10];
  const keyframes = momentsSec.map((timestampSec, k) => ({ timestampSec, heatmap: hill(56, 96, k) }));
  const style = { ...defaultStyle, kind };
  const gaps = [{ startSec: 7, endSec: 8 }];
  const painter = new LayerPainter({ picture, span, keyframes, style, gaps, normalize: 'frame', title: 'night drive' });

  test.each([[0, 0], [5, 1], [10, 2], [4.99], [7.5]] as [number, number?][])(
    'shows at %d s what a canvas would',
    (timeSec, moment) => {
      const context = createCanvas(picture.width, picture.height).getContext('2d');
      context.fillStyle = 'rgb(90, 90, 90)';
      context.fillRect(0, 0, picture.width, picture.height);
      const heatmap = timeSec === 4.99 ? keyframes[1]!.heatmap : keyframes[moment ?? -1]?.heatmap;
      if (heatmap) drawHeatmap(context, picture, heatmap, style);
      const heatmaps = keyframes.map((keyframe) => keyframe.heatmap);
      drawLegend(context, picture, style, 'scale: each frame', { heatmaps, isTitled: true });
      drawTitle(context, picture, 'night drive');
      const origin = timeSec === 4.99 ? 'map of frames 1, 2 (0.00–5.00 s)' : undefined;
      const marks = { span, momentsSec, gaps, timeSec, moment, origin };
      drawTimeline(context, picture, marks);
      drawMoment(context, picture, marks);
      const expected = context.getImageData(0, 0, picture.width, picture.height).data;
      const seen = seenOver(90, painter.paint(timeSec));
      let sum = 0;
      let far = 0;
      for (let i = 0; i < seen.length; i++) {
        const difference = Math.abs(seen[i]! - expected[Math.floor(i / 3) * 4 + (i % 3)]!);
        sum += difference;
        if (difference > 110) far++;
      }
      // Lines differ at their edges, where U and V are shared by two pixels.
      expect(sum / seen.length).toBeLessThan(2.5);
      expect(far / seen.length).toBeLessThan(0.001);
    },
  );

  test('does not depend on the layers painted before', () => {
    const first = Buffer.from(painter.paint(1.5).bytes);
    painter.paint(5);
    painter.paint(7.5);
    painter.paint(2.5);
    expect(first.equals(painter.paint(1.5).bytes)).toBe(true);
  });

  test('fades where no sampled moment is near, and shows nothing far from all', () => {
    const plain = { picture, keyframes: keyframes.slice(0, 1), gaps: [], normalize: 'frame' } as const;
    const bare = { ...style, showLegend: false, showMarks: false };
    const lone = new LayerPainter({ ...plain, span, style: bare });
    const opacityAt = (timeSec: number): number => lone.paint(timeSec).alpha.reduce((sum, value) => sum + value, 0);
    const full = opacityAt(0);
    expect(full).toBeGreaterThan(0);
    expect(opacityAt(1)).toBe(full);
    expect(opacityAt(2) / full).toBeCloseTo(0.5, 1);
    expect([opacityAt(3), opacityAt(9)]).toEqual([0, 0]);
    expect(opacityAt(0.5)).toBe(full);
  });
});

describe('YuvaLayer', () => {
  test.each([
    [undefined, [255, 0, 0], [81, 90, 240]],
    ['bt709', [255, 0, 0], [63, 102, 240]],
    ['bt709', [255, 255, 255], [235, 128, 128]],
    ['bt2020nc', [0, 0, 255], [29, 240, 119]],
  ] as const)('%s: the colour %o is %o', (matrix, rgb, yuv) => {
    const layer = new YuvaLayer({ width: 2, height: 2 }, matrix);
    expect(layer.yuvOf(rgb)).toEqual(yuv);
    layer.blend(
      {
        width: 2,
        height: 2,
        data: Uint8ClampedArray.from(
          Array(4)
            .fill([...rgb, 255])
            .flat(),
        ),
      },
      0,
      0,
    );
    expect([layer.y[0], layer.u[0], layer.v[0], layer.alpha[3]]).toEqual([...yuv, 255]);
  });

  test('half-transparent over opaque is opaque and in between; transparent changes nothing', () => {
    const layer = new YuvaLayer({ width: 2, height: 2 });
    const pixels = (rgba: readonly number[]): Uint8ClampedArray => Uint8ClampedArray.from(Array(4).fill(rgba).flat());
    layer.blend({ width: 2, height: 2, data: pixels([0, 0, 0, 255]) }, 0, 0);
    layer.blend({ width: 2, height: 2, data: pixels([255, 255, 255, 128]) }, 0, 0);
    layer.blend({ width: 2, height: 2, data: pixels([255, 0, 0, 0]) }, 0, 0);
    expect([layer.y[0], layer.u[0], layer.v[0], layer.alpha[0]]).toEqual([126, 128, 128, 255]);
  });
});

test('a ribbon makes the layer taller by an even number of rows', () => {
  const picture = { width: 322, height: 182 };
  const ribbon = { samples: [{ timestampSec: 1, loss: 2 }] };
  const { height } = layerSize({ picture, ribbon });
  expect(height).toBeGreaterThan(picture.height);
  expect(height % 2).toBe(0);
});

test('a picture that has no room for the legend has none', () => {
  const context = createCanvas(8, 6).getContext('2d');
  const area = drawLegend(context, { width: 8, height: 6 }, defaultStyle, 'scale: each frame');
  expect(area).toEqual({ left: 0, right: 0, top: 0, bottom: 0 });
  expect(context.getImageData(0, 0, 8, 6).data.every((value) => value === 0)).toBe(true);
});

test('says which sampled moments a map comes from', () => {
  const times = [1.5, 4.5, 30];
  expect(originInWords([0], times, true, 1)).toBe('map of frame 1 (1.50 s)');
  expect(originInWords([0, 1], times, true, 0.5)).toBe('map of frames 1, 2 (1.50–4.50 s)');
  expect(originInWords([0, 1], times, false, 1)).toBe('map of 1.50–4.50 s');
  expect(originInWords([1, 2], times, true, 0)).toBe('no frame near (4.50–30.00 s)');
  expect(originInWords([], times, true, 0)).toBeUndefined();
});

describe('the legend', () => {
  const picture = { width: 640, height: 360 };
  const words = 'scale: each frame';
  const drawn = (surroundings?: Parameters<typeof drawLegend>[4], size = picture) =>
    drawLegend(createCanvas(size.width, size.height).getContext('2d'), size, defaultStyle, words, surroundings);
  /** 1 in these quarters of a picture: 0 and 1 above, 2 and 3 below. */
  const hot = (...quarters: number[]): Heatmap => {
    const values = new Float32Array(8 * 8).map((_, i) => {
      return quarters.includes(2 * Number(i >= 32) + Number(i % 8 >= 4)) ? 1 : 0;
    });
    return { height: 8, width: 8, values, min: 0, max: 1 };
  };
  const cornerOf = ({ left, top }: { left: number; top: number }): string =>
    `${top > 180 ? 'lower' : 'upper'} ${left > 160 ? 'right' : 'left'}`;

  test.each<[string, Parameters<typeof drawLegend>[4], string]>([
    ['stands in the lower left corner', { heatmaps: [] }, 'lower left'],
    [
      'does not move for a little',
      { heatmaps: [{ ...hot(2), values: hot(2).values.map((v) => v * 0.02) }] },
      'lower left',
    ],
    ['keeps clear of the attention', { heatmaps: [hot(2), hot(0)] }, 'lower right'],
    ['and of what stands still', { heatmaps: [hot(2)], edges: hot(3) }, 'upper left'],
    ['and of a title', { heatmaps: [hot(2)], edges: hot(3), isTitled: true }, 'lower left'],
  ])('%s', (_, surroundings, corner) => {
    const area = drawn(surroundings);
    expect(cornerOf(area)).toBe(corner);
    expect([area.left, area.top].every((length) => length >= 0)).toBe(true);
    expect(area.right <= 640 && area.bottom <= 360).toBe(true);
  });

  test('is one row, or two, or the levels alone, as there is room', () => {
    const shapes = [1280, 360, 240, 160].map((width) => {
      const { left, top, right, bottom } = drawn(undefined, { width, height: (width * 9) / 16 });
      expect(right).toBeLessThanOrEqual(width);
      expect((right - left) * (bottom - top)).toBeLessThan(0.16 * width * ((width * 9) / 16));
      return { wide: right - left, high: bottom - top };
    });
    const [large, medium, small, tiny] = shapes as [Shape, Shape, Shape, Shape];
    expect(large.wide / large.high).toBeGreaterThan(9);
    expect(medium.high).toBeGreaterThanOrEqual(1.7 * 10);
    expect(small.wide / small.high).toBeLessThan(large.wide / large.high);
    expect(tiny.wide).toBeLessThan(160);
  });
});

interface Shape {
  readonly wide: number;
  readonly high: number;
}

test('what stands still is found: a time stamp, and neither a plain sky nor what moves', () => {
  const [width, height, count] = [320, 180, 3];
  const context = createCanvas(width, height).getContext('2d');
  const frames = Array.from({ length: count }, (_, t) => {
    context.fillStyle = '#468';
    context.fillRect(0, 0, width, height);
    context.fillStyle = '#eee';
    for (let x = 0; x < 60; x += 7) context.fillRect((x + 23 * t) % width, 20, 3, 20); // drives past
    context.font = '14px sans-serif';
    context.fillText('2024-05-01 12:00:00', 10, 170);
    const { data } = context.getImageData(0, 0, width, height);
    return Array.from({ length: width * height * 3 }, (_, i) => data[Math.floor(i / 3) * 4 + (i % 3)]!);
  });
  const { values, ...grid } = stillEdges({
    rgb: Uint8Array.from(frames.flat()),
    shape: [count, height, width, 3],
    timestampsSec: [0, 1, 2],
  });
  expect(grid).toEqual({ width: 64, height: 36 });
  const most = (rows: readonly [number, number]): number =>
    Math.max(...values.subarray(rows[0] * grid.width, rows[1] * grid.width));
  expect(most([31, 35])).toBeGreaterThan(0.2);
  expect(most([0, 31])).toBeLessThan(0.1);
});

test('badges can be left out, and what the network answers is written below the title', () => {
  const picture = { width: 640, height: 360 };
  const span = { startSec: 0, endSec: 2 };
  const keyframes = [{ timestampSec: 1, heatmap: hill(7, 12) }];
  const painterOf = (more: object, style: object = {}): LayerPainter =>
    new LayerPainter({
      ...{ picture, span, keyframes, gaps: [], normalize: 'frame', ...more },
      style: { ...defaultStyle, levels: [], showLegend: false, ...style },
    });
  const opaque = (painter: LayerPainter, timeSec: number, left: number, top: number): number => {
    const { alpha, width } = painter.paint(timeSec);
    const rows = Array.from({ length: 60 }, (_, y) =>
      alpha.subarray((top + y) * width + left, (top + y) * width + left + 200),
    );
    return rows.flatMap((row) => [...row]).filter((value) => value > 0).length;
  };
  const plain = painterOf({});
  expect(opaque(plain, 1, 430, 6)).toBeGreaterThan(1000);
  expect(opaque(plain, 0.5, 430, 6)).toBeGreaterThan(1000);
  const bare = painterOf({}, { showBadge: false });
  expect(opaque(bare, 0.5, 430, 6)).toBe(0);
  expect(opaque(bare, 1, 430, 6)).toBe(0);
  expect(bare.paint(1).alpha[0]).toBe(255); // the border of a sampled moment stays
  const answering = painterOf({ answerAt: (timeSec: number) => (timeSec < 1 ? undefined : 'left_turn 81 %') });
  expect(opaque(answering, 0.5, 6, 6)).toBe(0);
  expect(opaque(answering, 1.2, 6, 6)).toBeGreaterThan(1000);
  const titled = painterOf({ title: 'night', answerAt: () => 'left_turn 81 %' });
  expect(opaque(titled, 1.2, 6, 6)).toBeGreaterThan(opaque(answering, 1.2, 6, 6));
});
