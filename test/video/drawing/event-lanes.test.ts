import { expect, test } from 'vitest';
import { layOutEvents } from '../../../src/video/drawing/event-lanes.ts';

const SPAN = { startSec: 10, endSec: 20 };
const event = (label: string, startSec: number, endSec: number) => ({ label, startSec, endSec });

test('events of one label that overlap or touch are one block, within the span', () => {
  const laidOut = layOutEvents(
    [event('turn', 14, 16), event('turn', 8, 11), event('turn', 15, 17), event('turn', 17, 25)],
    SPAN,
  )!;
  expect(laidOut.lanes).toBe(1);
  expect(laidOut.blocks.map(({ startSec, endSec, roomEndSec }) => [startSec, endSec, roomEndSec])).toEqual([
    [10, 11, 14],
    [14, 20, 20],
  ]);
  expect(new Set(laidOut.blocks.map(({ color }) => color)).size).toBe(1);
});

test('different labels that overlap lie below each other; those that follow each other share a lane', () => {
  const { blocks, lanes } = layOutEvents([event('turn', 10, 13), event('stop', 12, 15), event('merge', 13, 14)], SPAN)!;
  expect(lanes).toBe(2);
  expect(blocks.map(({ label, lane }) => [label, lane])).toEqual([
    ['turn', 0],
    ['stop', 1],
    ['merge', 0],
  ]);
  expect(new Set(blocks.map(({ color }) => color)).size).toBe(3);
});

test('what finds no lane is named', () => {
  const labels = ['a', 'b', 'c', 'd', 'e', 'f'];
  const { lanes, blocks, hidden } = layOutEvents(
    labels.map((label, i) => event(label, 10 + i / 10, 20)),
    SPAN,
  )!;
  expect([lanes, blocks.length, hidden]).toEqual([4, 4, ['e', 'f']]);
});

test('nothing is laid out where no event lies in the span', () => {
  expect(layOutEvents([event('turn', 0, 10), event('turn', 20, 21)], SPAN)).toBeUndefined();
});
