/**
 * Frames of damaged files: which of them may not show what was filmed, and what to tell about them. A decoder hides damage,
 * it fills what is missing from the frames around it; but it complains, and ffprobe tells while decoding which frame. What
 * is decoded after a frame with errors, up to the next key frame, may be built upon it.
 */
import { L2cafError } from '../../base/errors.ts';
import type { VideoClip } from '../../base/types.ts';
import { runFfprobe } from './ffmpeg.ts';
import { type FrameList, listFrames, placeUntil, SAME_TIME_SEC } from './frame-list.ts';
import { packetTime, seconds } from './packets.ts';
import { damagedPictures } from './picture-folder.ts';
import type { StreamDetails } from './probe.ts';
import { isClose, leadSec } from './seek.ts';
import { secondsPer } from './stated.ts';

/**
 * Which of these frames may not show what was filmed, because they, or frames that they are built upon, are damaged in the
 * file.
 *
 * @param list frames of the clip, these among them
 * @param timesSec seconds from the start of the clip
 * @returns those times that are concerned, in the order given
 * @throws L2cafError as `listFrames`
 */
export async function damagedAmong(
  clip: VideoClip,
  list: FrameList,
  timesSec: readonly number[],
  signal: AbortSignal | undefined,
): Promise<number[]> {
  if (list.details.pictures) return damagedPictures(list.details.pictures, timesSec, signal);
  const damaged = new Set<number>();
  for (const { keySec, times } of stretchesOf(list, timesSec)) {
    for (const time of await damagedInStretch(clip, list, keySec, times, signal)) damaged.add(time);
  }
  return timesSec.filter((time) => damaged.has(time));
}

interface Stretch {
  readonly keySec: number;
  readonly times: number[];
}

/** Frames that are looked at in one pass: those with one key frame, and with later ones that are not far. */
function stretchesOf(list: FrameList, timesSec: readonly number[]): Stretch[] {
  const stretches: Stretch[] = [];
  for (const time of [...timesSec].sort((a, b) => a - b)) {
    const keySec = list.keysSec[placeUntil(list, time + SAME_TIME_SEC / 2)] ?? Number.NaN;
    const last = stretches.at(-1);
    const isNear = last && (Object.is(keySec, last.keySec) || keySec - last.times.at(-1)! < NEAR_SEC);
    if (isNear) last.times.push(time);
    else stretches.push({ keySec, times: [time] });
  }
  return stretches;
}

/** To decode this much more costs less than to begin anew, seconds. */
const NEAR_SEC = 5;

async function damagedInStretch(
  clip: VideoClip,
  { details }: FrameList,
  keySec: number,
  times: readonly number[],
  signal: AbortSignal | undefined,
): Promise<number[]> {
  const startSec = Number.isNaN(keySec) ? 0 : keySec;
  const lastSec = Math.max(...times);
  const untilSec = lastSec + (2 * details.reorderFrames + 2) * secondsPer(details.rate);
  const { timesSec, keysSec, decodingOrder } = await listFrames(clip, { startSec, endSec: untilSec }, signal);
  const orders = ranksOf(decodingOrder);
  const placeOf = (time: number): number => placeUntil({ timesSec }, time + SAME_TIME_SEC / 2);
  const lastOrder = Math.max(...times.map((time) => orders[placeOf(time)]!));
  let packets: readonly HeardPacket[] = [];
  // Pictures that are shown before the key frame are decoded after it, but nothing is built upon them.
  const orderAt = (i: number): number | undefined => {
    const { timeSec } = packets[i]!;
    return timeSec === undefined ? i : orders[placeOf(timeSec)];
  };
  const ordersOf = (places: readonly number[]): number[] =>
    places.map(orderAt).filter((order): order is number => order !== undefined);
  let heard: number[] = [];
  for (const endSec of [untilSec, clip.durationSec + 1]) {
    const listened = await decodeAndListen(clip, details, { keySec, untilSec: endSec, signal });
    if (listened === undefined) return [...times];
    packets = listened;
    heard = ordersOf([...packets.keys()]);
    if (heard.some((order) => order >= lastOrder)) break; // around a pause, ffprobe stops too early
  }
  const suspects = ordersOf(suspectsOf(packets, details.reorderFrames));
  // Packets that are known to be incomplete did not get as far as the decoder.
  const there = new Set(heard);
  suspects.push(...orders.filter((order) => order <= lastOrder && !there.has(order)));
  return times.filter((time) => {
    const place = placeOf(time);
    const first = orders[placeOf(keysSec[place] ?? Number.NaN)] ?? 0;
    // Where only the order of showing is known, a frame may be built upon some that are shown after it.
    const last = orders[place]! + (details.clock === 'packets' ? 0 : details.reorderFrames);
    return suspects.some((order) => order >= first && order <= last);
  });
}

