/**
 * The one place that runs ffmpeg (through fluent-ffmpeg) and ffprobe. Files are untrusted and so are their names: no
 * shell is involved, every file is named by a `file:` address and read as the kind of video that its content is, never as a
 * list of other files, and no other protocol than files and pipes is allowed.
 * Options are written as current versions of ffmpeg name them; older ones get the names that they know.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { setTimeout } from 'node:timers/promises';
import ffmpeg from 'fluent-ffmpeg';
import { L2cafError, throwIfAborted } from '../../base/errors.ts';
import { withScratchFolder } from '../../base/scratch-folder.ts';
import { isWholeWebm } from '../../base/webm.ts';
import { type Ffmpeg, findFfmpeg, findFfprobe, WITHOUT_CHARACTER_SETS } from './binaries.ts';
import { demuxerOf } from './container.ts';
import { failure, Log, type ProcessEnd } from './ffmpeg-log.ts';
import { isWholeMp4 } from './mp4.ts';

/** A file that is made for one run, and gone after it. */
export interface GeneratedInput {
  /** Its name, for messages. */
  readonly name: string;
  /** Writes it; returns complaints about what it was made from. */
  readonly write: (path: string, signal: AbortSignal | undefined) => Promise<readonly string[]>;
}

/** One input of ffmpeg: a file, one that is made, or a stream of raw data on its standard input. */
export interface FfmpegInput {
  readonly source: string | GeneratedInput | Readable;
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
  /** Which executable; by default the one that `findFfmpeg` finds. */
  readonly binary?: Ffmpeg;
  readonly signal?: AbortSignal | undefined;
  /** Told every line that ffmpeg logs. */
  readonly onLine?: (line: string) => void;
}

/** What a run that ended well said on its way. */
export interface FfmpegRun {
  /** Lines that ffmpeg logged as errors without giving up: something in the input was not as it should be. */
  readonly complaints: readonly string[];
}

/** How a file is to be read, whatever it says itself: as the one file that it is, and with nothing from elsewhere. */
async function readingOptions(path: string): Promise<string[]> {
  return ['-f', await demuxerOf(path), '-protocol_whitelist', 'file,pipe'];
}

/**
 * Runs ffmpeg and resolves when the process has ended and all its output has been written. On failure, and on abort
 * (the process is killed), it also waits for the end of the process, so that the caller can remove its files.
 *
 * @throws L2cafError `ffmpeg-missing`; `ffmpeg-failed` with ffmpeg's own last words, when it gave up; `ffmpeg-crashed`
 *   when it made a mistake that the system ended it for, and `ffmpeg-killed` when somebody else ended it (the system too,
 *   for want of memory): neither says that the input is damaged; `aborted`; for an input as `demuxerOf`.
 */
export async function runFfmpeg(job: FfmpegJob): Promise<FfmpegRun> {
  const made = job.inputs.map(({ source }) => (isMade(source) ? source : undefined));
  return withMadeFiles(made, job.signal, async (paths, complaints) => {
    const inputs = job.inputs.map(({ source, options }, k): OpenInput => {
      return { source: isMade(source) ? paths[k]! : source, options: options ?? [] };
    });
    const run = await runOnInputs(job, inputs);
    return { complaints: [...complaints, ...run.complaints] };
  });
}

interface OpenInput {
  readonly source: string | Readable;
  readonly options: readonly string[];
}

function isMade(source: FfmpegInput['source']): source is GeneratedInput {
  return typeof source === 'object' && 'write' in source && 'name' in source;
}

/** Makes files in a folder of their own, and removes them after their use. */
async function withMadeFiles<T>(
  made: readonly (GeneratedInput | undefined)[],
  signal: AbortSignal | undefined,
  use: (paths: readonly (string | undefined)[], complaints: readonly string[]) => Promise<T>,
): Promise<T> {
  if (made.every((file) => file === undefined)) return use([], []);
  return withScratchFolder('l2caf-input-', async (folder) => {
    const complaints: string[] = [];
    const paths: (string | undefined)[] = [];
    for (const [k, file] of made.entries()) {
      const path = file && join(folder, `${k}-${file.name}`);
      if (file && path) complaints.push(...(await file.write(path, signal)));
      paths.push(path);
    }
    return await use(paths, complaints);
  });
}

