/**
 * A folder of pictures as a clip: numbered pictures, pictures whose times a table states, or a Donkey tub (`tub.ts`). Which
 * files they are and when each is shown is found out once; whenever a picture is read, it must be the file that was found.
 * For ffmpeg, the pictures that a run needs are put into one video file, as they are (`matroska.ts`).
 */
import { createHash } from 'node:crypto';
import { opendir, realpath, stat } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';
import { mapConcurrently } from '../../base/concurrent.ts';
import { L2cafError, messageOf, throwIfAborted } from '../../base/errors.ts';
import { changedInput, FOLDER_IDENTITY, identityIn, identityOf } from '../../base/files.ts';
import { readInput } from '../../base/input-files.ts';
import type { ClipReading, Rational, RecordedSignals } from '../../base/types.ts';
import { createCanvas, loadImage } from '../drawing/canvas.ts';
import type { GeneratedInput } from './ffmpeg.ts';
import { type PictureCodec, type TimedPicture, writeMatroska } from './matroska.ts';
import { unreadable } from './metadata.ts';
import { roundToMicroseconds } from './packets.ts';
import { type PictureFormat, pictureFormat, pictureProblem } from './picture-format.ts';
import {
  MAX_PICTURES,
  median,
  rationalOf,
  SHORTEST_SEC,
  type Stated,
  type StatedPicture,
  someOf,
  statedByNumbers,
  statedByTable,
  statedByTub,
  tooMany,
} from './picture-times.ts';
import { counted, isOrAre, readTub } from './tub.ts';

/** A picture of a folder. */
export interface FolderPicture {
  /** Name of the file. */
  readonly name: string;
  /** When it is shown, seconds from the first one. */
  readonly timeSec: number;
  /** The file, and its state when the folder was looked at (`identityOf`). */
  readonly identity: string;
}

/** See the top of this file. */
export interface PictureFolder {
  /** Where the pictures lie; not always the folder that was named. */
  readonly folder: string;
  /** At least one, by increasing time; the first is shown at 0. */
  readonly pictures: readonly FolderPicture[];
  /** As asked for, or as usual between them; pictures per second. */
  readonly rate: Rational;
  /** Of the first whole picture: all are read as this. */
  readonly format: PictureFormat;
  /** The place of the first one that is a picture. */
  readonly first: number;
  /** Of all pictures and their times. */
  readonly identity: string;
  /** What was recorded with them, where something was. */
  readonly signals?: RecordedSignals;
  /** What a person should know, in words. */
  readonly notes: readonly string[];
}

/** No camera makes larger ones. */
const MAX_PICTURE_BYTES = 512e6;
/** Files that are looked at, or read, at once. */
const FILES_AT_ONCE = 32;

/** A table of times that lies beside the pictures. */
const TIMES_TABLE = 'times.csv';

/**
 * Looks at a folder: which pictures it has, and when each is shown.
 *
 * @throws L2cafError `input-unreadable` for a folder without such pictures, with too many files, with links that lead out of
 *   it, or whose table or manifest cannot be used; `usage` where nothing says when the pictures are shown
 */
export async function openPictures(
  path: string,
  { fps, times }: Pick<ClipReading, 'fps' | 'times'>,
  signal?: AbortSignal,
): Promise<PictureFolder> {
  const files = await listFiles(path, signal);
  const tub = times === undefined ? await readTub(path, [...files.keys()], signal) : undefined;
  const table = times ?? (files.has(TIMES_TABLE) && fps === undefined ? join(path, TIMES_TABLE) : undefined);
  if (fps !== undefined && times !== undefined) {
    throw new L2cafError('usage', 'both --fps and --times say when pictures are shown', { hint: 'give one of them' });
  }
  const stated = tub
    ? statedByTub(tub, fps)
    : table
      ? await statedByTable(table)
      : statedByNumbers(path, [...files.keys()], fps);
  const folder = tub ? tub.pictures : path;
  const there = tub && tub.pictures !== path ? await listFiles(tub.pictures, signal) : files;
  const { shown, notes } = presentOf(path, folder, stated, there);
  const root = await realpath(path);
  if (folder !== path) await refuseOutside(root, folder);
  const pictures = await mapConcurrently(shown, FILES_AT_ONCE, async ({ name, timeSec }): Promise<FolderPicture> => {
    throwIfAborted(signal);
    if (there.get(name)?.isLink) await refuseOutside(root, join(folder, name));
    return { name, timeSec, identity: await identityOfPicture(join(folder, name)) };
  });
  const start = await firstPicture(path, folder, pictures);
  const values = shown.flatMap(({ numbers }) => (numbers ? [numbers] : []));
  const signals = signalsOf(pictures, values);
  return {
    ...{ folder, pictures, ...start },
    rate: fps === undefined ? usualRate(pictures) : rationalOf(fps),
    identity: identityOfAll(resolve(path), pictures),
    ...(signals && { signals }),
    notes,
  };
}

