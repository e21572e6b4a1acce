/**
 * Which frames a stretch of a clip has, when each is shown, and with which key frame decoding must begin so that its
 * picture is whole. Known from packets alone, without decoding, wherever these carry times.
 */
import { L2cafError } from '../../base/errors.ts';
import { assertUnchanged } from '../../base/files.ts';
import { Recent } from '../../base/recent.ts';
import type { TimeSpan, VideoClip } from '../../base/types.ts';
import { contradictsFrom } from './order.ts';
import { checkClock, type Packet, type PacketList, packetTime, readPackets, roundToMicroseconds } from './packets.ts';
import type { PictureFolder } from './picture-folder.ts';
import { readDetails, type StreamDetails } from './probe.ts';
import { secondsPer } from './stated.ts';
import { surveyFrames } from './survey.ts';

/** The frames of a time span, in the order in which they are shown. */
export interface FrameList {
  /** Real presentation times, seconds from the start of the clip, increasing. */
  readonly timesSec: Float64Array;
  /**
   * Per frame: when the key frame is shown from which on everything must be decoded for it, seconds from the start of the
   * clip; NaN where none is known.
   */
  readonly keysSec: Float64Array;
  /** Per frame: its place in the order of decoding. */
  readonly decodingOrder: Uint32Array;
  readonly details: StreamDetails;
  /** Whether something around them in the file was not as it should be: some may be damaged. */
  readonly hasComplaints: boolean;
  /**
   * From when on the times that the file states contradict the order of its pictures, seconds from the start of the clip: which
   * of them is on screen then, nobody can know. Infinity where they do not.
   */
  readonly contradictsFromSec: number;
}

/**
 * Lists the frames shown first within the span that can be decoded from a key frame on. It reads packets only, or decodes
 * where packets carry no times, from around the span and not the whole file.
 *
 * @throws L2cafError `input-unreadable`; `input-changed` when it is not the file that was probed
 */
export async function listFrames(clip: VideoClip, span: TimeSpan, signal?: AbortSignal): Promise<FrameList> {
  const details = await readDetails(clip, signal);
  const { frames, hasComplaints, contradictsFromSec } = details.pictures
    ? { ...NOTHING_WRONG, frames: picturesOf(details.pictures) }
    : details.clock === 'packets'
      ? await packetFrames(clip, details, span, signal)
      : { ...NOTHING_WRONG, frames: await decodedFrames(clip, details, span, signal) };
  await assertUnchanged(clip);
  const inSpan = frames.filter(({ timeSec }) => timeSec >= span.startSec && timeSec < span.endSec);
  const list = frameListOf(inSpan);
  if (list.timesSec.length < 0.9 * inSpan.length - 5) {
    throw new L2cafError('input-unreadable', `${clip.path} shows more than 1000 frames a second`, {
      hint: 'slow it down first: ffmpeg -i FILE -vf setpts=10*PTS -an NEW.mp4',
    });
  }
  return { ...list, details, hasComplaints, contradictsFromSec };
}

const NOTHING_WRONG = { hasComplaints: false, contradictsFromSec: Number.POSITIVE_INFINITY };

/** A list without some of its frames. */
export function without(list: FrameList, isLeftOut: (timeSec: number) => boolean): FrameList {
  const { timesSec, keysSec, decodingOrder } = list;
  const kept = [...timesSec.keys()].filter((i) => !isLeftOut(timesSec[i]!));
  return {
    ...list,
    timesSec: Float64Array.from(kept, (i) => timesSec[i]!),
    keysSec: Float64Array.from(kept, (i) => keysSec[i]!),
    decodingOrder: Uint32Array.from(kept, (i) => decodingOrder[i]!),
  };
}