/**
 * Places of the packets that the decoder complained of, or made no frame of. A decoder holds back some frames to put them in
 * order; after that, every packet brings out one.
 */
function suspectsOf(packets: readonly HeardPacket[], reorderFrames: number): number[] {
  const suspects: number[] = [];
  let heldBack = 0;
  let most = reorderFrames;
  for (const [i, { isShown, frames, hasErrors }] of packets.entries()) {
    heldBack += Number(isShown) - frames;
    if (hasErrors || heldBack > most) suspects.push(i);
    most = Math.max(most, heldBack);
  }
  return suspects;
}

/** Numbers in order of size, from 0. */
function ranksOf(values: Uint32Array): number[] {
  const bySize = [...values.keys()].sort((a, b) => values[a]! - values[b]!);
  const ranks = Array.from(values, () => 0);
  for (const [rank, i] of bySize.entries()) ranks[i] = rank;
  return ranks;
}

/** A packet that was given to the decoder. */
interface HeardPacket {
  /** When its frame is shown, seconds from the start of the clip, where it states that. */
  readonly timeSec: number | undefined;
  /** Whether its frame is to be shown: not one that an edit list cuts off. */
  readonly isShown: boolean;
  /** Frames that then came out, of this packet or of earlier ones. */
  frames: number;
  /** Whether the decoder complained about it, or the reader of the file could not read on after it. */
  hasErrors: boolean;
  /** Where in the file it lies, bytes; NaN where that is not said. */
  readonly at: number;
}

/**
 * Where a container's reader found something else than it expected, bytes from the start: what it took for the packet before
 * may hold it, too, and no decoder need notice.
 */
