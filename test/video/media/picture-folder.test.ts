/** Folders of pictures and tubs go the same way as videos: probed, sampled, streamed and encoded. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { mkdir, rm, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { FrameTroubles } from '../../../src/video/media/damage.ts';
import { listFrames } from '../../../src/video/media/frame-list.ts';
import type { Reading } from '../../../src/video/media/probe.ts';
import { identityOfClip, probeClip, recordedSignals, sha256OfClip } from '../../../src/video/media/probe.ts';
import { framesAt, type ShownFrames, sampleFrames } from '../../../src/video/media/sample.ts';
import { encodeSegment } from '../../../src/video/media/segment.ts';
import { streamFrames } from '../../../src/video/media/stream.ts';
import { readNumber } from '../../support/clips.ts';
import { dataFolder } from '../../support/data.ts';
import { makePictures, makeTub, PICTURE, pictureOf } from '../../support/pictures.ts';

const folder = mkdtempSync(join(tmpdir(), 'l2caf-pictures-'));
afterAll(() => rm(folder, { recursive: true }));

let made = 0;
const newFolder = (): string => join(folder, String(made++));
const names = (count: number, ending = 'jpg'): string[] =>
  Array.from({ length: count }, (_, n) => `${n + 1}.${ending}`);

/** The numbers that frames show. */
function numbersOf({ rgb, shape: [count, height, width] }: Pick<ShownFrames, 'rgb' | 'shape'>): number[] {
  const bytes = height * width * 3;
  return Array.from({ length: count }, (_, i) => readNumber(rgb.subarray(i * bytes, (i + 1) * bytes), width, height));
}

async function notesOf(path: string, reading: Reading = {}): Promise<readonly string[]> {
  return (await probeClip(path, undefined, reading)).notes ?? [];
}

const refused = async (path: string, code: string, message: RegExp, reading: Reading = { fps: 10 }): Promise<void> =>
  expect(probeClip(path, undefined, reading)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });

