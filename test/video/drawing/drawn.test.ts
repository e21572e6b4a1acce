/** Where marks, boxes, legends and the ribbon's axis and cursor are drawn on a picture of 1280×720, whose lengths are those of the code. */
import { describe, expect, it } from 'vitest';
import type { Heatmap } from '../../../src/base/types.ts';
import { type DrawnBox, drawBoxes } from '../../../src/video/drawing/boxes.ts';
import { drawLegend, stillEdges } from '../../../src/video/drawing/legend.ts';
import {
  drawAnswer,
  drawMoment,
  drawTimeline,
  drawTitle,
  MARK_COLOR,
  type Marks,
  originInWords,
} from '../../../src/video/drawing/marks.ts';
import { drawCursor, drawRibbon, ribbonHeight } from '../../../src/video/drawing/ribbon.ts';
import { INK } from '../../../src/video/drawing/ribbon-rows.ts';
import type { OverlayStyle } from '../../../src/video/drawing/style.ts';
import { recorder } from '../../support/recorder.ts';

const SIZE = { width: 1280, height: 720 };
const SPAN = { startSec: 10, endSec: 20 };
const marks = (rest: Partial<Marks> = {}): Marks => ({
  ...{ span: SPAN, momentsSec: [12, 16], gaps: [], timeSec: 15 },
  ...rest,
});

describe('the timeline', () => {
  it('is eight pixels along the lower edge, as far as the frame, with the moments and the frame above it', () => {
    const { context, calls } = recorder();
    const area = drawTimeline(context, SIZE, marks({ moment: 1 }));
    expect(calls).toEqual([
      'fillRect 0 712 1280 8 rgba(0, 0, 0, 0.55)',
      'fillRect 0 712 640 8 rgba(255, 255, 255, 0.55)',
      `fillRect 254 708 4 12 ${MARK_COLOR}`,
      `fillRect 764 708 8 12 ${MARK_COLOR}`,
      'fillRect 639 708 2 12 #fff',
    ]);
    expect(area).toEqual({ left: 0, right: 1280, bottom: 720, top: 708 });
  });

  it('is hatched where nothing was analyzed', () => {
    const { context, calls } = recorder();
    drawTimeline(context, SIZE, marks({ momentsSec: [], gaps: [{ startSec: 10, endSec: 10.125 }] }));
    expect(calls.slice(2, -1)).toEqual([
      ...['rect 0 712 16 8', 'fillRect 0 712 16 8 #777'],
      ...[
        'moveTo -8 720',
        'lineTo 0 712',
        'moveTo -1 720',
        'lineTo 7 712',
        'moveTo 6 720',
        'lineTo 14 712',
        'moveTo 13 720',
        'lineTo 21 712',
      ],
      'stroke #444 2',
    ]);
  });

  it('is four pixels at least', () => {
    const { context } = recorder();
    expect(drawTimeline(context, { width: 64, height: 36 }, marks()).top).toBe(36 - 4 - 2);
  });
});

