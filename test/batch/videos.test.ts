import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type VideoFacts, Videos } from '../../src/batch/videos.ts';
import { makePictures, pictureOf } from '../support/pictures.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-videos-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('folders of pictures in a batch', () => {
  it('are looked at once, and anew when they, or the times of their pictures, are others', async () => {
    const path = await makePictures(join(folder, 'pictures'), ['1.jpg', '2.jpg']);
    const found: VideoFacts[] = [];
    const first = await new Videos([], async (facts) => void found.push(facts)).facts(path, { fps: 10 });
    const videos = new Videos(found, async (facts) => void found.push(facts));
    expect(await videos.facts(path, { fps: 10 })).toBe(first);
    const slower = await videos.facts(path, { fps: 5 });
    expect([slower.clip.durationSec, found.length]).toEqual([0.4, 2]);
    expect(slower.sha256).not.toBe(first.sha256);
    await writeFile(join(path, '3.jpg'), await pictureOf(2));
    expect((await videos.facts(path, { fps: 5 })).clip.durationSec).toBe(0.6);
    await expect(videos.facts(path)).rejects.toMatchObject({ code: 'usage' });
  });
});
