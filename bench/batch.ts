/**
 * Speed of a batch against that of its trunk alone, its memory, and how soon a finished batch is found to be finished.
 * `npm run bench -- batch DATA [EVENTS]`, where DATA holds `camvid/events.csv` and `sim-track/events.csv`.
 */
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join, resolve } from 'node:path';
import { readHead } from '../src/analysis/pipeline.ts';
import { cacheFolder } from '../src/base/cache-folder.ts';
import { parseCsv } from '../src/base/csv.ts';
import { featureSource } from '../src/batch/outputs.ts';
import { WorkerPool } from '../src/batch/pool.ts';
import { FRAMES_PER_BATCH } from '../src/models/event-network.ts';
import { RESNET50_IMAGENET } from '../src/models/pretrained.ts';
import { pullTrunk } from '../src/models/pull.ts';
import { writeResults } from './results.ts';
import { type CliMeasure, ffmpeg, fixtureClip, measureCli, temporaryFolder } from './support.ts';

const SECONDS_PER_EVENT = 3;
const TRUNK_BATCHES_PER_WORKER = 6;
const ENGINES = ['wasm', 'onnxruntime'] as const;
type Engine = (typeof ENGINES)[number];

/** Prints the tables. */
export async function run([data = '../shared/data', count = '200']: readonly string[]): Promise<void> {
  const events = Number(count);
  const load = loadavg()[0]!.toFixed(1);
  await pullTrunk(RESNET50_IMAGENET);
  const folder = temporaryFolder();
  const rows = eventsOf(data, events);
  const speed: string[][] = [];
  const perMinute: number[] = [];
  for (const [engine, jobs] of ENGINES.flatMap((of) => [1, 2].map((jobs) => [of, jobs] as const))) {
    // Half of the events are enough for a rate.
    const part = jobs === 1 ? evenly(rows, events / 2) : rows;
    const name = `${engine}-${jobs}`;
    const list = writeList(join(folder, `${name}.csv`), part);
    const cache = emptyCache(join(folder, `cache-${name}`));
    const run = { list, out: join(folder, `out-${name}`), cache, jobs, engine };
    const { seconds, stdout, peakMb } = runBatch(run, 'json,strip');
    const frames = countFeatures(cache);
    const framesPerSec = await trunkAlone(engine, jobs, cache);
    const trunkSec = frames / framesPerSec;
    perMinute.push((60 * part.length) / seconds);
    speed.push([
      engine,
      String(jobs),
      String(part.length),
      String(frames),
      seconds.toFixed(0),
      perMinute.at(-1)!.toFixed(1),
      trunkSec.toFixed(0),
      (seconds / trunkSec).toFixed(2),
      `${peakMb.toFixed(0)} + ${workerPeaks(stdout)}`,
    ]);
  }
  await writeResults({
    name: 'batch',
    command: 'npm run bench -- batch DATA',
    tables: [
      {
        title: 'Three-second events of CamVid and sim-track, json and strip, empty caches',
        columns: [
          'engine',
          'jobs',
          'events',
          'different frames',
          'seconds',
          'events/min',
          'trunk alone, s',
          'ratio to the trunk',
          'peak memory, MB: batch + workers',
        ],
        rows: speed,
        notes: [
          `Two jobs against one: ${ENGINES.map((of, i) => `${(perMinute[2 * i + 1]! / perMinute[2 * i]!).toFixed(2)}× (${of})`).join(', ')} the events per minute, on ${cpus().length} cores; load of the machine before: ${load}.`,
          'Trunk alone: the same frames at the rate that as many workers reach with nothing else to do. Frames that overlapping events share are computed once.',
        ],
      },
      { title: 'Number of events, features at hand', ...(await manyEvents(folder, [events, 10 * events])) },
    ],
  });
}

/** Writes a list of that many three-second events of both sources to the folder. */
export function listOfEvents(folder: string, data: string, count: number): string {
  return writeList(join(folder, 'events.csv'), eventsOf(data, count));
}

function eventsOf(data: string, count: number): Row[] {
  const lists = ['camvid', 'sim-track'].map((name) => join(resolve(data), name, 'events.csv'));
  return lists.flatMap((list) => evenly(threeSecondEvents(list), count / lists.length));
}

interface Row {
  readonly video: string;
  readonly startSec: number;
}

/** The events of a list, made three seconds long, that end before the last event of their video does. */
function threeSecondEvents(list: string): Row[] {
  const [heading, ...records] = parseCsv(readFileSync(list, 'utf8'), list);
  const columns = ['video', 'start', 'end'].map((name) => heading!.fields.indexOf(name));
  const rows = records.map(({ fields }) => {
    const [video, start, end] = columns.map((column) => fields[column]!) as [string, string, string];
    return { video: resolve(list, '..', video), startSec: Number(start), endSec: Number(end) };
  });
  const lastSec = new Map<string, number>();
  for (const { video, endSec } of rows) lastSec.set(video, Math.max(endSec, lastSec.get(video) ?? 0));
  return rows.filter(({ video, startSec }) => startSec + SECONDS_PER_EVENT <= lastSec.get(video)!);
}

