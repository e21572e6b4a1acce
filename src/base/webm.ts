/**
 * How long a WebM or Matroska file says that it is: after a head, one element, the segment, holds everything (RFC 9559, Sec. 4.5).
 * ffmpeg states its length when it has written all of it, so that what a full disk has cut off is noticed.
 */
import { type FileHandle, open } from 'node:fs/promises';

/** Whether a file is as long as it says. */
export async function isWholeWebm(path: string): Promise<boolean> {
  const file = await open(path, 'r');
  try {
    const segment = await segmentOf(file);
    return segment !== undefined && segment.dataStart + Number(segment.length) === (await file.stat()).size;
  } finally {
    await file.close();
  }
}

/** Makes the segment longer: what is appended to the file is a part of it then. Does nothing to a file without one. */
export async function lengthenSegment(path: string, bytes: number): Promise<void> {
  const file = await open(path, 'r+');
  try {
    const segment = await segmentOf(file);
    if (segment === undefined) return;
    const { lengthBytes, dataStart, length } = segment;
    const written = Buffer.alloc(8);
    written.writeBigUInt64BE((1n << BigInt(7 * lengthBytes)) | (length + BigInt(bytes)));
    await file.write(written, 8 - lengthBytes, lengthBytes, dataStart - lengthBytes);
  } finally {
    await file.close();
  }
}

/** Identifiers of the two elements (RFC 8794, Sec. 11.2.1; RFC 9559, Sec. 5.1). */
const HEAD = 0x1a45dfa3;
const SEGMENT = 0x18538067;

interface Element {
  /** How many bytes state its length, 1 to 8. */
  readonly lengthBytes: number;
  /** Where its content begins, and how many bytes it has. */
  readonly dataStart: number;
  readonly length: bigint;
}

async function segmentOf(file: FileHandle): Promise<Element | undefined> {
  const head = await elementAt(file, HEAD, 0);
  return head && elementAt(file, SEGMENT, head.dataStart + Number(head.length));
}

async function elementAt(file: FileHandle, id: number, position: number): Promise<Element | undefined> {
  const start = Buffer.alloc(12);
  await file.read(start, 0, start.length, position);
  // The length has as many bytes as its first byte has leading zeros, and one (RFC 8794, Sec. 4).
  const lengthBytes = Math.clz32(start[4]!) - 23;
  if (start.readUInt32BE(0) !== id || lengthBytes > 8) return undefined;
  const length = BigInt.asUintN(7 * lengthBytes, start.readBigUInt64BE(4) >> BigInt(64 - 8 * lengthBytes));
  return { lengthBytes, dataStart: position + 4 + lengthBytes, length };
}
