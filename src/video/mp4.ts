/**
 * Says how long the last frame of an MP4 file is shown. ffmpeg knows a frame's length only from the next frame or from a
 * constant rate, so at a variable rate it gives the last one none, and players end too early.
 * Format: ISO/IEC 14496-12, Sec. 8.
 */
import { open } from 'node:fs/promises';

/**
 * Lengthens the last frame of the video in a file that ffmpeg wrote with `+faststart`, without B frames, by changing
 * numbers in its header.
 */
export async function lengthenLastFrame(path: string, seconds: number): Promise<void> {
  const file = await open(path, 'r+');
  try {
    const size = Buffer.alloc(8);
    let start = 0;
    for (;;) {
      const { bytesRead } = await file.read(size, 0, 8, start);
      if (bytesRead < 8) throw new Error(`${path} has no header`);
      if (size.toString('latin1', 4, 8) === 'moov') break;
      start += size.readUInt32BE(0);
    }
    const header = Buffer.alloc(size.readUInt32BE(0));
    await file.read(header, 0, header.length, start);
    lengthen(header, seconds);
    await file.write(header, 0, header.length, start);
  } finally {
    await file.close();
  }
}

/** Offsets within boxes of version 0, with 32-bit numbers; ffmpeg needs others for more than 13 hours only. */
const MOVIE = { timescale: 20, duration: 24 };
const TRACK = { duration: 28 };
const MEDIA = { timescale: 20, duration: 24 };
const HANDLER = { kind: 16 };
const TABLE = { count: 12, entries: 16 };

function lengthen(movie: Buffer, seconds: number): void {
  const movieHeader = child(movie, 'mvhd');
  const ticks = Math.round(seconds * movieHeader.readUInt32BE(MOVIE.timescale));
  const video = children(movie, 'trak').find(
    (track) => child(child(track, 'mdia'), 'hdlr').toString('latin1', HANDLER.kind, HANDLER.kind + 4) === 'vide',
  )!;
  const trackHeader = child(video, 'tkhd');
  add(trackHeader, TRACK.duration, ticks);
  const longest = Math.max(movieHeader.readUInt32BE(MOVIE.duration), trackHeader.readUInt32BE(TRACK.duration));
  movieHeader.writeUInt32BE(longest, MOVIE.duration);
  for (const edits of children(video, 'edts')) {
    const list = child(edits, 'elst');
    add(list, TABLE.entries + 12 * (list.readUInt32BE(TABLE.count) - 1), ticks);
  }
  const media = child(video, 'mdia');
  const mediaHeader = child(media, 'mdhd');
  const mediaTicks = Math.round(seconds * mediaHeader.readUInt32BE(MEDIA.timescale));
  add(mediaHeader, MEDIA.duration, mediaTicks);
  // Runs of frames of equal length: (number of frames, length). The last run is the last frame, of length 0.
  const lengths = child(child(child(media, 'minf'), 'stbl'), 'stts');
  add(lengths, TABLE.entries + 8 * (lengths.readUInt32BE(TABLE.count) - 1) + 4, mediaTicks);
}

function add(box: Buffer, offset: number, ticks: number): void {
  box.writeUInt32BE(box.readUInt32BE(offset) + ticks, offset);
}

/** The boxes of this name within a box, as views of it. */
function children(box: Buffer, name: string): Buffer[] {
  const found: Buffer[] = [];
  for (let start = 8; start < box.length; start += box.readUInt32BE(start)) {
    const part = box.subarray(start, start + box.readUInt32BE(start));
    if (part.toString('latin1', 4, 8) === name) found.push(part);
  }
  return found;
}

function child(box: Buffer, name: string): Buffer {
  const [first] = children(box, name);
  if (first === undefined) throw new Error(`the MP4 header has no ${name}`);
  return first;
}
