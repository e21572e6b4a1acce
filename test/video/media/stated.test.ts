import { expect, test } from 'vitest';
import { checkReach } from '../../../src/video/media/stated.ts';

test('a clock may count from 1970, but runs no further than any clock can', () => {
  checkReach('drive.mp4', 1.8e9, 86_400);
  expect(() => checkReach('drive.mp4', 0, 2.9764e13)).toThrow(/its clock runs to 2\.98e\+13 s: it is damaged/);
  expect(() => checkReach('drive.mp4', -5e12, 3)).toThrow(/it is damaged/);
});
