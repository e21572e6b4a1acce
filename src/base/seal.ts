/**
 * The seal that l2caf puts on files, by which it knows them again as its own and as they were: a hash of the content in a
 * place of the format that readers pass over (a comment, a chunk, a box, a field). A file that somebody else made has none,
 * and that of a file that was edited does not fit any more; neither is replaced unasked. Formats without such a place (CSV,
 * Parquet, …) have their hashes in `.l2caf` beside them, one line a file as `sha256sum` writes them. Processes that write to one
 * folder replace that file in turns; one that is no such list is the user's, and stays as it is.
 */
import { appendFile, lstat, readdir, rename, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { L2cafError } from './errors.ts';
import { hashFile, openInput, readOwn } from './input-files.ts';
import { takeLockWithin } from './lock.ts';
import { temporaryName } from './temporary.ts';
import { lengthenSegment } from './webm.ts';

/** A format with a place for the seal: between its content and its last bytes, which are the same in every file. */
interface SealedKind {
  /** What the files are called, in words. */
  readonly title: string;
  readonly extensions: readonly string[];
  /** Whether a file that begins with these bytes is of this kind. */
  readonly begins: (head: Buffer) => boolean;
  /** The last bytes. */
  readonly tail: Buffer;
  /** The bytes of a seal, of the same length for every hash. */
  readonly seal: (hash: string) => Buffer;
  /** Tells a file that so many bytes will be appended to it, where it states its length. */
  readonly lengthen?: (path: string, bytes: number) => Promise<void>;
}

const text = (head: Buffer): string => head.toString('latin1');

const KINDS: readonly SealedKind[] = [
  {
    title: 'PNG',
    extensions: ['.png'],
    begins: (head) => text(head).startsWith('\x89PNG'),
    tail: pngChunk('IEND', ''),
    seal: (hash) => pngChunk('tEXt', `Software\0l2caf ${hash}`),
  },
  {
    title: 'JPEG',
    extensions: ['.jpg', '.jpeg'],
    begins: (head) => text(head).startsWith('\xff\xd8\xff'),
    tail: Buffer.from('ffd9', 'hex'),
    seal: (hash) => Buffer.from(`\xff\xfe\0${String.fromCharCode(8 + hash.length)}l2caf ${hash}`, 'latin1'),
  },
  {
    title: 'GIF',
    extensions: ['.gif'],
    begins: (head) => text(head).startsWith('GIF8'),
    tail: Buffer.from(';'),
    // Behind what ends the pictures: newer ffmpegs take a comment before it for one more of them.
    seal: (hash) => Buffer.from(`;!\xfe${String.fromCharCode(6 + hash.length)}l2caf ${hash}\0`, 'latin1'),
  },
  {
    title: 'MP4',
    extensions: ['.mp4'],
    begins: (head) => text(head).slice(4, 8) === 'ftyp',
    tail: Buffer.alloc(0),
    seal: (hash) => mp4Box('uuid', `${MP4_BOX_ID}${hash}`),
  },
  {
    title: 'WebM',
    extensions: ['.webm'],
    begins: (head) => text(head).startsWith('\x1a\x45\xdf\xa3') && text(head).includes('webm'),
    tail: Buffer.alloc(0),
    // An element that readers pass over (RFC 8794, Sec. 11.3.2).
    seal: (hash) => Buffer.from(`\xec${String.fromCharCode(0x80 + 6 + hash.length)}l2caf ${hash}`, 'latin1'),
    lengthen: lengthenSegment,
  },
  {
    title: 'PDF',
    extensions: ['.pdf'],
    begins: (head) => text(head).startsWith('%PDF-'),
    tail: Buffer.alloc(0),
    seal: (hash) => Buffer.from(`\n% l2caf ${hash}\n`),
  },
  {
    title: 'SVG',
    extensions: ['.svg'],
    begins: (head) => /^(<\?xml[^>]*>\s*)?<svg\b/.test(text(head)),
    tail: Buffer.alloc(0),
    seal: (hash) => Buffer.from(`<!-- l2caf ${hash} -->\n`),
  },
  {
    title: 'HTML',
    extensions: ['.html', '.htm'],
    begins: (head) => /^<!doctype html/i.test(text(head)),
    tail: Buffer.alloc(0),
    seal: (hash) => Buffer.from(`<!-- l2caf ${hash} -->\n`),
  },
  {
    title: 'JSON',
    extensions: ['.json'],
    begins: (head) => text(head).startsWith('{"') || text(head).startsWith('{\n'),
    tail: Buffer.from('}\n'),
    seal: (hash) => Buffer.from(`,"seal":"l2caf ${hash}"`),
  },
];

/** Formats whose seals lie in {@link SEALS_FILE}. */
const UNSEALED: readonly string[] = [
  '.csv',
  '.tsv',
  '.txt',
  '.parquet',
  '.safetensors',
  '.onnx',
  '.data',
  '.npz',
  '.jsonl',
];

/** The file with the seals of the files beside it that have no place for one. */
export const SEALS_FILE = '.l2caf';

/** Whether the seal of a file lies beside it. */
export function keepsSealBeside(path: string): boolean {
  return UNSEALED.includes(extname(path).toLowerCase());
}

/** The extensions of what l2caf writes for people, with the dot. */
export const WRITTEN_EXTENSIONS: readonly string[] = [...KINDS.flatMap(({ extensions }) => extensions), ...UNSEALED];

/** Bytes from which a format can be told. */
const HEAD_BYTES = 256;

/**
 * Seals a file that is about to get its name.
 *
 * @param temporary where it lies now
 * @param path what it will be called
 * @throws L2cafError `usage` when the name is that of another format than the content; `output-unwritable` when it is a part of
 *   a file only; `output-exists` where its seal would lie is a file of somebody else's
 */
export async function sealFile(temporary: string, path: string): Promise<void> {
  const extension = extname(path).toLowerCase();
  const kind = await kindOfContent(temporary);
  // Text that begins as JSON does may be anything, but no picture, video or page.
  const isText = kind?.title === 'JSON' && !KINDS.some(({ extensions }) => extensions.includes(extension));
  if (kind !== undefined && !isText) {
    if (kind.extensions.includes(extension)) return sealWithin(temporary, path, kind);
    throw new L2cafError('usage', `${path} would hold a ${kind.title} file, as its name does not say`, {
      hint: `call it …${kind.extensions[0]}`,
    });
  }
  if (!keepsSealBeside(path)) return;
  const line = lineOf(await hashOf(temporary), path);
  await changeSeals(dirname(path), (lines) => [...lines, line]);
}

/**
 * To be called when a file that was sealed has its name: forgets what was of that name before, and files that are gone.
 * Until then both are known, whenever the process may be killed.
 */
export async function settleSeal(path: string): Promise<void> {
  if (!keepsSealBeside(path)) return;
  const folder = dirname(path);
  const own = lineOf(await hashOf(path), path);
  await changeSeals(folder, async (lines) => {
    const names = new Set((await readdir(folder)).map(onOneLine));
    return [...lines.filter((line) => names.has(nameIn(line)) && nameIn(line) !== nameIn(own)), own];
  });
}

/**
 * Why seals cannot be kept in a folder: what is called {@link SEALS_FILE} there is no list of them (a link, a pipe, somebody's
 * own file), and is neither read nor replaced. Undefined where they can.
 */
export async function whySealless(folder: string): Promise<string | undefined> {
  const path = join(folder, SEALS_FILE);
  const info = await lstat(path).catch(() => undefined);
  if (info === undefined) return undefined;
  if (!info.isFile()) return `${path} is no regular file`;
  const text = (await readOwn(path, { maxBytes: MAX_SEALS_BYTES })).toString();
  // What a power cut has torn off, or left as zeros, is still a list.
  const isList = text.split('\n').every((line) => SEAL_LINE.test(line) || /^[0-9a-f]* {0,2}\0*$/.test(line));
  return isList ? undefined : `${path} is no list of l2caf's`;
}

/** As `sha256sum` writes them. */
const SEAL_LINE = /^[0-9a-f]{64} [ *]./;

/** Who changes the seals of a folder in this process, by folder. */
const changing = new Map<string, Promise<void>>();

/** Replaces the seals of a folder, one after another. Throws L2cafError `output-exists` as {@link whySealless} says. */
function changeSeals(
  folder: string,
  change: (lines: readonly string[]) => readonly string[] | Promise<readonly string[]>,
): Promise<void> {
  const key = resolve(folder);
  const changed = (changing.get(key) ?? Promise.resolve()).then(async () => {
    // Without the lock after a while: it is that of a process on another machine that was killed. At worst a seal is lost.
    const give = await takeLockWithin(join(folder, `${SEALS_FILE}.seals.lock`), PATIENCE_MS);
    try {
      await replaceSeals(folder, change);
    } finally {
      await give?.();
    }
  });
  const settled = changed.catch(() => {}); // is told to whoever has asked for it
  changing.set(key, settled);
  void settled.then(() => changing.get(key) === settled && changing.delete(key));
  return changed;
}

async function replaceSeals(folder: string, change: Parameters<typeof changeSeals>[1]): Promise<void> {
  const why = await whySealless(folder);
  if (why !== undefined) throw foreignSeals(why);
  const path = join(folder, SEALS_FILE);
  const lines = await change([...(await linesOf(path))].filter((line) => SEAL_LINE.test(line)));
  const temporary = join(folder, await temporaryName(SEALS_FILE));
  try {
    await writeFile(
      temporary,
      [...new Set(lines)]
        .sort(byName)
        .map((line) => `${line}\n`)
        .join(''),
    );
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {}); // what went wrong before is to be told
    throw error;
  }
}

