import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Heatmap, VideoClip } from '../../../src/base/types.ts';
import { ribbonHeight } from '../../../src/video/drawing/ribbon.ts';
import { defaultStyle } from '../../../src/video/drawing/style.ts';
import { findFfmpeg, findFfprobe } from '../../../src/video/media/binaries.ts';
import { type RenderJob, renderOverlay, scaledSize } from '../../../src/video/media/encode.ts';
import { listFrames } from '../../../src/video/media/frame-list.ts';
import { probeClip } from '../../../src/video/media/probe.ts';
import {
  type ClipOptions,
  decodeAll,
  decodeSound,
  drawGrey,
  makeClip,
  makeColourClip,
  makeRotated,
  readNumber,
} from '../../support/clips.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-encode-'));
});
afterAll(() => rm(folder, { recursive: true }));

const ROWS = 6;
const COLUMNS = 8;

/** Zero but for one cell. */
function planted(row: number, column: number): Heatmap {
  const values = new Float32Array(ROWS * COLUMNS);
  values[row * COLUMNS + column] = 1;
  return { height: ROWS, width: COLUMNS, values, min: 0, max: 1 };
}

function jobFor(clip: VideoClip, out: string, more: Partial<RenderJob> = {}): RenderJob {
  return {
    clip,
    span: { startSec: 0, endSec: clip.durationSec },
    keyframes: [{ timestampSec: 0, heatmap: planted(3, 4) }],
    style: { ...defaultStyle, showMarks: false, showLegend: false, levels: [0.5] },
    out: join(folder, out),
    ...more,
  };
}

describe('every frame of the segment is there once, in order', { tags: ['every-ffmpeg'] }, () => {
  interface Case extends ClipOptions {
    readonly name: string;
    readonly span: readonly [number, number];
    readonly numbers: readonly [number, number];
    readonly constantRate?: boolean;
    readonly rate?: string;
  }
  const cases: Case[] = [
    { name: 'whole.mp4', span: [0, 2], numbers: [0, 50] },
    { name: 'part.mp4', span: [0.5, 1.5], numbers: [13, 38] },
    { name: 'ntsc.mp4', rate: '30000/1001', span: [0.5, 1.5], numbers: [15, 45] },
    { name: 'ntsc.mkv', rate: '30000/1001', span: [0.5, 1.5], numbers: [15, 45] },
    { name: 'stream.ts', span: [0.5, 1.5], numbers: [13, 38] },
    { name: 'late.mkv', output: ['-output_ts_offset', '7.3'], span: [0.5, 1.5], numbers: [13, 38] },
    { name: 'variable.mp4', timesMs: 'N*30+mod(N\\,4)*7', span: [0.3, 1.2], numbers: [10, 40], constantRate: false },
    { name: 'ten-bit.mp4', output: ['-pix_fmt', 'yuv422p10le'], span: [0.5, 1.5], numbers: [13, 38] },
    { name: 'full-range.mp4', output: ['-pix_fmt', 'yuvj420p'], span: [0.5, 1.5], numbers: [13, 38] },
  ];

  test.each(cases)('$name', async ({ name, span, numbers: [first, end], constantRate = true, ...options }) => {
    const clip = await probeClip(await makeClip(join(folder, name), options));
    const job = jobFor(clip, `out of ${name}.mp4`, { span: { startSec: span[0], endSec: span[1] } });
    const progress = vi.fn();
    const result = await renderOverlay({ ...job, onProgress: progress });
    const frames = await decodeAll(job.out, 'rgb24', 160 * 96 * 3);
    expect(frames.map((frame) => readNumber(frame, 160, 96))).toEqual(
      Array.from({ length: end - first }, (_, k) => first + k),
    );
    const written = await probeClip(job.out);
    expect(result).toEqual({
      ...{ frames: end - first, width: 160, height: 96, hasAudio: false, constantRate, notes: [] },
      durationSec: expect.closeTo(written.durationSec, 2),
    });
    const whole = { startSec: 0, endSec: 10 };
    const { timesSec: source } = await listFrames(clip, job.span);
    const { timesSec: shown } = await listFrames(written, whole);
    const clockSec = constantRate ? 0.0011 : 0.00001;
    expect(shown.every((time, n) => Math.abs(time - (source[n]! - source[0]!)) < clockSec)).toBe(true);
    if (constantRate) expect(written.frameRate).toEqual(clip.frameRate);
    expect(written.pixelFormat).toBe('yuv420p');
    expect(progress).toHaveBeenLastCalledWith({
      stage: 'rendering',
      done: end - first,
      total: end - first,
      unit: 'frames',
    });
  });
});