/** The place of the last frame shown by a time, seconds from the start of the clip; -1 before the first. */
export function placeUntil({ timesSec }: Pick<FrameList, 'timesSec'>, timeSec: number): number {
  let [low, high] = [0, timesSec.length]; // those before `low` are not after it, those from `high` on are
  while (low < high) {
    const middle = (low + high) >> 1;
    if (timesSec[middle]! <= timeSec) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Two frames that are closer than this count as shown at one time, of which nobody sees the second; seconds. */
export const SAME_TIME_SEC = 0.0009;

interface ListedFrame {
  readonly timeSec: number;
  readonly keySec: number;
  readonly order: number;
}

function frameListOf(frames: ListedFrame[]): Pick<FrameList, 'timesSec' | 'keysSec' | 'decodingOrder'> {
  const shown: ListedFrame[] = [];
  for (const frame of frames.sort((a, b) => a.timeSec - b.timeSec || a.order - b.order)) {
    const last = shown.at(-1);
    if (last === undefined || frame.timeSec - last.timeSec > SAME_TIME_SEC - 1e-7) shown.push(frame);
  }
  return {
    timesSec: Float64Array.from(shown, ({ timeSec }) => timeSec),
    keysSec: Float64Array.from(shown, ({ keySec }) => keySec),
    decodingOrder: Uint32Array.from(shown, ({ order }) => order),
  };
}

/** Each picture of a folder stands for itself. */
function picturesOf({ pictures }: PictureFolder): ListedFrame[] {
  return pictures.map(({ timeSec }, order) => ({ timeSec, keySec: timeSec, order }));
}

/** Frames that packets tell of, in the order of decoding, and the stretch of which they are all, seconds from the start of the clip. */
interface Stretch extends Pick<FrameList, 'hasComplaints' | 'contradictsFromSec'> {
  readonly frames: ListedFrame[];
  readonly fromSec: number;
  readonly untilSec: number;
}

/** The stretch of each clip that was listed last: one event is asked for in several places. */
const listed = new Recent<string, Stretch>(4);

/** The frames of the span and around it, from a stretch that was listed before if that holds it. */
async function packetFrames(
  clip: VideoClip,
  details: StreamDetails,
  span: TimeSpan,
  signal: AbortSignal | undefined,
): Promise<Stretch> {
  const key = JSON.stringify([clip.identity, details.track]);
  const earlier = listed.get(key);
  if (earlier && earlier.fromSec <= span.startSec && span.endSec <= earlier.untilSec) return earlier;
  const stretch = await listedFrames(clip, details, span, signal);
  // What is wrong in a stretch need not be so in a part of it.
  const isSound = !stretch.hasComplaints && stretch.contradictsFromSec === Number.POSITIVE_INFINITY;
  if (isSound) listed.set(key, stretch);
  else listed.delete(key);
  return stretch;
}

/** How far before the span its key frame is looked for, seconds, until one is found. */
const LOOK_BACK_SEC: readonly number[] = [2, 15, 120, Number.POSITIVE_INFINITY];

async function listedFrames(
  clip: VideoClip,
  details: StreamDetails,
  span: TimeSpan,
  signal: AbortSignal | undefined,
): Promise<Stretch> {
  // Packets come in the order of decoding, so both ends leave room for the longest reordering (16 frames in H.264).
  const reorderSec = 2 + 34 * secondsPer(details.rate);
  for (const lookBack of LOOK_BACK_SEC) {
    const fromSec = span.startSec - lookBack - reorderSec;
    const isWhole = fromSec <= 0 || details.packets !== undefined;
    const { packets, hasComplaints, untilSec } = await readUntil(
      clip,
      details,
      fromSec,
      span.endSec,
      reorderSec,
      signal,
    ).catch((error: unknown) => {
      if (isWhole || !(error instanceof L2cafError && error.code === 'ffmpeg-failed')) throw error;
      return { packets: [], hasComplaints: false, untilSec: 0 }; // a demuxer that cannot seek
    });
    checkClock(clip, packets);
    const frames = withKeys(packets, details);
    if (!isWhole && !(frames[0] !== undefined && frames[0].timeSec <= span.startSec)) continue;
    const contradictsFromSec = (await contradictsFrom(clip, details, packets, signal)) - details.originSec;
    const firstSec = isWhole ? Number.NEGATIVE_INFINITY : frames[0]!.timeSec;
    return { frames, hasComplaints, contradictsFromSec, fromSec: firstSec, untilSec };
  }
  throw new Error('the whole file was listed');
}

/**
 * Packets from before a time until all that are shown before `endSec` are there. ffprobe stops at the first packet that is
 * shown after what it is told; around a pause, others that are shown before it come behind.
 *
 * @returns also until when all are there: at least `endSec`
 */
async function readUntil(
  clip: VideoClip,
  { originSec, track, packets }: StreamDetails,
  fromSec: number,
  endSec: number,
  reorderSec: number,
  signal: AbortSignal | undefined,
): Promise<PacketList & Pick<Stretch, 'untilSec'>> {
  if (packets) return { ...packets, untilSec: Number.POSITIVE_INFINITY };
  const from = fromSec <= 0 ? '' : (originSec + fromSec).toFixed(6);
  const isToEnd = endSec + reorderSec >= clip.durationSec;
  for (const furtherSec of isToEnd ? [] : [reorderSec, 60]) {
    const end = (originSec + endSec + furtherSec).toFixed(6);
    const list = await readPackets(clip.path, track, [`${from}%${end}`], signal);
    const decodedSec = list.packets.findLast((packet) => packet.decodedSec !== undefined)?.decodedSec;
    if (decodedSec === undefined) return { ...list, untilSec: endSec };
    // No frame is shown before it is decoded, and those that come behind are decoded later.
    if (decodedSec - originSec >= endSec) return { ...list, untilSec: decodedSec - originSec };
  }
  return { ...(await readPackets(clip.path, track, [`${from}%`], signal)), untilSec: Number.POSITIVE_INFINITY };
}

/** Frames that follow a key frame in decoding order and do not need one before it; all, where a file marks none. */
function withKeys(packets: readonly Packet[], { originSec, reorderFrames }: StreamDetails): ListedFrame[] {
  const hasKeys = packets.some(({ isKey }) => isKey);
  const frames: ListedFrame[] = [];
  let key = Number.NaN;
  let keyBefore = Number.NaN;
  for (const [order, packet] of packets.entries()) {
    const time = packetTime(packet, reorderFrames);
    if (time === undefined) continue;
    const timeSec = roundToMicroseconds(time - originSec);
    if (packet.isKey) [keyBefore, key] = [key, timeSec];
    // Frames that are decoded after a key frame and shown before it need the key frame before as well.
    const keySec = timeSec >= key ? key : keyBefore;
    if (packet.isShown && (!hasKeys || !Number.isNaN(keySec))) frames.push({ timeSec, keySec, order });
  }
  return frames;
}

/** Everything from the start of the file, in the order in which the decoder shows it. */
async function decodedFrames(
  clip: VideoClip,
  details: StreamDetails,
  { endSec }: TimeSpan,
  signal: AbortSignal | undefined,
): Promise<ListedFrame[]> {
  const survey = await surveyFrames(clip, details, { untilSec: endSec, signal });
  if (survey.length === 0) {
    throw new L2cafError('input-unreadable', `cannot read ${clip.path}: none of its frames can be decoded`, {
      hint: 'convert it to MP4 with ffmpeg first',
    });
  }
  let keySec = Number.NaN;
  return survey.map(({ timeSec, isKey }, order) => {
    if (isKey) keySec = timeSec;
    return { timeSec, keySec, order };
  });
}
