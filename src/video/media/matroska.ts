/**
 * Still pictures as a video: their own bytes, one after another, each with its time, in the container Matroska (RFC 9559).
 * Nothing is encoded. ffmpeg's own ways to read pictures round their times to frames of one length, or take names for patterns.
 */
import { open } from 'node:fs/promises';

/** A picture and when it is shown. */
export interface TimedPicture {
  /** Seconds, not negative. */
  readonly timeSec: number;
  readonly bytes: Uint8Array;
}

/** How all pictures of a video are coded. */
export type PictureCodec = 'jpeg' | 'png';

/**
 * Writes pictures as a video file.
 *
 * @param pictures by increasing time; those without a byte are left out
 */
export async function writeMatroska(
  path: string,
  codec: PictureCodec,
  pictures: AsyncIterable<TimedPicture>,
): Promise<void> {
  const file = await open(path, 'wx');
  try {
    await file.writeFile(head(codec));
    for await (const { timeSec, bytes } of pictures) {
      if (bytes.length > 0) await file.writeFile(cluster(Math.round(timeSec * 1e6), bytes));
    }
  } finally {
    await file.close();
  }
}

/** Identifiers of elements (RFC 9559, section 27.1). */
const ID = {
  ebml: 0x1a45dfa3,
  docType: 0x4282,
  docTypeVersion: 0x4287,
  docTypeReadVersion: 0x4285,
  segment: 0x18538067,
  info: 0x1549a966,
  timestampScale: 0x2ad7b1,
  muxingApp: 0x4d80,
  writingApp: 0x5741,
  tracks: 0x1654ae6b,
  trackEntry: 0xae,
  trackNumber: 0xd7,
  trackUid: 0x73c5,
  trackType: 0x83,
  flagLacing: 0x9c,
  codecId: 0x86,
  codecPrivate: 0x63a2,
  video: 0xe0,
  cluster: 0x1f43b675,
  timestamp: 0xe7,
  simpleBlock: 0xa3,
} as const;

/** The size of a segment that goes on to the end of the file. */
const UNKNOWN_SIZE = Buffer.from([0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
/** Times are counted in microseconds; the unit of this number is the nanosecond. */
const TIMESTAMP_SCALE = 1000;
/** Track 1, no time of its own beside the cluster's, a key frame. */
const BLOCK_HEADER = Buffer.from([0x81, 0x00, 0x00, 0x80]);

function head(codec: PictureCodec): Buffer {
  return Buffer.concat([
    element(
      ID.ebml,
      element(ID.docType, Buffer.from('matroska')),
      uint(ID.docTypeVersion, 4),
      uint(ID.docTypeReadVersion, 2),
    ),
    idBytes(ID.segment),
    UNKNOWN_SIZE,
    element(
      ID.info,
      uint(ID.timestampScale, TIMESTAMP_SCALE),
      element(ID.muxingApp, Buffer.from('l2caf')),
      element(ID.writingApp, Buffer.from('l2caf')),
    ),
    // The decoder knows the size of a picture from the picture.
    element(
      ID.tracks,
      element(
        ID.trackEntry,
        uint(ID.trackNumber, 1),
        uint(ID.trackUid, 1),
        uint(ID.trackType, 1),
        uint(ID.flagLacing, 0),
        ...CODECS[codec],
        element(ID.video),
      ),
    ),
  ]);
}

/** A cluster for every picture: a block may be no more than 32,767 units after the start of its cluster. */
function cluster(timeUs: number, bytes: Uint8Array): Buffer {
  return element(ID.cluster, uint(ID.timestamp, timeUs), element(ID.simpleBlock, BLOCK_HEADER, bytes));
}

function element(id: number, ...content: readonly Uint8Array[]): Buffer {
  const length = content.reduce((sum, part) => sum + part.length, 0);
  const size = Buffer.alloc(8);
  size.writeBigUInt64BE(BigInt(length));
  size[0] = 0x01; // the size has eight bytes
  return Buffer.concat([idBytes(id), size, ...content]);
}

function uint(id: number, value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return element(id, bytes);
}

function idBytes(id: number): Buffer {
  const hex = id.toString(16);
  return Buffer.from(hex, 'hex');
}

/** Matroska has no name for PNG: it goes by its four letters in the header of a Windows bitmap (BITMAPINFOHEADER). */
function bitmapHeader(fourLetters: string): Buffer {
  const header = Buffer.alloc(40);
  header.writeUInt32LE(header.length, 0);
  header.writeUInt16LE(1, 12); // planes
  header.writeUInt16LE(24, 14); // bits per pixel
  header.write(fourLetters, 16, 'latin1');
  return header;
}

const CODECS: Readonly<Record<PictureCodec, readonly Buffer[]>> = {
  jpeg: [element(ID.codecId, Buffer.from('V_MJPEG'))],
  png: [element(ID.codecId, Buffer.from('V_MS/VFW/FOURCC')), element(ID.codecPrivate, bitmapHeader('MPNG'))],
};