test('frames at uneven times each have the heatmap of their own time', { tags: ['every-ffmpeg'] }, async () => {
  const grey = { frames: 12, draw: drawGrey(90), timesMs: 'N*30+mod(N*N\\,7)*9', width: 160, height: 96 };
  const clip = await probeClip(await makeClip(join(folder, 'uneven.mp4'), grey));
  const span = { startSec: 0, endSec: clip.durationSec };
  const { timesSec } = await listFrames(clip, span);
  // A cell that moves on with every frame: a layer that is one frame late would show two cells, or the wrong one.
  const keyframes = Array.from(timesSec, (timestampSec, n) => ({
    timestampSec,
    heatmap: planted(n % ROWS, (3 * n) % COLUMNS),
  }));
  const job = jobFor(clip, 'uneven out.mp4', {
    keyframes,
    style: { ...jobFor(clip, '').style, kind: 'both', opacity: 1 },
  });
  expect(await renderOverlay(job)).toMatchObject({ frames: 12, constantRate: false });
  const frames = await decodeAll(job.out, 'rgb24', 160 * 96 * 3);
  const brightestCell = (rgb: Uint8Array): number => {
    const sums = new Float64Array(ROWS * COLUMNS);
    for (let i = 0; i < 160 * 96; i++) {
      const cell = Math.floor(((i / 160) * ROWS) / 96) * COLUMNS + Math.floor(((i % 160) * COLUMNS) / 160);
      sums[cell] = sums[cell]! + rgb[3 * i]! - rgb[3 * i + 2]!;
    }
    return sums.indexOf(Math.max(...sums));
  };
  expect(frames.map(brightestCell)).toEqual(frames.map((_, n) => (n % ROWS) * COLUMNS + ((3 * n) % COLUMNS)));
});

describe('sound', { tags: ['every-ffmpeg'] }, () => {
  const beep = 'between(t\\,1\\,1.2)*sin(2*PI*200*t)';

  test.each([
    ['beep.mp4', {}],
    ['beep.mkv', {}],
    ['beep.ts', {}],
    ['uneven beep.mp4', { timesMs: 'N*38+mod(N\\,4)*7' }],
  ])('%s stays in step with the picture', async (name, options) => {
    const clip = await probeClip(await makeClip(join(folder, name), { sound: beep, ...options }));
    const job = jobFor(clip, `out of ${name}.mp4`, { span: { startSec: 0.6, endSec: 1.8 } });
    const { durationSec, hasAudio } = await renderOverlay(job);
    expect(hasAudio).toBe(true);
    const sound = await decodeSound(job.out);
    const loud = (from: number, to: number): number => Math.max(...sound.slice(from, to).map(Math.abs));
    // The first frame after 0.6 s is the zero of the video; the beep sounds from 1 s on.
    const { timesSec } = await listFrames(clip, job.span);
    const startMs = Math.round(1000 * (1 - timesSec[0]!));
    expect([loud(0, startMs - 30), loud(startMs + 230, sound.length)]).toEqual([0, 0].map((v) => expect.closeTo(v, 1)));
    expect(loud(startMs + 30, startMs + 185)).toBeGreaterThan(0.5);
    // An AAC encoder delays by up to 23 ms, which not every container of the source states.
    expect(sound.findIndex((value) => Math.abs(value) > 0.3)).toBeLessThan(startMs + 30);
    expect(sound.length / 1000).toBeCloseTo(durationSec, 1);
    expect((await probeClip(job.out)).durationSec).toBeCloseTo(durationSec, 2);
  });

  test('can be left out', async () => {
    const clip = await probeClip(await makeClip(join(folder, 'loud.mp4'), { sound: beep, frames: 10 }));
    const job = jobFor(clip, 'silent.mp4', { audio: false });
    expect(await renderOverlay(job)).toMatchObject({ hasAudio: false });
    expect(await probeClip(job.out)).toMatchObject({ hasAudio: false });
  });

  test('that cannot be decoded is told with the way out', async () => {
    const path = await makeClip(join(folder, 'strange.mp4'), { sound: beep, frames: 50 });
    const bytes = await readFile(path);
    // A codec that does not exist, in both places where an MP4 file names it.
    bytes.write('xxxx', bytes.indexOf('mp4a'), 'latin1');
    bytes[bytes.indexOf(Buffer.from([0x40, 0x15]), bytes.indexOf('esds'))] = 0xfe;
    await writeFile(path, bytes);
    const clip = { ...(await probeClip(path)), hasAudio: true };
    await expect(renderOverlay(jobFor(clip, 'failed sound.mp4'))).rejects.toMatchObject({
      code: 'ffmpeg-failed',
      hint: expect.stringContaining('--no-audio'),
    });
    expect(await renderOverlay(jobFor(clip, 'strange out.mp4', { audio: false }))).toMatchObject({ frames: 50 });
  });

  test('that ends before the segment becomes silence', async () => {
    const clip = await probeClip(await makeClip(join(folder, 'short.mp4'), { sound: beep, frames: 75 }));
    const job = jobFor(clip, 'short out.mp4', { span: { startSec: 2.4, endSec: 3 } });
    await renderOverlay(job);
    expect(Math.max(...(await decodeSound(job.out)))).toBeLessThan(0.01);
  });
});

