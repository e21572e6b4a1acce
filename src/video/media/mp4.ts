/**
 * Says how long the last frame of an MP4 file is shown. ffmpeg knows a frame's length only from the next frame or from a
 * constant rate; at a variable rate, versions of it give the last one no length, or that of the frame before.
 * Format: ISO/IEC 14496-12, Sec. 8.
 */
import { open } from 'node:fs/promises';

/**
 * Sets the length of the last frame of the video in a file that ffmpeg wrote with `+faststart`, without B frames. Only
 * its header changes, and keeps its size: where the table of lengths grows or shrinks, the name of the writing program
 * makes room.
 */
export async function setLastFrameLength(path: string, seconds: number): Promise<void> {
  const file = await open(path, 'r+');
  try {
    const start = await findMovie(path, (buffer, position) => file.read(buffer, 0, 8, position));
    const size = Buffer.alloc(8);
    await file.read(size, 0, 8, start);
    const movie = Buffer.alloc(size.readUInt32BE(0));
    await file.read(movie, 0, movie.length, start);
    const changed = withLastFrameLength(movie, seconds);
    await file.write(changed, 0, changed.length, start);
  } finally {
    await file.close();
  }
}

/** Whether an MP4 file has a header, and all that its boxes say there is: a full disk can cut it off unnoticed. */
export async function isWholeMp4(path: string): Promise<boolean> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const box = Buffer.alloc(16);
    let hasMovie = false;
    let start = 0;
    while (start < size) {
      const { bytesRead } = await file.read(box, 0, 16, start);
      const stated = box.readUInt32BE(0);
      const length = stated === 1 ? Number(box.readBigUInt64BE(8)) : stated;
      if (bytesRead < 8 || length < 8) return false;
      hasMovie ||= box.toString('latin1', 4, 8) === 'moov';
      start += length;
    }
    return hasMovie && start === size;
  } finally {
    await file.close();
  }
}

async function findMovie(
  path: string,
  read: (buffer: Buffer, position: number) => Promise<{ bytesRead: number }>,
): Promise<number> {
  const size = Buffer.alloc(8);
  for (let start = 0; ; start += size.readUInt32BE(0)) {
    const { bytesRead } = await read(size, start);
    if (bytesRead < 8 || size.readUInt32BE(0) < 8) throw new Error(`${path} has no header before its pictures`);
    if (size.toString('latin1', 4, 8) === 'moov') return start;
  }
}

/** Offsets within boxes of version 0, with 32-bit numbers; ffmpeg needs others for more than 13 hours only. */
const MOVIE = { duration: 24, timescale: 20 };
const TRACK = { duration: 28 };
const MEDIA = { duration: 24, timescale: 20 };
const HANDLER = { kind: 16 };
const TABLE = { count: 12, entries: 16 };

/**
 * A movie header in which the last frame of the video is shown for so long. Exported for its test.
 *
 * @param movie the whole `moov` box; it is not changed
 * @returns a box of the same size
 */
export function withLastFrameLength(movie: Buffer, seconds: number): Buffer {
  const copy = Buffer.from(movie);
  const video = children(copy, 'trak').find(
    (track) => child(child(track, 'mdia'), 'hdlr').toString('latin1', HANDLER.kind, HANDLER.kind + 4) === 'vide',
  );
  if (video === undefined) throw new Error('the MP4 header has no video track');
  const media = child(video, 'mdia');
  const mediaHeader = child(media, 'mdhd');
  const movieHeader = child(copy, 'mvhd');
  for (const header of [mediaHeader, movieHeader]) {
    if (header[8] !== 0) throw new Error('the MP4 header has times of 64 bits');
  }
  const table = child(child(child(media, 'minf'), 'stbl'), 'stts');
  const lengths = readLengths(table);
  const [runs, last] = lengths.at(-1) ?? [0, 0];
  const wanted = Math.round(seconds * mediaHeader.readUInt32BE(MEDIA.timescale));
  const gained = wanted - last;
  lengths[lengths.length - 1] = [runs - 1, last];
  lengths.push([1, wanted]);
  const mediaTicks = mediaHeader.readUInt32BE(MEDIA.timescale);
  const ticks = Math.round((gained * movieHeader.readUInt32BE(MOVIE.timescale)) / mediaTicks);
  add(mediaHeader, MEDIA.duration, gained);
  add(child(video, 'tkhd'), TRACK.duration, ticks);
  for (const edits of children(video, 'edts')) {
    const list = child(edits, 'elst');
    add(list, TABLE.entries + 12 * (list.readUInt32BE(TABLE.count) - 1), ticks);
  }
  const durations = children(copy, 'trak').map((track) => child(track, 'tkhd').readUInt32BE(TRACK.duration));
  movieHeader.writeUInt32BE(Math.max(...durations), MOVIE.duration);
  return padded(replaced(copy, table, lengthTable(table, lengths)), movie.length);
}