describe('numbered pictures', () => {
  it.each(['jpeg', 'png', 'webp'] as const)('are a clip: %s', async (format) => {
    const path = await makePictures(newFolder(), names(12, format), format);
    const clip = await probeClip(path, undefined, { fps: 10 });
    expect(clip).toMatchObject({ ...PICTURE, durationSec: 1.2, fps: 10, rotationDeg: 0, hasAudio: false });
    expect(clip.frameRate).toEqual({ numerator: 10, denominator: 1 });
    // A frame is on screen until the next one.
    const frames = await framesAt(clip, [0, 0.19, 0.2, 1.05, 1.19]);
    expect(numbersOf(frames)).toEqual([0, 1, 2, 10, 11]);
    expect(frames.timestampsSec).toEqual([0, 0.1, 0.2, 1, 1.1]);
    expect(frames.troubles.notes).toEqual([]);
  });

  it('are streamed and encoded at their times', async () => {
    const clip = await probeClip(await makePictures(newFolder(), names(130)), undefined, { fps: 30 });
    const list = await listFrames(clip, { startSec: 0, endSec: clip.durationSec });
    const timesSec = [...list.timesSec].filter((_, i) => i !== 7);
    const numbers: number[] = [];
    const troubles = new FrameTroubles();
    for await (const frame of streamFrames(clip, { list, timesSec, size: PICTURE, troubles })) {
      numbers.push(...numbersOf(frame));
    }
    expect(numbers).toEqual(Array.from({ length: 130 }, (_, n) => n).filter((n) => n !== 7));
    const out = join(folder, 'written.mp4');
    const span = { startSec: 1, endSec: 2 };
    expect((await encodeSegment({ clip, span, size: PICTURE, out })).timesSec).toHaveLength(30);
    const written = await probeClip(out);
    expect(written.durationSec).toBeCloseTo(1, 3);
    expect(numbersOf(await framesAt(written, [0.01, 0.99]))).toEqual([30, 59]);
  });

  it('may have gaps, and what is called otherwise beside them: it is said', async () => {
    const path = await makePictures(newFolder(), ['f1.jpg', 'f2.jpg', 'f5.jpg', 'cover.jpg']);
    const clip = await probeClip(path, undefined, { fps: 10 });
    expect(clip.notes).toEqual([
      expect.stringMatching(/gaps, 2 are missing/),
      expect.stringMatching(/1 picture of other names is left out: .*"cover.jpg"/),
    ]);
    expect(numbersOf(await framesAt(clip, [0.35, 0.45]))).toEqual([1, 2]);
  });

  it('of different sizes are brought to that of the first, which is said', async () => {
    const path = await makePictures(newFolder(), names(3));
    await writeFile(join(path, '2.jpg'), await pictureOf(1, 'jpeg', { width: 128, height: 64 }));
    const clip = await probeClip(path, undefined, { fps: 10 });
    const frames = await framesAt(clip, [0, 0.1, 0.2]);
    expect(numbersOf(frames)).toEqual([0, 1, 2]);
    expect(frames.troubles.notes.join()).toMatch(/change size \(64x32, 128x64\)/);
  });

  it('that are damaged are named, and what cannot be decoded is replaced', async () => {
    const path = await makePictures(newFolder(), names(6));
    await truncate(join(path, '2.jpg'), (await pictureOf(1)).length - 4);
    await writeFile(join(path, '4.jpg'), Buffer.alloc(3000));
    await writeFile(join(path, '6.jpg'), '');
    const clip = await probeClip(path, undefined, { fps: 10 });
    const frames = await framesAt(clip, [0, 0.1, 0.2, 0.3, 0.4, 0.5]);
    expect(numbersOf(frames).filter((_, i) => i !== 1)).toEqual([0, 2, 2, 4, 4]);
    expect(frames.troubles.damagedSec).toEqual([0.1]);
    expect([...frames.troubles.lost.keys()]).toEqual([0.3, 0.5]);
    const out = join(folder, 'damaged.mp4');
    const span = { startSec: 0, endSec: clip.durationSec };
    expect([...(await encodeSegment({ clip, span, size: PICTURE, out })).timesSec]).toEqual([0, 0.1, 0.2, 0.4]);
  });

  it('are refused in words where they cannot be a clip', async () => {
    const path = await makePictures(newFolder(), names(3));
    await refused(path, 'usage', /nothing says when each is shown/, {});
    await refused(path, 'usage', /both --fps and --times/, { fps: 10, times: 'times.csv' });
    await writeFile(join(path, '01.jpg'), await pictureOf(1));
    await refused(path, 'input-unreadable', /"0?1.jpg" and "0?1.jpg" have the same number/);
    await refused(await makePictures(newFolder(), []), 'input-unreadable', /it is a folder, and holds no numbered/);
    await refused(await makePictures(newFolder(), ['a.jpg']), 'input-unreadable', /holds no numbered pictures/);
    const text = newFolder();
    await mkdir(text);
    await writeFile(join(text, '1.jpg'), 'no picture');
    await refused(text, 'input-unreadable', /no pictures: "1.jpg"/);
  });

  it('are of one format', async () => {
    const path = await makePictures(newFolder(), names(3));
    await writeFile(join(path, '3.jpg'), await pictureOf(2, 'png'));
    const clip = await probeClip(path, undefined, { fps: 10 });
    await expect(framesAt(clip, [0.2])).rejects.toMatchObject({
      code: 'input-unreadable',
      message: expect.stringMatching(/3\.jpg: it is a PNG picture, and the first one is JPEG/),
    });
  });

  it.skipIf(process.platform === 'win32')('are files of the folder', async () => {
    const path = await makePictures(newFolder(), names(2));
    await symlink(join(path, '1.jpg'), join(path, '3.jpg'));
    expect((await probeClip(path, undefined, { fps: 10 })).durationSec).toBeCloseTo(0.3, 6);
    await writeFile(join(folder, 'secret.jpg'), await pictureOf(1));
    await symlink(join(folder, 'secret.jpg'), join(path, '4.jpg'));
    await refused(path, 'input-unreadable', /4\.jpg: it is a link that leads out/);
    await rm(join(path, '4.jpg'));
    spawnSync('mkfifo', [join(path, '4.jpg')]);
    await refused(path, 'input-unreadable', /4\.jpg: it is no regular file/);
  });

  it('are what they were when they were probed', async () => {
    const path = await makePictures(newFolder(), names(4));
    const clip = await probeClip(path, undefined, { fps: 10 });
    const sha256 = await sha256OfClip(clip);
    expect(await sha256OfClip(await probeClip(path, undefined, { fps: 20 }))).not.toBe(sha256);
    expect(await identityOfClip(path, { fps: 10 })).toBe(clip.identity);
    await writeFile(join(path, '2.jpg'), await pictureOf(9));
    await utimes(join(path, '2.jpg'), 1, 1);
    await expect(framesAt(clip, [0.1])).rejects.toMatchObject({ code: 'input-changed' });
    expect(numbersOf(await framesAt(clip, [0.2]))).toEqual([2]); // which is as it was
    expect(await identityOfClip(path, { fps: 10 })).not.toBe(clip.identity);
    const now = await probeClip(path, undefined, { fps: 10 });
    expect(numbersOf(await framesAt(now, [0.1]))).toEqual([9]);
    expect(await sha256OfClip(now)).not.toBe(sha256);
  });
});