test('the index stands before the data, so that browsers can begin to play', async () => {
  const clip = await probeClip(await makeClip(join(folder, 'plain.mp4'), { frames: 5 }));
  const job = jobFor(clip, 'fast.mp4');
  await renderOverlay(job);
  const bytes = await readFile(job.out);
  expect(bytes.indexOf('moov')).toBeLessThan(bytes.indexOf('mdat'));
  expect(bytes.indexOf('avc1')).toBeGreaterThan(0);
});

describe('the size of the picture', () => {
  test('pixels that are not square are stretched', async () => {
    const output = ['-vf', 'setsar=4/3'];
    const clip = await probeClip(await makeClip(join(folder, 'wide.mp4'), { frames: 5, width: 120, output }));
    expect(clip).toMatchObject({ width: 160, height: 96 });
    const turned = await probeClip(await makeRotated(clip.path, join(folder, 'wide turned.mp4')));
    expect(turned).toMatchObject({ width: 96, height: 160 });
    const job = jobFor(clip, 'square.mp4');
    expect(await renderOverlay(job)).toMatchObject({ width: 160, height: 96 });
    const frames = await decodeAll(job.out, 'rgb24', 160 * 96 * 3);
    expect(frames.map((frame) => readNumber(frame, 160, 96))).toEqual([0, 1, 2, 3, 4]);
  });

  test('can be chosen, and a ribbon comes below it', async () => {
    const clip = await probeClip(await makeClip(join(folder, 'large.mp4'), { frames: 5 }));
    const ribbon = { samples: [{ timestampSec: 0, loss: 0.5 }] };
    const job = jobFor(clip, 'small.mp4', { size: { width: 81, height: 49 }, ribbon });
    const { width, height } = await renderOverlay(job);
    expect(width).toBe(80);
    expect(height).toBe(48 + ribbonHeight({ width: 80, height: 48 }, ribbon));
    const frames = await decodeAll(job.out, 'rgb24', width * height * 3);
    expect(frames.map((frame) => readNumber(frame.subarray(0, 80 * 48 * 3), 80, 48))).toEqual([0, 1, 2, 3, 4]);
  });

  test.each([
    [{ factor: 0.5 }, { width: 320, height: 180 }],
    [{ width: 320 }, { width: 320, height: 180 }],
    [{ height: 720 }, { width: 1280, height: 720 }],
  ])('at the scale %j', (scale, size) => {
    expect(scaledSize({ width: 640, height: 360 }, scale)).toEqual(size);
  });

  test('must be one', async () => {
    const clip = await probeClip(await makeClip(join(folder, 'sized.mp4'), { frames: 5 }));
    const rendering = renderOverlay(jobFor(clip, 'none.mp4', { size: { width: 1, height: 96 } }));
    await expect(rendering).rejects.toMatchObject({ code: 'usage' });
  });
});

