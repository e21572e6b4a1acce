/** The rows of a ribbon: their names, and what is drawn where, on a plot of one pixel per unit. */
import { createCanvas, type SKRSContext2D } from '@napi-rs/canvas';
import { describe, expect, it } from 'vitest';
import { OKABE_ITO } from '../../../src/video/drawing/palette.ts';
import {
  INK,
  type Plot,
  type RibbonContent,
  type RibbonSample,
  ribbonRows,
} from '../../../src/video/drawing/ribbon-rows.ts';
import { recorder } from '../../support/recorder.ts';

const { orange, sky, green, yellow, purple } = OKABE_ITO;

/** Ten seconds on a hundred pixels from 100 on, 50 pixels high. */
const TIME = { span: { startSec: 0, endSec: 10 }, gaps: [] };
function drawn(content: RibbonContent, row: number, time = TIME): string[] {
  const { context, calls } = recorder();
  ribbonRows(content)[row]!.draw(plotOn(context), time);
  return calls;
}
const plotOn = (context: SKRSContext2D): Plot => ({
  ...{ context, unit: 1, left: 100, right: 200, top: 0, bottom: 50 },
  xOf: (timeSec) => 100 + 10 * timeSec,
});

const samples: readonly RibbonSample[] = [
  { timestampSec: 2, loss: 4, importance: 1 },
  { timestampSec: 6, loss: 1, importance: -3 },
];
const names = (content: RibbonContent) =>
  ribbonRows(content).map((row) => row.names.map(({ text, color }) => `${text} ${color}`));

describe('rows', () => {
  it('are there for what is known, from the top', () => {
    const shares = { left: 0.2, centre: 0.3, right: 0.5, far: 0.1, near: 0.9 };
    const lines = [{ name: 'stop', color: 'red', shares: [0.5, null] }];
    const content: RibbonContent = {
      samples: samples.map((sample) => ({ ...sample, shares })),
      events: { blocks: [], lanes: 2, hidden: ['a', 'b'] },
      classes: { lines, hidden: 3, notes: ['not to be believed'] },
      objects: { lines: [], hidden: 0 },
      signals: [
        {
          lines: [
            { name: 'speed', values: [1.234, 5.678] },
            { name: 'ours', values: [0, 1] },
          ],
        } as never,
      ],
    };
    expect(names(content)).toEqual([
      [`events ${INK}`, `and 2 more ${INK}`],
      [`loss ${sky}`, `max 4 ${INK}`],
      [`importance ${orange}`, `-3 to 1 ${INK}`],
      [`left ${sky}`, 'centre #c9ced6', `right ${orange}`],
      [`far ${purple}`, `near ${green}`],
      ['stop red', `and 3 more ${INK}`, `not to be believed ${INK}`],
      [],
      [`speed ${yellow}`, `ours ${sky}`, `0 to 5.7 ${INK}`],
    ]);
    const rows = ribbonRows(content);
    expect(rows.map(({ height }) => height)).toEqual([48, 44, 44, 54, 36, 60, 0, 52]);
    expect(rows.map(({ isSampled }) => isSampled)).toEqual([false, true, true, true, true, true, false, true]);
    const [first, second] = samples as [RibbonSample, RibbonSample];
    expect(names({ samples: [{ timestampSec: 0, loss: 0.01234 }] })).toEqual([[`loss ${sky}`, `max 0.012 ${INK}`]]);
    expect(names({ samples: [{ timestampSec: 0, loss: 1 }, first] })).toHaveLength(2); // one that knows is enough
    expect(names({ samples: [second], events: { blocks: [], lanes: 1, hidden: [] } })[0]).toEqual([`event ${INK}`]);
  });

  it('are as high as their names', () => {
    const lines = Array.from({ length: 5 }, (_, i) => ({ name: `${i}`, color: 'red', shares: [0.5] }));
    const rows = ribbonRows({
      samples,
      classes: { lines, hidden: 1 },
      signals: [{ lines: lines.map(({ name }) => ({ name, values: [1, 2] })) } as never],
    });
    expect(rows.slice(-2).map(({ height }) => height)).toEqual([6 * 17, 6 * 17]);
  });
});

