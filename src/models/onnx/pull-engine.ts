/**
 * onnxruntime, from npm into the cache: of the package's builds for all machines only the one for this machine, which needs no
 * install script. Whole or not at all, whoever else does so at the same time.
 */
import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { cacheFolder } from '../../base/cache-folder.ts';
import { L2cafError, messageOf, throwIfAborted } from '../../base/errors.ts';
import { exists, isFolder, sha256OfFile } from '../../base/files.ts';
import { readOwn } from '../../base/input-files.ts';
import { installCommand, ONNX_PACKAGES } from '../../base/optional.ts';
import { syncFile, syncFolder } from '../../base/sync.ts';
import type { ProgressListener } from '../../base/types.ts';
import {
  fetchProgress,
  fetchTarball,
  inStaging,
  type NpmPackage,
  type PullOptions,
  type Purpose,
  tarballName,
  unpack,
} from '../npm-package.ts';
import {
  cachedState,
  ENGINES,
  type EngineFiles,
  type EngineRelease,
  engineFolder,
  FILES,
  lackHere,
  locateOnnxruntime,
  nodePackageIn,
  ONNXRUNTIME,
} from './locate.ts';

/** The command that pulls it. */
export const PULL_ENGINE = 'l2caf models pull --engine';

const PURPOSE: Purpose = {
  what: 'onnxruntime',
  command: `${PULL_ENGINE} --from FOLDER`,
  invalid: 'package-invalid',
};

/** How the engine is pulled. */
export interface PullEngineOptions extends PullOptions {
  /** Not to wait for a registry that cannot be reached; default false. */
  readonly isHasty?: boolean;
}

/**
 * Makes sure that onnxruntime is in the cache, and returns its folder. Does nothing if it is, every file as it was pulled, and
 * no source is named.
 *
 * @param options `from`: the tarball of onnxruntime-node with that of onnxruntime-common beside it, or a folder that holds both
 * @throws L2cafError `package-missing` when there is no build for this machine, `download-failed` when npm cannot fetch it,
 *   `package-invalid` when what it got (or what `from` names) is not the expected content, `input-not-found`,
 *   `output-unwritable`, `aborted`
 */
export async function pullOnnxruntime(
  options: PullEngineOptions = {},
  release: EngineRelease = ONNXRUNTIME,
): Promise<string> {
  const lack = lackHere();
  if (lack !== undefined) throw new L2cafError('package-missing', lack, { hint: 'use --backend wasm' });
  const folder = engineFolder(release);
  const { from, signal, onProgress } = options;
  if (from === undefined && (await cachedState(release, true, signal)) === 'ready') return folder;
  await inStaging(ENGINES, async (staging) => {
    const made = join(staging, 'engine');
    for (const part of [release.common, release.node]) {
      const tarball = from === undefined ? await fetchPart(part, staging, options) : await partIn(from, part, release);
      const target = join(made, 'node_modules', part.npmPackage.split('@')[0]!);
      await mkdir(target, { recursive: true });
      await unpack(part, tarball, target, { purpose: PURPOSE, isWanted: isNeededHere, signal });
      if (from === undefined) onProgress?.(fetchProgress(part));
    }
    if (!(await exists(join(nodePackageIn(made), BUILD, 'onnxruntime_binding.node')))) {
      const machine = `${process.platform} ${process.arch}`;
      throw new L2cafError('package-invalid', `${release.node.npmPackage} holds no build for ${machine}`, {
        hint: 'use --backend wasm',
      });
    }
    await listFiles(made);
    throwIfAborted(signal);
    await putInPlace(made, folder, staging, release);
  });
  await rm(failureNote(), { force: true });
  return folder;
}

/** Where the build for this machine lies in the package. */
const BUILD = join('bin', 'napi-v6', process.platform, process.arch);

/** Of either package: what is loaded when it is required. */
function isNeededHere(path: string): boolean {
  const build = `${BUILD.split(sep).join('/')}/`;
  return path === 'package.json' || (path.startsWith('dist/') && /\.js(on)?$/.test(path)) || path.startsWith(build);
}

/** The smaller one shows whether the registry can be reached: it alone is given little time. */
function fetchPart(
  part: NpmPackage,
  staging: string,
  { isHasty = false, ...options }: PullEngineOptions,
): Promise<string> {
  return fetchTarball(part, staging, { ...options, purpose: PURPOSE, isHasty: isHasty && part.bytes < SMALL_BYTES });
}

const SMALL_BYTES = 1e6;

