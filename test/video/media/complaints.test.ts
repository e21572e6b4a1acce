/** What ffmpeg complains of is heard, even in the middle of a line about a frame, which it writes in several parts. */
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { findFfmpeg } from '../../../src/video/media/binaries.ts';
import { runFfmpeg } from '../../../src/video/media/ffmpeg.ts';
import { makeClip } from '../../support/clips.ts';

const FRAME =
  'n:   5 pts:    200 pts_time:0.2     pos:     4833 fmt:yuv420p sar:1/1 s:64x48 i:P iskey:0 type:P checksum:ABCDEFAB plane_checksum:[DEADBEEF 0F1E2D3C AAAABBBB] mean:[126 128 128] stdev:[51.5 0.0 0.0]';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-complaints-'));
});
afterEach(() => void vi.unstubAllEnvs());
afterAll(() => rm(folder, { recursive: true }));

/** Runs an ffmpeg that logs these lines first. */
async function complaintsAmong(...lines: string[]): Promise<readonly string[]> {
  const clip = await makeClip(join(folder, 'clip.mp4'), { frames: 5 });
  const { path: real } = await findFfmpeg();
  const path = join(folder, 'ffmpeg');
  await writeFile(`${path}.log`, `${lines.join('\n')}\n`);
  await writeFile(path, `#!/bin/sh\ncase "$*" in *null*) cat "$0.log" >&2;; esac\nexec '${real}' "$@"\n`);
  await chmod(path, 0o755);
  vi.stubEnv('FFMPEG_PATH', path);
  const output = new Writable({ emitClose: false, write: (_chunk, _encoding, done) => done() });
  const run = await runFfmpeg({ inputs: [{ source: clip, options: [] }], options: ['-f', 'null'], output });
  return run.complaints;
}

it.skipIf(process.platform === 'win32').each([
  ['alone', `[h264 @ 0x5] [error] error while decoding MB 1 0, bytestream -21`],
  [
    'after the first part of a line',
    `[showinfo@frames0 @ 0x5] [info] ${FRAME.replace(/checksum.*/, 'error while decoding MB 1 0, bytestream -21')}`,
  ],
  [
    'within a later part',
    `[Parsed_showinfo_2 @ 0x5] [info] ${FRAME.replace(/0F1E.*/, 'error while decoding MB 1 0, bytestream -21')}`,
  ],
])('is heard %s', async (_, line) => {
  const whole = `[showinfo@frames0 @ 0x5] [info] ${FRAME}`;
  expect(
    await complaintsAmong(
      whole,
      line,
      '[showinfo@frames0 @ 0x5] [info]  0F1E2D3C AAAABBBB] mean:[126 128 128] stdev:[51.5 0.0 0.0]',
    ),
  ).toEqual(['error while decoding MB 1 0, bytestream -21']);
});