/** Runs of frames of equal length. */
type Lengths = [frames: number, ticks: number][];

function readLengths(table: Buffer): Lengths {
  return Array.from({ length: table.readUInt32BE(TABLE.count) }, (_, i) => {
    const at = TABLE.entries + 8 * i;
    return [table.readUInt32BE(at), table.readUInt32BE(at + 4)];
  });
}

function lengthTable(old: Buffer, lengths: Lengths): Buffer {
  const runs: Lengths = [];
  for (const [frames, ticks] of lengths) {
    const before = runs.at(-1);
    if (before?.[1] === ticks) before[0] += frames;
    else if (frames > 0) runs.push([frames, ticks]);
  }
  const table = Buffer.alloc(TABLE.entries + 8 * runs.length);
  old.copy(table, 0, 0, TABLE.count);
  table.writeUInt32BE(table.length, 0);
  table.writeUInt32BE(runs.length, TABLE.count);
  for (const [i, [frames, ticks]] of runs.entries()) {
    table.writeUInt32BE(frames, TABLE.entries + 8 * i);
    table.writeUInt32BE(ticks, TABLE.entries + 8 * i + 4);
  }
  return table;
}

/** A box in which one box, however deep, has been replaced by another, perhaps of another size. */
function replaced(box: Buffer, old: Buffer, by: Buffer): Buffer {
  if (box.byteOffset === old.byteOffset && box.length === old.length) return by;
  const end = box.byteOffset + box.length;
  if (old.byteOffset < box.byteOffset || old.byteOffset >= end) return box;
  const parts = boxes(box).map((part) => replaced(part, old, by));
  const whole = Buffer.concat([box.subarray(0, 8), ...parts]);
  whole.writeUInt32BE(whole.length, 0);
  return whole;
}

/** The box at a size: what is missing is filled, what is too much is taken from the notes about the writing program. */
function padded(movie: Buffer, size: number): Buffer {
  if (movie.length === size) return movie;
  const kept = boxes(movie).filter((part) => part.toString('latin1', 4, 8) !== 'udta');
  const free = Buffer.alloc(size - 8 - kept.reduce((sum, { length }) => sum + length, 0));
  free.writeUInt32BE(free.length, 0);
  free.write('free', 4, 'latin1');
  const whole = Buffer.concat([movie.subarray(0, 8), ...kept, free]);
  whole.writeUInt32BE(size, 0);
  return whole;
}

function add(box: Buffer, offset: number, ticks: number): void {
  box.writeUInt32BE(box.readUInt32BE(offset) + ticks, offset);
}

/** The boxes within a box, as views of it. */
function boxes(box: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let start = 8; start < box.length; start += box.readUInt32BE(start)) {
    found.push(box.subarray(start, start + box.readUInt32BE(start)));
  }
  return found;
}

/** The boxes of this name within a box, as views of it. */
function children(box: Buffer, name: string): Buffer[] {
  return boxes(box).filter((part) => part.toString('latin1', 4, 8) === name);
}

function child(box: Buffer, name: string): Buffer {
  const [first] = children(box, name);
  if (first === undefined) throw new Error(`the MP4 header has no ${name}`);
  return first;
}