describe('a badge', () => {
  const badge = (draw: (context: ReturnType<typeof recorder>['context']) => unknown) => {
    const { context, calls } = recorder();
    return { area: draw(context), calls };
  };

  it('on a sampled moment says which, and there is a border', () => {
    const { area, calls } = badge((context) => drawMoment(context, SIZE, marks({ moment: 1 })));
    // 25 letters of 8 pixels, half of 22 pixels around them; lines are 1.35 of 22 high
    expect(calls).toEqual([
      'roundRect 1047 11 222 35.5 5.5',
      'fillText sampled 2/2 · t = 15.00 s 1058 28.75 #000',
      ...[`fillRect 0 0 1280 6`, `fillRect 0 714 1280 6`, `fillRect 0 0 6 720`, `fillRect 1274 0 6 720`].map(
        (call) => `${call} ${MARK_COLOR}`,
      ),
    ]);
    expect(area).toEqual([
      { left: 1047, top: 11, right: 1269, bottom: 46.5 },
      { left: 0, top: 0, right: 1280, bottom: 6 },
      { left: 0, top: 714, right: 1280, bottom: 720 },
      { left: 0, top: 0, right: 6, bottom: 720 },
      { left: 1274, top: 0, right: 1280, bottom: 720 },
    ]);
    expect(badge((context) => drawMoment(context, SIZE, marks({ moment: 0, isDamaged: true }))).calls[1]).toMatch(
      /sampled 1\/2 · t = 15\.00 s · damaged /,
    );
    expect(badge((context) => drawMoment(context, SIZE, marks({ moment: 0 }), false)).calls).toHaveLength(4);
  });

  it('elsewhere says where the map comes from, or that there is none', () => {
    const between = badge((context) => drawMoment(context, SIZE, marks({ origin: 'map of 12 s' })));
    expect(between.calls).toEqual(['roundRect 1169.5 7.5 103 24.75 3.75', 'fillText map of 12 s 1177 19.88 #ddd']);
    const gaps = [{ startSec: 14, endSec: 16 }];
    expect(badge((context) => drawMoment(context, SIZE, marks({ gaps, origin: 'x' }))).calls[1]).toBe(
      'fillText not analyzed 1162 28.75 #ddd',
    );
    for (const of of [marks(), marks({ gaps: [{ startSec: 11, endSec: 15 }] })])
      expect(badge((context) => drawMoment(context, SIZE, of)).calls).toEqual([]);
    expect(badge((context) => drawMoment(context, SIZE, marks({ origin: 'x' }), false)).area).toEqual([]);
  });

  it('of a title stands in the left corner, an answer below it', () => {
    const title = badge((context) => drawTitle(context, SIZE, 'Drive'));
    expect(title.calls).toEqual(['roundRect 11 11 62 35.5 5.5', 'fillText Drive 22 28.75 #fff']);
    expect(title.area).toEqual({ left: 11, top: 11, right: 73, bottom: 46.5 });
    expect(badge((context) => drawAnswer(context, SIZE, 'stop', 46.5)).area).toEqual({
      left: 11,
      top: 57.5,
      right: 65,
      bottom: 93,
    });
  });

  it('that is wide is wrapped at half the picture', () => {
    const words = new Array(40).fill('word').join(' ');
    const { calls } = badge((context) => drawTitle(context, SIZE, words));
    const lines = calls.filter((call) => call.startsWith('fillText'));
    expect(lines).toHaveLength(3);
    for (const line of lines)
      expect(8 * line.replace(/^fillText | [-\d.]+ [-\d.]+ #fff$/g, '').length).toBeLessThanOrEqual(640 - 2 * 15);
  });

  it.each([
    [[0], true, 1, 'map of frame 1 (12.00 s)'],
    [[0, 1], true, 0.5, 'map of frames 1, 2 (12.00–16.00 s)'],
    [[1], false, 1, 'map of 16.00 s'],
    [[0, 1], false, 1, 'map of 12.00–16.00 s'],
    [[0, 1], true, 0, 'no frame near (12.00–16.00 s)'],
    [[], true, 1, undefined],
  ])('says of the moments %j, numbered %s, of which %d is shown: %s', (places, isNumbered, part, words) => {
    expect(originInWords(places, [12, 16], isNumbered, part)).toBe(words);
  });
});

describe('boxes', () => {
  const box = (name: string, x: number, y: number, rest: Partial<DrawnBox> = {}): DrawnBox => ({
    ...{ name, x, y, width: 40, height: 20, color: name },
    ...rest,
  });
  const drawn = (boxes: readonly DrawnBox[], picture = { width: 640, height: 360 }) => {
    const { context, calls } = recorder();
    const areas = drawBoxes(context, SIZE, { picture, boxes }, (sizePx) => `${sizePx}px`);
    expect((context as unknown as { font: string }).font).toBe('18px');
    return { areas, calls };
  };

  it('are as large as on the picture that they are of, dashed between frames, with their names above them', () => {
    const { areas, calls } = drawn([box('red', 100, 50, { share: 0.256 }), box('blue', 300, 50)]);
    expect(calls).toEqual([
      ...['setLineDash ', 'strokeRect 200 100 80 40 #000a', 'strokeRect 200 100 80 40 red'],
      ...['setLineDash 6 5', 'strokeRect 600 100 80 40 #000a', 'strokeRect 600 100 80 40 blue'],
      ...['fillRect 200 75.7 92.6 24.3 red', 'fillText red · 26 % 206.3 87.85 #000'],
      ...['fillRect 600 75.7 44.6 24.3 blue', 'fillText blue 606.3 87.85 #000'],
    ]);
    expect(areas.slice(0, 4)).toEqual([
      { left: 195, top: 95, right: 285, bottom: 105 },
      { left: 195, top: 135, right: 285, bottom: 145 },
      { left: 195, top: 95, right: 205, bottom: 145 },
      { left: 275, top: 95, right: 285, bottom: 145 },
    ]);
    expect(areas).toHaveLength(10);
  });

  const labels = (...boxes: readonly DrawnBox[]) =>
    drawn(boxes)
      .calls.filter((call) => call.startsWith('fillText'))
      .map((call) => call.slice(9));

  it('have their names where there is room: below at the upper edge, within at the sides, never over another', () => {
    expect(labels(box('red', 100, 0))).toEqual(['red 206.3 52.15 #000']);
    expect(labels(box('red', 630, 50))).toEqual(['red 1249.7 87.85 #000']);
    expect(labels(box('red', -20, 50))).toEqual(['red 6.3 87.85 #000']);
    expect(labels(box('red', 100, 50), box('blue', 100, 50, { share: 0.5 }))).toEqual([
      'blue · 50 % 206.3 87.85 #000',
      'red 206.3 152.15 #000',
    ]);
    expect(labels(box('a', 100, 50), box('b', 100, 50), box('c', 100, 50))).toHaveLength(3);
    expect(labels(...Array.from({ length: 30 }, (_, i) => box(`n${i}`, 100, 50))).length).toBeLessThan(30);
  });

  it('of one object have one name', () => {
    expect(labels(box('red', 100, 50, { share: 0.1 }), box('red', 300, 50, { share: 0.1 }))).toEqual([
      'red · 10 % 206.3 87.85 #000',
    ]);
  });

  it('that are as high as the picture have their names within', () => {
    expect(labels(box('red', 100, 0, { height: 360 }))).toEqual(['red 206.3 12.15 #000']);
  });
});

describe('a legend', () => {
  const style: OverlayStyle = {
    kind: 'contour',
    colormap: 'viridis',
    levels: [0.8, 0.5],
    opacity: 0.5,
    lineWidthPx: 3,
    showMarks: true,
    showBadge: true,
    showLegend: true,
  };
  const legend = (surroundings?: Parameters<typeof drawLegend>[4], size = SIZE, of = style) => {
    const { context, calls } = recorder();
    return { area: drawLegend(context, size, of, 'scale: clip', surroundings), calls };
  };
  // Letters of 17 pixels: 0.9 + (1.5 + 0.7) · 2 + 0.1 + 0.5 sizes, 3 + 3 + 11 letters of 8 pixels; 1.7 sizes high.
  const width = 17 * 5.9 + 17 * 8;
  const box = (left: number, top: number) => ({ left, top, right: left + width, bottom: top + 28.9 });
  const [LEFT, RIGHT, TOP] = [
    box(8.5, 720 - 12 - 8.5 - 28.9),
    box(1280 - 8.5 - width, 720 - 12 - 8.5 - 28.9),
    box(8.5, 8.5),
  ];
  const close = (area: object) =>
    Object.fromEntries(Object.entries(area).map(([key, value]) => [key, expect.closeTo(value as number, 4)]));

  it('stands in the lower left corner, levels by size with their lines', () => {
    const { area, calls } = legend();
    expect(area).toEqual(close(LEFT));
    expect(calls[0]).toBe('roundRect 8.5 670.6 236.3 28.9 5.67');
    expect(calls.filter((call) => call.startsWith('fillText'))).toEqual([
      'fillText 0.5 45.9 685.05 #fff',
      'fillText 0.8 107.3 685.05 #fff',
      'fillText scale: clip 144.9 685.05 #fff',
    ]);
    expect(
      calls.filter((call) => call.startsWith('fillRect')).map((call) => call.split(' ').slice(1, 5).join(' ')),
    ).toEqual(['20.4 682.84 20.4 4.42', '81.8 682.84 20.4 4.42']);
  });

  const heat = (hot: (x: number, y: number) => boolean): Heatmap => ({
    ...{ width: 4, height: 4, min: 0, max: 1 },
    values: Float32Array.from({ length: 16 }, (_, i) => (hot(i % 4, Math.floor(i / 4)) ? 1 : 0)),
  });

  it('moves from what the network looks at, and from writing', () => {
    expect(legend({ heatmaps: [heat((x, y) => x === 0 && y === 3)] }).area).toEqual(close(RIGHT));
    expect(legend({ heatmaps: [heat((_, y) => y === 3)] }).area).toEqual(close(TOP));
    expect(legend({ heatmaps: [heat((_, y) => y === 3)], isTitled: true }).area).toEqual(close(LEFT));
    const edges = heat((x, y) => x === 0 && y === 3);
    expect(legend({ heatmaps: [heat((x, y) => x > 1 || y < 2)], edges }).area).toEqual(close(RIGHT));
    const faint = {
      ...heat((x, y) => x === 0 && y === 3),
      values: heat((x, y) => x === 0 && y === 3).values.map((value) => 0.02 * value),
    };
    expect(legend({ heatmaps: [faint] }).area).toEqual(close(LEFT)); // that is much the same
  });

  it('of colours is a bar from 0 to 1', () => {
    const { calls } = legend(undefined, SIZE, { ...style, kind: 'heatmap' });
    const bars = calls.filter((call) => call.startsWith('fillRect'));
    expect(bars).toHaveLength(32);
    expect(bars[0]).toMatch(/^fillRect 36\.9 678\.25 3\.16 13\.6 rgb/);
    expect(calls.filter((call) => call.startsWith('fillText')).slice(0, 2)).toEqual([
      'fillText 0 20.4 685.05 #fff',
      'fillText 1 130.4 685.05 #fff',
    ]);
  });

  it('on a small picture is smaller, in two rows, without the scale, or not there', () => {
    const rowsOf = (width: number, height: number) =>
      [
        ...new Set(
          legend(undefined, { width, height })
            .calls.filter((call) => call.startsWith('fillText'))
            .map((call) => call.split(' ').at(-2)),
        ),
      ].length;
    const texts = (width: number, height: number) =>
      legend(undefined, { width, height }).calls.filter((call) => call.startsWith('fillText')).length;
    expect([rowsOf(640, 360), texts(640, 360)]).toEqual([1, 3]);
    expect([rowsOf(200, 400), texts(200, 400)]).toEqual([2, 3]);
    expect([rowsOf(150, 60), texts(150, 60)]).toEqual([1, 2]);
    expect(legend(undefined, { width: 40, height: 40 }).area).toEqual({ left: 0, right: 0, top: 0, bottom: 0 });
  });

  it('keeps clear of edges that stand still in all frames', () => {
    const frame = (moving: number) =>
      Uint8Array.from({ length: 4 * 3 * 3 }, (_, i) => {
        const [x, y] = [Math.floor(i / 3) % 4, Math.floor(i / 12)];
        return (x === 1 && y === 0) || x === moving ? 200 : 100;
      });
    const rgb = Uint8Array.from([...frame(9), ...frame(3)]);
    const { width, height, values } = stillEdges({ rgb, shape: [2, 3, 4, 3], timestampsSec: [0, 1] });
    expect([width, height]).toEqual([4, 3]);
    expect([...values]).toEqual([1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    const faint = stillEdges({
      rgb: rgb.map((value) => (value === 200 ? 148 : value)),
      shape: [2, 3, 4, 3],
      timestampsSec: [0, 1],
    });
    expect([...faint.values].every((value) => value === 0)).toBe(true);
    // Two pixels each way are one part of the picture: one of four has an edge.
    const large = new Uint8Array(128 * 72 * 3);
    large[3 * (128 * 11 + 21) + 1] = 255;
    const share = stillEdges({ rgb: large, shape: [1, 72, 128, 3], timestampsSec: [0] });
    expect([share.width, share.height]).toEqual([64, 36]);
    const at = (column: number, row: number): number => share.values[row * 64 + column]!;
    // The pixel itself, the one left of it and the one above it
    expect([at(10, 5), at(11, 5), at(10, 4), at(9, 5)]).toEqual([0.75, 0, 0, 0]);
  });
});

describe('a ribbon', () => {
  const samples = [12, 16].map((timestampSec) => ({ timestampSec, loss: 1 }));
  const content = { samples };

  it('lies under the picture: a row, its name, and round times along it', () => {
    const { context, calls } = recorder();
    const area = drawRibbon(context, SIZE, { span: SPAN, gaps: [{ startSec: 18, endSec: 18.01 }] }, content);
    expect(ribbonHeight(SIZE, content)).toBe(84); // 44, 24 and three gaps of 8
    expect(area).toEqual({ left: 0, top: 720, right: 1280, bottom: 804 });
    expect(calls.slice(0, 2)).toEqual(['fillRect 0 720 1280 84 #15181d', 'fillRect 150 728 1114 44 #22272f']);
    expect(calls.filter((call) => call.startsWith('rect'))).toEqual(['rect 1041.2 728 1.11 44']);
    expect(calls.filter((call) => call.startsWith('fillText')).slice(0, 2)).toEqual([
      'fillText loss 142 739 #56b4e9 right',
      `fillText max 1 142 761 ${INK} right`,
    ]);
    // Ten seconds in at most eight parts: two seconds each; the first and the last within the ribbon
    const axis = calls.slice(calls.findIndex((call) => call.startsWith('fillText 10 s')));
    expect(axis).toEqual([
      ...[`fillText 10 s 166 790 ${INK} center`, `fillRect 149.5 772 1 4 ${INK}`],
      ...[`fillText 12 s 372.8 790 ${INK} center`, `fillRect 372.3 772 1 4 ${INK}`],
      ...[`fillText 14 s 595.6 790 ${INK} center`, `fillRect 595.1 772 1 4 ${INK}`],
      ...[`fillText 16 s 818.4 790 ${INK} center`, `fillRect 817.9 772 1 4 ${INK}`],
      ...[`fillText 18 s 1041.2 790 ${INK} center`, `fillRect 1040.7 772 1 4 ${INK}`],
      ...[`fillText 20 s 1248 790 ${INK} center`, `fillRect 1263.5 772 1 4 ${INK}`],
    ]);
  });

  it.each([
    [0, 1, ['0.0 s', '0.2 s', '0.4 s', '0.6 s', '0.8 s', '1.0 s']],
    [0.05, 0.1, ['0.05 s', '0.06 s', '0.07 s', '0.08 s', '0.09 s', '0.10 s']],
    [0, 8, ['0 s', '1 s', '2 s', '3 s', '4 s', '5 s', '6 s', '7 s', '8 s']],
    [0, 100, ['0 s', '20 s', '40 s', '60 s', '80 s', '100 s']],
    [3, 47, ['10 s', '20 s', '30 s', '40 s']],
  ])('from %d to %d s has the times %j', (startSec, endSec, times) => {
    const { context, calls } = recorder();
    drawRibbon(context, SIZE, { span: { startSec, endSec }, gaps: [] }, { samples: [] });
    const texts = calls
      .filter((call) => call.startsWith('fillText') && call.includes(' s '))
      .map((call) => /^fillText ([\d.]+ s)/.exec(call)![1]);
    expect(texts).toEqual(times);
  });

  it('has a cursor with its time, and the values there, none over another', () => {
    const line = (name: string, ...shares: readonly number[]) => ({ name, color: name, shares });
    const classes = { lines: [line('red', 0.5, 0.9), line('blue', 0.5, 0.88)], hidden: 0 };
    const { context, calls } = recorder();
    const area = drawCursor(context, SIZE, { ...{ span: SPAN, gaps: [], timeSec: 15 }, ribbon: { samples, classes } });
    expect(calls).toEqual([
      ...['fillRect 705 720 4 128 #0008', 'fillRect 706 720 2 128 #fff'],
      ...['roundRect 673 848 68 20 4', 'fillText 15.00 s 707 858 #000 center'],
      // Of the row from 780 to 840: 90 % at 785.8, and 14.49 below it 88 %
      ...['fillRect 711 780 40 14.49 #15181dd0', 'fillText 90 % 715 787.25 red'],
      ...['fillRect 711 794.49 40 14.49 #15181dd0', 'fillText 88 % 715 801.74 blue'],
    ]);
    expect(area).toEqual({ left: 673, right: 751, top: 720, bottom: 868 });
  });

  it('has its cursor’s time and values within, at both ends, and none in a gap', () => {
    const classes = { lines: [{ name: 'red', color: 'red', shares: [0.5, 0.5] }], hidden: 0 };
    const at = (timeSec: number, gaps: readonly { startSec: number; endSec: number }[] = []) => {
      const { context, calls } = recorder();
      drawCursor(context, SIZE, { span: SPAN, gaps, timeSec, ribbon: { samples, classes } });
      return calls.filter((call) => /roundRect|50 %/.test(call));
    };
    expect(at(10)).toEqual(['roundRect 150 848 68 20 4', 'fillText 50 % 158 810 red']);
    expect(at(19.99)[0]).toBe('roundRect 1196 848 68 20 4');
    expect(at(19.99)[1]).toMatch(/^fillText 50 % 1223 /);
    expect(at(13.5, [{ startSec: 13, endSec: 14 }])).toHaveLength(1);
  });
});

describe('on a picture of twice the size', () => {
  const DOUBLE = { width: 2560, height: 1440 };
  const samples = [12, 16].map((timestampSec) => ({ timestampSec, loss: 1, importance: timestampSec - 13 }));
  const lines = [{ name: 'red', color: 'red', shares: [0.5, 0.9] }];
  const block = {
    ...{ label: 'a label that is cut', startSec: 11, endSec: 12, lane: 0, roomEndSec: 12.5 },
    color: 'blue',
  };
  const signals = [{ lines: ['a', 'b', 'c', 'd', 'e'].map((name, i) => ({ name, values: [-i, i + 1] })) }] as never;
  const ribbon = { samples, signals, classes: { lines, hidden: 1 }, events: { blocks: [block], lanes: 2, hidden: [] } };
  const gaps = [{ startSec: 18, endSec: 19 }];
  const box = { ...{ name: 'car', x: 100, y: 50, width: 40, height: 20, color: 'red' }, share: 0.5 };
  const style: OverlayStyle = {
    kind: 'both',
    colormap: 'magma',
    levels: [0.5],
    opacity: 0.5,
    lineWidthPx: 3,
    showMarks: true,
    showBadge: true,
    showLegend: true,
  };

  it.each<[string, (context: ReturnType<typeof recorder>['context'], size: typeof SIZE) => unknown]>([
    ['the timeline', (context, size) => drawTimeline(context, size, marks({ moment: 0, gaps }))],
    ['a moment', (context, size) => drawMoment(context, size, marks({ moment: 0 }))],
    ['a title', (context, size) => drawTitle(context, size, 'Drive')],
    [
      'boxes',
      (context, size) => drawBoxes(context, size, { picture: { width: 640, height: 360 }, boxes: [box] }, () => ''),
    ],
    ['a legend', (context, size) => drawLegend(context, size, style, 'scale')],
    ['a ribbon', (context, size) => drawRibbon(context, size, { span: SPAN, gaps }, ribbon)],
    ['a cursor', (context, size) => drawCursor(context, size, { span: SPAN, gaps, timeSec: 15, ribbon })],
  ])('%s is twice as large', (_, draw) => {
    const [once, twice] = [recorder(8), recorder(16)];
    const [area, doubled] = [draw(once.context, SIZE), draw(twice.context, DOUBLE)];
    const numbers = (calls: readonly string[]): number[] =>
      calls.flatMap((call) =>
        (
          call
            .replace(/^fillText .*? (?=[-\d.]+ [-\d.]+ [#r])/, '')
            .replace(/#.*|rgb.*/, '')
            .match(/-?\d+(\.\d+)?/g) ?? []
        ).map(Number),
      );
    const hatched = (call: string): boolean => /^(moveTo|lineTo)/.test(call);
    const [small, large] = [once, twice].map(({ calls }) => numbers(calls.filter((call) => !hatched(call)))) as [
      number[],
      number[],
    ];
    expect(large).toEqual(small.map((value) => expect.closeTo(2 * value, 1)));
    const sides = (areas: unknown) => [areas].flat().flatMap((one) => Object.values(one as object) as number[]);
    expect(sides(doubled)).toEqual(sides(area).map((value) => expect.closeTo(2 * value, 4)));
  });
});