/** The error for a {@link SEALS_FILE} of somebody else's. */
export function foreignSeals(why: string): L2cafError {
  return new L2cafError(
    'output-exists',
    `${why}: it is not replaced, and what is written beside it would not be known`,
    {
      hint: 'choose another folder with -o, or give that file another name',
    },
  );
}

/** How long others are waited for, who need milliseconds. */
const PATIENCE_MS = 10_000;

/** Whether a file was written by l2caf and has not been changed since. */
export async function isSealed(path: string): Promise<boolean> {
  const extension = extname(path).toLowerCase();
  if (keepsSealBeside(path)) {
    const lines = await linesOf(join(dirname(path), SEALS_FILE));
    const name = onOneLine(basename(path));
    return [...lines].some((line) => nameIn(line) === name) && lines.has(lineOf(await hashOf(path), path));
  }
  const kind = KINDS.find(({ extensions }) => extensions.includes(extension));
  if (kind === undefined) return false;
  const { size } = await stat(path);
  const endBytes = kind.seal(NO_HASH).length + kind.tail.length;
  if (size < endBytes) return false;
  const end = Buffer.alloc(endBytes);
  const file = await openInput(path);
  try {
    await file.read(end, 0, endBytes, size - endBytes);
  } finally {
    await file.close();
  }
  const [stated] = /[0-9a-f]{64}/.exec(text(end)) ?? [];
  if (stated === undefined || !end.equals(Buffer.concat([kind.seal(stated), kind.tail]))) return false;
  return (await hashOf(path, size - endBytes)) === stated;
}

