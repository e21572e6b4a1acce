import { chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Heatmap, VideoClip } from '../../src/types.ts';
import { findFfmpeg, findFfprobe } from '../../src/video/binaries.ts';
import { type RenderJob, renderOverlay } from '../../src/video/encode.ts';
import { defaultStyle } from '../../src/video/overlay.ts';
import { listFrames, probeClip } from '../../src/video/probe.ts';
import { type ClipOptions, decodeAll, drawGrey, makeClip, makeRotated, readNumber } from './clips.ts';

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
    style: { ...defaultStyle, showMarks: false, levels: [0.5] },
    out: join(folder, out),
    ...more,
  };
}

describe('every frame of the segment is there once, in order', () => {
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
    expect(result).toEqual({ frames: end - first, durationSec: expect.closeTo(written.durationSec, 2), constantRate });
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

test('pixels outside the overlay keep their colours', async () => {
  const clip = await probeClip(await makeClip(join(folder, 'colours.mp4'), { frames: 5 }));
  const job = jobFor(clip, 'colours out.mp4');
  await renderOverlay(job);
  const [before] = await decodeAll(clip.path, 'rgb24', 160 * 96 * 3);
  const [after] = await decodeAll(job.out, 'rgb24', 160 * 96 * 3);
  // The planted cell is right of the middle: compare the left third.
  const isLeft = (_: number, i: number): boolean => Math.floor(i / 3) % 160 < 50;
  const [source, rendered] = [before!.filter(isLeft), after!.filter(isLeft)];
  const mean = source.reduce((sum, value, i) => sum + Math.abs(value - rendered[i]!), 0) / source.length;
  expect(mean).toBeLessThan(2);
});

test.each([
  [['bt709', 'bt709', 'bt709', 'tv'], { matrix: 'bt709', primaries: 'bt709', transfer: 'bt709', range: 'tv' }],
  [
    ['bt2020nc', 'bt2020', 'arib-std-b67', 'tv'],
    { matrix: 'bt2020nc', primaries: 'bt2020', transfer: 'arib-std-b67', range: 'tv' },
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
    const script = `case "$*" in *libx264*) head -c 50000 >/dev/null; echo "[x @ 0x1] disk on fire" >&2; exit 1;; *) ${real};; esac`;
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
