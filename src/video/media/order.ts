/**
 * Whether the times that the packets of a video state fit its pictures. The stream knows in which order pictures are shown;
 * the container says when. Where it is damaged, the two may contradict each other, and a picture that comes with a time need
 * not be the one on screen then. Packets alone only raise the doubt; the decoder, which gives pictures out in their order,
 * tells.
 */
import { L2cafError } from '../../base/errors.ts';
import type { VideoClip } from '../../base/types.ts';
import { runFfprobe } from './ffmpeg.ts';
import { type Packet, seconds } from './packets.ts';
import type { StreamDetails } from './probe.ts';
import { leadSec } from './seek.ts';

/** A key frame and what is decoded after it, up to the next one. */
export interface PacketGroup {
  /** When its key frame is shown, seconds of the container. */
  readonly keySec: number;
  /** When the first of its frames is shown, as they state it, seconds of the container. */
  readonly firstSec: number;
  readonly length: number;
  /** Whether no order explains its times; else they are only unusual. */
  readonly isImpossible: boolean;
}

/**
 * Groups whose times need not fit the order of their pictures: their times cannot be brought in order with as many frames as
 * the decoder holds back, or two are the same, or one is before its packet is decoded; or, where pictures are stored in
 * another order than they are shown in, nothing in the group is, or its times are uneven.
 *
 * @param packets in the order of decoding
 * @param reorderFrames frames that the decoder holds back to put them in order
 */
export function doubtfulGroups(packets: readonly Packet[], reorderFrames: number): PacketGroup[] {
  const starts = [...packets.keys()].filter((i) => packets[i]!.isKey && packets[i]!.shownSec !== undefined);
  return starts.flatMap((start, k) => {
    const group = packets.slice(start, starts[k + 1]);
    const times = group.flatMap(({ shownSec }) => (shownSec === undefined ? [] : [shownSec]));
    const isImpossible =
      group.some(({ shownSec, decodedSec }) => shownSec! < decodedSec! - SLACK_SEC) ||
      goesBack(reordered(times, reorderFrames));
    const isWhole = k + 1 < starts.length || times.length >= ENOUGH_FRAMES;
    if (!isImpossible && (reorderFrames === 0 || !isUnusual(times, isWhole))) return [];
    return [{ keySec: times[0]!, firstSec: Math.min(...times), length: group.length, isImpossible }];
  });
}

/** So many frames without any in another order are worth a look even where the group's end is not known. */
const ENOUGH_FRAMES = 12;

/** Whether times of a group with an order are uneven, or know no order. */
function isUnusual(times: readonly number[], isWhole: boolean): boolean {
  const gaps = gapsOf(times.toSorted((a, b) => a - b));
  const usual = gaps.toSorted((a, b) => a - b)[gaps.length >> 1]!;
  const isUneven = gaps.some((gap) => gap < 0.5 * usual || gap > 1.6 * usual);
  return isUneven || (isWhole && times.length > 2 && !goesBack(times));
}

/** Times in the order in which a decoder that holds back so many frames gives them out. */
function reordered(times: readonly number[], held: number): number[] {
  const out: number[] = [];
  const waiting: number[] = [];
  for (const time of times) {
    waiting.push(time);
    waiting.sort((a, b) => a - b);
    if (waiting.length > held) out.push(waiting.shift()!);
  }
  return [...out, ...waiting];
}

/** Whether a time is the one before it, or earlier. */
function goesBack(times: readonly number[]): boolean {
  return gapsOf(times).some((gap) => gap < SLACK_SEC);
}

function gapsOf(times: readonly number[]): number[] {
  return times.slice(1).map((time, i) => time - times[i]!);
}

/** Less than the gap between any two frames, more than the rounding of any timestamp. */
const SLACK_SEC = 0.0005;

/**
 * From when on the times of these packets contradict the order of the pictures, as the decoder says of the doubtful groups;
 * infinity where they do not.
 *
 * @returns seconds of the container
 * @throws L2cafError as `runFfprobe`
 */
export async function contradictsFrom(
  clip: VideoClip,
  details: StreamDetails,
  packets: readonly Packet[],
  signal: AbortSignal | undefined,
): Promise<number> {
  let fromSec = Number.POSITIVE_INFINITY;
  const groups = doubtfulGroups(packets, details.reorderFrames);
  const worstFirst = [...groups.filter(({ isImpossible: is }) => is), ...groups.filter(({ isImpossible: is }) => !is)];
  for (const group of worstFirst.slice(0, GROUPS_ASKED)) {
    if (group.firstSec < fromSec && (await isContradiction(clip, details, group, signal))) fromSec = group.firstSec;
  }
  return fromSec;
}

/** So many groups are decoded for one list; a file whose times are uneven on purpose has no end of doubtful ones. */
const GROUPS_ASKED = 8;

/** What was found of a group, by file and key frame: lists overlap, and several are made of one clip. */
const known = new Map<string, Promise<boolean>>();
const GROUPS_KNOWN = 4096;

function isContradiction(
  clip: VideoClip,
  details: StreamDetails,
  group: PacketGroup,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const key = [clip.identity, details.track, group.keySec, group.length, clip.path].join(' ');
  const found = known.get(key) ?? decodeGroup(clip, details, group, signal).then(goesBack);
  if (known.size >= GROUPS_KNOWN) known.clear();
  known.set(key, found);
  found.catch(() => known.delete(key));
  return found;
}

/** Times of the frames of a group in the order in which the decoder gives them out, seconds of the container. */
async function decodeGroup(
  { path }: VideoClip,
  details: StreamDetails,
  { keySec, length }: PacketGroup,
  signal: AbortSignal | undefined,
): Promise<number[]> {
  const { isIndexed, originSec, track } = details;
  const fromSec = isIndexed ? keySec : keySec - leadSec(details);
  const count = Math.min(length, MAX_PACKETS) + (isIndexed ? 1 : LEAD_PACKETS);
  const times: number[] = [];
  const options = [
    ...['-select_streams', String(track), '-skip_loop_filter', 'all'],
    ...['-read_intervals', `${fromSec > originSec ? fromSec.toFixed(6) : ''}%+#${count}`],
    ...['-show_frames', '-show_entries', 'frame=pts_time,pkt_pts_time', '-of', 'compact=p=0'],
  ];
  const onLine = (line: string): void => {
    const time = seconds(/pts_time=([-\d.]+)/.exec(line)?.[1]);
    if (time !== undefined) times.push(time);
  };
  await runFfprobe(path, options, onLine, signal).catch((error: unknown) => {
    if (!(error instanceof L2cafError) || !/^ffmpeg-(failed|crashed)$/.test(error.code)) throw error;
  });
  return times;
}

/** A minute of pictures: what is wrong later in a longer group, is not seen. */
const MAX_PACKETS = 1800;
/** Without an index, reading begins so many packets before the key frame, or less. */
const LEAD_PACKETS = 64;
