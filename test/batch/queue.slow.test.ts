/** A batch through a real Redis: workers die at random moments, and everything is made once. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { L2cafError } from '../../src/base/errors.ts';
import { createRandom } from '../../src/base/random.ts';
import { readBatchEvents } from '../../src/batch/events.ts';
import { describeModel } from '../../src/batch/model.ts';
import { EventQueue } from '../../src/batch/queue.ts';
import { connectQueue, parseQueueAddress } from '../../src/batch/queue-server.ts';
import { type QueueWorkerOptions, workQueue } from '../../src/batch/queue-worker.ts';
import { QUEUE } from '../../src/batch/queued-event.ts';
import { Roster } from '../../src/batch/roster.ts';
import { Signer } from '../../src/batch/signatures.ts';
import { Videos } from '../../src/batch/videos.ts';
import { makeClip } from '../support/clips.ts';
import { canMount, smallDisk } from '../support/full-disk.ts';
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
/** Workers of this process. */
const here = new Set<WorkerHere>();

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
    await Promise.allSettled([...here].map((worker) => worker.end()));
    here.clear();
  });
  afterAll(async () => {
    await redis.stop();
    vi.unstubAllEnvs();
    await rm(root, { recursive: true });
  });

  it(`makes the same once, while ${KILLS} of its workers are killed`, {
    tags: ['nightly'],
    timeout: 900_000,
  }, async () => {
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
  });

  it('goes on after the batch itself was killed', async () => {
    const random = createRandom(12);
    startWorker();
    const batch = { list, queue: redis.address, cache: join(root, 'cache') };
    const expected = await contentOf(join(root, 'local', 'out'));
    await killAndCompare(batch, join(root, 'batch-killed'), 3, () => random.uniform(), expected);
    expect(await jobsLeft()).toBe(0);
  }, 600_000);

  it('hears how an event has ended, at whatever moment that was', async () => {
    const few = await writeEvents('ending.csv', 2);
    const { Queue } = await import('bullmq');
    const { getJob } = Queue.prototype;
    // Whoever asks for a job gets it as it was before it ended.
    const slow = vi.spyOn(Queue.prototype, 'getJob').mockImplementation(async function (
      this: InstanceType<typeof Queue>,
      id,
    ) {
      const job = await getJob.call(this, id);
      await vi.waitUntil(async () => !job || (await job.isCompleted()), { timeout: 60_000 });
      return job;
    });
    try {
      startWorker();
      const { ends } = await runTinyBatch(few, join(root, 'ending', 'out'), { queue: redis.address });
      expect(ends.map(({ error }) => error)).toEqual([undefined, undefined]);
      expect(slow).toHaveBeenCalled();
    } finally {
      slow.mockRestore();
    }
  }, 120_000);

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
      await writeFile(join(disk.folder, 'journal.jsonl'), '');
      await disk.leave(0);
      const ended = runTinyBatch(few, join(root, 'room', 'out'), { queue: redis.address, outputs: ['strip'] });
      const full = begin({ output: disk.folder }).ended;
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
    const unfit = await lackOf({ describe: async () => ({ ...model, head: { ...head, weights } }) });
    expect(unfit).toMatchObject({ code: 'model-invalid' });
    const damaged = await lackOf({ workerModule: program('damaged-worker') });
    expect(damaged).toMatchObject({ code: 'weights-invalid' });
    startWorker();
    expect((await ended).ends.map(({ error, attempts }) => error ?? attempts)).toEqual([1, 1, 1]);
  }, 300_000);

  it('is made by those that have the videos and the folder, beside workers that lack them and say so at their start', async () => {
    const out = join(root, 'lacking', 'out');
    const ended = runTinyBatch(list, out, { queue: redis.address, outputs: ['strip'] });
    await vi.waitUntil(async () => (await jobsLeft()) === EVENTS, { timeout: 60_000 });
    await mkdir(join(root, 'empty'));
    const blind = await lackOf({ videos: join(root, 'empty') });
    expect(blind).toMatchObject({
      code: 'input-not-found',
      message: expect.stringMatching(/empty.drive\.mp4/),
    });
    const homeless = await lackOf({ output: join(root, 'empty') });
    expect(homeless.message).toMatch(/the batch's folder is not here: there is no .*journal\.jsonl/);
    startWorker();
    expect((await ended).ends.map(({ error }) => error).filter(Boolean)).toEqual([]);
    await expectAsLocal(out);
  }, 300_000);

  it('is tried by another worker where one fails, and given up when that fails too', async () => {
    const few = await writeEvents('failing.csv', 2);
    begin({ workerModule: program('failing-worker') });
    const out = join(root, 'failing', 'out');
    const alone = await runTinyBatch(few, out, { queue: redis.address, outputs: ['strip'] });
    expect(alone.ends.map(({ error, attempts }) => [error?.message, attempts])).toEqual(
      Array(2).fill(['this worker fails', 4]),
    );
    startWorker();
    await vi.waitUntil(async () => (await present()) === 2, { timeout: 60_000 });
    const { ends } = await runTinyBatch(few, out, { queue: redis.address, outputs: ['strip'] });
    expect(ends.map(({ error }) => error)).toEqual(Array(2).fill(undefined));
  }, 300_000);

  it('is not kept from its workers by what a batch with an unknown model has left behind', async () => {
    const few = await writeEvents('after.csv', 3);
    const out = join(root, 'after', 'out');
    const { events } = await readBatchEvents(few, new Videos());
    const settings = {
      model: { ...(await tinyBatchModel()), choice: { backend: 'wasm', model: join(root, 'no-model') } },
      analysis: { frames: 3, seed: 0, target: { kind: 'oblivious' } },
      draw: {},
      outputs: [],
    } as const;
    await mkdir(join(root, 'left'));
    await writeFile(join(root, 'left', 'journal.jsonl'), '');
    const left = await EventQueue.open(parseQueueAddress(redis.address), settings, join(root, 'left'));
    const answers = events.map((event) => left.run(event, join(root, 'left', 'events', event.id), ['json']));
    const worker = await lackOf({
      describe: (choice) => (choice.model === undefined ? tinyBatchModel() : describeModel(choice)),
    });
    expect(worker).toMatchObject({ code: 'model-unknown' });
    const { ends } = await runTinyBatch(few, out, { queue: redis.address, outputs: ['strip'] });
    expect(ends.map(({ error }) => error)).toEqual([undefined, undefined, undefined]);
    expect(await Promise.all(answers)).toEqual(Array(3).fill({ attempts: 1, error: expect.any(L2cafError) }));
    await left.close();
  }, 300_000);

  it('is taken, and answered, with the key alone where there is one', async () => {
    const few = await writeEvents('signed.csv', 3);
    const out = join(root, 'signed', 'out');
    const signer = new Signer('a key that nobody guesses');
    const wrong = begin({ signer: new Signer('another key that is as long') });
    const keyless = begin({});
    const signed = runTinyBatch(few, out, { queue: redis.address, queueOptions: { signer }, outputs: ['strip'] });
    expect((await Promise.all([wrong.lack, keyless.lack])).map(({ message }) => message)).toEqual([
      expect.stringMatching(/not signed with the key/),
      expect.stringMatching(/no key here/),
    ]);
    begin({ signer });
    expect((await signed).ends.map(({ error }) => error)).toEqual([undefined, undefined, undefined]);
    await Promise.all([wrong.end(), keyless.end()]);
    const unsigned = await runTinyBatch(few, join(root, 'unsigned', 'out'), { queue: redis.address });
    expect(unsigned.ends.map(({ error }) => error?.message)).toEqual(
      Array(3).fill(expect.stringMatching(/it is signed, and there is no key/)),
    );
  }, 300_000);

  it('does not answer for whoever writes into the server', async () => {
    const few = await writeEvents('forged.csv', 1);
    const signer = new Signer('a key that nobody guesses');
    const ended = runTinyBatch(few, join(root, 'forged', 'out'), { queue: redis.address, queueOptions: { signer } });
    await vi.waitUntil(async () => (await jobsLeft()) === 1, { timeout: 60_000 });
    const { Worker } = await import('bullmq');
    const forger = new Worker(QUEUE, async () => ({ text: '{"bytes":{},"timingsSec":{},"attempts":1}' }), {
      connection: parseQueueAddress(redis.address).options,
    });
    const { ends } = await ended;
    expect(ends.map(({ error }) => error?.message)).toEqual([expect.stringMatching(/it is not signed/)]);
    await forger.close();
  });

  it('waits for a worker, and says so', async () => {
    const stop = new AbortController();
    const notices: string[] = [];
    const onNotice = (message: string): void => {
      notices.push(message);
      stop.abort();
    };
    await runTinyBatch(list, join(root, 'alone', 'out'), {
      queue: redis.address,
      queueOptions: { onNotice },
      stop: stop.signal,
    });
    expect(notices).toEqual(['no worker is at the queue: the batch waits for one']);
    expect(await jobsLeft()).toBe(0);
  });

  it('ends when its server goes for good, at whatever moment of connecting and after', async () => {
    const few = await writeEvents('cut.csv', 1);
    for (const answers of [0, 1, 2, 3, 4, 6, 8, 12, 16, 24]) {
      const server = await cutAfter(redis.port, answers);
      const address = redis.address.replace(`:${redis.port}`, `:${server.port}`);
      const options = { queue: address, queueOptions: { retries: 2 }, outputs: ['strip'] } as const;
      await expect(runTinyBatch(few, join(root, `cut-${answers}`, 'out'), options)).rejects.toMatchObject({
        code: 'queue-unavailable',
      });
      await server.stop();
    }
    for (const answers of [0, 2, 4, 8, 12, 24]) {
      const server = await cutAfter(redis.port, answers);
      const address = redis.address.replace(`:${redis.port}`, `:${server.port}`);
      await expect(begin({ address, retries: 2 }).ended).rejects.toMatchObject({ code: 'queue-unavailable' });
      await server.stop();
    }
  }, 300_000);

  it('waits for a server that does not answer, says so, and ends when it stays so', {
    tags: ['nightly'],
    timeout: 300_000,
  }, async () => {
    const few = await writeEvents('frozen.csv', 1);
    const told: string[] = [];
    const onNotice = (message: string): void => void told.push(message);
    const worker = begin({ askEveryMs: 50, onNotice });
    await vi.waitUntil(async () => (await present()) === 1, { timeout: 20_000 });
    redis.freeze(true);
    await vi.waitUntil(() => told.length === 1, { timeout: 20_000 });
    redis.freeze(false);
    await vi.waitUntil(() => told.length === 2, { timeout: 20_000 });
    expect(told).toEqual([
      expect.stringMatching(/^the queue redis:.* does not answer: it is waited for$/),
      expect.stringMatching(/^the queue redis:.* answers again$/),
    ]);
    redis.freeze(true);
    try {
      await expect(worker.ended).rejects.toMatchObject({
        code: 'queue-unavailable',
        message: expect.stringMatching(/has gone: it does not answer$/),
      });
    } finally {
      redis.freeze(false);
    }
    const run = runTinyBatch(few, join(root, 'frozen', 'out'), {
      queue: redis.address,
      queueOptions: { askEveryMs: 50 },
      outputs: ['strip'],
    });
    run.catch(() => {});
    await vi.waitUntil(async () => (await jobsLeft()) > 0, { timeout: 60_000 });
    redis.freeze(true);
    try {
      await expect(run).rejects.toMatchObject({ code: 'queue-unavailable' });
    } finally {
      redis.freeze(false);
    }
  });

  it('ends within seconds after Ctrl-C, though its server does not answer', async () => {
    const worker = begin({});
    await vi.waitUntil(async () => (await present()) === 1, { timeout: 20_000 });
    redis.freeze(true);
    try {
      await expect(worker.end()).rejects.toMatchObject({ message: expect.stringMatching(/it does not answer$/) });
    } finally {
      redis.freeze(false);
    }
  }, 120_000);

  it('is made though its server goes away for a moment, at whatever moment of connecting', {
    tags: ['nightly'],
    timeout: 300_000,
  }, async () => {
    const few = await writeEvents('away.csv', 1);
    for (const answers of [5, 7, 8, 9, 11]) {
      for (const side of ['worker', 'batch'] as const) {
        const server = await cutAfter(redis.port, answers, 300);
        const through = redis.address.replace(`:${redis.port}`, `:${server.port}`);
        const worker = begin({ address: side === 'worker' ? through : redis.address });
        if (side === 'worker') await server.hasBeenCut;
        const out = join(root, `away-${side}-${answers}`, 'out');
        await runTinyBatch(few, out, { queue: side === 'batch' ? through : redis.address, outputs: ['strip'] });
        await server.hasBeenCut;
        expect(Object.values(await analysesMade(out))).toEqual([1]);
        await worker.end();
        here.delete(worker);
        await server.stop();
      }
    }
  });

  it('is refused a database that is not there', async () => {
    await expect(connectQueue(parseQueueAddress(`${redis.address}/99`))).rejects.toMatchObject({
      code: 'queue-unavailable',
      message: expect.stringMatching(/\/99: .*out of range/),
    });
  });

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

/** A worker of this process. */
interface WorkerHere {
  /** What it lacks first. */
  readonly lack: Promise<L2cafError>;
  readonly ended: Promise<void>;
  end(): Promise<void>;
}

function begin({
  address = redis.address,
  ...options
}: Partial<QueueWorkerOptions> & { address?: string }): WorkerHere {
  const stop = new AbortController();
  let [found, none] = [(_: L2cafError): void => {}, (_: unknown): void => {}];
  const lack = new Promise<L2cafError>((resolve, reject) => {
    [found, none] = [resolve, reject];
  });
  lack.catch(() => {}); // not every test asks
  const ended = workQueue(parseQueueAddress(address), {
    jobs: () => 1,
    workerModule: TINY_WORKER,
    describe: tinyBatchModel,
    onLack: found,
    restMs: 100,
    lockMs: 2000,
    stop: stop.signal,
    ...options,
  });
  ended.catch(none);
  const worker = {
    lack,
    ended,
    end: async () => {
      stop.abort();
      await ended;
    },
  };
  here.add(worker);
  return worker;
}

/** What a worker lacks; it rests longer than others, so that a busy machine has time to start the one that helps. */
function lackOf(options: Partial<QueueWorkerOptions>): Promise<L2cafError> {
  return begin({ restMs: 700, ...options }).lack;
}

/** How many workers are at the queue. */
async function present(): Promise<number> {
  const { redis: server, end } = await connectQueue(parseQueueAddress(redis.address));
  const { size } = await new Roster(server, QUEUE).present();
  end();
  return size;
}

/** A server before the server, which goes after so many of its answers: for good, or for some milliseconds. */
async function cutAfter(port: number, answers: number, awayMs?: number): Promise<Front> {
  const sockets = new Set<Socket>();
  let left = answers;
  let isCut = (): void => {};
  const hasBeenCut = new Promise<void>((resolve) => {
    isCut = resolve;
  });
  let own = 0;
  let isOver = false;
  const cut = (): void => {
    front.close();
    for (const socket of sockets) socket.destroy();
    sockets.clear();
    isCut();
  };
  const accept = (socket: Socket): void => {
    const behind = connect(port, '127.0.0.1');
    for (const end of [socket, behind]) {
      sockets.add(end);
      end.on('error', () => {});
    }
    socket.pipe(behind);
    behind.on('data', (chunk) => {
      if (left-- > 0) {
        socket.write(chunk);
        return;
      }
      cut();
      left = Number.POSITIVE_INFINITY;
      if (awayMs !== undefined) void setTimeout(awayMs).then(() => !isOver && start());
    });
  };
  const start = (): Server => {
    front = createServer(accept).listen(own, '127.0.0.1');
    return front;
  };
  let front: Server;
  await once(start(), 'listening');
  own = (front!.address() as AddressInfo).port;
  return {
    port: own,
    hasBeenCut,
    stop: async () => {
      isOver = true;
      cut();
    },
  };
}

/** See {@link cutAfter}. */
interface Front {
  readonly port: number;
  readonly hasBeenCut: Promise<void>;
  stop(): Promise<void>;
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
  const queue = new Queue(QUEUE, { connection: parseQueueAddress(redis.address).options });
  const counts = await queue.getJobCounts();
  await queue.close();
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}
