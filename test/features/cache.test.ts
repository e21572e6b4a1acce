/** The cache on disk, and the computation that fills it. */
import { chmod, lstat, readdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { LabelledEvent } from '../../src/events/labelled.ts';
import { FeatureCache } from '../../src/features/cache.ts';
import { ensureFeatures, planEvents } from '../../src/features/dataset.ts';
import type { ExtractionJob, Extractor } from '../../src/features/extractor.ts';
import { probeClip } from '../../src/video/media/probe.ts';
import { drawGrey, makeClip } from '../support/clips.ts';
import { canMount, smallDisk } from '../support/full-disk.ts';
import { toyCache, toyFrame } from '../training/toy.ts';

let cache: FeatureCache;
beforeEach(async () => {
  cache = await toyCache();
});
afterEach(() => rm(cache.folder, { recursive: true }));

const features = (cacheOfLength: FeatureCache, value: number): Uint16Array =>
  new Uint16Array(cacheOfLength.source.length).fill(value);

describe('FeatureCache', () => {
  it('gives back what was written, and tells variants apart', async () => {
    const frame = toyFrame('v', 3);
    expect(await cache.touch(frame)).toBe(false);
    await cache.write(frame, features(cache, 7));
    await cache.write({ ...frame, mirrored: true }, features(cache, 8));
    expect(await cache.read(frame)).toEqual(features(cache, 7));
    for (const other of [
      toyFrame('w', 3),
      toyFrame('v', 4),
      { ...frame, gain: 1.1 },
      { ...frame, part: { x: 0, y: 0, width: 9, height: 9 } },
    ]) {
      expect(await cache.touch(other)).toBe(false);
    }
  });
  it('takes a truncated file for absent', async () => {
    const frame = toyFrame('v', 0);
    await cache.write(frame, features(cache, 1));
    await writeFile(cache.pathOf(frame), 'x');
    expect(await cache.touch(frame)).toBe(false);
    await expect(cache.read(frame)).rejects.toMatchObject({ code: 'input-unreadable' });
  });
  it.each<[string, (bytes: Buffer, other: Buffer) => Buffer]>([
    ['full of zeros', (bytes) => Buffer.alloc(bytes.length)],
    ['with one wrong bit', (bytes) => Buffer.from(bytes.map((byte, i) => (i === 5 ? byte ^ 1 : byte)))],
    [
      'with a wrong checksum',
      (bytes) => Buffer.from(bytes.map((byte, i) => (i === bytes.length - 1 ? byte ^ 1 : byte))),
    ],
    ["that is another frame's", (_, other) => other],
    ['that is too long', (bytes) => Buffer.concat([bytes, bytes])],
    ['without its checksum', (bytes) => bytes.subarray(0, -32)],
    ['that is empty', () => Buffer.alloc(0)],
  ])('takes a file %s for absent, and notes it', async (_, spoil) => {
    const [frame, other] = [toyFrame('v', 0), toyFrame('w', 0)];
    await cache.write(frame, features(cache, 1));
    await cache.write(other, features(cache, 2));
    const path = cache.pathOf(frame);
    await writeFile(path, spoil(await readFile(path), await readFile(cache.pathOf(other))));
    expect(await cache.touch(frame)).toBe(false);
    await expect(cache.read(frame)).rejects.toMatchObject({ code: 'input-unreadable' });
    expect([...cache.damaged]).toEqual([path]);
    await cache.write(frame, features(cache, 3));
    expect(await cache.read(frame)).toEqual(features(cache, 3));
    expect(await cache.read(other)).toEqual(features(cache, 2));
  });
  it('removes what was used longest ago, but nothing that is needed', async () => {
    const small = await toyCache(3 * cache.frameBytes);
    for (const [i, daysAgo] of [1, 3, 2].entries()) {
      await small.write(toyFrame('v', i), features(small, i));
      const used = new Date(Date.now() - daysAgo * 86_400_000);
      await utimes(small.pathOf(toyFrame('v', i)), used, used);
    }
    await small.makeRoom([toyFrame('v', 1)], 1);
    const left = await Promise.all([0, 1, 2].map((i) => small.touch(toyFrame('v', i))));
    expect(left).toEqual([true, true, false]);
    await expect(small.makeRoom([toyFrame('v', 1)], 3)).rejects.toMatchObject({ code: 'usage' });
    await rm(small.folder, { recursive: true });
  });
});

describe('a cache of another user', () => {
  const event = (path: string, clip: LabelledEvent['clip']): LabelledEvent => {
    return { id: 'e', video: path, clip, span: { startSec: 0, endSec: 4 }, label: 'a', split: 'train' };
  };
  const extractor = async (): Promise<Extractor> => ({
    extract: async ({ variants }) => variants.map(() => features(cache, 5)),
    dispose: async () => {},
  });

  it.skipIf(!canMount)(
    'is read; what is new is kept elsewhere, for this run and its processes, and it is said',
    async () => {
      const disk = await smallDisk(`${cache.folder}-disk`, 1 << 20);
      onTestFinished(() => disk.remove());
      const shared = new FeatureCache(join(disk.folder, 'features'), cache.source, cache.maxBytes);
      const path = await makeClip(join(cache.folder, 'v.mp4'), { frames: 12, rate: '2', width: 96, height: 64 });
      const plan = await planEvents([{ name: 'd', events: [event(path, await probeClip(path))] }], {
        ...{ frames: 3, views: 1, seed: 0 },
      });
      const frames = plan[0]!.views[0]!.frames;
      expect(await shared.prepare()).toBeUndefined();
      await shared.write(frames[0]!, features(cache, 4));
      disk.protect(true);

      const mine = new FeatureCache(shared.folder, cache.source, cache.maxBytes);
      const note = `the cache ${mine.folder} can only be read (the file system is read-only): new features are not kept for the next run`;
      expect(await ensureFeatures(plan, mine, extractor)).toEqual({ computed: 2, reused: 1, notes: [note] });
      expect(await ensureFeatures(plan, mine, extractor)).toEqual({ computed: 0, reused: 3, notes: [] });
      const values = await Promise.all(frames.map(async (frame) => (await FeatureCache.at(mine.place).read(frame))[0]));
      expect(values).toEqual([4, 5, 5]);
      await mine.makeRoom([], 1);
      await expect(stat(mine.place.spareFolder!)).resolves.toMatchObject({ mode: 0o40700 });
      await rm(mine.place.spareFolder!, { recursive: true });
    },
  );

  it.skipIf(process.getuid?.() === 0)('may have single folders that cannot be written to', async () => {
    await cache.write(toyFrame('v', 0), features(cache, 1));
    await chmod(dirname(cache.pathOf(toyFrame('v', 0))), 0o500);
    expect(await cache.prepare()).toMatch(/can only be read \(permission denied\)/);
    expect(await cache.prepare()).toBeUndefined();
    await chmod(dirname(cache.pathOf(toyFrame('v', 0))), 0o700);
  });
});

describe('ensureFeatures', () => {
  let events: LabelledEvent[];
  let jobs: ExtractionJob[];
  beforeEach(async () => {
    const path = await makeClip(join(cache.folder, 'drive.mp4'), { frames: 12, rate: '2', width: 96, height: 64 });
    const clip = await probeClip(path);
    events = [0, 1].map((i) => ({
      id: `e${i}`,
      video: 'drive.mp4',
      clip,
      span: { startSec: i, endSec: i + 3 },
      label: 'a',
      split: 'train' as const,
    }));
    jobs = [];
  });

  /** Answers each variant with a number that tells the picture's mirroring. */
  const extractor = async (): Promise<Extractor> => ({
    extract: async (job) => {
      jobs.push(job);
      return job.variants.map(({ mirrored }) => features(cache, mirrored ? 2 : 1));
    },
    dispose: async () => {},
  });

  it('computes every frame and variant once, shared by overlapping events, and only what is missing', async () => {
    const plan = await planEvents([{ name: 'd', events }], { frames: 3, views: 2, seed: 0 });
    // Sampled at 0.5, 1.5, 2.5 s and at 1.5, 2.5, 3.5 s: four moments, each as it is and mirrored.
    expect(plan[1]!.views[1]!.frames.map(({ timestampSec }) => timestampSec)).toEqual([1.5, 2.5, 3.5]);
    expect(await ensureFeatures(plan, cache, extractor)).toEqual({ computed: 8, reused: 0, notes: [] });
    expect(jobs.map(({ variants }) => variants.length)).toEqual([2, 2, 2, 2]);
    expect(await cache.read(plan[0]!.views[1]!.frames[0]!)).toEqual(features(cache, 2));

    await rm(cache.pathOf(plan[0]!.views[0]!.frames[0]!));
    expect(await ensureFeatures(plan, cache, extractor)).toEqual({ computed: 1, reused: 7, notes: [] });
  });

  it('computes again what is damaged in the cache, and says so', async () => {
    const plan = await planEvents([{ name: 'd', events }], { frames: 3, views: 1, seed: 0 });
    await ensureFeatures(plan, cache, extractor);
    const path = cache.pathOf(plan[0]!.views[0]!.frames[0]!);
    await writeFile(path, Buffer.alloc(cache.frameBytes));
    const { computed, notes } = await ensureFeatures(plan, cache, extractor);
    expect(computed).toBe(1);
    expect(notes).toEqual([`a cached file is damaged and computed again: ${path}`]);
    expect(await cache.read(plan[0]!.views[0]!.frames[0]!)).toEqual(features(cache, 1));
  });
  it('never keeps a damaged frame where others look for an intact one, and tells of it every time', async () => {
    const damaged = await makeClip(join(cache.folder, 'first.mp4'), {
      ...{ frames: 12, rate: '2', width: 96, height: 64, output: ['-movflags', 'faststart', '-g', '4', '-bf', '0'] }, // its index comes first
    });
    const spoilt = await readFile(damaged);
    spoilt.fill(0, spoilt.length - 120);
    await writeFile(damaged, spoilt);
    const clip = await probeClip(damaged);
    const own = [{ ...events[0]!, clip, span: { startSec: 0, endSec: 6 } }];
    for (let run = 0; run < 2; run++) {
      const plan = await planEvents([{ name: 'd', events: own }], { frames: 3, views: 2, seed: 0 });
      const { notes } = await ensureFeatures(plan, cache, extractor);
      expect(notes[0]).toMatch(/first\.mp4: the video is damaged: the frame/);
      const frames = plan[0]!.views[1]!.frames;
      expect(frames.map(({ isDamaged }) => isDamaged ?? false)).toEqual([false, false, true]);
      for (const frame of frames) {
        expect(await cache.touch({ ...frame, isDamaged: false })).toBe(!frame.isDamaged);
        expect(await cache.read(frame)).toEqual(features(cache, frame.mirrored ? 2 : 1));
      }
    }
  });
  it('keeps nothing of a video that was replaced after it was hashed', async () => {
    const plan = await planEvents([{ name: 'd', events }], { frames: 3, views: 1, seed: 0 });
    const { path } = events[0]!.clip;
    const { atime, mtime } = await stat(path);
    await makeClip(path, { frames: 12, rate: '2', width: 96, height: 64, draw: drawGrey(90) });
    await utimes(path, atime, mtime);
    await expect(ensureFeatures(plan, cache, extractor)).rejects.toMatchObject({ code: 'input-changed' });
    expect((await readdir(cache.folder, { recursive: true })).filter((name) => name.endsWith('.f16'))).toEqual([]);
  });
  it('replaces a link, and not what it leads to', async () => {
    const plan = await planEvents([{ name: 'd', events }], { frames: 3, views: 1, seed: 0 });
    await ensureFeatures(plan, cache, extractor);
    const [name] = (await readdir(cache.folder, { recursive: true })).filter((each) => each.endsWith('.f16'));
    const path = join(cache.folder, name!);
    const mine = join(cache.folder, 'mine');
    await writeFile(mine, 'a file of mine');
    await rm(path);
    await symlink(mine, path);
    await ensureFeatures(plan, cache, extractor);
    expect(await readFile(mine, 'utf8')).toBe('a file of mine');
    expect((await lstat(path)).isFile()).toBe(true);
  });
  it('keeps what it has when it fails, and continues', async () => {
    const plan = await planEvents([{ name: 'd', events }], { frames: 3, views: 1, seed: 0 });
    let calls = 0;
    const failing = async (): Promise<Extractor> => {
      const working = await extractor();
      return { ...working, extract: (job) => (++calls > 2 ? Promise.reject(new Error('disk')) : working.extract(job)) };
    };
    await expect(ensureFeatures(plan, cache, failing)).rejects.toThrow('disk');
    const { computed, reused } = await ensureFeatures(plan, cache, extractor);
    expect(computed + reused).toBe(4);
    expect(computed).toBeGreaterThanOrEqual(2);
    const files = (await readdir(cache.folder, { recursive: true })).filter((name) => name.endsWith('.part.f16'));
    expect(files).toEqual([]);
  });
});
