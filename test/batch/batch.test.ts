/** A batch from its list to its tables, with a tiny network in real worker processes. */
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { analyzeDense } from '../../src/analysis/dense.ts';
import { type Analysis, readAnalysis } from '../../src/analysis/document.ts';
import { analyzeEvent, openClip } from '../../src/analysis/pipeline.ts';
import { LOCK } from '../../src/base/lock.ts';
import { createRandom } from '../../src/base/random.ts';
import { Batch } from '../../src/batch/batch.ts';
import { Videos } from '../../src/batch/videos.ts';
import { readAnalyses } from '../../src/retrieval/analyses.ts';
import { makeClip, makeDamagedEnd, makeTruncated } from '../support/clips.ts';
import { tinyNetwork } from '../support/tiny-network.ts';
import { analysesMade, contentOf, killAndCompare } from './killing.ts';
import { program, runTinyBatch } from './tiny-batch.ts';

let root: string;
let cache: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'l2caf-batch-'));
  cache = join(root, 'cache');
  vi.stubEnv('L2CAF_CACHE', cache);
  await makeClip(join(root, 'a.mp4'), { frames: 60, rate: '10' });
  await makeClip(join(root, 'b.mp4'), { frames: 40, rate: '10' });
  const whole = await makeClip(join(root, 'whole.mp4'), {
    frames: 60,
    rate: '10',
    draw: (n, width, height) => Uint8Array.from({ length: width * height }, (_, i) => (i * 7919 * (n + 3)) % 251),
    output: ['-movflags', '+faststart'],
  });
  await makeTruncated(whole, join(root, 'corrupt.mp4'), 0.4);
  const bytes = await readFile(whole);
  bytes.fill(0, bytes.indexOf('mdat') + 4); // its index is whole
  await writeFile(join(root, 'empty.mp4'), bytes);
  const rows = ['a,0,2', 'a,1,3', 'a,2,5', 'b,0,3', 'b,1,4', 'a,3,6'].map((row, i) => {
    const [video, start, end] = row.split(',');
    return `e${i},${video}.mp4,${start},${end},${i % 2 ? 'left' : 'right'},test,"note ${i}, kept"`;
  });
  await writeFile(join(root, 'events.csv'), `id,video,start,end,label,split,note\n${rows.join('\n')}\n`);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(root, { recursive: true, force: true });
});

const list = (): string => join(root, 'events.csv');

/** The upper half of a picture within bars. */
const SKY = { x: 0, y: 16, width: 160, height: 48 };