test('gaps show the picture alone', async () => {
  const clip = await probeClip(await makeClip(join(folder, 'gap.mp4'), { frames: 10, draw: drawGrey(90) }));
  const job = jobFor(clip, 'gap out.mp4', { gaps: [{ startSec: 0.2, endSec: 1 }] });
  await renderOverlay(job);
  const frames = await decodeAll(job.out, 'rgb24', 160 * 96 * 3);
  const contrast = frames.map((frame) => Math.max(...frame) - Math.min(...frame));
  expect(Math.min(...contrast.slice(0, 5))).toBeGreaterThan(100);
  expect(Math.max(...contrast.slice(5))).toBeLessThan(10);
});

describe('contours lie where the heatmap is', () => {
  const cells = [
    [0, 0],
    [0, COLUMNS - 1],
    [ROWS - 1, 0],
    [ROWS - 1, COLUMNS - 1],
    [3, 4],
  ] as const;

  async function clipOf(shape: string): Promise<VideoClip> {
    const grey = { frames: 5, draw: drawGrey(90) };
    if (shape === 'odd')
      return probeClip(await makeClip(join(folder, 'odd.mp4'), { ...grey, width: 321, height: 183 }));
    const path = await makeClip(join(folder, `${shape}.mp4`), { ...grey, width: 320, height: 192 });
    return probeClip(shape === 'landscape' ? path : await makeRotated(path, join(folder, 'upright.mp4')));
  }

  test.each(['landscape', 'odd', 'turned'])('%s', async (shape) => {
    const clip = await clipOf(shape);
    const width = clip.width - (clip.width % 2);
    const height = clip.height - (clip.height % 2);
    // One frame for each planted cell.
    const keyframes = cells.map(([row, column], k) => ({ timestampSec: k / 25, heatmap: planted(row, column) }));
    const job = jobFor(clip, `planted ${shape}.mp4`, { keyframes });
    await renderOverlay(job);
    const frames = await decodeAll(job.out, 'rgb24', width * height * 3);
    expect(frames).toHaveLength(cells.length);
    for (const [k, [row, column]] of cells.entries()) {
      const box = brightBox(frames[k]!, width, height);
      const centre = [
        ((box.left + box.right) / 2 / clip.width) * COLUMNS,
        ((box.top + box.bottom) / 2 / clip.height) * ROWS,
      ];
      // A ring at half height reaches halfway to the next centres, and to the border in a corner.
      expect(centre[0]).toBeCloseTo(column + 0.5, 0.7);
      expect(centre[1]).toBeCloseTo(row + 0.5, 0.7);
    }
  });

  /** The box around the yellow line. */
  function brightBox(
    rgb: Uint8Array,
    width: number,
    height: number,
  ): Record<'left' | 'right' | 'top' | 'bottom', number> {
    const box = { left: width, right: 0, top: height, bottom: 0 };
    for (let i = 0; i < width * height; i++) {
      if (rgb[i * 3]! - rgb[i * 3 + 2]! < 60) continue;
      const x = i % width;
      const y = Math.floor(i / width);
      box.left = Math.min(box.left, x);
      box.right = Math.max(box.right, x + 1);
      box.top = Math.min(box.top, y);
      box.bottom = Math.max(box.bottom, y + 1);
    }
    return box;
  }
});

describe('pixels outside the overlay keep their colours', { tags: ['every-ffmpeg'] }, () => {
  const SIZE = { width: 160, height: 96 };

  // What a wrong matrix or range would shift by tens of levels: saturated colours, black, white and a grey.
  test.each<[matrix: string, isTagged: boolean, range: 'tv' | 'pc']>([
    ['bt601', false, 'tv'],
    ['bt601', true, 'tv'],
    ['bt709', false, 'tv'],
    ['bt709', true, 'tv'],
    ['bt601', true, 'pc'],
    ['bt709', true, 'pc'],
  ])('stored by %s, tagged: %s, range %s', async (matrix, isTagged, range) => {
    const tags = ['-colorspace', matrix === 'bt709' ? 'bt709' : 'smpte170m', '-color_range', range];
    const output = ['-vf', `scale=out_color_matrix=${matrix}:out_range=${range}`, ...(isTagged ? tags : [])];
    const name = `${matrix} ${isTagged} ${range}`;
    const clip = await probeClip(await makeColourClip(join(folder, `${name}.mp4`), { ...SIZE, output }));
    const job = jobFor(clip, `${name} out.mp4`);
    await renderOverlay(job);
    const [before] = await decodeAll(clip.path, 'rgb24', SIZE.width * SIZE.height * 3);
    const [after] = await decodeAll(job.out, 'rgb24', SIZE.width * SIZE.height * 3);
    const differences = before!.map((value, i) => Math.abs(value - after![i]!));
    // The planted cell is right of the middle: compare the upper left.
    const isAway = (_: number, i: number): boolean => Math.floor(i / 3) % SIZE.width < 60 && i < SIZE.width * 60 * 3;
    const away = differences.filter(isAway);
    expect(away.reduce((sum, value) => sum + value, 0) / away.length).toBeLessThan(2);
    expect(Math.max(...differences)).toBeGreaterThan(60); // something is drawn
  });
});