interface File {
  readonly isLink: boolean;
}

async function listFiles(folder: string, signal: AbortSignal | undefined): Promise<Map<string, File>> {
  const files = new Map<string, File>();
  try {
    for await (const entry of await opendir(folder, { bufferSize: 1024 })) {
      if (entry.isDirectory()) continue;
      files.set(entry.name, { isLink: entry.isSymbolicLink() });
      // A tub of version 1 has two files per picture.
      if (files.size > 2 * MAX_PICTURES + 1000) throw tooMany(folder);
      throwIfAborted(signal);
    }
  } catch (cause) {
    throw cause instanceof L2cafError ? cause : unreadable(folder, messageOf(cause), undefined, cause);
  }
  return files;
}

/** Those that are there; two that are shown at one time are one, of which the first is seen. */
function presentOf(
  path: string,
  folder: string,
  stated: Stated,
  files: ReadonlyMap<string, File>,
): { readonly shown: readonly StatedPicture[]; readonly notes: readonly string[] } {
  const absent = stated.pictures.filter(({ name }) => !files.has(name)).map(({ name }) => name);
  const there = stated.pictures.filter(({ name }) => files.has(name));
  const shown = there.filter(({ timeSec }, i) => i === 0 || timeSec - there[i - 1]!.timeSec >= SHORTEST_SEC);
  if (shown.length === 0) {
    throw unreadable(
      path,
      absent.length > 0 ? `none of its pictures is in ${folder}: ${someOf(absent)}` : 'it names no pictures',
      'give the folder with all its pictures',
    );
  }
  if (shown.length > MAX_PICTURES) throw tooMany(folder);
  const startSec = shown[0]!.timeSec;
  return {
    shown: shown.map((own) => ({ ...own, timeSec: roundToMicroseconds(own.timeSec - startSec) })),
    notes: [
      ...stated.notes,
      ...(absent.length > 0
        ? [
            `${counted(absent.length, 'picture')} that ${isOrAre(absent.length)} named cannot be found: ${someOf(absent)}`,
          ]
        : []),
      ...(shown.length < there.length
        ? [`${counted(there.length - shown.length, 'picture')} shown at the time of another one: the first is taken`]
        : []),
    ],
  };
}

async function refuseOutside(root: string, path: string): Promise<void> {
  const real = await realpath(path).catch((cause: unknown) => {
    throw unreadable(path, messageOf(cause), undefined, cause);
  });
  if (real.startsWith(root.endsWith(sep) ? root : `${root}${sep}`)) return;
  throw unreadable(path, 'it is a link that leads out of the folder', 'copy the pictures into the folder');
}

async function identityOfPicture(path: string): Promise<string> {
  const info = await stat(path, { bigint: true }).catch((cause: unknown) => {
    throw unreadable(path, messageOf(cause), undefined, cause);
  });
  if (!info.isFile())
    throw unreadable(path, 'it is no regular file', 'a picture is read in several places: give files');
  return identityIn(info);
}

/** The first file that is a whole picture, or one at all: it tells how the others are read. */
async function firstPicture(
  path: string,
  folder: string,
  pictures: readonly FolderPicture[],
): Promise<Pick<PictureFolder, 'first' | 'format'>> {
  let damaged: Pick<PictureFolder, 'first' | 'format'> | undefined;
  for (const [first, picture] of pictures.slice(0, FIRST_TRIED).entries()) {
    const bytes = await bytesOf(folder, picture);
    const format = pictureFormat(bytes);
    if (format === undefined) continue;
    if (pictureProblem(bytes) === undefined) return { first, format };
    damaged ??= { first, format };
  }
  if (damaged) return damaged;
  throw unreadable(path, `its first files are no pictures: ${someOf(pictures.map(({ name }) => name))}`);
}

/** Whoever has as many damaged files at the start has no pictures. */
const FIRST_TRIED = 100;

function identityOfAll(path: string, pictures: readonly FolderPicture[]): string {
  const hash = createHash('sha256').update(path);
  for (const { name, timeSec, identity } of pictures) hash.update(`${name}\0${timeSec}\0${identity}\0`);
  return `${FOLDER_IDENTITY}${hash.digest('hex')}`;
}

function signalsOf(
  pictures: readonly FolderPicture[],
  numbers: readonly ReadonlyMap<string, number>[],
): RecordedSignals | undefined {
  const names = [...new Set(numbers.flatMap((own) => [...own.keys()]))];
  if (names.length === 0) return undefined;
  return {
    names,
    timesSec: pictures.map(({ timeSec }) => timeSec),
    values: names.map((name) => numbers.map((own) => own.get(name) ?? Number.NaN)),
  };
}

