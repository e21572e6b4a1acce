/** What the benchmarks share: fair repetition, medians, clips made for the purpose. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findFfmpeg } from '../src/video/media/binaries.ts';

/** The repository. */
export const root: string = join(import.meta.dirname, '..');

/** The packaged head that the studies on real streets are of: the one that was trained on CamVid's drives. */
export const STUDIED_MODEL = 'driving-camvid';

/** A clip of the fixtures. */
export const fixtureClip: string = join(root, 'fixtures', 'clips', 'traffic_light_red.mp4');

/** Median of `repeats` timed calls after one that is not counted, milliseconds. */
export async function medianMs(repeats: number, work: () => unknown): Promise<number> {
  await work();
  const times: number[] = [];
  for (let i = 0; i < repeats; i++) {
    const start = performance.now();
    await work();
    times.push(performance.now() - start);
  }
  return median(times);
}

/** The middle value. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}

/** A new empty folder for this run's files. */
export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), 'l2caf-bench-'));
}

/** Runs ffmpeg with these arguments; throws with its log when it fails. */
export async function ffmpeg(...args: readonly string[]): Promise<void> {
  const { path } = await findFfmpeg();
  const { status, stderr } = spawnSync(path, ['-v', 'error', '-y', ...args], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`ffmpeg ${args.join(' ')}: ${stderr}`);
}

/** A clip of the given length and size, made by repeating a fixture. */
export async function longClip(path: string, seconds: number, width: number, height: number): Promise<void> {
  const scaled = path.replace(/\.mp4$/, '-part.mp4');
  await ffmpeg(
    '-i',
    fixtureClip,
    '-vf',
    `scale=${width}:${height}`,
    '-r',
    '30',
    '-c:v',
    'libx264',
    '-preset',
    'veryfast',
    scaled,
  );
  await ffmpeg('-stream_loop', String(Math.ceil(seconds / 3)), '-i', scaled, '-t', String(seconds), '-c', 'copy', path);
}

/** How a run of the command line went. */
export interface CliMeasure {
  /** Wall clock. */
  readonly seconds: number;
  /** Of the processor, all cores together; not of processes that it started. */
  readonly processorSec: number;
  /** Peak resident memory of the process, MB; not of processes that it started. */
  readonly peakMb: number;
  readonly stdout: string;
}

/** Runs the built command line in a node process of its own. */
export function measureCli(args: readonly string[], env: Readonly<Record<string, string>> = {}): CliMeasure {
  const start = performance.now();
  const script = `process.on('exit', () => {
    const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage();
    process.stderr.write('\\nPEAK ' + maxRSS + ' ' + (userCPUTime + systemCPUTime));
  });`;
  const main = join(root, 'dist', 'cli', 'main.js');
  const preload = `data:text/javascript,${encodeURIComponent(script)}`;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', preload, main, ...args], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
    maxBuffer: 1e9,
  });
  if (status !== 0) throw new Error(`l2caf ${args.join(' ')} failed: ${stderr}`);
  const [, peakKb, processorUs] = /PEAK (\d+) (\d+)/.exec(stderr)!;
  return {
    seconds: (performance.now() - start) / 1000,
    processorSec: Number(processorUs) / 1e6,
    peakMb: Number(peakKb) / 1024,
    stdout,
  };
}
