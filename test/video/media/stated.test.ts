/** What a video states of itself, and what is made of it. */
import { expect, test } from 'vitest';
import {
  checkReach,
  clockwiseRotation,
  coloursOf,
  type containerEnd,
  rateOf,
  secondsPer,
  squarePixels,
  statedEnd,
} from '../../../src/video/media/stated.ts';

type Stream = Parameters<typeof coloursOf>[0];
type Container = Parameters<typeof containerEnd>[0];
const stream = (values: object): Stream => values as Stream;
const container = (values: object): Container => values as Container;

test('a clock may count from 1970, but runs no further than any clock can', () => {
  checkReach('drive.mp4', 1.8e9, 86_400);
  checkReach('drive.mp4', 5e10, 5e10);
  expect(() => checkReach('drive.mp4', 0, 2.9764e13)).toThrow(/its clock runs to 2\.98e\+13 s: it is damaged/);
  expect(() => checkReach('drive.mp4', -5e12, 3)).toThrow(/it is damaged/);
  expect(() => checkReach('drive.mp4', 1e11, 1)).toThrow(/drive\.mp4/);
});

test.each([
  [{}, {}],
  [
    { color_space: 'bt709', color_primaries: 'bt709', color_transfer: 'bt709', color_range: 'tv' },
    { matrix: 'bt709', primaries: 'bt709', transfer: 'bt709', range: 'tv' },
  ],
  [
    { color_space: 'unknown', color_primaries: 'unknown', color_range: 'unknown', color_transfer: 'smpte2084' },
    { transfer: 'smpte2084' },
  ],
  [{ pix_fmt: 'yuvj420p' }, { range: 'pc' }],
  [{ pix_fmt: 'yuvj420p', color_range: 'tv' }, { range: 'pc' }],
  [{ pix_fmt: 'yuv420p', color_range: 'pc' }, { range: 'pc' }],
])('of %j the colours are %j', (video, colours) => {
  expect(coloursOf(stream(video))).toEqual(colours);
});

test.each([
  [{ duration: '10' }, {}, 10],
  [{ duration: '10', start_time: '2' }, {}, 10],
  [{ duration: '10', start_time: '2' }, { start_time: '0.5' }, 11.5],
  [{ duration: '10' }, { start_time: '-1' }, 11],
  [{}, { duration: '7' }, 7],
  [{}, { duration: '7', start_time: '2', format_name: 'mov,mp4' }, 7],
  [{}, { duration: '7', start_time: '2', format_name: 'matroska,webm' }, 5],
  [{}, { duration: '7', format_name: 'matroska,webm' }, 7],
  [{}, {}, undefined],
])('%j in %j ends at %s s', (video, format, end) => {
  expect(statedEnd(stream(video), container(format))).toBe(end);
});

test.each([
  [{ avg_frame_rate: '30000/1001', r_frame_rate: '60/1' }, [], { numerator: 30000, denominator: 1001 }],
  [{ avg_frame_rate: '0/0', r_frame_rate: '25/1' }, [], { numerator: 25, denominator: 1 }],
  [{ r_frame_rate: '0/1' }, [0.3, 0, 0.1, undefined, 0.2, 0.9], { numerator: 1_000_000, denominator: 100_000 }],
  [{}, [0, 0, 0.04, 0.04], { numerator: 1_000_000, denominator: 40_000 }],
])('the rate of %j with frames at %j is %j', (video, times, rate) => {
  expect(rateOf('a.mp4', stream(video), times)).toEqual(rate);
});

test('nothing tells the rate of frames that are all at one time', () => {
  for (const times of [[], [1], [1, 1], [undefined]])
    expect(() => rateOf('a.mp4', stream({}), times)).toThrow(
      expect.objectContaining({
        ...{ code: 'input-unreadable', hint: 'convert it to MP4 first' },
        message: expect.stringContaining('its video stream states no frame rate'),
      }),
    );
  expect(secondsPer({ numerator: 30000, denominator: 1001 })).toBeCloseTo(1 / 29.97, 5);
});

test.each([
  [undefined, 720, 576],
  ['1:1', 720, 576],
  ['0:1', 720, 576],
  ['16:11', 1047, 576],
  ['8:9', 720, 648],
  ['1', 720, 576],
])('pixels of %s make 720x576 %dx%d', (ratio, width, height) => {
  expect(squarePixels(720, 576, ratio)).toEqual({ width, height });
});

test.each([
  [{}, 0],
  [{ tags: { rotate: '90' } }, 90],
  [{ tags: { rotate: '450' } }, 90],
  [{ tags: { rotate: '-90' } }, 270],
  [{ tags: { rotate: 'up' } }, 0],
  [{ side_data_list: [{}, { rotation: -90 }] }, 90],
  [{ side_data_list: [{ rotation: 90 }], tags: { rotate: '180' } }, 270],
  [{ side_data_list: [{ rotation: 180 }] }, 180],
  [{ side_data_list: [{ rotation: -88 }] }, 90],
  [{ side_data_list: [{ rotation: 0 }], tags: { rotate: '90' } }, 0],
])('%j is turned by %d degrees', (video, turned) => {
  expect(clockwiseRotation(stream(video))).toBe(turned);
});
