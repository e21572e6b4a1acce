/**
 * A batch through a queue with three workers against the same batch with `--jobs 2`, on one machine, with a Redis server of
 * its own. `npm run bench -- queue DATA [EVENTS]`, where DATA holds `camvid/events.csv` and `sim-track/events.csv`.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { RESNET50_IMAGENET } from '../src/models/pretrained.ts';
import { pullTrunk } from '../src/models/pull.ts';
import { startRedis } from '../test/batch/redis.ts';
import { emptyCache, listOfEvents } from './batch.ts';
import { writeResults } from './results.ts';
import { measureCli, root, temporaryFolder } from './support.ts';

const WORKERS = 3;

/** Prints the table. */
export async function run([data = '../shared/data', count = '60']: readonly string[]): Promise<void> {
  await pullTrunk(RESNET50_IMAGENET);
  const folder = temporaryFolder();
  const list = listOfEvents(folder, data, Number(count));
  const common = ['--outputs', 'json,strip', '--backend', 'wasm', '-q'];
  const local = measureCli(['batch', list, '-o', join(folder, 'local'), '--jobs', '2', ...common], {
    L2CAF_CACHE: emptyCache(join(folder, 'cache-local')),
  });
  const redis = await startRedis();
  const cache = emptyCache(join(folder, 'cache-queue'));
  const workers = Array.from({ length: WORKERS }, () => startWorker(redis.address, cache));
  try {
    const out = join(folder, 'queue');
    mkdirSync(out);
    const queued = measureCli(['batch', list, '-o', out, '--queue', redis.address, ...common], { L2CAF_CACHE: cache });
    await writeResults({
      name: 'queue',
      command: 'npm run bench -- queue DATA',
      tables: [
        {
          columns: ['batch', 'events', 'seconds', 'overhead'],
          rows: [
            ['--jobs 2', count, local.seconds.toFixed(0), ''],
            [
              `--queue, ${WORKERS} workers of one job`,
              count,
              queued.seconds.toFixed(0),
              `${(100 * (queued.seconds / local.seconds - 1)).toFixed(0)} %`,
            ],
          ],
          notes: ['Three-second events of CamVid and sim-track, json and strip, empty caches, wasm; one machine.'],
        },
      ],
    });
  } finally {
    for (const worker of workers) worker.kill('SIGKILL');
    await redis.stop();
  }
}

function startWorker(address: string, cache: string): ChildProcess {
  const args = [join(root, 'dist', 'cli', 'main.js'), 'worker', '--queue', address, '--jobs', '1', '-q'];
  return spawn(process.execPath, args, { env: { ...process.env, L2CAF_CACHE: cache }, stdio: 'ignore' });
}
