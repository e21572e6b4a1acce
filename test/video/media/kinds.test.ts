/**
 * Kinds of files that once gave wrong pictures, or none. Every frame shows its number, so that what is on screen at a
 * moment is known, whatever the container and its clock do.
 *
 * @module-tag every-ffmpeg
 */

import { mkdtempSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { createRandom } from '../../../src/base/random.ts';
import { defaultStyle } from '../../../src/video/drawing/style.ts';
import { refuseDamage } from '../../../src/video/media/damage.ts';
import { renderOverlay } from '../../../src/video/media/encode.ts';
import { runFfprobe } from '../../../src/video/media/ffmpeg.ts';
import { listFrames } from '../../../src/video/media/frame-list.ts';
import { probeClip } from '../../../src/video/media/probe.ts';
import { framesAt, resolveSpan, sampleFrames, samplingTimes } from '../../../src/video/media/sample.ts';
import { type ClipOptions, ffmpeg, makeClip, readNumber } from '../../support/clips.ts';

const folder = mkdtempSync(join(tmpdir(), 'l2caf-kinds-'));
afterAll(() => rm(folder, { recursive: true }));

const SIZE = { width: 160, height: 96 };

/**
 * The numbers of the frames on screen at twelve moments, asked for together, and two of them one by one; and their places
 * in the list of frames.
 */
async function numbersAt(path: string): Promise<{ numbers: number[]; places: number[]; notes: string[] }> {
  const clip = await probeClip(path);
  const list = await listFrames(clip, { startSec: 0, endSec: clip.durationSec + 1 });
  const moments = samplingTimes({ startSec: 0, endSec: clip.durationSec }, 12);
  const { rgb, timestampsSec, troubles } = await framesAt(clip, moments, { size: SIZE });
  const bytes = SIZE.width * SIZE.height * 3;
  const numbers = moments.map((_, i) => readNumber(rgb.subarray(i * bytes, (i + 1) * bytes), SIZE.width, SIZE.height));
  const notes = new Set([...(clip.notes ?? []), ...troubles.notes]);
  for (const i of [4, 11]) {
    const alone = await framesAt(clip, [moments[i]!], { size: SIZE });
    if (troubles.notes.length === 0) for (const note of alone.troubles.notes) notes.add(note);
    expect(readNumber(alone.rgb, SIZE.width, SIZE.height)).toBe(numbers[i]);
  }
  const places = timestampsSec.map((time) => list.timesSec.indexOf(time));
  return { numbers, places, notes: [...notes] };
}

/** The places of frames of a constant rate at twelve moments of a clip that is so long. */
function expectedAt(frames: number, from = 0): number[] {
  return samplingTimes({ startSec: 0, endSec: frames }, 12).map((moment) => Math.floor(moment) + from);
}

const OPEN_GROUPS = 'open-gop=1:keyint=30:bframes=3:log-level=0';
const LONG_GROUPS = ['-g', '50', '-bf', '0'];

describe('pictures after a seek are those of a decode from the start', () => {
  const kinds: (ClipOptions & { name: string })[] = [
    {
      name: 'hevc without b frames.ts',
      output: ['-c:v', 'libx265', '-x265-params', 'bframes=0:keyint=50:log-level=0'],
    },
    { name: 'hevc.mkv', output: ['-c:v', 'libx265', '-x265-params', 'bframes=3:keyint=40:log-level=0'] },
    { name: 'h264 with open groups.ts', output: ['-x264-params', 'open-gop=1:keyint=30:bframes=3'] },
    { name: 'h264 refreshed piece by piece.ts', output: ['-x264-params', 'intra-refresh=1:keyint=30'] },
    { name: 'mpeg4.ts', output: ['-c:v', 'mpeg4', '-q:v', '2', ...LONG_GROUPS] },
    { name: 'mpeg4 with b frames.mpg', output: ['-c:v', 'mpeg4', '-q:v', '2', '-g', '50', '-f', 'vob'] },
    { name: 'mpeg2 with b frames.mpg', output: ['-c:v', 'mpeg2video', '-q:v', '2', '-g', '50', '-f', 'vob'] },
    { name: 'mpeg4 with b frames.avi', output: ['-c:v', 'mpeg4', '-q:v', '2', '-g', '25'] },
    { name: 'h264 with b frames.avi', output: ['-g', '25'] },
    { name: 'mpeg4 without b frames.avi', output: ['-c:v', 'mpeg4', '-q:v', '2', ...LONG_GROUPS] },
    { name: 'motion jpeg.avi', output: ['-c:v', 'mjpeg', '-bf', '0', '-q:v', '2', '-pix_fmt', 'yuvj420p'] },
    { name: 'live.webm', output: ['-c:v', 'libvpx', '-b:v', '1M', '-live', '1', '-f', 'webm'] },
    { name: 'fragments.mp4', output: ['-movflags', 'frag_keyframe+empty_moov'] },
    { name: 'late start.flv', output: ['-output_ts_offset', '3'] },
    { name: 'late start.mkv', output: ['-output_ts_offset', '100'] },
    { name: 'hevc with open groups.ts', output: ['-c:v', 'libx265', '-x265-params', OPEN_GROUPS] },
  ];
  test.each(kinds)('$name', async ({ name, ...options }) => {
    const frames = 225; // longer than a file of which all packets are read at once
    const path = await makeClip(join(folder, name), { frames, ...options });
    const clip = await probeClip(path);
    const all = await listFrames(clip, { startSec: 0, endSec: clip.durationSec });
    expect(all.timesSec).toHaveLength(frames);
    const { numbers, places, notes } = await numbersAt(path);
    expect(numbers).toEqual(places);
    expect(numbers.every((number, i) => Math.abs(number - expectedAt(frames)[i]!) <= 2)).toBe(true); // AVI states no times
    expect(notes).toEqual([]);
  });

  test.each([
    ['raw.h264', ['-g', '25'], []],
    ['raw.hevc', ['-c:v', 'libx265', '-x265-params', 'keyint=25:log-level=0'], []],
    ['raw.m4v', ['-c:v', 'mpeg4', '-q:v', '2', '-f', 'm4v'], []],
    ['raw.m2v', ['-c:v', 'mpeg2video', '-q:v', '2'], []],
  ])('%s, whose frames are counted', async (name, output) => {
    const path = await makeClip(join(folder, name), { frames: 100, output });
    const { numbers, notes } = await numbersAt(path);
    expect(numbers).toEqual(expectedAt(100));
    expect(notes).toEqual(['the video states no times: its frames are counted at 25 per second']);
  });

  test('without the table of their order in an MP4, frames are counted as the decoder shows them', async () => {
    const path = await makeClip(join(folder, 'no order.mp4'), { frames: 100 });
    const bytes = await readFile(path);
    bytes.write('xtts', bytes.indexOf('ctts'), 'latin1');
    await writeFile(path, bytes);
    const { numbers, notes } = await numbersAt(path);
    expect(notes).toEqual(['the video states no times: its frames are counted at 25 per second']);
    // An edit list hides the first two.
    expect(numbers.every((number, i) => Math.abs(number - expectedAt(100)[i]!) <= 3)).toBe(true);
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
  });
});

test.each(['mkv', 'ts', 'mp4'])('frames around a pause of a recording in %s are all there', async (ending) => {
  const groups = 'keyint=250:min-keyint=250:scenecut=0:bframes=3:b-adapt=0';
  const path = await makeClip(join(folder, `pause.${ending}`), {
    ...{ frames: 100, timesMs: 'N*40+gte(N\\,50)*30000', output: ['-bf', '3', '-x264-params', groups] },
  });
  const clip = await probeClip(path);
  for (const [timeSec, number] of [
    [1.89, 47],
    [1.97, 49],
    [10, 49],
    [32.01, 50],
  ] as const) {
    const { rgb, troubles } = await framesAt(clip, [timeSec], { size: SIZE });
    expect(readNumber(rgb, SIZE.width, SIZE.height)).toBe(number);
    expect(troubles.notes).toEqual([]);
  }
});

test('a clock that jumps back is refused: which recording is meant cannot be told', async () => {
  const [first, second] = [await makeClip(join(folder, 'first.ts')), await makeClip(join(folder, 'second.ts'))];
  const path = join(folder, 'both.ts');
  await writeFile(path, Buffer.concat([await readFile(first), await readFile(second)]));
  await expect(probeClip(path)).rejects.toMatchObject({
    code: 'input-unreadable',
    message: expect.stringMatching(
      /^the clock of .* jumps back from 3\.\d\d to 1\.\d\d s: it holds several recordings$/,
    ),
  });
});

test('frames a millisecond apart are told apart', async () => {
  const clip = await probeClip(await makeClip(join(folder, 'squares.mkv'), { frames: 40, timesMs: 'N*N' }));
  expect((await listFrames(clip, { startSec: 0, endSec: 9 })).timesSec).toHaveLength(40);
  for (const n of [0, 1, 2, 20, 39]) {
    const { rgb } = await framesAt(clip, [(n * n) / 1000 + 0.0002], { size: SIZE });
    expect(readNumber(rgb, SIZE.width, SIZE.height)).toBe(n);
  }
});

test('more frames a second than can be told apart are refused in words', async () => {
  const path = await makeClip(join(folder, 'fast.mp4'), { frames: 100, rate: '2000', output: ['-bf', '0'] });
  const clip = await probeClip(path);
  await expect(listFrames(clip, { startSec: 0, endSec: 1 })).rejects.toMatchObject({
    message: expect.stringContaining('shows more than 1000 frames a second'),
  });
});

test('a clip ends with its pictures, not with its sound', async () => {
  const path = join(folder, 'long sound.mkv');
  const pictures = await makeClip(join(folder, 'pictures.mkv'), { frames: 50 });
  const sound = ['-f', 'lavfi', '-i', 'aevalsrc=0:d=9'];
  await ffmpeg(['-i', pictures, ...sound, '-map', '0:v', '-map', '1:a', '-c:v', 'copy', '-c:a', 'aac', path]);
  const clip = await probeClip(path);
  expect(clip.durationSec).toBeCloseTo(2, 1);
  expect(clip.notes).toEqual([
    expect.stringMatching(/^the pictures of the video end at 2\.0\d s, although the file states/),
  ]);
  const { numbers, places } = await numbersAt(path);
  expect(numbers).toEqual(places);
  expect(numbers.at(-1)).toBe(47);
});

test('a file that was cut off ends with its last picture, and what is there is not damaged by that', async () => {
  const whole = await makeClip(join(folder, 'whole.mkv'), { frames: 100, rate: '25' });
  const path = join(folder, 'cut off.mkv');
  const bytes = await readFile(whole);
  await writeFile(path, bytes.subarray(0, Math.round(bytes.length / 2)));
  const clip = await probeClip(path);
  expect(clip.durationSec).toBeLessThan(3);
  expect(clip.notes).toEqual([expect.stringMatching(/^the pictures of the video end at .* states a length of 4\.0/)]);
  const span = { startSec: 0, endSec: 0.5 };
  const { troubles } = await sampleFrames(clip, { span, count: 3 });
  expect(troubles.notes).toEqual([]);
  refuseDamage(clip, troubles); // what --strict does
  expect(() => resolveSpan(clip, { endSec: 4 })).toThrow(/reaches beyond the end of the clip/);
});

test('what comes before the first key frame is left out, and said', async () => {
  const whole = await makeClip(join(folder, 'whole.ts'), {
    ...{ frames: 100, output: ['-g', '50', '-bf', '0', '-sc_threshold', '0'] },
  });
  const { details } = await listFrames(await probeClip(whole), { startSec: 0, endSec: 4 });
  const places = await packetPlaces(whole, details.track);
  const path = join(folder, 'starts between key frames.ts');
  const cut = Math.floor(places[20]!.at / 188) * 188;
  const bytes = await readFile(whole);
  const tables = bytes.subarray(0, Math.floor(places[0]!.at / 188) * 188); // the list of tracks comes first
  await writeFile(path, Buffer.concat([tables, bytes.subarray(cut)]));
  const { numbers, notes } = await numbersAt(path);
  expect(notes).toEqual([expect.stringMatching(/^the video starts between key frames: what comes before 1\.[12]/)]);
  expect(numbers[0]).toBe(50);
  expect(numbers.at(-1)).toBe(96);
  expect(numbers.every((number) => number >= 50)).toBe(true);
});

describe('damage', () => {
  /** A clip of 100 frames, a key frame every 25, whose packet of frame 25 is full of zeros. */
  async function makeDamaged(name: string): Promise<string> {
    const path = await makeClip(join(folder, name), {
      frames: 100,
      output: ['-g', '25', '-bf', '0', '-sc_threshold', '0'],
    });
    const { details } = await listFrames(await probeClip(path), { startSec: 0, endSec: 4 });
    const { at, size } = (await packetPlaces(path, details.track))[25]!;
    const bytes = await readFile(path);
    bytes.fill(0, at + (size >> 2), at + size);
    const damaged = join(folder, `damaged ${basename(path)}`);
    await writeFile(damaged, bytes);
    return damaged;
  }

  test.each(['zeros.mp4', 'zeros.mkv'])('in %s is named where it is, and nowhere else', async (name) => {
    const path = await makeDamaged(name);
    const clip = await probeClip(path);
    const frameAt = async (number: number) => framesAt(clip, [number / 25 + 0.005], { size: SIZE });
    for (const intact of [3, 24, 50, 99]) {
      const { rgb, troubles } = await frameAt(intact);
      expect(readNumber(rgb, SIZE.width, SIZE.height)).toBe(intact);
      expect(troubles.notes).toEqual([]);
    }
    for (const touched of [25, 33, 49]) {
      const { troubles } = await frameAt(touched);
      const time = (touched / 25).toFixed(2);
      expect(troubles.notes[0]).toMatch(new RegExp(`^the video is damaged: the frame at ${time} s (may not|cannot)`));
    }
  });

  test('that the container shows and the decoder does not notice is named', async () => {
    const whole = await makeClip(join(folder, 'garbage.mkv'), {
      ...{ frames: 75, output: ['-c:v', 'libx265', '-x265-params', 'bframes=3:keyint=25:log-level=0'] },
    });
    const { details } = await listFrames(await probeClip(whole), { startSec: 0, endSec: 4 });
    const places = await packetPlaces(whole, details.track);
    const { at } = places.slice(30, 50).reduce((a, b) => (a.size > b.size ? a : b));
    const bytes = await readFile(whole);
    const random = createRandom(1, 0);
    const garbage = Buffer.from(Array.from({ length: 52 }, () => Math.floor(random.uniform() * 256)));
    const path = join(folder, 'with garbage.mkv');
    await writeFile(path, Buffer.concat([bytes.subarray(0, at + 70), garbage, bytes.subarray(at + 70)]));
    const clip = await probeClip(path);
    expect(clip.notes).toEqual([expect.stringMatching(/^the pictures of the video end at 1\.52 s, although/)]);
    const { troubles } = await framesAt(clip, [1.37], { size: SIZE });
    expect(troubles.notes).toEqual(['the video is damaged: the frame at 1.36 s may not show what was filmed']);
  });

  test.each(['video.mp4', 'video.mkv'])('in %s: the video has what can be decoded, and it is said', async (name) => {
    const clip = await probeClip(await makeDamaged(name));
    const out = join(folder, `out of ${name}.mp4`);
    const span = { startSec: 0, endSec: clip.durationSec };
    const heatmap = { width: 2, height: 2, values: new Float32Array([0, 0, 0, 1]), min: 0, max: 1 };
    const keyframes = [{ timestampSec: 1, heatmap }];
    const { frames, durationSec, notes } = await renderOverlay({ clip, span, keyframes, style: defaultStyle, out });
    expect(frames).toBeGreaterThan(74);
    expect(durationSec).toBeCloseTo(4, 1);
    expect(notes.join()).toMatch(/the video is damaged: the .*frames at 1\.0\d.* (may not show|cannot be decoded)/);
    const written = await probeClip(out);
    expect((await listFrames(written, { startSec: 0, endSec: 9 })).timesSec).toHaveLength(frames);
  });

  test('between the moments does not matter', async () => {
    const clip = await probeClip(await makeDamaged('between.mp4'));
    const { troubles } = await framesAt(clip, [0.5, 3.5], { size: SIZE });
    expect(troubles.notes).toEqual([]);
  });

  test('of a transport stream that lost packets is named', async () => {
    const whole = await makeClip(join(folder, 'complete.ts'), {
      ...{ frames: 100, output: ['-g', '25', '-bf', '0', '-sc_threshold', '0'] },
    });
    const { details } = await listFrames(await probeClip(whole), { startSec: 0, endSec: 4 });
    const places = await packetPlaces(whole, details.track);
    const cut = Math.floor(places[30]!.at / 188) * 188;
    const bytes = await readFile(whole);
    const path = join(folder, 'lost packets.ts');
    await writeFile(path, Buffer.concat([bytes.subarray(0, cut), bytes.subarray(cut + 2 * 188)]));
    const clip = await probeClip(path);
    const before = await framesAt(clip, [0.5], { size: SIZE });
    const after = await framesAt(clip, [2.5], { size: SIZE });
    const within = await framesAt(clip, [1.6], { size: SIZE });
    expect([...before.troubles.notes, ...after.troubles.notes]).toEqual([]);
    expect(within.troubles.notes[0]).toMatch(/^the video is damaged: the frame at 1\.60 s may not show/);
  });
});

test('pictures that change their size are brought to one, and it is said', async () => {
  const small = await makeClip(join(folder, 'small.webm'), { frames: 50, output: ['-c:v', 'libvpx', '-b:v', '1M'] });
  const large = await makeClip(join(folder, 'large.webm'), {
    ...{ frames: 50, width: 320, height: 192, output: ['-c:v', 'libvpx', '-b:v', '2M'] },
  });
  const list = join(folder, 'list.txt');
  await writeFile(list, [small, large].map((path) => `file '${path}'`).join('\n'));
  const path = join(folder, 'two sizes.webm');
  await ffmpeg(['-f', 'concat', '-safe', '0', '-i', list, '-c', 'copy', path]);
  const { numbers, notes } = await numbersAt(path);
  expect(numbers).toEqual(expectedAt(100).map((n) => n % 50));
  expect(notes).toEqual(['the pictures of the video change size (160x96, 320x192): all are brought to one']);
});

describe('tracks', () => {
  async function makeTwo(name: string, dispositions: readonly string[]): Promise<string> {
    const thumbnail = await makeClip(join(folder, 'thumbnail.mp4'), {
      ...{ frames: 4, rate: '1', width: 64, height: 48 },
    });
    const main = await makeClip(join(folder, 'main.mp4'), { frames: 100 });
    const path = join(folder, name);
    const maps = ['-map', '0:v', '-map', '1:v', '-c', 'copy'];
    await ffmpeg(['-i', thumbnail, '-i', main, ...maps, ...dispositions, path]);
    return path;
  }

  test('the largest of several defaults is taken, and it is said', async () => {
    const path = await makeTwo('thumbnail first.mp4', ['-disposition:v:0', 'default', '-disposition:v:1', 'default']);
    const { numbers, notes } = await numbersAt(path);
    expect(numbers).toEqual(expectedAt(100));
    expect(notes).toEqual(['the file has 2 video tracks, 0 (64x48), 1 (160x96): track 1 is taken']);
  });

  test('another one can be chosen', async () => {
    const path = await makeTwo('chosen.mp4', []);
    const clip = await probeClip(path, undefined, { track: 0 });
    expect(clip).toMatchObject({ width: 64, height: 48, durationSec: 4, track: 0 });
    expect((await listFrames(clip, { startSec: 0, endSec: 9 })).timesSec).toHaveLength(4);
    await expect(probeClip(path, undefined, { track: 7 })).rejects.toMatchObject({
      code: 'usage',
      hint: 'its video tracks: 0 (64x48), 1 (160x96)',
    });
  });
});

test('of two frames at one time, one is shown', async () => {
  const path = await makeClip(join(folder, 'twice.mkv'), {
    ...{ frames: 75, timesMs: '(N-eq(N\\,20))*40', output: ['-bf', '0'] },
  });
  const clip = await probeClip(path);
  const { timesSec } = await listFrames(clip, { startSec: 0, endSec: 4 });
  expect(timesSec.length).toBeGreaterThanOrEqual(74);
  expect(timesSec.every((time, i) => i === 0 || time > timesSec[i - 1]!)).toBe(true);
  const { numbers } = await numbersAt(path);
  expect(numbers.map((number) => Math.min(number, 19))).toEqual(expectedAt(75).map((number) => Math.min(number, 19)));
});

test('high dynamic range reaches the network as the standard one', async () => {
  const sdr = await makeClip(join(folder, 'sdr.mp4'), { frames: 10, output: ['-bf', '0'] });
  const path = join(folder, 'hlg.mp4');
  const tagged = 'setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709';
  const toLight = 'zscale=t=linear:npl=203,format=gbrpf32le,zscale=p=bt2020';
  const graph = `${tagged},${toLight},zscale=t=arib-std-b67:m=bt2020nc:r=tv:npl=203,format=yuv420p10le`;
  const tags = ['-color_primaries', 'bt2020', '-color_trc', 'arib-std-b67', '-colorspace', 'bt2020nc'];
  await ffmpeg(['-i', sdr, '-vf', graph, ...tags, '-c:v', 'libx265', '-x265-params', 'log-level=0', path]);
  const clip = await probeClip(path);
  expect(clip.notes).toEqual(['the high dynamic range of the video is brought to the standard range (tone-mapped)']);
  const [original, mapped] = await Promise.all(
    [await probeClip(sdr), clip].map(async (one) => (await framesAt(one, [0.1], { size: SIZE })).rgb),
  );
  const difference = mapped!.reduce((sum, value, i) => sum + Math.abs(value - original![i]!), 0) / mapped!.length;
  expect(difference).toBeLessThan(8);
});

/** Where the packets of a track lie in the file, in decoding order. */
async function packetPlaces(path: string, track: number): Promise<{ at: number; size: number }[]> {
  const places: { at: number; size: number }[] = [];
  const entries = ['-select_streams', String(track), '-show_entries', 'packet=pos,size', '-of', 'csv=p=0'];
  await runFfprobe(path, entries, (line) => {
    const [size, at] = line.split(',').map(Number);
    if (at !== undefined) places.push({ at, size: size! });
  });
  return places;
}
