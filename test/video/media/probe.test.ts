import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { identityOf } from '../../../src/base/files.ts';
import { findFfmpeg, findFfprobe } from '../../../src/video/media/binaries.ts';
import { runFfmpeg } from '../../../src/video/media/ffmpeg.ts';
import { listFrames } from '../../../src/video/media/frame-list.ts';
import { probeClip } from '../../../src/video/media/probe.ts';
import { makeAudioOnly, makeClip, makeRotated, makeTruncated } from '../../support/clips.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-probe-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('probeClip', () => {
  test('reads size, rate, length and rotation', async () => {
    const path = await makeClip(join(folder, 'ntsc.mp4'), { frames: 30, rate: '30000/1001', width: 320 });
    const clip = await probeClip(path);
    expect(clip).toEqual({
      path,
      identity: await identityOf(path),
      width: 320,
      height: 96,
      frameRate: { numerator: 30000, denominator: 1001 },
      durationSec: expect.closeTo(1.001, 3),
      rotationDeg: 0,
      hasAudio: false,
      pixelFormat: 'yuv420p',
    });
    const turned = await probeClip(await makeRotated(path, join(folder, 'turned.mp4')));
    expect(turned).toMatchObject({ width: 96, height: 320, rotationDeg: 90 });
  });

  test('names the stored pixel format', async () => {
    const path = await makeClip(join(folder, '422.mp4'), { frames: 3, output: ['-pix_fmt', 'yuv422p10le'] });
    expect(await probeClip(path)).toMatchObject({ pixelFormat: 'yuv422p10le' });
  });

  test('counts time from the first timestamp of the file', async () => {
    const path = await makeClip(join(folder, 'late.mkv'), { output: ['-output_ts_offset', '7.3'] });
    const clip = await probeClip(path);
    expect((await listFrames(clip, { startSec: 1, endSec: 1.1 })).timesSec).toEqual(Float64Array.of(1, 1.04, 1.08));
  });

  test.each([
    ['a missing file', 'input-not-found', /there is no file/, async (path: string) => path],
    ['a folder', 'input-unreadable', /it is a folder/, (path: string) => mkdir(path)],
    ['an empty file', 'input-unreadable', /it is empty/, (path: string) => writeFile(path, '')],
    [
      'a text file',
      'input-unreadable',
      /not a video/,
      (path: string) => writeFile(path, 'no video at all\n'.repeat(99)),
    ],
    ['a tone', 'input-unreadable', /sound but no video/, makeAudioOnly],
    [
      'a truncated file',
      'input-unreadable',
      /it is truncated/,
      async (path: string) => makeTruncated(await makeClip(`${path}.whole.mp4`), path),
    ],
  ])('refuses %s', async (name, code, message, make) => {
    const path = join(folder, `${name}.mp4`);
    await make(path);
    const probing = probeClip(path);
    await expect(probing).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    await expect(probing).rejects.toThrow(path);
    await expect(probing).rejects.not.toThrow(/\n|file:/);
  });

  test('an aborted signal ends the work', async () => {
    const path = await makeClip(join(folder, 'aborted.mp4'), { frames: 3 });
    await expect(probeClip(path, AbortSignal.abort())).rejects.toMatchObject({ code: 'aborted' });
  });
});

describe('the executables', () => {
  async function makeScript(name: string, body: string): Promise<string> {
    const path = join(folder, name);
    await writeFile(path, `#!/bin/sh\n${body}\n`);
    await chmod(path, 0o755);
    return path;
  }

  test('are found without any setting', async () => {
    expect(await findFfmpeg({})).toMatchObject({ version: expect.stringMatching(/\d/) });
    expect(await findFfprobe({})).toMatchObject({ version: expect.stringMatching(/\d/) });
  });

  test('a chosen one comes first, then packages and PATH', async () => {
    const chosen = await makeScript('ffmpeg', 'echo "ffmpeg version 9.1-mine Copyright"');
    expect(await findFfmpeg({ FFMPEG_PATH: chosen })).toEqual({
      path: chosen,
      source: 'FFMPEG_PATH',
      version: '9.1-mine',
      renamed: {},
    });
    const probe = await makeScript('ffprobe', 'echo "ffprobe version 9.1-mine Copyright"');
    expect(await findFfprobe({ FFMPEG_PATH: chosen })).toMatchObject({ path: probe, source: 'beside ffmpeg' });
  });

  test.each([
    ['is missing', async () => join(folder, 'nowhere')],
    ['fails', () => makeScript('failing', 'exit 3')],
    ['is another program', () => makeScript('other', 'echo hello')],
  ])('a chosen one that %s is an error', async (_, make) => {
    const path = await make();
    const finding = findFfmpeg({ FFMPEG_PATH: path });
    await expect(finding).rejects.toMatchObject({ code: 'ffmpeg-missing', message: expect.stringContaining(path) });
  });

  test('a failure is told in the words of ffmpeg', async () => {
    const path = await makeClip(join(folder, 'source.mp4'), { frames: 3 });
    const run = runFfmpeg({ inputs: [{ source: path }], options: ['-c:v', 'nonsense'], output: join(folder, 'x.mp4') });
    await expect(run).rejects.toMatchObject({ code: 'ffmpeg-failed', message: expect.stringMatching(/nonsense/) });
  });
});