describe('a table of times', () => {
  it('says when each picture is shown, wherever it lies', async () => {
    const path = await makePictures(newFolder(), ['1.jpg', '2.jpg', '3.jpg']);
    const table = 'time;file\n100;1.jpg\n100.5;3.jpg\n100.25;2.jpg\n100.7;4.jpg\n';
    const times = join(folder, 'elsewhere.csv');
    await writeFile(times, table);
    const clip = await probeClip(path, undefined, { times });
    expect(clip.notes).toEqual([
      expect.stringMatching(/begin at 100 s/),
      expect.stringMatching(/1 picture that is named cannot be found: "4.jpg"/),
    ]);
    expect(clip).toMatchObject({ durationSec: 0.75, times });
    const sampled = await sampleFrames(clip, { span: { startSec: 0, endSec: 0.75 }, count: 3 });
    expect([numbersOf(sampled), sampled.timestampsSec]).toEqual([
      [0, 1, 2],
      [0, 0.25, 0.5],
    ]);
    await writeFile(join(path, 'times.csv'), table);
    expect((await probeClip(path)).durationSec).toBe(0.75);
    const { timesSec } = await listFrames(await probeClip(path, undefined, { fps: 1000 }), { startSec: 0, endSec: 1 });
    expect([...timesSec]).toEqual([0, 0.001, 0.002]);
  });

  it('is refused where it does not say it', async () => {
    const path = await makePictures(newFolder(), names(2));
    const times = join(path, 'wrong.csv');
    for (const [text, problem] of [
      ['', /no columns file and time/],
      ['file,when\n1.jpg,0\n', /no columns file and time/],
      ['file,time\n1.jpg,soon\n', /line 2 does not name a file and a time/],
      ['file,time\n../1.jpg,0\n', /none of its pictures is in .*"\.\.\/1\.jpg"/],
    ] as const) {
      await writeFile(times, text);
      await refused(path, 'input-unreadable', problem, { times });
    }
  });
});