/** A file of the folder, if it is the one that was found. */
async function bytesOf(folder: string, { name, identity }: FolderPicture, signal?: AbortSignal): Promise<Buffer> {
  const path = join(folder, name);
  const bytes = await readInput(path, { maxBytes: MAX_PICTURE_BYTES, signal });
  const now = await identityOf(path).catch((cause: unknown) => {
    throw changedInput(path, cause);
  });
  if (now !== identity) throw changedInput(path);
  return bytes;
}

/**
 * Pictures of a folder as a video file that is made for one run of ffmpeg.
 *
 * @param timesSec of the pictures, seconds from the start of the clip
 */
export function videoOfPictures(folder: PictureFolder, timesSec: ArrayLike<number>): GeneratedInput {
  const wanted = [...new Set(Array.from(timesSec, (time) => placeAt(folder, time)))].sort((a, b) => a - b);
  return {
    name: 'pictures.mkv',
    write: async (path, signal) => {
      const complaints: string[] = [];
      async function* pictures(): AsyncGenerator<TimedPicture> {
        for (const place of wanted) {
          const picture = folder.pictures[place]!;
          const bytes = await bytesOf(folder.folder, picture, signal);
          const problem = problemOf(folder, picture, bytes);
          if (problem !== undefined) complaints.push(`${picture.name} ${problem}`);
          yield { timeSec: picture.timeSec, bytes: problem === undefined ? await recoded(folder, bytes) : bytes };
        }
      }
      await writeMatroska(path, codecOf(folder), pictures());
      return complaints;
    },
  };
}

/**
 * Which of these pictures are not whole.
 *
 * @param timesSec seconds from the start of the clip
 */
export async function damagedPictures(
  folder: PictureFolder,
  timesSec: readonly number[],
  signal: AbortSignal | undefined,
): Promise<number[]> {
  const damaged: number[] = [];
  for (const time of timesSec) {
    const picture = folder.pictures[placeAt(folder, time)]!;
    const problem = problemOf(folder, picture, await bytesOf(folder.folder, picture, signal));
    if (problem !== undefined) damaged.push(time);
  }
  return damaged;
}

/** What is wrong with a picture; throws L2cafError `input-unreadable` for one of another format than the first. */
function problemOf({ folder, format }: PictureFolder, { name }: FolderPicture, bytes: Buffer): string | undefined {
  const own = pictureFormat(bytes);
  if (own === undefined || own === format) return pictureProblem(bytes);
  throw unreadable(
    join(folder, name),
    `it is a ${own} picture, and the first one is ${format}`,
    'convert them to one format',
  );
}

/** The picture whose time is the nearest. */
function placeAt({ pictures }: PictureFolder, timeSec: number): number {
  let [low, high] = [0, pictures.length - 1]; // the first picture at or after the time
  while (low < high) {
    const middle = (low + high) >> 1;
    if (pictures[middle]!.timeSec < timeSec) low = middle + 1;
    else high = middle;
  }
  const before = pictures[low - 1];
  return before && timeSec - before.timeSec < pictures[low]!.timeSec - timeSec ? low - 1 : low;
}

function codecOf({ format }: PictureFolder): PictureCodec {
  return format === 'JPEG' ? 'jpeg' : 'png';
}

/** What the video cannot hold as it is, or not every ffmpeg reads, becomes a PNG with the same pixels. */
async function recoded({ format }: PictureFolder, bytes: Buffer): Promise<Uint8Array> {
  if (format === 'JPEG' || format === 'PNG') return bytes;
  const picture = await loadImage(bytes);
  const canvas = createCanvas(picture.width, picture.height);
  canvas.getContext('2d').drawImage(picture, 0, 0);
  return canvas.encode('png');
}

const hashes = new Map<string, Promise<string>>();

/**
 * SHA-256 of a folder: of names, times and contents of its pictures, in hexadecimal; once per state of it.
 *
 * @throws L2cafError `input-changed`
 */
export function sha256OfPictures(folder: PictureFolder, signal?: AbortSignal): Promise<string> {
  const known = hashes.get(folder.identity);
  if (known !== undefined) return known;
  const hash = hashContents(folder, signal);
  hashes.set(folder.identity, hash);
  hash.catch(() => hashes.delete(folder.identity));
  return hash;
}

async function hashContents({ folder, pictures }: PictureFolder, signal: AbortSignal | undefined): Promise<string> {
  const hash = createHash('sha256');
  for (const picture of pictures) {
    const bytes = await bytesOf(folder, picture, signal);
    hash.update(`${picture.name}\0${Math.round(picture.timeSec * 1e6)}\0${bytes.length}\0`).update(bytes);
  }
  return hash.digest('hex');
}

/** That of the usual distance; of a single picture, one per second. */
function usualRate(pictures: readonly FolderPicture[]): Rational {
  const gaps = pictures.slice(1).map(({ timeSec }, i) => timeSec - pictures[i]!.timeSec);
  return { numerator: 1_000_000, denominator: Math.max(1, Math.round((median(gaps) ?? 1) * 1e6)) };
}