describe('a batch', () => {
  it('gives the same with one worker and with two, from a cache or not, and reads as tables', async () => {
    const one = join(root, 'one', 'out');
    const { ends } = await runTinyBatch(list(), one, { outputs: ['strip'] });
    expect(ends.map(({ id, error }) => error ?? id).sort()).toEqual(['e0', 'e1', 'e2', 'e3', 'e4', 'e5']);
    await rm(join(cache, 'features'), { recursive: true });
    const two = join(root, 'two', 'out');
    await runTinyBatch(list(), two, { jobs: 2, outputs: ['strip'] });
    expect(await contentOf(two)).toEqual(await contentOf(one));

    const rows = await parquetReadObjects({ file: await asyncBufferFromFile(join(one, 'results.parquet')) });
    expect(rows.map(({ id, label, status, note }) => [id, label, status, note])).toEqual(
      [0, 1, 2, 3, 4, 5].map((i) => [`e${i}`, i % 2 ? 'left' : 'right', 'done', `note ${i}, kept`]),
    );
    const analysis = JSON.parse(await readFile(join(one, 'events', 'e2', 'analysis.json'), 'utf8'));
    expect(rows[2]!['embedding']).toEqual(analysis.embedding);
    expect(rows[2]!['loss']).toEqual(analysis.frames.map(({ loss }: { loss: number }) => loss));
    expect(analysis.events).toEqual([
      { id: 'e1', label: 'left', startSec: 1, endSec: 3 },
      { id: 'e2', label: 'right', startSec: 2, endSec: 5 },
      { id: 'e5', label: 'left', startSec: 3, endSec: 6 },
    ]);
    const [heading, first] = (await readFile(join(one, 'results.csv'), 'utf8')).split('\n');
    expect(heading).toMatch(/^id,video,start,end,label,split,status,.*,embedding,note$/);
    expect(first).toContain(
      `"${JSON.stringify(JSON.parse(await readFile(join(one, 'events', 'e0', 'analysis.json'), 'utf8')).embedding)}"`,
    );
    const { records } = await readAnalyses([one]);
    expect(records.map(({ id, label, split }) => [id, label, split])).toEqual(
      [0, 1, 2, 3, 4, 5].map((i) => [`e${i}`, i % 2 ? 'left' : 'right', 'test']),
    );
    expect(await readFile(join(one, 'timings.csv'), 'utf8')).toMatch(/^id,attempts,decode_sec.*\ne0,1,/);
    expect(await readFile(join(one, 'index.html'), 'utf8')).toContain('events/e0/thumbnail.jpg');
  });

  it('redoes what an option affects, and what was lost, and nothing else', async () => {
    const folder = join(root, 'options', 'out');
    const outputsOf = async (options: Parameters<typeof runTinyBatch>[2]): Promise<unknown[]> => {
      const { plans } = await runTinyBatch(list(), folder, options);
      return [...new Set(plans.map(({ outputs }) => outputs.join()))];
    };
    expect(await outputsOf({ outputs: ['strip'] })).toEqual(['json,thumbnail,strip']);
    expect(await outputsOf({ outputs: ['strip'] })).toEqual(['']);
    expect(await outputsOf({})).toEqual(['']);
    expect(await outputsOf({ outputs: ['strip'], draw: { signed: true } })).toEqual(['thumbnail,strip']);
    expect(await outputsOf({ outputs: ['strip'], draw: { signed: true, audio: false } })).toEqual(['']);
    await rm(join(folder, 'events', 'e1', 'strip.jpg'));
    const { plans } = await runTinyBatch(list(), folder, { outputs: ['strip'], draw: { signed: true } });
    expect(plans.map(({ outputs }) => outputs.join())).toEqual(['', 'strip', '', '', '', '']);
    expect(Object.values(await analysesMade(folder))).toEqual([1, 1, 1, 1, 1, 1]);

    const before = await contentOf(join(cache, 'features'));
    expect(await outputsOf({ analysis: { method: 'gradcam' } })).toEqual(['json,thumbnail']);
    expect(await contentOf(join(cache, 'features'))).toEqual(before);
  });

  it('sees events in windows, as an analysis of each does, and short ones as a whole', async () => {
    const path = join(root, 'dense.csv');
    await writeFile(path, 'id,video,start,end\nlong,a.mp4,1,6\nshort,b.mp4,0,0.7\n');
    const folder = join(root, 'dense', 'out');
    const analysis = { windows: { isDense: true, windowSec: 1.5, strideSec: 0.5 }, fine: true };
    const { ends } = await runTinyBatch(path, folder, { analysis, outputs: ['strip', 'mp4'], jobs: 2 });
    expect(ends.map(({ error }) => error)).toEqual([undefined, undefined]);
    const documentOf = (id: string): Promise<Analysis> => readAnalysis(join(folder, 'events', id, 'analysis.json'));
    const model = await tinyNetwork('wasm');
    const { clip, span } = await openClip(join(root, 'a.mp4'), { startSec: 1, endSec: 6 });
    const slide = { frames: 3, windowSec: 1.5, strideSec: 0.5 };
    const { timingsSec: _, ...alone } = await analyzeDense(model, { ...slide, clip, span, seed: 0, fine: true });
    const part = await openClip(join(root, 'b.mp4'), { startSec: 0, endSec: 0.7 });
    const { timingsSec: __, ...short } = await analyzeEvent(model, { ...part, frames: 3, seed: 0, fine: true });
    model.network.dispose();
    expect(await documentOf('long')).toEqual(JSON.parse(JSON.stringify(alone)));
    expect(await documentOf('short')).toMatchObject(JSON.parse(JSON.stringify(short)));
    expect((await documentOf('short')).windows).toBeUndefined();
    expect((await readdir(join(folder, 'events', 'long'))).sort()).toEqual([
      ...['analysis.json', 'overlay.mp4', 'strip.jpg', 'thumbnail.jpg'],
    ]);
    const rows = await parquetReadObjects({ file: await asyncBufferFromFile(join(folder, 'results.parquet')) });
    expect(rows.map(({ windows }) => windows)).toEqual([alone.windows!.length, null]);
    expect((await runTinyBatch(path, folder, { analysis, outputs: ['strip', 'mp4'] })).ends).toEqual([]);
    const other = { ...analysis, windows: { ...analysis.windows, strideSec: 1 } };
    const { plans } = await runTinyBatch(path, folder, { analysis: other, outputs: ['strip'] });
    expect(plans.map(({ outputs }) => outputs.length > 0)).toEqual([true, false]);
  });

  it.each([
    [
      'what lies within black bars',
      { crop: 'auto' },
      'crop',
      { x: 0, y: 16, width: 160, height: 64 },
      /sees 160x64 from 0,16/,
    ],
    [
      'no part that is hidden',
      { hide: { isAuto: true, parts: [SKY] } },
      'hidden',
      [SKY],
      /not see 160x48 from 0,16: filled/,
    ],
  ] as const)('shows networks %s, whatever is cached of the whole picture', async (_, shown, key, seen, warning) => {
    const barred = await makeClip(join(root, 'barred.mp4'), {
      ...{ frames: 30, rate: '10' },
      draw: (n, width, height) =>
        Uint8Array.from({ length: width * height }, (__, i) => {
          const y = Math.floor(i / width);
          return y < 16 || y >= height - 16 ? 0 : 120 + 90 * Math.sin((i % width) / 9 + n / 3 + y / 7);
        }),
    });
    const path = join(root, 'barred.csv');
    await writeFile(path, 'id,video,start,end\none,barred.mp4,0,3\n');
    const folders = join(root, 'shown', key);
    const documentIn = (name: string): Promise<Analysis> =>
      readAnalysis(join(folders, name, 'events', 'one', 'analysis.json'));
    await runTinyBatch(path, join(folders, 'whole'), { outputs: ['strip'] });
    await runTinyBatch(path, join(folders, 'part'), { shown, outputs: ['strip'] });
    const [whole, part] = [await documentIn('whole'), await documentIn('part')];
    expect([whole.source[key], part.source[key]]).toEqual([undefined, seen]);
    expect(part.warnings).toContainEqual(expect.stringMatching(warning));
    const model = await tinyNetwork('wasm');
    const event = await openClip(barred, shown);
    const alone = await analyzeEvent(model, { ...event, frames: 3, seed: 0 });
    model.network.dispose();
    const farFrom = (other: readonly number[]): number =>
      Math.hypot(...alone.embedding.map((value, i) => value - other[i]!)) / Math.hypot(...alone.embedding);
    expect(farFrom(part.embedding)).toBeLessThan(0.01); // half precision
    expect(farFrom(whole.embedding)).toBeGreaterThan(0.02);
    const again = await runTinyBatch(path, join(folders, 'part'), { shown, outputs: ['strip'] });
    expect(again.ends).toEqual([]);
    expect(await readFile(join(folders, 'part', 'journal.jsonl'), 'utf8')).toContain(
      '"bars":{"x":0,"y":16,"width":160,"height":64},"overlays":[]',
    );
  });

  it('is not stopped by a video that cannot be decoded', async () => {
    const path = join(root, 'broken.csv');
    await writeFile(path, 'id,video,start,end\ngood,a.mp4,0,3\nbad,empty.mp4,3,5.5\nlast,b.mp4,0,3\n');
    const folder = join(root, 'broken', 'out');
    const { ends } = await runTinyBatch(path, folder, { jobs: 2 });
    const failed = ends.filter(({ error }) => error !== undefined);
    expect(failed).toMatchObject([{ id: 'bad', attempts: 2, error: { name: 'L2cafError' } }]);
    const rows = (await readFile(join(folder, 'results.csv'), 'utf8')).split('\n').slice(1, 4);
    expect(rows.map((row) => row.split(',')[6])).toEqual(['done', 'failed', 'done']);
    expect(rows[1]).toContain(failed[0]!.error!.message.split(',')[0]);
  });

  it('counts frames that are damaged in the file, every time, or fails their event', async () => {
    await makeDamagedEnd(join(root, 'damaged.mp4'), 300, { frames: 60, rate: '10' });
    const path = join(root, 'damaged.csv');
    await writeFile(path, 'id,video,start,end\ngood,damaged.mp4,0,3\nbad,damaged.mp4,3,6\n');
    for (const name of ['first', 'second']) {
      const folder = join(root, 'damaged', name);
      await runTinyBatch(path, folder);
      const [heading, ...rows] = (await readFile(join(folder, 'results.csv'), 'utf8')).split('\n');
      const column = heading!.split(',').indexOf('damaged_frames');
      expect(rows.slice(0, 2).map((row) => Number(row.split(',')[column]) > 0)).toEqual([false, true]);
    }
    const { ends } = await runTinyBatch(path, join(root, 'damaged', 'strict'), { analysis: { strict: true } });
    const failed = ends.filter(({ error }) => error !== undefined);
    expect(failed).toMatchObject([{ id: 'bad', error: { code: 'input-unreadable' } }]);
    expect(ends).toHaveLength(2);
  });

  it('computes again what is damaged in the cache', async () => {
    const first = join(root, 'rot', 'first');
    await runTinyBatch(list(), first);
    const files = (await readdir(join(cache, 'features'), { recursive: true })).filter((name) => name.endsWith('.f16'));
    for (const name of files) {
      const file = join(cache, 'features', name);
      await writeFile(file, Buffer.alloc((await stat(file)).size));
    }
    const second = join(root, 'rot', 'second');
    await runTinyBatch(list(), second);
    expect(await readFile(join(second, 'results.csv'))).toEqual(await readFile(join(first, 'results.csv')));
  });

  it('loses only the event whose worker dies, and only if it dies again', async () => {
    const kill = async (folder: string, times: number): Promise<Awaited<ReturnType<typeof runTinyBatch>>> => {
      const victims = new Set<number>();
      return runTinyBatch(list(), folder, {
        jobs: 2,
        workerModule: program('slow-worker'),
        onWorkers: ({ workers }) => {
          const victim = workers.find(({ doing, pid }) => doing === 'e3' && !victims.has(pid));
          if (victim === undefined || victims.size === times) return;
          victims.add(victim.pid);
          process.kill(victim.pid, 'SIGKILL');
        },
      });
    };
    const { ends: survived } = await kill(join(root, 'killed-once'), 1);
    expect(survived.find(({ id }) => id === 'e3')).toEqual({ id: 'e3', attempts: 2 });
    expect(survived.filter(({ error }) => error)).toEqual([]);
    const { ends } = await kill(join(root, 'killed-twice'), 2);
    expect(ends.filter(({ error }) => error)).toMatchObject([{ id: 'e3', error: { code: 'worker-lost' } }]);
    expect(ends).toHaveLength(6);
    // The next run tries again what has failed.
    const { plans } = await runTinyBatch(list(), join(root, 'killed-twice'));
    expect(plans.filter(({ outputs }) => outputs.length > 0).map(({ event }) => event.id)).toEqual(['e3']);
    const csv = await readFile(join(root, 'killed-twice', 'results.csv'), 'utf8');
    expect(csv).not.toContain('failed');
  });

  it('ends with the one error when its model cannot be opened, and records no failure', async () => {
    const folder = join(root, 'damaged', 'out');
    const workerModule = program('damaged-worker');
    const ends: unknown[] = [];
    const run = runTinyBatch(list(), folder, { jobs: 2, workerModule, onEnd: (end) => ends.push(end) });
    await expect(run).rejects.toMatchObject({ name: 'L2cafError', message: /cached weights of tiny are damaged/ });
    expect(ends).toEqual([]);
    expect(await readFile(join(folder, 'journal.jsonl'), 'utf8')).not.toContain('"failed"');
    const { ends: mended } = await runTinyBatch(list(), folder);
    expect(mended.map(({ attempts, error }) => error ?? attempts)).toEqual([1, 1, 1, 1, 1, 1]);
  });

  it('ends with one error when no worker can be started', async () => {
    const folder = join(root, 'unstartable', 'out');
    const ends: unknown[] = [];
    const workerModule = program('missing-worker');
    const run = runTinyBatch(list(), folder, { jobs: 2, workerModule, onEnd: (end) => ends.push(end) });
    await expect(run).rejects.toMatchObject({ code: 'worker-lost', message: /no worker process can be started/ });
    expect(ends).toEqual([]);
    expect(await readFile(join(folder, 'journal.jsonl'), 'utf8')).not.toContain('"failed"');
  });

  it('ends when the event that its target names cannot be embedded', async () => {
    const folder = join(root, 'target', 'out');
    const facts = await new Videos().facts(join(root, 'corrupt.mp4'));
    const target = { kind: 'similar', facts, span: { startSec: 3, endSec: 5.5 } } as const;
    await expect(runTinyBatch(list(), folder, { analysis: { target } })).rejects.toThrow(/corrupt\.mp4/);
    expect(await readFile(join(folder, 'journal.jsonl'), 'utf8')).not.toContain('"failed"');
  });

  it('finishes what is under way when asked to stop', async () => {
    const folder = join(root, 'stopped');
    const stop = new AbortController();
    const { ends } = await runTinyBatch(list(), folder, { stop: stop.signal, onEnd: () => stop.abort() });
    expect(ends.length).toBeGreaterThan(0);
    expect(ends.filter(({ error }) => error)).toEqual([]);
    const made = Object.keys(await analysesMade(folder));
    expect(made.sort()).toEqual(ends.map(({ id }) => id).sort());
  });

  it('goes on after being killed, repeats nothing, and ends the same', async () => {
    const undisturbed = join(root, 'undisturbed', 'out');
    await runTinyBatch(list(), undisturbed, { outputs: ['strip'] });
    const random = createRandom(1, 0);
    const batch = { list: list(), jobs: 2, cache };
    await killAndCompare(batch, join(root, 'killed'), 3, () => random.uniform(), await contentOf(undisturbed));
  });

  it('removes what a process that was killed while it wrote the tables left behind', async () => {
    const folder = join(root, 'leftovers');
    await mkdir(folder);
    await writeFile(join(folder, '.0123456789abcdef01234567.part.parquet'), '');
    await mkdir(join(folder, `${LOCK}.0123456789abcdef.part`)); // and while it took the lock
    const batch = await Batch.open(folder);
    expect((await readdir(folder)).sort()).toEqual([LOCK, 'journal.jsonl']);
    await batch.close();
  });

  it('is open once only', async () => {
    const folder = join(root, 'locked');
    const batch = await Batch.open(folder);
    await expect(Batch.open(folder)).rejects.toMatchObject({ code: 'output-unwritable' });
    await batch.close();
    await (await Batch.open(folder)).close();
  });
});
