/** A clip is one state of one file: what is read after the probe is that, or it is an error. */
import { mkdtempSync } from 'node:fs';
import { appendFile, copyFile, open, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { sha256OfFile } from '../../../src/base/files.ts';
import type { VideoClip } from '../../../src/base/types.ts';
import { FrameTroubles } from '../../../src/video/media/damage.ts';
import { withDecodableFrames } from '../../../src/video/media/decodable.ts';
import { listFrames } from '../../../src/video/media/frame-list.ts';
import { probeClip } from '../../../src/video/media/probe.ts';
import { decodeShown, framesAt, sampleFrames } from '../../../src/video/media/sample.ts';
import { streamFrames } from '../../../src/video/media/stream.ts';
import { makeClip } from '../../support/clips.ts';

const folder = mkdtempSync(join(tmpdir(), 'l2caf-changed-'));
afterAll(() => rm(folder, { recursive: true }));

const SPAN = { startSec: 0, endSec: 1 };
const path = join(folder, 'drive.mp4');
let clip: VideoClip;
beforeEach(async () => {
  await makeClip(path, { frames: 50 });
  clip = await probeClip(path);
});

/** Everything that reads a clip. */
const readers: readonly [string, (clip: VideoClip) => Promise<unknown>][] = [
  ['listFrames', (one) => listFrames(one, SPAN)],
  ['framesAt', (one) => framesAt(one, [0.5])],
  ['sampleFrames', (one) => sampleFrames(one, { span: SPAN, count: 3 })],
  ['sha256OfFile', (one) => sha256OfFile(one.path, { identity: one.identity })],
  [
    'withDecodableFrames',
    (one) => withDecodableFrames([{ clip: one, span: SPAN }], undefined, () => Promise.reject(new Error('too far'))),
  ],
];

describe.each<[string, () => Promise<void>]>([
  [
    'is replaced by a file of the same size and time',
    async () => {
      const { atime, mtime } = await stat(path);
      await copyFile(path, `${path}.new`);
      await utimes(`${path}.new`, atime, mtime);
      await rename(`${path}.new`, path);
    },
  ],
  [
    'is written to in place, its time set back',
    async () => {
      const { atime, mtime } = await stat(path);
      const file = await open(path, 'r+');
      await file.write(Buffer.from([1]), 0, 1, 5000);
      await file.close();
      await utimes(path, atime, mtime);
    },
  ],
  ['grows', () => appendFile(path, 'more')],
  [
    'becomes another kind of video',
    async () => void (await makeClip(path, { frames: 50, output: ['-f', 'matroska'] })),
  ],
])('a video that %s', (_, change) => {
  test.each(readers)('is noticed by %s', async (_name, read) => {
    await change();
    await expect(read(clip)).rejects.toMatchObject({ code: 'input-changed', hint: expect.stringMatching(/again/) });
  });
});

test('a video that is gone, or no video any more, is an error', async () => {
  await writeFile(path, 'no video');
  await expect(framesAt(clip, [0.5])).rejects.toMatchObject({ code: expect.stringMatching(/^input-/) });
  await rm(path);
  await expect(framesAt(clip, [0.5])).rejects.toMatchObject({ code: expect.stringMatching(/^input-/) });
});

test('what changes while it is decoded is noticed when its frames are there', async () => {
  const list = await listFrames(clip, SPAN);
  const decoding = decodeShown(clip, list, [list.timesSec[5]!]);
  await appendFile(path, 'more');
  await expect(decoding).rejects.toMatchObject({ code: 'input-changed' });
});

test('a stream of frames ends with the error', async () => {
  const list = await listFrames(clip, SPAN);
  const options = {
    list,
    timesSec: [...list.timesSec],
    size: { width: 160, height: 96 },
    troubles: new FrameTroubles(),
  };
  const stream = streamFrames(clip, options);
  await stream.next();
  await appendFile(path, 'more');
  const rest = async (): Promise<void> => {
    for await (const _ of stream);
  };
  await expect(rest()).rejects.toMatchObject({ code: 'input-changed' });
});

test('a file that is only read, stays the same', async () => {
  await framesAt(clip, [0.5]);
  await sha256OfFile(path, { identity: clip.identity });
  expect((await probeClip(path)).identity).toBe(clip.identity);
});