describe('bars', () => {
  it('stand on the lower edge, the greatest three pixels under the upper', () => {
    // Each stands for four seconds around it: 14 pixels at most; 47 pixels for 4, 11.75 for 1
    expect(drawn({ samples }, 0)).toEqual([`fillRect 113 3 14 47 ${sky}`, `fillRect 153 38.25 14 11.75 ${sky}`]);
  });

  it('hang from a line at zero where they are below it', () => {
    expect(drawn({ samples }, 1)).toEqual([
      'fillRect 100 14.25 100 1 #555d68',
      `fillRect 113 3 14 11.75 ${orange}`,
      `fillRect 153 14.75 14 35.25 ${orange}`,
    ]);
  });

  it('are as narrow as the time that they stand for, and nothing where all is nothing', () => {
    const close = [1, 1.1, 1.2].map((timestampSec) => ({ timestampSec, loss: 0 }));
    expect(drawn({ samples: close }, 0)[1]).toBe(`fillRect 110.5 50 1 0 ${sky}`);
    const apart = [1, 2, 3].map((timestampSec) => ({ timestampSec, loss: 1 }));
    expect(drawn({ samples: apart }, 0)[1]).toBe(`fillRect 116.5 3 7 47 ${sky}`);
  });
});

it('shares that add up are stacked from the top, each for the time around it', () => {
  const shares = { left: 0.2, centre: 0.3, right: 0.5, far: 0.1, near: 0.9 };
  const content = {
    samples: [
      { timestampSec: 2, loss: 0, shares },
      { timestampSec: 6, loss: 0 },
    ],
  };
  expect(drawn(content, 1)).toEqual([
    ...[`fillRect 100 0 40 10 ${sky}`, 'fillRect 100 10 40 15 #c9ced6', `fillRect 100 25 40 25 ${orange}`],
    ...[`fillRect 140 0 60 0 ${sky}`, 'fillRect 140 0 60 0 #c9ced6', `fillRect 140 0 60 0 ${orange}`],
  ]);
  expect(drawn(content, 2).slice(0, 2)).toEqual([`fillRect 100 0 40 5 ${purple}`, `fillRect 100 5 40 45 ${green}`]);
});

