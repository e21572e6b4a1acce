/**
 * The one place that runs ffmpeg (through fluent-ffmpeg) and ffprobe. Files are untrusted and so are their names: no
 * shell is involved, every file is named by a `file:` address, and no other protocol than files and pipes is allowed.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import ffmpeg from 'fluent-ffmpeg';
import { L2cafError, messageOf, throwIfAborted } from '../errors.ts';
import { findFfmpeg, findFfprobe } from './binaries.ts';

/** One input of ffmpeg: a file, or a stream of raw data on its standard input. */
export interface FfmpegInput {
  readonly source: string | Readable;
  /** Options that stand before `-i`. */
  readonly options?: readonly string[];
}

/** One run of ffmpeg with one output. */
export interface FfmpegJob {
  readonly inputs: readonly FfmpegInput[];
  readonly filtergraph?: string;
  /** Options of the output. */
  readonly options: readonly string[];
  readonly output: string | Writable;
  readonly signal?: AbortSignal | undefined;
  /** Told every line that ffmpeg logs. */
  readonly onLine?: (line: string) => void;
}

/** Only local files and pipes can be opened, whatever a playlist inside the file says. */
const LOCAL_ONLY: readonly string[] = ['-protocol_whitelist', 'file,pipe'];

/**
 * Runs ffmpeg and resolves when the process has ended and all its output has been written. On failure, and on abort
 * (the process is killed), it also waits for the end of the process, so that the caller can remove its files.
 *
 * @throws L2cafError `ffmpeg-missing`, `ffmpeg-failed` with ffmpeg's own last words, or `aborted`.
 */
export async function runFfmpeg(job: FfmpegJob): Promise<void> {
  const { inputs, output, signal } = job;
  throwIfAborted(signal);
  const { path } = await findFfmpeg();
  const command = ffmpeg({ logger: undefined }).setFfmpegPath(path);
  for (const { source, options = [] } of inputs) {
    const isFile = typeof source === 'string';
    command.input(isFile ? fileAddress(source) : source);
    command.inputOptions(...((isFile ? [...options, ...LOCAL_ONLY] : options) as [string, ...string[]]));
  }
  const filtergraph = job.filtergraph === undefined ? [] : ['-filter_complex', job.filtergraph];
  command.outputOptions(...(['-y', '-nostdin', '-nostats', ...filtergraph, ...job.options] as [string, ...string[]]));
  // fluent-ffmpeg's ring of lines is joined for its error message; ours is kept apart from the lines of `showinfo`.
  const lastLines: string[] = [];
  command.on('stderr', (line: string) => {
    lastLines.push(line);
    if (lastLines.length > 50) lastLines.shift();
    job.onLine?.(line);
  });
  if (typeof output === 'string') command.output(fileAddress(output));
  else command.output(output, { end: true });
  try {
    await untilEnd(command, signal);
    if (typeof output !== 'string') await finished(output);
  } catch (error) {
    throwIfAborted(signal);
    throw failure(error, lastLines);
  } finally {
    for (const { source } of inputs) if (typeof source !== 'string') source.destroy();
  }
}

/**
 * Runs ffprobe on a file and hands over its standard output line by line.
 *
 * @throws L2cafError `ffmpeg-missing`, `ffmpeg-failed` or `aborted`
 */
export async function runFfprobe(
  file: string,
  options: readonly string[],
  onLine: (line: string) => void,
  signal?: AbortSignal,
): Promise<void> {
  throwIfAborted(signal);
  const { path } = await findFfprobe();
  const child = spawn(path, ['-v', 'error', ...LOCAL_ONLY, ...options, fileAddress(file)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    windowsHide: true,
    env: { ...process.env, ...NO_CHARACTER_SETS },
  });
  const stop = (): void => void child.kill('SIGKILL');
  signal?.addEventListener('abort', stop, { once: true });
  const errors: string[] = [];
  createInterface(child.stderr).on('line', (line) => errors.push(line));
  const lines = createInterface(child.stdout).on('line', onLine);
  const linesDone = new Promise((done) => lines.once('close', done));
  try {
    await new Promise((done, fail) => child.once('error', fail).once('close', done));
    await linesDone;
    if (child.exitCode !== 0) throw new Error(`ffprobe ended with ${child.signalCode ?? `code ${child.exitCode}`}`);
  } catch (error) {
    throwIfAborted(signal);
    throw failure(error, errors);
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

/**
 * The packaged ffprobe is linked statically and crashes on MPEG-TS when it loads the machine's character set converters,
 * which it wants for the names of stations. Nobody here needs those.
 */
const NO_CHARACTER_SETS: Readonly<Record<string, string>> = { GCONV_PATH: '/nonexistent' };

/** The address of a file for ffmpeg: leading dashes, colons and percent signs have no meaning in it. */
function fileAddress(path: string): string {
  return `file:${resolve(path)}`;
}

async function untilEnd(command: ffmpeg.FfmpegCommand, signal: AbortSignal | undefined): Promise<void> {
  let exited: Promise<unknown> = Promise.resolve();
  let child: ChildProcess | undefined;
  const stop = (): void => void child?.kill('SIGKILL');
  signal?.addEventListener('abort', stop, { once: true });
  try {
    await new Promise<void>((done, fail) => {
      command.on('start', () => {
        child = (command as { ffmpegProc?: ChildProcess }).ffmpegProc;
        exited = new Promise((resolveExit) => child?.once('close', resolveExit));
        if (signal?.aborted) stop();
      });
      command.on('end', () => done()).on('error', fail);
      command.run();
    });
  } finally {
    stop();
    await exited;
    signal?.removeEventListener('abort', stop);
  }
}

/** What ffmpeg said last, without the name and address of the part that said it; the cause holds all that it said. */
function failure(error: unknown, lines: readonly string[]): unknown {
  const thrownByInput = (error as { inputStreamError?: unknown }).inputStreamError;
  if (thrownByInput !== undefined) return thrownByInput;
  const said = lines
    .map((line) => line.replace(/^(\[[^\]]*\] )+/, '').replaceAll('file:', ''))
    .filter((line) => /\S/.test(line) && !/^(\s|Conversion failed|frame=|video:|Exiting|Stream mapping)/.test(line))
    .at(-1);
  return new L2cafError('ffmpeg-failed', said ?? messageOf(error), {
    cause: new Error(lines.join('\n'), { cause: error }),
  });
}
