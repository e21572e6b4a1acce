/**
 * Where onnxruntime is: beside l2caf, where its user has installed it, else in the cache, where `pull-engine.ts` puts the part
 * of it that this machine needs.
 */
import { readFile, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { cacheFolder } from '../../base/cache-folder.ts';
import { exists, sha256OfFile } from '../../base/files.ts';
import { jsonIn } from '../../base/input-files.ts';
import { missingPackages, ONNX_PACKAGES } from '../../base/optional.ts';
import type { NpmPackage } from '../npm-package.ts';

/** onnxruntime as it is pulled: its package for Node, and the one that this one needs. */
export interface EngineRelease {
  readonly version: string;
  readonly node: NpmPackage;
  readonly common: NpmPackage;
}

/** The release that is pulled. */
export const ONNXRUNTIME: EngineRelease = {
  version: '1.30.0',
  node: {
    npmPackage: 'onnxruntime-node@1.30.0',
    integrity: 'sha512-twhs1C2C/BFkz1yc5OY0KIU2GUq6DURO7hD4bx5Q2Qy3nAMJwRXW8xU3NVczE29VA9lolLOYepoD8fjTGOfIqw==',
    bytes: 113_507_888,
  },
  common: {
    npmPackage: 'onnxruntime-common@1.30.0',
    integrity: 'sha512-7fdVWjAID1dVhH/G8qK3APARunV4VkBFoCQAP7qp4Wkab0mrorvmc+sqiT+mKXOzDqdjN5j+/Z9nb4gzNPWcyA==',
    bytes: 66_795,
  },
};

/** Machines that onnxruntime-node has a build for; on Linux, one with glibc. */
const BUILDS: ReadonlySet<string> = new Set(['linux x64', 'linux arm64', 'darwin arm64', 'win32 x64', 'win32 arm64']);

/** What is said of a machine that there is no build for; undefined where there is one. */
export function lackOfBuild(platform: string, arch: string, hasGlibc: boolean): string | undefined {
  if (!BUILDS.has(`${platform} ${arch}`)) return `onnxruntime has no build for ${platform} ${arch}`;
  return platform === 'linux' && !hasGlibc
    ? `onnxruntime has no build for ${platform} ${arch} without glibc`
    : undefined;
}

/** {@link lackOfBuild} of this machine. */
export function lackHere(): string | undefined {
  return lackOfBuild(process.platform, process.arch, process.platform !== 'linux' || isGlibcHere());
}

function isGlibcHere(): boolean {
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime !== undefined;
}

/** An onnxruntime that can be loaded. */
export interface LocatedEngine {
  readonly from: 'installed' | 'cache';
  readonly version: string;
  /** Its folder. */
  readonly path: string;
}

const require = createRequire(import.meta.url);

/** Finds it, without loading it: undefined where there is none, or only a damaged one in the cache. */
export async function locateOnnxruntime(): Promise<LocatedEngine | undefined> {
  if (missingPackages(ONNX_PACKAGES).length === 0) {
    const manifest = require.resolve('onnxruntime-node/package.json');
    const { version } = require(manifest) as { version: string };
    return { from: 'installed', version, path: dirname(manifest) };
  }
  if ((await cachedState(ONNXRUNTIME)) !== 'ready') return undefined;
  return { from: 'cache', version: ONNXRUNTIME.version, path: nodePackageIn(engineFolder(ONNXRUNTIME)) };
}

/** The folder of the cache that a release is pulled into, of this kind of machine. */
export function engineFolder({ version }: EngineRelease): string {
  return join(cacheFolder(), ENGINES, `onnxruntime-${version}-${process.platform}-${process.arch}`);
}

/** The folder in the cache that holds engines. */
export const ENGINES = 'engines';

/** Where the package for Node lies in a folder that holds a release. */
export function nodePackageIn(folder: string): string {
  return join(folder, 'node_modules', 'onnxruntime-node');
}

/** Lists the files of a release that was pulled. */
export const FILES = 'files.json';

/** What is known of a file of a release, by its path in the folder. */
export type EngineFiles = Readonly<Record<string, { readonly bytes: number; readonly sha256: string }>>;

/**
 * What is in the cache of a release: whether all files are there and have their sizes; with `thoroughly`, also their content.
 * It is put there whole, so it is only damaged by what happens to the disk later.
 */
export async function cachedState(
  release: EngineRelease,
  thoroughly = false,
  signal?: AbortSignal,
): Promise<'absent' | 'damaged' | 'ready'> {
  const folder = engineFolder(release);
  if (!(await exists(folder))) return 'absent';
  const list = jsonIn(await readFile(join(folder, FILES), 'utf8').catch(() => '')) as EngineFiles | undefined;
  for (const [path, { bytes, sha256 }] of Object.entries(list ?? {})) {
    const file = join(folder, path);
    if ((await stat(file).catch(() => undefined))?.size !== bytes) return 'damaged';
    if (thoroughly && (await sha256OfFile(file, { signal })) !== sha256) return 'damaged';
  }
  return list === undefined ? 'damaged' : 'ready';
}
