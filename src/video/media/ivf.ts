/**
 * The simplest container that gives every raw frame a time of its own, so that ffmpeg can match our layers to the frames
 * of a clip by time whatever the clip's rate does. ffmpeg reads it from a pipe.
 * Format: https://wiki.multimedia.cx/index.php/Duck_IVF
 */
import type { PictureSize } from '../../base/types.ts';

/** ffmpeg's options before an input of IVF with raw `yuva420p` frames. */
export const IVF_INPUT: readonly string[] = ['-f', 'ivf', '-c:v', 'rawvideo'];

/** The start of a stream of raw `yuva420p` frames; times are in microseconds. */
export function ivfHeader({ width, height }: PictureSize): Uint8Array {
  const header = Buffer.alloc(32);
  header.write('DKIF', 0, 'latin1');
  header.writeUInt16LE(header.length, 6);
  // ffmpeg's name of planar YUV 4:2:0 with 8 bits, and alpha of 8 bits.
  header.set([...Buffer.from('Y4', 'latin1'), 11, 8], 8);
  header.writeUInt16LE(width, 12);
  header.writeUInt16LE(height, 14);
  header.writeUInt32LE(1_000_000, 16);
  header.writeUInt32LE(1, 20);
  return header;
}

/** What stands before each frame of `byteLength` bytes; the time is in whole microseconds, at least 0. */
export function ivfFrameHeader(byteLength: number, timeUs: number): Uint8Array {
  const header = Buffer.alloc(12);
  header.writeUInt32LE(byteLength, 0);
  header.writeBigUInt64LE(BigInt(timeUs), 4);
  return header;
}
