/** Files whose stated times contradict the order of their pictures: it is said, and only where it is so. */
import { mkdtempSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { defaultStyle } from '../../../src/video/drawing/style.ts';
import { renderOverlay } from '../../../src/video/media/encode.ts';
import { listFrames } from '../../../src/video/media/frame-list.ts';
import { doubtfulGroups } from '../../../src/video/media/order.ts';
import type { Packet } from '../../../src/video/media/packets.ts';
import { probeClip } from '../../../src/video/media/probe.ts';
import { framesAt } from '../../../src/video/media/sample.ts';
import { makeClip, readNumber } from '../../support/clips.ts';

const folder = mkdtempSync(join(tmpdir(), 'l2caf-order-'));
afterAll(() => rm(folder, { recursive: true }));

const SIZE = { width: 160, height: 96 };
/** Three frames that refer to each other forwards and backwards between two that only refer backwards. */
const GROUPS = 'keyint=24:min-keyint=24:scenecut=0:bframes=3:b-adapt=0:b-pyramid=none';

/** A clip of 96 frames and four groups. */
async function makeOrdered(name: string): Promise<string> {
  return makeClip(join(folder, name), { frames: 96, output: ['-bf', '3', '-x264-params', GROUPS] });
}

/** The last half of an MP4 file's table of differences becomes one difference, as if there were no order. */
async function withoutLateOrder(whole: string): Promise<string> {
  const bytes = await readFile(whole);
  const table = bytes.indexOf('ctts') + 4;
  const count = bytes.readUInt32BE(table + 4);
  const usual = bytes.readUInt32BE(table + 8 + 4); // of the first frame, a key frame
  let frame = 0;
  for (let i = 0; i < count; i++) {
    const at = table + 8 + 8 * i;
    if (frame >= 48) bytes.writeUInt32BE(usual, at + 4);
    frame += bytes.readUInt32BE(at);
  }
  const path = join(folder, 'half without order.mp4');
  await writeFile(path, bytes);
  return path;
}

describe('times that know nothing of the order, from the middle of a file on', () => {
  test('are named where they are, and nowhere else', async () => {
    const clip = await probeClip(await withoutLateOrder(await makeOrdered('whole.mp4')));
    const { contradictsFromSec } = await listFrames(clip, { startSec: 0, endSec: 9 });
    expect(contradictsFromSec).toBeCloseTo(48 / 25, 3);
    const before = await framesAt(clip, [0.5, 1.5], { size: SIZE });
    expect(before.troubles.notes).toEqual([]);
    expect(readNumber(before.rgb, SIZE.width, SIZE.height)).toBe(12);
    const { troubles } = await framesAt(clip, [1.5, 2.9, 3.3], { size: SIZE });
    expect(troubles.notes).toEqual([
      'the video is damaged: the frames at 2.88, 3.28 s may not show what was filmed',
      'the times that the video states contradict the order of its pictures',
    ]);
    expect(troubles.isTouched(2.88)).toBe(true);
  });

  test('are named of a video that is made from it', async () => {
    const clip = await probeClip(await withoutLateOrder(await makeOrdered('whole.mp4')));
    const out = join(folder, 'out.mp4');
    const heatmap = { width: 2, height: 2, values: new Float32Array([0, 0, 0, 1]), min: 0, max: 1 };
    const span = { startSec: 1, endSec: clip.durationSec };
    const keyframes = [{ timestampSec: 1, heatmap }];
    const { notes } = await renderOverlay({ clip, span, keyframes, style: defaultStyle, out });
    expect(notes.join()).toContain('the times that the video states contradict the order of its pictures');
  });
});

test('a frame whose time in a Matroska file is that of another is named', async () => {
  const bytes = await readFile(await makeOrdered('whole.mkv'));
  const blocks = simpleBlocks(bytes);
  // The second packet of the second group, a picture that others refer to, gets the time of one that refers to it.
  bytes.copy(bytes, blocks[25]!, blocks[26]!, blocks[26]! + 2);
  const path = join(folder, 'twice.mkv');
  await writeFile(path, bytes);
  const clip = await probeClip(path);
  const { troubles } = await framesAt(clip, [0.5, 1.3], { size: SIZE });
  expect(troubles.notes).toContain('the times that the video states contradict the order of its pictures');
});

/** Where in a Matroska file each block of track 1 states its time, counted from its cluster. */
function simpleBlocks(bytes: Buffer): number[] {
  const places: number[] = [];
  for (let at = bytes.indexOf(Buffer.from('1f43b675', 'hex')); at < bytes.length; ) {
    const sizeBytes = Math.clz32(bytes[at + 1]!) - 23;
    const isBlock = bytes[at] === 0xa3 && bytes[at + 1 + sizeBytes] === 0x81;
    if (!isBlock) {
      at++;
      continue;
    }
    places.push(at + 2 + sizeBytes);
    at += 1 + sizeBytes + (bytes.readUIntBE(at + 1, sizeBytes) - 2 ** (7 * sizeBytes));
  }
  return places;
}

describe('doubts, from packets alone', () => {
  const SHOWN = [0, 4, 2, 1, 3, 8, 6, 5, 7];
  const groupOf = (shown: readonly number[]): Packet[] =>
    shown.map((place, i) => {
      return { shownSec: place, decodedSec: i - 2, lengthSec: 1, isKey: i === 0, isShown: true };
    });
  const doubts = (shown: readonly number[], reorderFrames = 2): number[] => {
    const next = groupOf(SHOWN).map((packet) => ({ ...packet, shownSec: packet.shownSec! + 20, decodedSec: 20 }));
    return doubtfulGroups([...groupOf(shown), ...next], reorderFrames).map(({ keySec }) => keySec);
  };

  test('none of groups in some order', () => {
    expect(doubts(SHOWN)).toEqual([]);
    expect(doubts([0, 2, 1, 4, 3])).toEqual([]);
    expect(doubts([0, 1])).toEqual([]); // too short for any order
  });

  test('none where pictures are stored as they are shown', () => {
    expect(doubtfulGroups(groupOf([0, 1, 2, 3, 4, 5, 6]), 0)).toEqual([]);
    expect(doubtfulGroups(groupOf([0, 1, 2, 3.7, 4, 5, 11]), 0)).toEqual([]);
  });

  test.each([
    ['no order', [0, 1, 2, 3, 4, 5]],
    ['more order than the decoder holds', [0, 8, 7, 6, 5, 4, 3, 2, 1]],
    ['two at one time', [0, 4, 2, 1, 2, 8, 6, 5, 7]],
    ['a time that is missing', [0, 4, 2, 1, 3, 9, 7, 6, 8]],
    ['shown before it is decoded', [0, 4, 2, 1, 3, 8, 6, 5, -7]],
  ])('%s', (_, shown) => {
    expect(doubts(shown)).toEqual([0]);
  });
});