describe('lines', () => {
  const scale = [
    'fillRect 100 48.5 100 1 #555d68',
    'fillText 0 % 104 41 #9aa3ae',
    'fillRect 100 24.5 100 1 #555d68',
    'fillText 50 % 104 25 #9aa3ae',
    'fillRect 100 0.5 100 1 #555d68',
    'fillText 100 % 104 9 #9aa3ae',
  ];

  it('of shares go from sample to sample, on a scale from nothing to all', () => {
    const classes = { lines: [{ name: 'stop', color: 'red', shares: [0, 1] }], hidden: 0 };
    expect(drawn({ samples, classes }, 2)).toEqual([
      ...scale,
      ...['moveTo 120 49', 'fillRect 117 46 6 6 red', 'lineTo 160 1', 'fillRect 157 -2 6 6 red', 'stroke red 2.5'],
    ]);
    const { context } = recorder();
    const row = ribbonRows({ samples, classes })[2]!;
    expect(row.valuesAt!(plotOn(context), 1)).toEqual([{ text: '100 %', color: 'red', y: 1 }]);
    expect(row.valuesAt!(plotOn(context), 5)).toEqual([]);
  });

  it('of shares of objects have the scale that they need', () => {
    const objects = { lines: [{ name: 'car', color: 'red', shares: [0.05, 0.2] }], hidden: 0 };
    expect(drawn({ samples, objects }, 2)).toContain('fillText 20 % 104 9 #9aa3ae');
    expect(drawn({ samples, objects }, 2)).toContain('lineTo 160 1');
  });

  it('are interrupted where nothing is known, and at gaps', () => {
    const four = [1, 3, 5, 7].map((timestampSec) => ({ timestampSec, loss: 0 }));
    const moves = (values: readonly (number | null)[], gaps: readonly { startSec: number; endSec: number }[] = []) =>
      drawn({ samples: four, classes: { lines: [{ name: 'a', color: 'red', shares: values }], hidden: 0 } }, 1, {
        ...TIME,
        gaps: [...gaps] as never,
      })
        .filter((call) => /To/.test(call))
        .map((call) => call.slice(0, 8));
    expect(moves([0, 0, 0, 0])).toEqual(['moveTo 1', 'lineTo 1', 'lineTo 1', 'lineTo 1']);
    expect(moves([0, null, 0, 0])).toEqual(['moveTo 1', 'moveTo 1', 'lineTo 1']);
    expect(moves([0, 0])).toEqual(['moveTo 1', 'lineTo 1']);
    expect(moves([0, 0, 0, 0], [{ startSec: 3.5, endSec: 4.5 }])).toEqual([
      'moveTo 1',
      'lineTo 1',
      'moveTo 1',
      'lineTo 1',
    ]);
    expect(moves([0, 0, 0, 0], [{ startSec: 5, endSec: 5.5 }])).toEqual([
      'moveTo 1',
      'lineTo 1',
      'lineTo 1',
      'moveTo 1',
    ]);
  });

  it('of many samples have no dots', () => {
    const many = (count: number) => Array.from({ length: count }, (_, i) => ({ timestampSec: i / 10, loss: 0 }));
    const dots = (count: number): number => {
      const classes = { lines: [{ name: 'a', color: 'red', shares: many(count).map(() => 0.5) }], hidden: 0 };
      return drawn({ samples: many(count), classes }, 1).filter(
        (call) => call.endsWith('red') && call.startsWith('fillRect'),
      ).length;
    };
    expect([dots(40), dots(41)]).toEqual([40, 0]);
  });

  it('of numbers go from the least to the greatest, with a line at zero if that lies between', () => {
    const signal = (...values: readonly number[]) => ({
      samples,
      signals: [{ lines: [{ name: 'a', values }] } as never],
    });
    expect(drawn(signal(-1, 1), 2)).toEqual([
      'fillRect 100 24.5 100 1 #555d68',
      'moveTo 120 49',
      `fillRect 117 46 6 6 ${yellow}`,
      'lineTo 160 1',
      `fillRect 157 -2 6 6 ${yellow}`,
      `stroke ${yellow} 2.5`,
    ]);
  });

  it('of numbers that were recorded have moments of their own', () => {
    const line = { name: 'brake', values: [0, 1, 0], timesSec: [2, 3, 4] };
    const lines = drawn({ samples, signals: [{ lines: [line] }] }, 2).filter((call) => /To/.test(call));
    expect(lines).toEqual(['moveTo 120 49', 'lineTo 130 1', 'lineTo 140 49']);
  });
});

it('events are blocks with their labels, in lanes', () => {
  const block = (label: string, startSec: number, endSec: number, lane: number, roomEndSec: number) => ({
    ...{ label, startSec, endSec, lane, roomEndSec },
    color: 'blue',
  });
  const blocks = [block('stop', 1, 3, 0, 10), block('a long name', 2, 2.05, 1, 5)];
  const calls = drawn({ samples, events: { blocks, lanes: 2, hidden: [] } }, 0);
  expect(calls).toEqual([
    ...['roundRect 110.5 0.5 19 24 4', 'fillText stop 116.5 12.5 #fff'],
    ...['roundRect 120.5 25.5 1 24 0.5', 'fillText  126.5 37.5 #fff'],
  ]);
});

it('an event of a moment can be drawn: no corner is rounder than its block is wide', () => {
  const context = createCanvas(300, 50).getContext('2d');
  const block = { label: 'x', startSec: 2, endSec: 2.001, lane: 0, roomEndSec: 10, color: '#fff' };
  const [row] = ribbonRows({ samples, events: { blocks: [block], lanes: 1, hidden: [] } });
  row!.draw(plotOn(context), TIME);
  expect([...context.getImageData(120, 25, 1, 1).data]).not.toEqual([0, 0, 0, 0]);
});