const BROKEN_AT = /(?:\bpos \d+ \(|^Element at )0x([0-9a-f]+)/i;

/**
 * Decodes a stretch from its key frame on, packet by packet, without packets that are known to be incomplete. Undefined
 * where that makes ffprobe crash: then nothing is known.
 */
async function decodeAndListen(
  clip: VideoClip,
  details: StreamDetails,
  { keySec, untilSec, signal }: { keySec: number; untilSec: number; signal: AbortSignal | undefined },
): Promise<HeardPacket[] | undefined> {
  const nearSec = keySec - leadSec(details);
  if (details.clock !== 'packets' || Number.isNaN(keySec)) return listenFrom(clip, details, 0, untilSec, signal);
  const furtherSec = Math.max(0, nearSec - FURTHER_SEC);
  let heard: HeardPacket[] = [];
  for (const startSec of nearSec > 0 ? new Set([nearSec, furtherSec, 0]) : [0]) {
    if (heard.length > 0 && startSec < furtherSec) break; // the start of a long file is for where a seek does not find the key frame
    const packets = await listenFrom(clip, details, startSec, untilSec, signal);
    if (packets === undefined) return undefined;
    const first = packets.findIndex(({ timeSec }) => isClose(timeSec ?? Number.NaN, keySec));
    if (first < 0) continue;
    // Pictures that are shown before the key frame may need one before it: whether they come out says nothing.
    const isLeading = ({ timeSec = keySec }: HeardPacket): boolean => timeSec < keySec - SAME_TIME_SEC / 2;
    heard = packets.slice(first).map((packet) => (isLeading(packet) ? { ...packet, isShown: false } : packet));
    // Where pictures are refreshed piece by piece, none is whole soon after decoding began: the decoder complains of sound ones.
    if (suspectsOf(heard, details.reorderFrames).length === 0) break;
  }
  return heard;
}

/** How much further back decoding begins where the decoder complains, seconds: longer than a picture takes to be refreshed. */
const FURTHER_SEC = 15;

/**
 * Decodes what is shown from a time on, as a demuxer finds it, and writes down what the decoder says of each packet. Undefined
 * where ffprobe crashes.
 *
 * @param startSec seconds from the start of the clip; 0: from the start of the file
 */
async function listenFrom(
  clip: VideoClip,
  { originSec, track, clock, reorderFrames }: StreamDetails,
  startSec: number,
  untilSec: number,
  signal: AbortSignal | undefined,
): Promise<HeardPacket[] | undefined> {
  const from = startSec > 0 ? (originSec + startSec).toFixed(6) : '';
  const options = [
    // The last filter makes pictures nicer, which nobody looks at here.
    ...['-fflags', '+discardcorrupt', '-skip_loop_filter', 'all', '-show_log', '16'],
    ...['-select_streams', String(track), '-read_intervals', `${from}%${(originSec + untilSec).toFixed(6)}`],
    ...['-show_packets', '-show_frames', '-of', 'compact'],
    ...['-show_entries', 'packet=pts_time,dts_time,pos,flags:frame=key_frame:log=level'],
  ];
  const packets: HeardPacket[] = [];
  const onLine = (line: string): void => {
    const [kind, ...fields] = line.split('|');
    if (kind === 'packet') {
      const row = Object.fromEntries(fields.map((field) => field.split('=') as [string, string]));
      const stated = { shownSec: seconds(row['pts_time']), decodedSec: seconds(row['dts_time']) };
      const time = clock === 'packets' ? packetTime(stated, reorderFrames) : undefined;
      const isShown = !row['flags']?.includes('D');
      packets.push({
        ...{ timeSec: time === undefined ? time : time - originSec, isShown, frames: 0, hasErrors: false },
        at: Number.parseInt(row['pos'] ?? '', 10),
      });
    }
    const last = packets.at(-1);
    if (last && kind === 'frame') last.frames++;
    if (last && (kind === 'log' || fields.includes('log'))) last.hasErrors = true;
  };
  try {
    const { complaints } = await runFfprobe(clip.path, options, onLine, signal);
    for (const complaint of complaints) {
      const [, place] = BROKEN_AT.exec(complaint) ?? [];
      const before = place === undefined ? undefined : packets.findLast(({ at }) => at < Number.parseInt(place, 16));
      if (before) before.hasErrors = true;
    }
  } catch (error) {
    if (!(error instanceof L2cafError) || !/^ffmpeg-(failed|crashed)$/.test(error.code)) throw error;
    if (error.code === 'ffmpeg-crashed') return undefined;
  }
  return packets;
}

/** Collects what was wrong with the frames of a clip, to tell it in a few words. */
export class FrameTroubles {
  /** Frames that may not show what was filmed, seconds from the start of the clip. */
  readonly damagedSec: number[] = [];
  /** Frames that could not be decoded, and the ones that were taken instead, if any. */
  readonly lost = new Map<number, number | undefined>();
  /** Sizes at which frames are stored, `WIDTHxHEIGHT`. */
  readonly sizes = new Set<string>();
  /** Whether the times that the file states contradict the order of its pictures. */
  contradictsItself = false;

  /** Whether a frame that was taken may not show what was filmed, or is in the place of one that cannot be decoded. */
  isTouched(takenSec: number): boolean {
    return this.damagedSec.includes(takenSec) || [...this.lost.values()].includes(takenSec);
  }

  /** Whether any frame was damaged or lost. */
  get isDamage(): boolean {
    return this.damagedSec.length > 0 || this.lost.size > 0;
  }

  /** Notes which frames of a list, shown first at these times, have a time that they need not belong to. */
  addContradictions({ contradictsFromSec }: FrameList, timesSec: Iterable<number>): void {
    const concerned = [...timesSec].filter((time) => time >= contradictsFromSec);
    this.damagedSec.push(...concerned);
    this.contradictsItself ||= concerned.length > 0;
  }

  /** Adds what was wrong with other frames of the same clip. */
  add(other: FrameTroubles): this {
    this.damagedSec.push(...other.damagedSec);
    for (const [time, taken] of other.lost) this.lost.set(time, taken);
    for (const size of other.sizes) this.sizes.add(size);
    this.contradictsItself ||= other.contradictsItself;
    return this;
  }

  /** In words; none where nothing was wrong. */
  get notes(): string[] {
    const { lost, sizes } = this;
    const damaged = this.damagedSec;
    const instead = [...lost.values()].filter((time) => time !== undefined);
    const taken = instead.length > 0 ? `; taken instead: ${framesInWords(instead)}` : '';
    return [
      ...(lost.size > 0 ? [`the video is damaged: ${framesInWords([...lost.keys()])} cannot be decoded${taken}`] : []),
      ...(damaged.length > 0 ? [`the video is damaged: ${framesInWords(damaged)} may not show what was filmed`] : []),
      ...(this.contradictsItself ? ['the times that the video states contradict the order of its pictures'] : []),
      ...(sizes.size > 1
        ? [`the pictures of the video change size (${[...sizes].join(', ')}): all are brought to one`]
        : []),
    ];
  }
}

/**
 * Refuses frames that are damaged or lost.
 *
 * @throws L2cafError `input-unreadable`
 */
export function refuseDamage({ path }: Pick<VideoClip, 'path'>, { isDamage, notes }: FrameTroubles): void {
  if (!isDamage) return;
  throw new L2cafError('input-unreadable', `${path}: ${notes.join('; ')}`, {
    hint: 'choose another time span, or leave --strict out to get warnings and marks',
  });
}

/** `the frame at 1.20 s`, `the 14 frames at 1.20–1.72 s`, … */
export function framesInWords(timesSec: readonly number[]): string {
  const sorted = [...new Set(timesSec)].sort((a, b) => a - b).map((time) => time.toFixed(2));
  if (sorted.length === 1) return `the frame at ${sorted[0]} s`;
  if (sorted.length <= TIMES_NAMED) return `the frames at ${sorted.join(', ')} s`;
  return `the ${sorted.length} frames at ${sorted[0]}–${sorted.at(-1)} s`;
}

/** More frames are named by the first and the last of them. */
const TIMES_NAMED = 8;
