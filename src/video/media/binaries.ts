/**
 * Finds the ffmpeg and ffprobe executables, so that a fresh machine always has them and a user can always choose others.
 * A binary that was set explicitly and does not work is an error, never skipped.
 */
import { execFile } from 'node:child_process';
import { access, chmod, constants, copyFile, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, delimiter, dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { cacheFolder } from '../../base/cache-folder.ts';
import { L2cafError, messageOf } from '../../base/errors.ts';
import { writeAtomically } from '../../base/files.ts';

/** An executable that was found and answered `-version`. */
export interface Binary {
  readonly path: string;
  /** Where it was found: an environment variable, `PATH`, or the name of a package. */
  readonly source: string;
  /** As the program states it, e.g. `5.1.6-0+deb12u1`. */
  readonly version: string;
}

/** An ffmpeg, and how to speak to it. */
export interface Ffmpeg extends Binary {
  /** The names by which this version knows options of current ones. */
  readonly renamed: Readonly<Record<string, string>>;
}

/**
 * Environment of a child process. A statically linked ffmpeg crashes on MPEG-TS when it loads the machine's character set
 * converters, which it wants for the names of stations. Nobody here needs those.
 */
export const WITHOUT_CHARACTER_SETS: Readonly<Record<string, string>> = { GCONV_PATH: '/nonexistent' };

/** The environment variables that matter here; tests pass their own. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Finds ffmpeg: `FFMPEG_PATH`, the package ffmpeg-static, `ffmpeg` on `PATH`, the package @ffmpeg-installer/ffmpeg. The
 * last is of 2018, so any other goes first. The answer is remembered per environment.
 *
 * @throws L2cafError `ffmpeg-missing` when none works, or `FFMPEG_PATH` is set and does not work.
 */
export function findFfmpeg(env: Environment = process.env): Promise<Ffmpeg> {
  return remembered(`ffmpeg ${env['FFMPEG_PATH']} ${env['PATH']}`, async () =>
    withNames(await findBinary('ffmpeg', 'FFMPEG_PATH', env['FFMPEG_PATH'], ffmpegPlaces(env))),
  );
}

/** Every ffmpeg that answers, in the order in which {@link findFfmpeg} takes them; each file once. */
export function findAllFfmpegs(env: Environment = process.env): Promise<Ffmpeg[]> {
  return remembered(`all ${env['FFMPEG_PATH']} ${env['PATH']}`, async () => {
    const found: Ffmpeg[] = [await findFfmpeg(env)];
    for (const { source, locate } of ffmpegPlaces(env)) {
      const path = await locate();
      if (path === undefined || found.some((earlier) => earlier.path === path)) continue;
      const version = await versionOf('ffmpeg', path).catch(() => undefined);
      if (version !== undefined) found.push(await withNames({ path, source, version }));
    }
    return found;
  });
}

/** The package that ships the executable that every machine has. */
export const EMBEDDED_FFMPEG = '@ffmpeg-installer/ffmpeg';

function ffmpegPlaces(env: Environment): Place[] {
  return [
    { source: 'ffmpeg-static', locate: () => pathFromPackage('ffmpeg-static') },
    { source: 'PATH', locate: () => pathOnPath('ffmpeg', env['PATH']) },
    { source: EMBEDDED_FFMPEG, locate: () => pathFromPackage(EMBEDDED_FFMPEG) },
  ];
}

/** `-fps_mode` came with ffmpeg 5.1; before, it was called `-vsync`, a name that later versions may drop. */
async function withNames(binary: Binary): Promise<Ffmpeg> {
  const [, major, minor] = /^n?(\d+)\.(\d+)/.exec(binary.version) ?? [];
  const isNew =
    major === undefined
      ? (await outputOf(binary.path, ['-hide_banner', '-h', 'long'])).includes('-fps_mode')
      : Number(major) + Number(minor) / 100 > 5.005;
  return { ...binary, renamed: isNew ? {} : { '-fps_mode': '-vsync' } };
}

/**
 * Finds ffprobe: `FFPROBE_PATH`, beside the ffmpeg in use, `ffprobe` on `PATH`, the package @ffprobe-installer/ffprobe.
 *
 * @throws L2cafError `ffmpeg-missing` when none works, or `FFPROBE_PATH` is set and does not work.
 */
export function findFfprobe(env: Environment = process.env): Promise<Binary> {
  return remembered(`ffprobe ${env['FFPROBE_PATH']} ${env['FFMPEG_PATH']} ${env['PATH']}`, () =>
    findBinary('ffprobe', 'FFPROBE_PATH', env['FFPROBE_PATH'], [
      {
        source: 'beside ffmpeg',
        locate: async () => pathOnPath('ffprobe', dirname((await findFfmpeg(env)).path)),
      },
      { source: 'PATH', locate: () => pathOnPath('ffprobe', env['PATH']) },
      { source: '@ffprobe-installer/ffprobe', locate: () => pathFromPackage('@ffprobe-installer/ffprobe') },
    ]),
  );
}

interface Place {
  readonly source: string;
  /** The path of an existing executable, or undefined. */
  locate(): Promise<string | undefined>;
}

const require = createRequire(import.meta.url);
const execute = promisify(execFile);
const found = new Map<string, Promise<unknown>>();

function remembered<T>(key: string, find: () => Promise<T>): Promise<T> {
  const search = (found.get(key) as Promise<T> | undefined) ?? find();
  found.set(key, search);
  search.catch(() => found.delete(key));
  return search;
}

async function findBinary(
  name: 'ffmpeg' | 'ffprobe',
  variable: string,
  chosen: string | undefined,
  places: readonly Place[],
): Promise<Binary> {
  if (chosen) {
    try {
      return { path: resolve(chosen), source: variable, version: await versionOf(name, resolve(chosen)) };
    } catch (cause) {
      throw new L2cafError('ffmpeg-missing', `${variable}=${chosen} does not work: ${messageOf(cause)}`, {
        hint: `point ${variable} at a working ${name} executable, or unset it`,
        cause,
      });
    }
  }
  for (const { source, locate } of places) {
    const path = await locate();
    const version = path && (await versionOf(name, path).catch(() => undefined));
    if (path && version) return { path, source, version };
  }
  const tried = [variable, ...places.map((place) => place.source)].join(', ');
  throw new L2cafError('ffmpeg-missing', `no working ${name} was found (tried ${tried})`, {
    hint: `install ffmpeg (https://ffmpeg.org/download.html), or set ${variable} to its executable`,
  });
}

async function versionOf(name: string, path: string): Promise<string> {
  const version = new RegExp(`^${name} version (\\S+)`).exec(await outputOf(path, ['-version']))?.[1];
  if (!version) throw new Error(`it does not answer "-version" as ${name} does`);
  return version;
}

async function outputOf(path: string, options: readonly string[]): Promise<string> {
  const env = { ...process.env, ...WITHOUT_CHARACTER_SETS };
  const { stdout } = await execute(path, [...options], { timeout: 20_000, windowsHide: true, env });
  return stdout;
}

async function pathOnPath(name: string, path = ''): Promise<string | undefined> {
  const file = process.platform === 'win32' ? `${name}.exe` : name;
  for (const folder of path.split(delimiter).filter(Boolean)) {
    if (await isExecutable(join(folder, file))) return resolve(folder, file);
  }
  return undefined;
}

/** Installer packages export the path, alone or as `{ path }`; they are absent or throw where they have no binary. */
async function pathFromPackage(name: string): Promise<string | undefined> {
  try {
    const exported: unknown = require(name);
    const path = typeof exported === 'string' ? exported : (exported as { path?: string } | null)?.path;
    return path && ((await isExecutable(path)) ? path : await madeExecutable(path));
  } catch {
    return undefined;
  }
}

/**
 * A packaged program that lacks the permission to run, as after an install without install scripts: it gets it, or, where
 * that is not ours to give, a copy of it in the cache does.
 *
 * @throws when there is no such file, or no place for a copy
 */
async function madeExecutable(path: string): Promise<string> {
  const { size, mtimeMs } = await stat(path);
  const isGranted = await chmod(path, 0o755).then(
    () => isExecutable(path),
    () => false,
  );
  if (isGranted) return path;
  const copy = join(cacheFolder(), 'programs', `${Math.round(mtimeMs)}-${size}-${basename(path)}`);
  if (await isExecutable(copy)) return copy;
  await writeAtomically(copy, async (temporary) => {
    await copyFile(path, temporary);
    await chmod(temporary, 0o755);
  });
  return copy;
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
