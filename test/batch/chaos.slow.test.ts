/**
 * Everything that takes part in a batch through a queue is killed at random moments, while it starts and connects too: the
 * batch, its workers, the server, which comes back with what it held or with nothing. Nothing is lost, nothing is made twice.
 * `L2CAF_CHAOS_SEED` replays a run, or makes others.
 *
 * @module-tag nightly
 */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, it, onTestFailed, vi } from 'vitest';
import { createRandom, shuffled } from '../../src/base/random.ts';
import { makeClip } from '../support/clips.ts';
import { analysesMade, contentOf, startProgram } from './killing.ts';
import { hasRedis, startRedis } from './redis.ts';
import { runTinyBatch } from './tiny-batch.ts';

const KILLS = 40;
const EVENTS = 30;
/** Longest time between two kills, ms: a batch or worker needs about two thirds of it to start. */
const PAUSE_MS = 1500;

describe.skipIf(!hasRedis)('a batch through a queue', () => {
  it(`loses and repeats nothing, with ${KILLS} kills of batch, workers and server`, async () => {
    const seed = Number(process.env['L2CAF_CHAOS_SEED'] ?? 1);
    onTestFailed(() => console.error(`the seed was ${seed}`));
    const random = createRandom(seed, 40);
    const root = await mkdtemp(join(tmpdir(), 'l2caf-chaos-'));
    vi.stubEnv('L2CAF_CACHE', join(root, 'cache'));
    await makeClip(join(root, 'drive.mp4'), { frames: 200, rate: '10' });
    const rows = Array.from({ length: EVENTS }, (_, i) => `e${i},drive.mp4,${i / 10},${i / 10 + 3}`);
    const list = join(root, 'events.csv');
    await writeFile(list, `id,video,start,end\n${rows.join('\n')}\n`);
    await runTinyBatch(list, join(root, 'local', 'out'), { jobs: 2, outputs: ['strip'] });
    const expected = await contentOf(join(root, 'local', 'out'));

    const redis = await startRedis({ isKept: true });
    const startWorker = (): Part => new Part('tiny-queue-worker', [redis.address]);
    const workers = [startWorker(), startWorker()];
    let batch: Part | undefined;
    const victims = shuffled(
      Array.from({ length: KILLS }, (_, i) => (['batch', 'worker', 'server'] as const)[i % 3]!),
      random,
    );
    try {
      for (let round = 0; victims.length > 0; round++) {
        const out = join(root, String(round), 'out');
        const startBatch = (): Part => new Part('tiny-batch-program', [list, out, '1', redis.address]);
        batch = startBatch();
        for (let isThrough = false; !isThrough; ) {
          const pause = setTimeout(random.uniform() * PAUSE_MS, 'go on');
          const end = await Promise.race([pause, batch.ended]);
          for (const [place, worker] of workers.entries())
            if (worker.hasFoundNoServer()) workers[place] = startWorker();
          if (end === 'through') isThrough = true;
          else if (batch.hasFoundNoServer()) batch = startBatch();
          else if (end !== 'go on') throw new Error(`the batch ended: ${String(end)}`);
          else {
            const victim = victims.pop();
            if (victim === 'batch') {
              await batch.kill();
              batch = startBatch();
            } else if (victim === 'worker') {
              const place = Math.floor(random.uniform() * workers.length);
              await workers[place]!.kill();
              workers[place] = startWorker();
            } else if (victim === 'server') await redis.restart(random.uniform() < 0.5 ? 'kept' : 'lost');
          }
        }
        expect(await contentOf(out)).toEqual(expected);
        const made = await analysesMade(out);
        expect(Object.keys(made)).toHaveLength(EVENTS);
        expect(new Set(Object.values(made))).toEqual(new Set([1]));
        expect((await readdir(out, { recursive: true })).filter((name) => /\.part|\.lock/.test(name))).toEqual([]);
      }
    } finally {
      await Promise.all([...workers, batch].map((part) => part?.kill()));
      await redis.stop();
      vi.unstubAllEnvs();
      await rm(root, { recursive: true, maxRetries: 20, retryDelay: 250 }); // processes of those killed may still write
    }
  }, 600_000);
});

/** A process that takes part. */
class Part {
  readonly #child: ChildProcess;
  readonly #errors: string[] = [];
  /** How it ended: `through`, `killed`, or what it said. */
  readonly ended: Promise<string>;
  /** What it said when it ended by itself, and not well. */
  failure: string | undefined;

  constructor(program: string, args: readonly string[]) {
    this.#child = startProgram(program, args);
    this.#child.stdout!.resume();
    this.#child.stderr!.on('data', (chunk: Buffer) => this.#errors.push(chunk.toString()));
    this.ended = once(this.#child, 'close').then(([code, signal]: (number | string | null)[]) => {
      if (signal === 'SIGKILL') return 'killed';
      if (code === 0) return 'through';
      this.failure = `${code ?? signal}: ${this.#errors.join('')}`;
      return this.failure;
    });
  }

  /**
   * Whether it has ended because the server was away when it started, which whoever started it is told.
   *
   * @throws Error when it has ended for another reason, but not well
   */
  hasFoundNoServer(): boolean {
    if (this.failure === undefined) return false;
    if (/cannot reach the queue/.test(this.failure)) return true;
    throw new Error(this.failure);
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.ended;
  }
}
