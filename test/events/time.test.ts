/** The notation of times. */
import { expect, it } from 'vitest';
import { parseSeconds } from '../../src/cli/options.ts';
import { secondsOf } from '../../src/events/time.ts';

it.each([
  ['12.5', 12.5],
  ['0', 0],
  ['.5', 0.5],
  ['1e-05', 1e-5],
  ['0:01', 1],
  ['1:02.5', 62.5],
  ['90:00', 5400],
  ['1:00:03', 3603],
  [' 2 ', 2],
  [' 0:02 ', 2],
])('%s is a time, for a list and for --start', (text, sec) => {
  expect(secondsOf(text)).toBe(sec);
  expect(parseSeconds(text)).toBe(sec);
});

it.each(['', '-1', 'x', 'NaN', 'Infinity', '1e999', '1:75', '1:60:00', '1:2:3:4', '0x10', '1,5', '1.2.3', ':5', '5 s'])(
  '%j is none',
  (text) => {
    expect(secondsOf(text)).toBeUndefined();
    expect(() => parseSeconds(text)).toThrow(/expected seconds/);
  },
);

it('may have a decimal comma where the source has', () => {
  expect(secondsOf('1,5', { decimalComma: true })).toBe(1.5);
  expect(secondsOf('1:02,5', { decimalComma: true })).toBe(62.5);
  expect(secondsOf('1,000,5', { decimalComma: true })).toBeUndefined();
});