async function runOnInputs(job: FfmpegJob, inputs: readonly OpenInput[]): Promise<FfmpegRun> {
  const { output, signal } = job;
  throwIfAborted(signal);
  const binary = job.binary ?? (await findFfmpeg());
  const command = ffmpeg({ logger: undefined }).setFfmpegPath(binary.path);
  adapt(command as unknown as FluentInternals);
  for (const { source, options } of inputs) {
    const isFile = typeof source === 'string';
    command.input(isFile ? fileAddress(source) : source);
    const reading = isFile ? await readingOptions(source) : [];
    command.inputOptions(...([...options, ...reading] as [string, ...string[]]));
  }
  const filtergraph = job.filtergraph === undefined ? [] : ['-filter_complex', job.filtergraph];
  const options = ['-y', '-nostdin', '-nostats', '-loglevel', 'level+info', ...filtergraph, ...job.options];
  command.outputOptions(...(options.map((option) => binary.renamed[option] ?? option) as [string, ...string[]]));
  const log = new Log();
  command.on('stderr', (line: string) => {
    log.add(line);
    job.onLine?.(line);
  });
  if (typeof output === 'string') command.output(fileAddress(output));
  else command.output(output, { end: true });
  const end: ProcessEnd = {};
  try {
    await untilEnd(command, signal, end);
    if (typeof output !== 'string') await finished(output);
    else if (!(await isWhole(output))) throw notWhole(output);
    return { complaints: log.complaints };
  } catch (error) {
    await untilOursIsHeard(end, signal);
    throwIfAborted(signal);
    throw error instanceof L2cafError ? error : failure(error, log, binary, end);
  } finally {
    for (const { source } of inputs) if (typeof source !== 'string') source.destroy();
  }
}

/** What fluent-ffmpeg offers no option for. */
interface FluentInternals {
  _checkCapabilities(done: () => void): void;
  availableEncoders(done: (error: null, encoders: object) => void): void;
  _spawnFfmpeg(args: unknown, options: object, onProcess: unknown, onEnd: OnEnd): void;
}

/** What fluent-ffmpeg calls at the end of a process, with the last lines of its outputs. */
type OnEnd = (error: unknown, ...outputs: { get(): string }[]) => void;

function adapt(command: FluentInternals): void {
  // It would list the formats and encoders of the executable first, in two more processes, and compare ours with them, and
  // look for experimental ones among the latter.
  command._checkCapabilities = (done) => done();
  command.availableEncoders = (done) => done(null, {});
  const spawnFfmpeg = command._spawnFfmpeg.bind(command);
  // Of a process that could not be started it hands over no outputs, and then fails to read them.
  const nothing = { get: () => '' };
  command._spawnFfmpeg = (args, options, onProcess, onEnd) =>
    spawnFfmpeg(args, { ...options, ...APART }, onProcess, (error, out = nothing, log = nothing) =>
      onEnd(error, out, log),
    );
}

/** A group of its own: Ctrl-C reaches this process only, which lets its children finish, or ends them. */
const APART = { detached: process.platform !== 'win32' };

/**
 * Runs ffprobe on a file and hands over its standard output line by line; returns its complaints about the file.
 *
 * @throws L2cafError as {@link runFfmpeg}
 */
export async function runFfprobe(
  file: string | GeneratedInput,
  options: readonly string[],
  onLine: (line: string) => void,
  signal?: AbortSignal,
): Promise<FfmpegRun> {
  if (typeof file === 'string') return probeFile(file, options, onLine, signal);
  return withMadeFiles([file], signal, ([path]) => probeFile(path!, options, onLine, signal));
}

