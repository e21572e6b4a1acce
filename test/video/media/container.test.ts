/**
 * What ffmpeg is told a file is: its kind by content, and nothing that would have it open other files.
 *
 * @module-tag every-ffmpeg
 */
import { mkdtempSync } from 'node:fs';
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { demuxerOf, sniffDemuxer } from '../../../src/video/media/container.ts';
import { runFfmpeg } from '../../../src/video/media/ffmpeg.ts';
import { probeClip } from '../../../src/video/media/probe.ts';
import { framesAt } from '../../../src/video/media/sample.ts';
import { makeClip, readNumber } from '../../support/clips.ts';

const folder = mkdtempSync(join(tmpdir(), 'l2caf-container-'));
afterAll(() => rm(folder, { recursive: true }));

describe('the kind of a video is known by its content, whatever its name', () => {
  test.each<[string, string, readonly string[]]>([
    ['mov', 'x.mp4', []],
    ['mov', 'x.mov', []],
    ['mov', 'x.3gp', ['-c:v', 'mpeg4']],
    ['mov', 'fragments.mp4', ['-movflags', 'frag_keyframe+empty_moov']],
    ['matroska', 'x.mkv', []],
    ['matroska', 'x.webm', ['-c:v', 'libvpx']],
    ['mpegts', 'x.ts', []],
    ['mpegts', 'x.m2ts', ['-f', 'mpegts', '-mpegts_m2ts_mode', '1']],
    ['mpeg', 'x.mpg', ['-c:v', 'mpeg2video']],
    ['mpeg', 'x.vob', ['-c:v', 'mpeg2video']],
    ['avi', 'x.avi', []],
    ['flv', 'x.flv', []],
    ['asf', 'x.wmv', ['-c:v', 'wmv2', '-bf', '0']],
    ['ogg', 'x.ogv', ['-c:v', 'libtheora']],
    ['nut', 'x.nut', []],
    ['mxf', 'x.mxf', ['-c:v', 'mpeg2video']],
    ['ivf', 'x.ivf', ['-c:v', 'libvpx']],
    ['yuv4mpegpipe', 'x.y4m', ['-c:v', 'wrapped_avframe']],
    ['gif', 'x.gif', ['-c:v', 'gif', '-pix_fmt', 'rgb8']],
    ['h264', 'x.h264', []],
    ['hevc', 'x.hevc', ['-c:v', 'libx265', '-x265-params', 'log-level=0']],
    ['m4v', 'x.m4v', ['-c:v', 'mpeg4', '-f', 'm4v']],
    ['mpegvideo', 'x.m2v', ['-c:v', 'mpeg2video']],
  ])('%s of %s', async (demuxer, name, output) => {
    const path = await makeClip(join(folder, `kind-${name}`), { frames: 50, output });
    expect(await demuxerOf(path)).toBe(demuxer);
    const disguised = join(folder, `${name}.txt`);
    await copyFile(path, disguised);
    const { rgb } = await framesAt(await probeClip(disguised), [1.21], { size: { width: 160, height: 96 } });
    expect(Math.abs(readNumber(rgb, 160, 96) - 30)).toBeLessThanOrEqual(2); // AVI and the like state no times
  });

  test('a transport stream may begin within a packet', async () => {
    const whole = await readFile(await makeClip(join(folder, 'cut.ts'), { frames: 50 }));
    for (const start of [1, 100, 187, 1000]) expect(sniffDemuxer(whole.subarray(start))).toBe('mpegts');
  });
});

describe('what would have ffmpeg open other files is refused', () => {
  /** A list of each kind that ffmpeg would follow to the video beside it. */
  const lists: readonly [string, (secret: string) => string][] = [
    ['a playlist', (secret) => `#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n${secret}\n#EXT-X-ENDLIST\n`],
    ['a playlist after a mark', (secret) => `\ufeff#EXTM3U\n#EXTINF:2,\n${secret}\n#EXT-X-ENDLIST\n`],
    ['a playlist of the network', () => '#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n'],
    ['a concat script', (secret) => `ffconcat version 1.0\nfile '${secret}'\n`],
    ['a manifest', (secret) => `<?xml version="1.0"?><MPD><BaseURL>file:${secret}</BaseURL></MPD>`],
    ['an SVG', (secret) => `<?xml version="1.0"?><svg><image href="file://${secret}"/></svg>`],
    ['a session', () => 'v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n'],
  ];
  test.each(lists)('%s named .mp4', async (name, write) => {
    const secret = await makeClip(join(folder, 'secret.ts'), { frames: 50 });
    for (const extension of ['mp4', 'm3u8', 'ffconcat', 'mpd', 'sdp', 'ts']) {
      const path = join(folder, `${name}.${extension}`);
      await writeFile(path, write(secret));
      const error = { code: 'input-unreadable', message: expect.stringMatching(/it is a list that names other files/) };
      await expect(probeClip(path)).rejects.toMatchObject(error);
      const output = join(folder, 'copied.mp4');
      await expect(runFfmpeg({ inputs: [{ source: path }], options: [], output })).rejects.toMatchObject(error);
    }
  });

  test('a list behind the first bytes of a video is read as that video', async () => {
    const secret = await makeClip(join(folder, 'secret.ts'), { frames: 50 });
    const list = Buffer.from(`\n#EXTM3U\n#EXTINF:2,\n${secret}\n#EXT-X-ENDLIST\n`);
    for (const start of ['\0\0\0\x08ftyp', 'FLV\x01', 'OggS', '\0\0\x01\xba']) {
      const path = join(folder, 'disguised.m3u8');
      await writeFile(path, Buffer.concat([Buffer.from(start, 'latin1'), list]));
      await expect(probeClip(path)).rejects.toMatchObject({ code: 'input-unreadable' });
    }
  });

  test('signs in a name have no meaning: the file of that name is read, not those that it would stand for', async () => {
    const other = join(folder, 'seq');
    await mkdir(other);
    await makeClip(join(other, 'seq001.mp4'), { frames: 12 });
    await makeClip(join(other, 'seqb.mp4'), { frames: 12 });
    for (const name of ['seq%03d.mp4', 'seq*.mp4', 'seq{a,b}.mp4', 'seq?.mp4', '-i seq001.mp4', 'http:seq.mp4']) {
      await copyFile(await makeClip(join(folder, 'long.mp4'), { frames: 25 }), join(other, name));
      expect((await probeClip(join(other, name))).durationSec).toBeCloseTo(1, 1);
    }
    await expect(probeClip(join(other, 'seq%01d.mp4'))).rejects.toMatchObject({ code: 'input-not-found' });
  });

  test('a picture, and a pattern of numbered ones, is no video', async () => {
    const clip = await makeClip(join(folder, 'one.mp4'), { frames: 1 });
    for (const name of ['p001.png', 'p001.jpg']) {
      const output = join(folder, name);
      await runFfmpeg({ inputs: [{ source: clip }], options: ['-frames:v', '1'], output });
      await copyFile(output, join(folder, name.replace('001', '%03d')));
      for (const path of [output, join(folder, name.replace('001', '%03d'))]) {
        await expect(probeClip(path)).rejects.toMatchObject({
          message: expect.stringMatching(/it is a still picture/),
        });
      }
    }
  });

  test('devices are', async () => {
    await expect(probeClip('/dev/zero')).rejects.toMatchObject({ message: expect.stringMatching(/no regular file/) });
  });
});