/** As long as any. */
const HASH_LENGTH = 64;
const NO_HASH = '0'.repeat(HASH_LENGTH);

async function kindOfContent(path: string): Promise<SealedKind | undefined> {
  const head = Buffer.alloc(HEAD_BYTES);
  const file = await openInput(path);
  try {
    const { bytesRead } = await file.read(head, 0, HEAD_BYTES, 0);
    return KINDS.find(({ begins }) => begins(head.subarray(0, bytesRead)));
  } finally {
    await file.close();
  }
}

/**
 * Puts the seal before the last bytes.
 *
 * @throws L2cafError `output-unwritable` for a file that does not end as its format does: ffmpeg writes a part of one, and says
 *   that all is well, where a disk is full
 */
async function sealWithin(temporary: string, path: string, kind: SealedKind): Promise<void> {
  const { title, tail, seal, lengthen } = kind;
  const { size } = await stat(temporary);
  const contentBytes = size - tail.length;
  const end = Buffer.alloc(tail.length);
  const file = await openInput(temporary);
  try {
    if (contentBytes > 0) await file.read(end, 0, tail.length, contentBytes);
  } finally {
    await file.close();
  }
  if (!end.equals(tail)) throw new L2cafError('output-unwritable', `${path} is a part of a ${title} file only`);
  await lengthen?.(temporary, seal(NO_HASH).length);
  const hash = await hashOf(temporary, contentBytes);
  await truncate(temporary, contentBytes);
  await appendFile(temporary, Buffer.concat([seal(hash), tail]));
}

async function hashOf(path: string, bytes?: number): Promise<string> {
  return (await hashFile(path, bytes === undefined ? {} : { bytes })).digest('hex');
}

function lineOf(hash: string, path: string): string {
  return `${hash}  ${onOneLine(basename(path))}`;
}

/** A name may have several lines, a seal has one. */
function onOneLine(name: string): string {
  return name.replaceAll('\n', '\\n');
}

function nameIn(line: string): string {
  return line.slice(HASH_LENGTH + 2);
}

function byName(a: string, b: string): number {
  return nameIn(a) < nameIn(b) ? -1 : 1;
}

async function linesOf(path: string): Promise<ReadonlySet<string>> {
  const lines = await readOwn(path, { maxBytes: MAX_SEALS_BYTES }).catch(() => '');
  return new Set(lines.toString().split('\n'));
}

/** A line a file. */
const MAX_SEALS_BYTES = 64e6;

/** PNG, Sec. 5.3: length, name, data, checksum. */
function pngChunk(name: string, data: string): Buffer {
  const checked = Buffer.from(`${name}${data}`, 'latin1');
  const chunk = Buffer.alloc(checked.length + 8);
  chunk.writeUInt32BE(data.length, 0);
  checked.copy(chunk, 4);
  chunk.writeUInt32BE(crc32(checked), chunk.length - 4);
  return chunk;
}

/** Node has it from 20.15 and 22.2 on only. */
function crc32(bytes: Uint8Array): number {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

/** Sixteen bytes that name the kind of a `uuid` box (ISO/IEC 14496-12, Sec. 4.2). */
const MP4_BOX_ID = 'l2caf file seal ';

function mp4Box(name: string, data: string): Buffer {
  const box = Buffer.from(`\0\0\0\0${name}${data}`, 'latin1');
  box.writeUInt32BE(box.length, 0);
  return box;
}
