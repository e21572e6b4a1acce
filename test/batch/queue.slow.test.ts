/** A batch through a real Redis: workers die at random moments, and everything is made once. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { parseQueueAddress } from '../../src/batch/queue.ts';
import { workQueue } from '../../src/batch/queue-worker.ts';
import { createRandom } from '../../src/random.ts';
import { canMount, smallDisk } from '../full-disk.ts';
import { makeClip } from '../video/clips.ts';
import { analysesMade, contentOf, killAndCompare, startProgram } from './killing.ts';
import { hasRedis, PASSWORD, type RunningRedis, startRedis } from './redis.ts';
import { program, runTinyBatch, TINY_WORKER, tinyBatchModel } from './tiny-batch.ts';

const EVENTS = 24;
const WORKERS = 3;
const KILLS = 9;

let root: string;
let redis: RunningRedis;
let list: string;
const running = new Set<ChildProcess>();

describe.skipIf(!hasRedis)('a batch through a queue', () => {
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'l2caf-queue-'));
    redis = await startRedis();
    vi.stubEnv('L2CAF_CACHE', join(root, 'cache'));
    await makeClip(join(root, 'drive.mp4'), { frames: 200, rate: '10' });
    list = await writeEvents('events.csv', EVENTS);
    await runTinyBatch(list, join(root, 'local', 'out'), { jobs: 2, outputs: ['strip'] });
  }, 300_000);
  afterEach(async () => {
    await Promise.all([...running].map(kill));
  });
  afterAll(async () => {
    await redis.stop();
    vi.unstubAllEnvs();
    await rm(root, { recursive: true });
  });

  it(`makes the same once, while ${KILLS} of its workers are killed`, async () => {
    const random = createRandom(11);
    for (let i = 0; i < WORKERS; i++) startWorker();
    for (let kills = 0, round = 0; kills < KILLS; round++) {
      const out = join(root, 'workers', String(round), 'out');
      const ended = runTinyBatch(list, out, { queue: redis.address, outputs: ['strip'] });
      const isOver = ended.then(() => true);
      while (kills < KILLS) {
        const victim = [...running][Math.floor(random.uniform() * running.size)]!;
        // Half of them soon after it has ended an event, half of them wherever they are.
        const moment = random.uniform() < 0.5 ? once(victim.stdout!, 'data') : setTimeout(1000 * random.uniform());
        await Promise.race([moment, ended]);
        if (await Promise.race([setTimeout(100 * random.uniform(), false), isOver])) break;
        kills++;
        await kill(victim);
        startWorker();
      }
      expect((await ended).ends.map(({ error }) => error).filter(Boolean)).toEqual([]);
      await expectAsLocal(out);
    }
  }, 900_000);

  it('goes on after the batch itself was killed', async () => {
    const random = createRandom(12);
    startWorker();
    const batch = { list, queue: redis.address, cache: join(root, 'cache') };
    const expected = await contentOf(join(root, 'local', 'out'));
    await killAndCompare(batch, join(root, 'batch-killed'), 3, () => random.uniform(), expected);
    expect(await jobsLeft()).toBe(0);
  }, 600_000);

  it('takes back what nobody has begun when it is stopped, and makes it later', async () => {
    const out = join(root, 'stopped', 'out');
    const stop = new AbortController();
    const first = runTinyBatch(list, out, { queue: redis.address, outputs: ['strip'], stop: stop.signal });
    await vi.waitUntil(async () => (await jobsLeft()) === EVENTS, { timeout: 60_000 }); // no worker is there
    stop.abort();
    expect((await first).ends).toEqual([]);
    expect(await jobsLeft()).toBe(0);
    startWorker();
    const { ends } = await runTinyBatch(list, out, { queue: redis.address, outputs: ['strip'] });
    expect(ends).toHaveLength(EVENTS);
    await expectAsLocal(out);
  }, 600_000);

  it('finds videos elsewhere, calls them as the batch does, and refuses others of the same name', async () => {
    const few = await writeEvents('few.csv', 3);
    const [local, moved, changed] = ['few', 'moved', 'changed'].map((name) => join(root, name, 'out')) as [
      string,
      string,
      string,
    ];
    await runTinyBatch(few, local, { outputs: ['strip'] });
    await mkdir(join(root, 'copies'));
    await cp(join(root, 'drive.mp4'), join(root, 'copies', 'drive.mp4'));
    startWorker(join(root, 'copies'));
    await runTinyBatch(few, moved, { queue: redis.address, outputs: ['strip'] });
    expect(await contentOf(moved)).toEqual(await contentOf(local));

    await rm(join(root, 'copies', 'drive.mp4'));
    await makeClip(join(root, 'copies', 'drive.mp4'), { frames: 150, rate: '10' });
    const { ends } = await runTinyBatch(few, changed, { queue: redis.address, outputs: ['strip', 'mp4'] });
    expect(ends.map(({ error }) => error?.message)).toEqual(
      Array(3).fill(expect.stringMatching(/copies.drive\.mp4 is not the video that the batch has/)),
    );
  }, 300_000);

  it.skipIf(!canMount)(
    'is left by a worker whose disk is full, and made by one with room',
    async () => {
      const few = await writeEvents('room.csv', 3);
      const disk = await smallDisk(join(root, 'small'), 1 << 20);
      await disk.leave(0);
      const ended = runTinyBatch(few, join(root, 'room', 'out'), { queue: redis.address, outputs: ['strip'] });
      const full = workQueue(parseQueueAddress(redis.address), {
        jobs: () => 1,
        workerModule: TINY_WORKER,
        describe: tinyBatchModel,
        output: disk.folder,
        stop: new AbortController().signal,
      });
      const error: unknown = await full.catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'output-unwritable', message: expect.stringMatching(/the disk is full$/) });
      await disk.remove();
      startWorker();
      const { ends } = await ended;
      expect(ends.map(({ error: failure }) => failure)).toEqual([undefined, undefined, undefined]);
    },
    300_000,
  );

  it('is left by workers with another model or one that cannot be opened, and made by one with the right one', async () => {
    const few = await writeEvents('three.csv', 3);
    const out = join(root, 'unfit', 'out');
    const ended = runTinyBatch(few, out, { queue: redis.address, outputs: ['strip'] });
    const { head, ...model } = await tinyBatchModel();
    const weights = new Map(head.weights);
    const bias = weights.get('embedding/bias')!;
    weights.set('embedding/bias', { ...bias, data: bias.data.map((value) => value + 1) });
    const unfit = workQueue(parseQueueAddress(redis.address), {
      jobs: () => 1,
      workerModule: TINY_WORKER,
      describe: async () => ({ ...model, head: { ...head, weights } }),
      stop: new AbortController().signal,
    });
    await expect(unfit).rejects.toMatchObject({ code: 'model-invalid' });
    const damaged = workQueue(parseQueueAddress(redis.address), {
      jobs: () => 1,
      workerModule: program('damaged-worker'),
      describe: tinyBatchModel,
      stop: new AbortController().signal,
    });
    await expect(damaged).rejects.toMatchObject({ code: 'weights-invalid' });
    startWorker();
    expect((await ended).ends.map(({ error, attempts }) => error ?? attempts)).toEqual([1, 1, 1]);
  }, 300_000);

  it('never shows the password', async () => {
    const wrong = workQueue(parseQueueAddress(redis.address.replace(PASSWORD, 'a-wrong-word')), {
      jobs: () => 1,
      stop: new AbortController().signal,
    });
    await expect(wrong).rejects.toMatchObject({
      code: 'queue-unavailable',
      message: expect.stringMatching(/^cannot reach the queue redis:\/\/127\.0\.0\.1:\d+: WRONGPASS/),
    });
    await expect(wrong).rejects.not.toThrow(/word@|a-wrong-word/);
  });
});

async function writeEvents(name: string, count: number): Promise<string> {
  const rows = Array.from({ length: count }, (_, i) => `e${i},drive.mp4,${i / 5},${i / 5 + 3}`);
  const path = join(root, name);
  await writeFile(path, `id,video,start,end\n${rows.join('\n')}\n`);
  return path;
}

/** Everything was made, once, and as by a batch on one machine. */
async function expectAsLocal(out: string): Promise<void> {
  expect(await contentOf(out)).toEqual(await contentOf(join(root, 'local', 'out')));
  expect(Object.values(await analysesMade(out))).toEqual(Array(EVENTS).fill(1));
  expect(await jobsLeft()).toBe(0);
}

function startWorker(...videos: readonly string[]): void {
  running.add(startProgram('tiny-queue-worker', [redis.address, ...videos]));
}

async function kill(worker: ChildProcess): Promise<void> {
  running.delete(worker);
  if (worker.exitCode !== null) throw new Error(`a worker has ended by itself with ${worker.exitCode}`);
  const ended = once(worker, 'exit');
  worker.kill('SIGKILL');
  await ended;
}

/** Jobs of any state in the queue. */
async function jobsLeft(): Promise<number> {
  const { Queue } = await import('bullmq');
  const { QUEUE } = await import('../../src/batch/queue.ts');
  const queue = new Queue(QUEUE, { connection: parseQueueAddress(redis.address).options });
  const counts = await queue.getJobCounts();
  await queue.close();
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}