/** The tarball of a part: the one that is named, if it is that of onnxruntime-node, or the one of its name beside or in it. */
async function partIn(from: string, part: NpmPackage, { node, common }: EngineRelease): Promise<string> {
  if (!(await exists(from))) throw new L2cafError('input-not-found', `${from} does not exist`);
  const isTarball = !(await isFolder(from));
  if (isTarball && part === node) return from;
  const path = join(isTarball ? dirname(from) : from, tarballName(part));
  if (await exists(path)) return path;
  throw new L2cafError('input-not-found', `${path} does not exist`, {
    hint: `npm pack ${node.npmPackage} ${common.npmPackage} gives both files that are needed`,
  });
}

/** Writes down what the folder holds, and brings it all to the disk. */
async function listFiles(folder: string): Promise<void> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files: Record<string, EngineFiles[string]> = {};
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isDirectory()) {
      await syncFolder(path);
      continue;
    }
    await syncFile(path);
    const { size: bytes } = await stat(path);
    files[relative(folder, path).split(sep).join('/')] = { bytes, sha256: await sha256OfFile(path) };
  }
  await writeFile(join(folder, FILES), JSON.stringify(files, null, 2));
  await syncFile(join(folder, FILES));
  await syncFolder(folder);
}

/** Gives the folder its name, unless another process has put a whole one there meanwhile; a damaged one makes room. */
async function putInPlace(made: string, folder: string, staging: string, release: EngineRelease): Promise<void> {
  if ((await cachedState(release, true)) === 'damaged') await rename(folder, join(staging, 'damaged'));
  try {
    await rename(made, folder);
    await syncFolder(dirname(folder));
  } catch (error) {
    if ((await cachedState(release, true)) !== 'ready') throw error;
  }
}

/** What is needed to fetch it while something else is waiting for it. */
export interface Fetching {
  readonly onProgress?: ProgressListener | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Makes sure that there is an onnxruntime, beside l2caf or in the cache, where it can be had at all. Where it could not be
 * fetched, that is not tried again for a day, so that a machine without network does not wait for it every time.
 *
 * @returns why there is none, one line; undefined where there is one
 * @throws L2cafError `aborted`
 */
export async function provideOnnxruntime({ onProgress, signal }: Fetching): Promise<string | undefined> {
  if ((await locateOnnxruntime()) !== undefined) return undefined;
  const lack = lackHere();
  if (lack !== undefined) return lack;
  const earlier = await earlierFailure();
  if (earlier !== undefined) return `${earlier}, as of today (${PULL_ENGINE} tries again)`;
  try {
    await pullOnnxruntime({ onProgress, signal, isHasty: true });
    return undefined;
  } catch (error) {
    if (!(error instanceof L2cafError) || error.code === 'aborted') throw error;
    // What can be put right here is tried again the next time.
    if (error.code !== 'output-unwritable') await writeFile(failureNote(), messageOf(error)).catch(() => {});
    return `${messageOf(error)} (${PULL_ENGINE} tries again)`;
  }
}

/**
 * Makes sure that there is an onnxruntime, for what cannot do without.
 *
 * @param purpose what needs it, for the message
 * @throws L2cafError `package-missing`, with why it cannot be had; `aborted`
 */
export async function requireOnnxruntime(purpose: string, { onProgress, signal }: Fetching): Promise<void> {
  if ((await locateOnnxruntime()) !== undefined) return;
  try {
    await pullOnnxruntime({ onProgress, signal, isHasty: true });
  } catch (error) {
    if (!(error instanceof L2cafError) || error.code === 'aborted') throw error;
    throw new L2cafError('package-missing', `${purpose} needs onnxruntime, and it is not there: ${messageOf(error)}`, {
      hint:
        lackHere() === undefined ? `${PULL_ENGINE} --from FOLDER, or ${installCommand(ONNX_PACKAGES)}` : error.hint!,
      cause: error,
    });
  }
}

/** Says why it could not be fetched. */
function failureNote(): string {
  return join(cacheFolder(), ENGINES, 'not-fetched.txt');
}

const DAY_MS = 86_400_000;

async function earlierFailure(): Promise<string | undefined> {
  const age = Date.now() - ((await stat(failureNote()).catch(() => undefined))?.mtimeMs ?? 0);
  if (age < 0 || age > DAY_MS) return undefined;
  const note = await readOwn(failureNote(), { maxBytes: 1 << 12 }).catch(() => undefined);
  return note === undefined || note.length === 0 ? undefined : messageOf(note.toString());
}
