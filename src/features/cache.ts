/**
 * Trunk features on disk. The trunk is frozen, so a frame's features never change: they are computed once and kept in
 * half precision, one file per frame and variant, named by everything they depend on. A file is whole or absent, so a
 * cache that was interrupted, or ran into a full disk, is valid and is continued; and it ends with a checksum of its name
 * and content, so what a disk has lost or somebody else has put there is not taken for features. It is bounded: the features that were
 * not asked for in the longest time go first.
 */
import { createHash } from 'node:crypto';
import { lstat, readdir, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { L2cafError, messageOf, systemCodeOf } from '../base/errors.ts';
import { writeFileAtomically } from '../base/files.ts';
import { readOwn } from '../base/input-files.ts';
import { makeScratchFolder } from '../base/scratch-folder.ts';
import type { PictureRegion } from '../base/types.ts';
import { isForbidden, whyForbidden } from './forbidden.ts';

/** What the features of all frames of a cache's user depend on. */
export interface FeatureSource {
  readonly trunkSha256: string;
  readonly stage: string;
  /** Size of the frames, pixels. */
  readonly width: number;
  readonly height: number;
  /** Numbers per frame. */
  readonly length: number;
}

/** One frame, as it is shown to the trunk. */
export interface FrameVariant {
  readonly videoSha256: string;
  /** Real presentation time, seconds from the start of the file. */
  readonly timestampSec: number;
  readonly mirrored: boolean;
  /** Factor on all picture values, clipped at white. */
  readonly gain: number;
  /** Whether the file is damaged there: whoever asks for the intact frame must not be given this one unawares. */
  readonly isDamaged?: boolean;
  /** The part of the picture that the trunk is shown; absent: all of it. */
  readonly part?: PictureRegion;
  /** Parts of it that are filled from around them. */
  readonly hidden?: readonly PictureRegion[];
}

/** Where the features of frames are read from. */
export interface FeatureReader {
  /** Numbers per frame. */
  readonly length: number;
  /** The features of a frame, in half precision. */
  read(frame: FrameVariant): Promise<Uint16Array>;
}

/** Where features are kept: plain values, from which other processes open the same cache. */
export interface CachePlace {
  readonly folder: string;
  readonly source: FeatureSource;
  readonly maxBytes: number;
  /** Where they are kept that cannot be written into `folder`, as it belongs to somebody else. */
  readonly spareFolder?: string;
}

/** Part of every name, so that files of another layout are not looked at; these are removed in time like all others. */
const FORMAT = 'l2caf-features/2';
const CHECKSUM_BYTES = 32;

/** Of what a file holds, under the name that says which features these are. */
function checksum(path: string, content: Uint8Array): Buffer {
  const name = path.slice(-FILE_NAME_LENGTH).replaceAll('\\', '/');
  return createHash('sha256').update(name).update(content).digest();
}

/** `ab/cd….f16` */
const FILE_NAME_LENGTH = 2 + 1 + 62 + 4;

/** Features by frame, for one {@link FeatureSource}. */
export class FeatureCache implements FeatureReader {
  readonly folder: string;
  readonly source: FeatureSource;
  readonly maxBytes: number;
  /** Files that were found damaged: whoever computes them again may say so. */
  readonly damaged = new Set<string>();
  #spareFolder: string | undefined;
  #prepared: Promise<string | undefined> | undefined;
  /** Memory for files that are looked at and not kept: garbage of their size costs more than to read them. */
  readonly #rooms: Buffer[] = [];

  /** @param maxBytes Bound on all files under `folder`, whichever source they belong to. */
  constructor(folder: string, source: FeatureSource, maxBytes: number) {
    this.folder = folder;
    this.source = source;
    this.maxBytes = maxBytes;
  }

  /** The cache at a place, which another process has prepared. */
  static at({ folder, source, maxBytes, spareFolder }: CachePlace): FeatureCache {
    const cache = new FeatureCache(folder, source, maxBytes);
    cache.#spareFolder = spareFolder;
    return cache;
  }

  /** See {@link FeatureCache.at}. */
  get place(): CachePlace {
    const { folder, source, maxBytes } = this;
    return { folder, source, maxBytes, ...(this.#spareFolder !== undefined && { spareFolder: this.#spareFolder }) };
  }

  /**
   * To be called before something is written: where this user may read the cache but not write to it, what is new is kept
   * elsewhere until this process ends. Returns what the user should know then, once.
   *
   * @throws L2cafError `output-unwritable` when there is no place at all
   */
  prepare(): Promise<string | undefined> {
    const earlier = this.#prepared;
    this.#prepared ??= this.#findPlace();
    return earlier === undefined ? this.#prepared : earlier.then(() => undefined);
  }

  async #findPlace(): Promise<string | undefined> {
    const reason = await whyForbidden(this.folder);
    if (reason === undefined) return undefined;
    this.#spareFolder = (await makeScratchFolder('l2caf-features-')).path;
    return `the cache ${this.folder} can only be read (${messageOf(reason)}): new features are not kept for the next run`;
  }

  /** Numbers per frame. */
  get length(): number {
    return this.source.length;
  }

  /** Bytes of one frame's features. */
  get frameBytes(): number {
    return 2 * this.source.length + CHECKSUM_BYTES;
  }

  /** The file of a frame: a name that tells apart everything that features depend on. */
  pathOf({ videoSha256, timestampSec, mirrored, gain, isDamaged, part, hidden }: FrameVariant): string {
    const { trunkSha256, stage, width, height } = this.source;
    const timeUs = Math.round(timestampSec * 1e6);
    const frame = [FORMAT, trunkSha256, stage, width, height, videoSha256, timeUs, mirrored, gain];
    const corners = ({ x, y, width: across, height: down }: PictureRegion): number[] => [x, y, across, down];
    const seen = [
      ...(part ? [['part', ...corners(part)]] : []),
      ...(hidden ? [['hidden', ...hidden.map(corners)]] : []),
    ];
    const key = JSON.stringify([...frame, ...(isDamaged ? ['damaged'] : []), ...seen]);
    const name = createHash('sha256').update(key).digest('hex');
    return join(this.folder, name.slice(0, 2), `${name.slice(2)}.f16`);
  }

  /** Whether a frame's features are there and undamaged; if so, they count as just used. */
  async touch(variant: FrameVariant): Promise<boolean> {
    const room = this.#rooms.pop() ?? Buffer.allocUnsafe(this.frameBytes);
    const found = await this.#load(this.pathOf(variant), room);
    this.#rooms.push(room);
    if (found === undefined) return false;
    const now = new Date();
    try {
      await utimes(found.path, now, now);
    } catch (error) {
      if (systemCodeOf(error) === 'ENOENT') return false; // another process has just made room
      if (!isForbidden(error)) throw error; // a cache that may only be read serves too
    }
    return true;
  }

  /**
   * The features of a frame, in half precision.
   *
   * @throws L2cafError `input-unreadable` when they are absent or damaged.
   */
  async read(variant: FrameVariant): Promise<Uint16Array> {
    const path = this.pathOf(variant);
    const found = await this.#load(path);
    if (found !== undefined) {
      const { buffer, byteOffset } = found.content;
      return new Uint16Array(buffer, byteOffset, this.source.length);
    }
    throw new L2cafError('input-unreadable', `cached features are missing or damaged: ${path}`, {
      hint: 'run the command again: what is missing is computed again',
    });
  }

  /** Keeps a frame's features. Throws L2cafError `output-unwritable` when the disk is full; the cache stays valid. */
  async write(variant: FrameVariant, features: Uint16Array): Promise<void> {
    const path = this.pathOf(variant);
    const bytes = new Uint8Array(features.buffer, features.byteOffset, features.byteLength);
    const content = Buffer.concat([bytes, checksum(path, bytes)]);
    const spare = this.#inSpareFolder(path);
    const written = replaceOwn(path, content).catch(async (error: unknown) => {
      if (spare === undefined || !isForbidden(error)) throw error;
      await replaceOwn(spare, content);
    });
    await written.catch((error: unknown) => {
      if (!(error instanceof L2cafError) || error.code !== 'output-unwritable') throw error;
      const hint = 'make room in the cache, or set L2CAF_CACHE to a folder that you may write to';
      throw new L2cafError(error.code, error.message, { hint, cause: error });
    });
  }

  #inSpareFolder(path: string): string | undefined {
    return this.#spareFolder === undefined ? undefined : join(this.#spareFolder, path.slice(-FILE_NAME_LENGTH));
  }

  /** What is kept of a frame, and where; undefined where there is nothing, or nothing undamaged. */
  async #load(path: string, into?: Buffer): Promise<{ readonly path: string; readonly content: Buffer } | undefined> {
    for (const place of [this.#inSpareFolder(path), path]) {
      const content = place && (await this.#loadFile(place, path, into));
      if (content) return { path: place, content };
    }
    return undefined;
  }

  /** What a file holds; undefined when it is absent, or damaged, which is noted. */
  async #loadFile(path: string, name: string, into: Buffer | undefined): Promise<Buffer | undefined> {
    let bytes: Buffer;
    try {
      bytes = await readOwn(path, { maxBytes: this.frameBytes, into });
    } catch (error) {
      if (systemCodeOf(error) !== 'ENOENT') this.damaged.add(path);
      return undefined;
    }
    const content = bytes.subarray(0, 2 * this.source.length);
    if (bytes.length === this.frameBytes && checksum(name, content).equals(bytes.subarray(content.length))) {
      return content;
    }
    this.damaged.add(path);
    return undefined;
  }

  /**
   * Makes room for `incoming` more frames by removing what was not used for the longest time, but nothing of `kept`.
   *
   * @throws L2cafError `usage` when what is needed exceeds the bound by itself.
   */
  async makeRoom(kept: readonly FrameVariant[], incoming: number): Promise<void> {
    const needed = (kept.length + incoming) * this.frameBytes;
    if (needed > this.maxBytes) {
      const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;
      throw new L2cafError(
        'usage',
        `the features of these events need ${gigabytes(needed)} of cache, the limit is ${gigabytes(this.maxBytes)}`,
        { hint: 'raise --cache-limit, take fewer events (--limit), or train with fewer --views' },
      );
    }
    const files = await this.#files();
    const protectedPaths = new Set(kept.map((variant) => this.pathOf(variant)));
    let excess = files.reduce((sum, { bytes }) => sum + bytes, 0) + incoming * this.frameBytes - this.maxBytes;
    for (const { path, bytes } of files.sort((a, b) => a.usedAt - b.usedAt)) {
      if (excess <= 0) return;
      if (protectedPaths.has(path)) continue;
      const isGone = await rm(path, { force: true }).then(
        () => true,
        (error: unknown) => {
          if (isForbidden(error)) return false; // another user's
          throw error;
        },
      );
      if (isGone) excess -= bytes;
    }
  }

  async #files(): Promise<{ path: string; bytes: number; usedAt: number }[]> {
    const folders = [this.folder, ...(this.#spareFolder === undefined ? [] : [this.#spareFolder])];
    const entries = await Promise.all(
      folders.map((folder) => readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])),
    );
    const paths = entries
      .flat()
      .filter((entry) => entry.isFile() && entry.name.endsWith('.f16'))
      .map(({ parentPath, name }) => join(parentPath, name));
    const infos = await Promise.all(
      paths.map((path) => stat(path).catch(() => undefined)), // another process may have renamed or removed it
    );
    return infos.flatMap((info, i) => (info ? [{ path: paths[i]!, bytes: info.size, usedAt: info.mtimeMs }] : []));
  }
}

/** A link is replaced by the file: what it leads to is not the cache's. */
async function replaceOwn(path: string, content: Uint8Array): Promise<void> {
  const info = await lstat(path).catch(() => undefined);
  if (info?.isSymbolicLink()) await rm(path, { force: true });
  await writeFileAtomically(path, content);
}