function evenly<T>(items: readonly T[], count: number): T[] {
  return Array.from({ length: count }, (_, i) => items[Math.floor((i * items.length) / count)]!);
}

function writeList(path: string, rows: readonly Row[]): string {
  const lines = rows.map(({ video, startSec }) => `${video},${startSec},${startSec + SECONDS_PER_EVENT}`);
  writeFileSync(path, `video,start,end\n${lines.join('\n')}\n`);
  return path;
}

/** A cache with the trunk's weights and no features. */
export function emptyCache(path: string): string {
  mkdirSync(path, { recursive: true });
  cpSync(join(cacheFolder(), 'trunks'), join(path, 'trunks'), { recursive: true });
  return path;
}

function countFeatures(cache: string): number {
  return readdirSync(join(cache, 'features'), { recursive: true }).filter((name) => String(name).endsWith('.f16'))
    .length;
}

interface BatchRun {
  readonly list: string;
  readonly out: string;
  readonly cache: string;
  readonly jobs: number;
  readonly engine: Engine;
}

function runBatch({ list, out, cache, jobs, engine }: BatchRun, outputs: string): CliMeasure {
  const options = ['--jobs', String(jobs), '--outputs', outputs, '--backend', engine, '--json'];
  return measureCli(['batch', list, '-o', out, ...options], { L2CAF_CACHE: cache });
}

/** Peaks of the worker processes, MB, as the batch says at its end. */
function workerPeaks(stdout: string): string {
  const lines = stdout.trimEnd().split('\n');
  const { workers = [] } = JSON.parse(lines.at(-1)!) as { workers?: { peakBytes: number }[] };
  return workers.map(({ peakBytes }) => (peakBytes / 2 ** 20).toFixed(0)).join(', ') || 'none';
}

/** Frames per second of worker processes that do nothing but run the trunk. */
async function trunkAlone(backend: Engine, workers: number, cache: string): Promise<number> {
  const choice = { backend };
  const { head, pretrained } = await readHead({});
  const source = featureSource({ head, pretrained });
  const { width, height } = head.spec.inputSize;
  const pool = new WorkerPool(new URL('../dist/batch/worker.js', import.meta.url), workers);
  const place = { folder: join(cache, 'trunk-alone'), source, maxBytes: 1e12 };
  const shape = [FRAMES_PER_BATCH, height, width, 3] as const;
  const rgb = Uint8Array.from({ length: FRAMES_PER_BATCH * height * width * 3 }, (_, i) => (i * 7919) % 251);
  const one = (seed: number): Promise<number> => {
    const frames = Array.from({ length: FRAMES_PER_BATCH }, (_, i) => {
      return { videoSha256: 'noise', timestampSec: FRAMES_PER_BATCH * seed + i, mirrored: false, gain: 1 };
    });
    return pool.run(
      'features',
      { model: { choice, threads: 1 }, cache: place, pictures: { rgb, shape }, frames },
      'trunk',
    );
  };
  try {
    await Promise.all(Array.from({ length: workers }, (_, i) => one(i))); // loads the networks
    const startMs = performance.now();
    const batches = workers * TRUNK_BATCHES_PER_WORKER;
    await Promise.all(Array.from({ length: batches }, (_, i) => one(workers + i)));
    return (1000 * batches * FRAMES_PER_BATCH) / (performance.now() - startMs);
  } finally {
    await pool.stop();
  }
}

/** Many overlapping events of one short clip, so that there are few frames and what is left is the batch's own work. */
async function manyEvents(
  folder: string,
  counts: readonly number[],
): Promise<{ columns: string[]; rows: string[][]; notes: string[] }> {
  const clip = join(folder, 'short.mp4');
  await ffmpeg('-i', fixtureClip, '-vf', 'fps=5,scale=320:180', '-t', '3', clip);
  const rows: string[][] = [];
  const cache = emptyCache(join(folder, 'cache-many'));
  for (const count of counts) {
    const lines = Array.from({ length: count }, (_, i) => `${clip},${i / count},${2 + i / count}`);
    const list = join(folder, `many-${count}.csv`);
    writeFileSync(list, `video,start,end\n${lines.join('\n')}\n`);
    const out = join(folder, `many-${count}`);
    const run = { list, out, cache, jobs: 2, engine: 'onnxruntime' } as const;
    const first = runBatch(run, 'json');
    const again = runBatch(run, 'json');
    rows.push([
      String(count),
      first.seconds.toFixed(0),
      ((60 * count) / first.seconds).toFixed(0),
      `${first.peakMb.toFixed(0)} + ${workerPeaks(first.stdout)}`,
      again.seconds.toFixed(1),
      again.peakMb.toFixed(0),
    ]);
  }
  return {
    columns: [
      'events',
      'first run, s',
      'events/min',
      'peak memory, MB: batch + workers',
      'run again, s',
      'its peak memory, MB',
    ],
    rows,
    notes: ['Run again: the same command on the finished batch, tables and index included.'],
  };
}