test.each([
  [['bt709', 'bt709', 'bt709', 'tv'], { matrix: 'bt709', primaries: 'bt709', transfer: 'bt709', range: 'tv' }],
  [
    ['bt2020nc', 'bt2020', 'bt2020-10', 'tv'],
    { matrix: 'bt2020nc', primaries: 'bt2020', transfer: 'bt2020-10', range: 'tv' },
  ],
  [['fcc', 'bt470m', 'gamma28', 'tv'], expect.any(Object)],
])('the colour tags %j are carried over, or do no harm', async (tags, expected) => {
  const options = ['-colorspace', '-color_primaries', '-color_trc', '-color_range'].flatMap((name, i) => [
    name,
    tags[i]!,
  ]);
  const clip = await probeClip(await makeClip(join(folder, `${tags[0]}.mp4`), { frames: 5, output: options }));
  const job = jobFor(clip, `${tags[0]} out.mp4`);
  await renderOverlay(job);
  const { details } = await listFrames(await probeClip(job.out), job.span);
  expect(details.colour).toEqual(expected);
});

describe('failures leave no file behind', () => {
  async function leftovers(): Promise<string[]> {
    return (await readdir(folder)).filter((name) => name.startsWith('failed') || name.startsWith('.'));
  }

  test('aborted half-way', async () => {
    const clip = await probeClip(await makeClip(join(folder, 'long.mp4'), { frames: 250, width: 640, height: 360 }));
    const stop = new AbortController();
    const onProgress = ({ done }: { done: number }): void => {
      if (done === 60) stop.abort();
    };
    const rendering = renderOverlay(jobFor(clip, 'failed.mp4', { signal: stop.signal, onProgress }));
    await expect(rendering).rejects.toMatchObject({ code: 'aborted' });
    expect(await leftovers()).toEqual([]);
  });

  test('ffmpeg fails half-way', async () => {
    const clip = await probeClip(await makeClip(join(folder, 'source.mp4')));
    const { path } = await findFfmpeg();
    vi.stubEnv('FFPROBE_PATH', (await findFfprobe()).path);
    const fake = join(folder, 'fake-ffmpeg');
    const real = `exec '${path}' "$@"`;
    const script = `case "$*" in *filter_complex*libx264*) head -c 50000 >/dev/null; echo "[x @ 0x1] disk on fire" >&2; exit 1;; *) ${real};; esac`;
    await writeFile(fake, `#!/bin/sh\n${script}\n`);
    await chmod(fake, 0o755);
    vi.stubEnv('FFMPEG_PATH', fake);
    const rendering = renderOverlay(jobFor(clip, 'failed.mp4'));
    await expect(rendering).rejects.toMatchObject({ code: 'ffmpeg-failed', message: 'disk on fire' });
    vi.unstubAllEnvs();
    expect(await leftovers()).toEqual([]);
  });

  test('wrong spans and styles are told before any work', async () => {
    const clip = await probeClip(await makeClip(join(folder, 'brief.mp4'), { frames: 5 }));
    const wrongSpan = renderOverlay(jobFor(clip, 'failed.mp4', { span: { startSec: 3, endSec: 4 } }));
    await expect(wrongSpan).rejects.toMatchObject({ code: 'time-span' });
    const wrongStyle = renderOverlay(jobFor(clip, 'failed.mp4', { style: { ...defaultStyle, opacity: 7 } }));
    await expect(wrongStyle).rejects.toMatchObject({ code: 'usage' });
    await expect(renderOverlay(jobFor(clip, 'failed.mp4', { keyframes: [] }))).rejects.toMatchObject({ code: 'usage' });
    expect(await leftovers()).toEqual([]);
  });
});