describe('a tub', () => {
  const records = [0, 1, 2, 3, 4, 5, 6, 7].map((index) => ({ index, stampMs: 5000 + 50 * index, angle: index / 10 }));

  it('has times and numbers of its own', async () => {
    const tub = await makeTub(newFolder(), records, { deleted: [1], without: [3], extraLine: '{"_index": 8, "cam' });
    const clip = await probeClip(tub);
    expect(clip.frameRate).toEqual({ numerator: 1_000_000, denominator: 50_000 });
    expect(clip.notes).toEqual([
      expect.stringMatching(/catalog_0.catalog has 1 line that cannot be read/),
      expect.stringMatching(/1 deleted record of the tub is left out/),
      expect.stringMatching(/1 picture that is named cannot be found: "3_cam_image_array_.jpg"/),
    ]);
    const signals = await recordedSignals(clip);
    expect(signals).toEqual({
      names: ['user/angle'],
      timesSec: [0, 0.1, 0.2, 0.25, 0.3, 0.35],
      values: [[0, 0.2, 0.4, 0.5, 0.6, 0.7]],
    });
    expect(numbersOf(await framesAt(clip, [0, 0.1, 0.19, 0.25]))).toEqual([0, 2, 2, 5]);
  });

  it('leaves pauses out, and a clock that jumps does not move the pictures', async () => {
    const stamps = [0, 50, 100, 60_000, 60_050, 20, 70];
    const tub = await makeTub(
      newFolder(),
      stamps.map((stampMs, index) => ({ index, stampMs })),
    );
    const clip = await probeClip(tub);
    const { timesSec } = await listFrames(clip, { startSec: 0, endSec: 10 });
    expect([...timesSec]).toEqual([0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3]);
    expect(clip.notes).toEqual([expect.stringMatching(/pauses once, 59.9 s in all/)]);
    expect((await probeClip(tub, undefined, { fps: 10 })).durationSec).toBe(0.7);
  });

  it('of version 1 has a file for every record', async () => {
    const path = await makePictures(newFolder(), ['10_cam-image_array_.jpg', '9_cam-image_array_.jpg']);
    for (const n of [9, 10]) {
      const record = { 'cam/image_array': `${n}_cam-image_array_.jpg`, 'user/angle': n, 'user/throttle': 0.5 };
      await writeFile(join(path, `record_${n}.json`), JSON.stringify(record));
    }
    await writeFile(join(path, 'meta.json'), '{"inputs": [], "types": [], "start": 1}');
    await writeFile(join(path, 'record_11.json'), '[]');
    const clip = await probeClip(path);
    expect(clip.durationSec).toBe(0.1);
    expect(clip.notes).toEqual([
      expect.stringMatching(/1 record of the tub cannot be read/),
      expect.stringMatching(/state no times: 20 pictures per second/),
    ]);
    expect(numbersOf(await framesAt(clip, [0, 0.06]))).toEqual([1, 0]);
    expect(await recordedSignals(clip)).toMatchObject({ names: ['user/angle', 'user/throttle'] });
  });

  it('is refused where its manifest is of no use', async () => {
    const path = newFolder();
    await mkdir(path);
    for (const [manifest, code, problem] of [
      ['not JSON', 'input-unreadable', /not the manifest of a Donkey tub/],
      ['{"paths": ["../../catalog"]}', 'input-unreadable', /not the manifest of a Donkey tub/],
      ['{"paths": ["catalog_9.catalog"]}', 'input-not-found', /catalog_9\.catalog/],
    ] as const) {
      await writeFile(join(path, 'manifest.json'), manifest);
      await refused(path, code, problem, {});
    }
    await refused(
      await makeTub(newFolder(), records, { without: records.map(({ index }) => index) }),
      'input-unreadable',
      /none of/,
      {},
    );
    await refused(await makeTub(newFolder(), []), 'input-unreadable', /it names no pictures/, {});
  });

  it.skipIf(process.platform === 'win32')('has its pictures in its own folder', async () => {
    const other = await makeTub(newFolder(), records);
    const tub = await makeTub(newFolder(), records);
    await rm(join(tub, 'images'), { recursive: true });
    await symlink(join(other, 'images'), join(tub, 'images'));
    await refused(tub, 'input-unreadable', /images: it is a link that leads out of the folder/, {});
  });

  it.skipIf(dataFolder === undefined)('of a real drive is read whole', async () => {
    const clip = await probeClip(join(dataFolder!, 'donkey', 'tub'));
    expect(clip).toMatchObject({ width: 160, height: 120 });
    expect(clip.notes).toEqual([expect.stringMatching(/pauses once/)]);
    const signals = await recordedSignals(clip);
    expect(signals?.names).toEqual(['user/angle', 'user/throttle']);
    expect(signals?.timesSec).toHaveLength(2000);
  });
});

it('a video has times of its own', async () => {
  const path = join(folder, 'video.mp4');
  await writeFile(path, 'anything');
  await expect(notesOf(path, { fps: 20 })).rejects.toMatchObject({ code: 'usage' });
});
