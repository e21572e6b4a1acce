/** The packets of a video track as ffprobe lists them, in decoding order: read, never decoded. */
import { resolve } from 'node:path';
import { L2cafError, messageOf } from '../../base/errors.ts';
import type { VideoClip } from '../../base/types.ts';
import { runFfprobe } from './ffmpeg.ts';
import { unreadable } from './metadata.ts';

/** The coded form of one frame. Times are those of the container, seconds. */
export interface Packet {
  /** When its frame is shown, where the packet states it. */
  readonly shownSec: number | undefined;
  /** When it is decoded, where the packet states it. */
  readonly decodedSec: number | undefined;
  /** How long its frame is shown, where the packet states it. */
  readonly lengthSec: number | undefined;
  /** Whether decoding can begin with it. */
  readonly isKey: boolean;
  /** Whether its frame is to be shown: not one that an edit list cuts off, nor an empty packet that repeats the last. */
  readonly isShown: boolean;
}

/** Packets in the order of decoding. */
export interface PacketList {
  readonly packets: readonly Packet[];
  /** Whether something in the file was not as it should be, such as packets of a transport stream that are missing. */
  readonly hasComplaints: boolean;
}

/**
 * Lists packets of a track.
 *
 * @param intervals which parts of the file, as ffprobe names them, `FROM%TO` in seconds of the container; each begins at
 *   a packet of the demuxer's choice, in indexed containers the key frame before. Absent: the whole file.
 * @throws L2cafError as `runFfprobe`
 */
export async function readPackets(
  path: string,
  track: number,
  intervals: readonly string[] | undefined,
  signal: AbortSignal | undefined,
): Promise<PacketList> {
  const packets: Packet[] = [];
  const options = [
    ...['-select_streams', String(track)],
    ...(intervals ? ['-read_intervals', intervals.join(',')] : []),
    ...['-show_entries', 'packet=pts_time,dts_time,duration_time,size,flags', '-of', 'compact=p=0'],
  ];
  const onLine = (line: string): void => {
    if (!line.includes('flags=')) return; // side data has lines of its own
    const row = Object.fromEntries(line.split('|').map((field) => field.split('=') as [string, string]));
    packets.push({
      shownSec: seconds(row['pts_time']),
      decodedSec: seconds(row['dts_time']),
      lengthSec: seconds(row['duration_time']),
      isKey: row['flags']!.includes('K'),
      isShown: !row['flags']!.includes('D') && row['size'] !== '0',
    });
  };
  const { complaints } = await runFfprobe(path, options, onLine, signal);
  return { packets, hasComplaints: complaints.length > 0 };
}

/**
 * The first packets of a track, and its last, as those around the stated end show them; all, where they do not, and of a short file,
 * of which an analysis would ask for the others next.
 *
 * @throws L2cafError `input-unreadable` where nothing can be read; else as {@link readPackets}
 */
export async function readEnds(
  path: string,
  track: number,
  statedEndSec: number,
  signal: AbortSignal | undefined,
): Promise<PacketList & { readonly isAll: boolean }> {
  const tailSec = statedEndSec - TAIL_SEC;
  if (statedEndSec > SHORT_SEC) {
    const intervals = [`%+#${HEAD_PACKETS}`, `${tailSec.toFixed(6)}%`];
    const ends = await readPackets(path, track, intervals, signal).catch(ifUnreadable);
    const isTailThere = ends?.packets.some(({ shownSec, decodedSec }) => (shownSec ?? decodedSec ?? 0) >= tailSec);
    if (ends && isTailThere) return { ...ends, isAll: false };
  }
  const all = await readPackets(path, track, undefined, signal).catch((error: unknown) => {
    throw error instanceof L2cafError && error.code === 'ffmpeg-failed'
      ? unreadable(path, messageOf(error).replace(`${resolve(path)}: `, ''), 'give a complete video file', error)
      : error;
  });
  return { ...all, isAll: true };
}

/** Some demuxers cannot seek. */
function ifUnreadable(error: unknown): undefined {
  if (!(error instanceof L2cafError && error.code === 'ffmpeg-failed')) throw error;
}

/** Most files that hold one event are no longer, seconds. */
const SHORT_SEC = 8;
/** How far before its stated end a file's last packets are looked for, seconds. */
const TAIL_SEC = 3;
/** Enough packets to see how they state their times, and the first key frame of most files. */
const HEAD_PACKETS = 256;

/**
 * When a packet's frame is shown: as it states, or, where frames are decoded in the order in which they are shown, when it
 * is decoded.
 *
 * @param reorderFrames frames that the decoder holds back to put them in order
 */
export function packetTime(
  { shownSec, decodedSec }: Pick<Packet, 'shownSec' | 'decodedSec'>,
  reorderFrames: number,
): number | undefined {
  return shownSec ?? (reorderFrames === 0 ? decodedSec : undefined);
}

/**
 * A clock that jumps back belongs to several recordings in one file, of which a time cannot tell which is meant.
 *
 * @throws L2cafError `input-unreadable`
 */
export function checkClock({ path }: Pick<VideoClip, 'path'>, packets: readonly Packet[]): void {
  let latestSec = Number.NEGATIVE_INFINITY;
  for (const { decodedSec = latestSec } of packets) {
    if (decodedSec < latestSec - JUMP_SEC) {
      const jump = `from ${latestSec.toFixed(2)} to ${decodedSec.toFixed(2)} s`;
      throw new L2cafError('input-unreadable', `the clock of ${path} jumps back ${jump}: it holds several recordings`, {
        hint: 'make one of them, or split it: ffmpeg -i FILE -c copy NEW.mp4',
      });
    }
    latestSec = Math.max(latestSec, decodedSec);
  }
}

/** Times of decoding that go back by less are the errors of some program, seconds. */
const JUMP_SEC = 1;

/** A number of seconds as ffprobe prints it; undefined where it prints none. */
export function seconds(text: string | undefined): number | undefined {
  const value = Number.parseFloat(text ?? '');
  return Number.isFinite(value) ? value : undefined;
}

/** Away with the errors of sums and differences: containers count in microseconds at best. */
export function roundToMicroseconds(timeSec: number): number {
  return Math.round(timeSec * 1e6) / 1e6;
}