async function probeFile(
  file: string,
  options: readonly string[],
  onLine: (line: string) => void,
  signal?: AbortSignal,
): Promise<FfmpegRun> {
  throwIfAborted(signal);
  const binary = await findFfprobe();
  const reading = await readingOptions(file);
  const child = spawn(binary.path, ['-v', 'level+warning', ...reading, ...options, fileAddress(file)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    windowsHide: true,
    ...APART,
    env: { ...process.env, ...WITHOUT_CHARACTER_SETS },
  });
  watched(child);
  const stop = (): void => void child.kill('SIGKILL');
  signal?.addEventListener('abort', stop, { once: true });
  const log = new Log();
  createInterface(child.stderr).on('line', (line) => log.add(line));
  const lines = createInterface(child.stdout).on('line', onLine);
  const linesDone = new Promise((done) => lines.once('close', done));
  const end: ProcessEnd = {};
  try {
    await new Promise((done, fail) => child.once('error', fail).once('close', done));
    await linesDone;
    Object.assign(end, { code: child.exitCode, signal: child.signalCode });
    if (child.exitCode !== 0) throw new Error(`ffprobe ended with ${child.signalCode ?? `code ${child.exitCode}`}`);
    return { complaints: log.complaints };
  } catch (error) {
    await untilOursIsHeard(end, signal);
    throwIfAborted(signal);
    throw failure(error, log, binary, end);
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

/** The address of a file for ffmpeg: leading dashes, colons and percent signs have no meaning in it. */
function fileAddress(path: string): string {
  return `file:${resolve(path)}`;
}

const running = new Set<ChildProcess>();

/** Sees to it that a child does not outlive this process, however that ends. */
function watched(child: ChildProcess): void {
  if (running.size === 0) process.once('exit', killAll);
  running.add(child);
  child.once('exit', () => {
    running.delete(child);
    if (running.size === 0) process.off('exit', killAll);
  });
}

function killAll(): void {
  for (const child of running) child.kill('SIGKILL');
}

async function untilEnd(
  command: ffmpeg.FfmpegCommand,
  signal: AbortSignal | undefined,
  end: ProcessEnd,
): Promise<void> {
  let exited: Promise<unknown> = Promise.resolve();
  let child: ChildProcess | undefined;
  const stop = (): void => {
    if (child?.kill('SIGKILL') && end.signal === undefined) end.isStopped = true;
  };
  signal?.addEventListener('abort', stop, { once: true });
  const restore = withoutCharacterSets();
  try {
    await new Promise<void>((done, fail) => {
      command.on('start', () => {
        restore();
        child = (command as { ffmpegProc?: ChildProcess }).ffmpegProc;
        exited = new Promise((resolveExit) => child?.once('close', resolveExit));
        child?.once('exit', (code, killedBy) => Object.assign(end, { code, signal: killedBy }));
        if (child) watched(child);
        if (signal?.aborted) stop();
      });
      command.on('end', () => done()).on('error', fail);
      command.run();
    });
  } finally {
    restore();
    const isRunning = child?.exitCode === null && child.signalCode === null;
    if (isRunning) await Promise.race([exited, setTimeout(FAREWELL_MS, undefined, { ref: false })]);
    stop();
    await exited;
    signal?.removeEventListener('abort', stop);
  }
}

/** What a terminal sends to all that runs on it. */
const OF_TERMINALS: ReadonlySet<string | null | undefined> = new Set(['SIGINT', 'SIGQUIT', 'SIGHUP']);

/**
 * A child gets a group of its own only after it has begun: what a terminal sends in that moment ends it, too, and its end may
 * be known before ours is asked for.
 */
async function untilOursIsHeard(
  { signal: killedBy, isStopped }: ProcessEnd,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (isStopped || !OF_TERMINALS.has(killedBy) || !signal || signal.aborted) return;
  await setTimeout(FAREWELL_MS, undefined, { signal }).catch(() => {});
}

/** A process that closed its pipes and is about to end gets this long to do so itself: its own exit code is worth more. */
const FAREWELL_MS = 500;

let starting = 0;
let ownCharacterSets: string | undefined;

/**
 * Sets {@link WITHOUT_CHARACTER_SETS} in this process's environment until the returned function is called: fluent-ffmpeg
 * gives its child no environment of its own.
 */
function withoutCharacterSets(): () => void {
  const [[name, value]] = Object.entries(WITHOUT_CHARACTER_SETS) as [[string, string]];
  if (starting++ === 0) ownCharacterSets = process.env[name];
  process.env[name] = value;
  let isRestored = false;
  return () => {
    if (isRestored) return;
    isRestored = true;
    if (--starting > 0) return;
    if (ownCharacterSets === undefined) delete process.env[name];
    else process.env[name] = ownCharacterSets;
  };
}

/** Whether a file has all that it says there is; of kinds that do not say it, true. */
async function isWhole(path: string): Promise<boolean> {
  if (/\.mp4$/i.test(path)) return isWholeMp4(path);
  return /\.webm$/i.test(path) ? isWholeWebm(path) : true;
}

/** ffmpeg may end well although the last of what it wrote did not fit on the disk. */
function notWhole(path: string): L2cafError {
  return new L2cafError('ffmpeg-failed', `${path} was not written to its end`, { hint: 'is the disk full?' });
}
