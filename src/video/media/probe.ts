/**
 * What can be known about a video file without decoding it: its tracks, their size, rate, length and rotation, and how
 * its packets state their times. Nothing else reads a file's metadata.
 */

import type { BigIntStats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { L2cafError } from '../../base/errors.ts';
import {
  assertUnchanged,
  changedInput,
  FOLDER_IDENTITY,
  identityIn,
  identityOf,
  sha256OfFile,
} from '../../base/files.ts';
import { noteInput } from '../../base/noted-inputs.ts';
import { Recent } from '../../base/recent.ts';
import type { ClipReading, Rational, RecordedSignals, VideoClip } from '../../base/types.ts';
import type { ColourTags } from './colour-tags.ts';
import { chooseTrack, type Metadata, readMetadata, type StreamMetadata, trackNotes, unreadable } from './metadata.ts';
import {
  checkClock,
  type Packet,
  type PacketList,
  packetTime,
  readEnds,
  roundToMicroseconds,
  seconds,
} from './packets.ts';
import { openPictures, type PictureFolder, sha256OfPictures, videoOfPictures } from './picture-folder.ts';
import {
  checkReach,
  clockwiseRotation,
  coloursOf,
  containerEnd,
  rateOf,
  secondsPer,
  squarePixels,
  statedEnd,
} from './stated.ts';
import { toneMapping } from './tone-mapping.ts';

/**
 * What tells when a frame is shown: times in its `packets`; where these lack some, the decoder, which orders the frames
 * (`decoded`); where there are none at all, as in a raw stream, the number of frames before it (`counted`).
 */
export type FrameClock = 'packets' | 'decoded' | 'counted';

/** Details of the file that only decoding and encoding need. */
export interface StreamDetails {
  /** The container's first timestamp, seconds: the zero of all times in l2caf. */
  readonly originSec: number;
  /** The colours of decoded frames, after {@link toneMapping}. */
  readonly colour: ColourTags;
  /** The track among the file's streams, as ffmpeg numbers them. */
  readonly track: number;
  readonly rate: Rational;
  readonly clock: FrameClock;
  /** Whether seeking lands on key frames, by the container's index; else it lands on any packet. */
  readonly isIndexed: boolean;
  /** Frames that the decoder holds back to put them in order. */
  readonly reorderFrames: number;
  /** Filters that bring frames of high dynamic range to the standard one; absent for those that are. */
  readonly toneMapping?: string;
  /** Where the frames are pictures of a folder. */
  readonly pictures?: PictureFolder;
  /** All packets, where they had to be read anyway and are few. */
  readonly packets?: PacketList;
}

/** What is known of how a clip is to be read; what is undefined was not asked for. */
export type Reading = { readonly [Key in keyof ClipReading]?: ClipReading[Key] | undefined };

/** The part of a clip, or of what a document says of one, that tells how it is read. */
export function readingOf({ track, fps, times }: Reading): ClipReading {
  return {
    ...(track !== undefined && { track }),
    ...(fps !== undefined && { fps }),
    ...(times !== undefined && { times }),
  };
}

/**
 * Reads what is needed to sample and render a video file or a folder of pictures. Of a file: the track asked for or, without a wish, the one that players
 * take: among those that are the default (or among all, if none is) the one of the largest picture; never a cover
 * picture. Its size is the one at which players show it: rotated, and with square pixels. It ends with its last picture.
 *
 * @throws L2cafError `input-not-found`; `input-changed` when it changes meanwhile; `usage` for a track that is no video, or
 * a folder of pictures without times; `input-unreadable` for a folder of something else, an empty or truncated file, or a
 * file without video.
 */
export async function probeClip(path: string, signal?: AbortSignal, reading: Reading = {}): Promise<VideoClip> {
  noteInput(path);
  const { track } = reading;
  const file = await readFacts({ path, ...readingOf(reading) }, signal);
  const { video, streams, details } = file;
  if (!video.width || !video.height) throw unreadable(path, 'its video stream states no size');
  const rotationDeg = clockwiseRotation(video);
  const isTurned = rotationDeg % 180 !== 0;
  const { width, height } = squarePixels(video.width, video.height, video.sample_aspect_ratio);
  const notes = [
    ...trackNotes(streams, video, track),
    ...timeNotes(file),
    ...(details.toneMapping
      ? ['the high dynamic range of the video is brought to the standard range (tone-mapped)']
      : []),
    ...(details.pictures?.notes ?? []),
  ];
  return {
    path,
    identity: file.identity,
    width: isTurned ? height : width,
    height: isTurned ? width : height,
    frameRate: details.rate,
    durationSec: durationOf(file),
    rotationDeg,
    hasAudio: streams.some((stream) => stream.codec_type === 'audio'),
    pixelFormat: video.pix_fmt ?? 'unknown',
    ...readingOf(reading),
    ...(notes.length > 0 && { notes }),
  };
}

/** Details of a clip's track; throws as {@link probeClip}. */
export async function readDetails(clip: NamedClip, signal?: AbortSignal): Promise<StreamDetails> {
  return (await readFacts(clip, signal)).details;
}

/** What was recorded with the pictures of a clip; undefined where nothing was. Throws as {@link probeClip}. */
export async function recordedSignals(clip: VideoClip, signal?: AbortSignal): Promise<RecordedSignals | undefined> {
  if (!clip.identity.startsWith(FOLDER_IDENTITY)) return undefined; // files hold pictures and sound
  return (await readDetails(clip, signal)).pictures?.signals;
}

/**
 * SHA-256 of a clip, in hexadecimal: of a file's content, or of names, times and contents of the pictures of a folder.
 *
 * @throws L2cafError `input-changed` when it is not the one that was probed; NodeJS.ErrnoException when it cannot be read
 */
export async function sha256OfClip(clip: VideoClip, signal?: AbortSignal): Promise<string> {
  if (!clip.identity.startsWith(FOLDER_IDENTITY)) return sha256OfFile(clip.path, { identity: clip.identity, signal });
  return sha256OfPictures((await readDetails(clip, signal)).pictures!, signal);
}

/**
 * The identity of what lies at a path now, as {@link probeClip} states it.
 *
 * @throws L2cafError as {@link probeClip}; NodeJS.ErrnoException when nothing is there
 */
export async function identityOfClip(path: string, reading: Reading = {}): Promise<string> {
  const info = await stat(path);
  return info.isDirectory() ? (await openPictures(path, readingOf(reading))).identity : identityOf(path);
}

/** Which clip, how it is read and, where it was probed, in which state it was then. */
type NamedClip = Pick<VideoClip, 'path'> & ClipReading & { readonly identity?: string };

/** All that is known about a file and one of its tracks. */
interface FileFacts extends Metadata {
  /** Which file it was, in which state. */
  readonly identity: string;
  readonly video: StreamMetadata;
  readonly details: StreamDetails;
  /** When the video ends as the file states it, seconds from its first timestamp. */
  readonly statedEndSec: number | undefined;
  /** When its last frame is shown, and when that ends, seconds from its first timestamp. */
  readonly lastSec: number;
  readonly endSec: number;
  /** When its first key frame is shown, seconds from its first timestamp, where the file begins with other frames. */
  readonly lateKeySec: number | undefined;
}

/** What is known of a file weighs as much as so many packets; those that are kept come on top. */
const FILE_WEIGHT = 100;
/** Thousands of short clips, which a training asks for one after the other, and then again. */
const ROOM = 1_000_000;

/** Facts by path and reading, with the identity of the file that had them: one command asks in several places. */
const known = new Recent<string, { readonly identity: string; readonly facts: Promise<FileFacts> }>(ROOM);

async function readFacts(clip: NamedClip, signal: AbortSignal | undefined): Promise<FileFacts> {
  const { path, track } = clip;
  const key = JSON.stringify([resolve(path), readingOf(clip)]);
  const info = await statInput(path);
  if (info.isDirectory()) return readPictureFacts(key, clip, signal);
  if ((clip.fps ?? clip.times) !== undefined) {
    throw new L2cafError('usage', `${path} is a video, whose frames have times of their own`, {
      hint: 'leave --fps and --times out: they say when the pictures of a folder are shown',
    });
  }
  const identity = identityIn(info);
  const earlier = known.get(key);
  if (earlier?.identity === identity) return earlier.facts;
  const facts = askForFacts({ path, identity }, track, signal);
  remember(key, identity, facts);
  return facts;
}

/** A folder is looked at anew whenever it is probed; afterwards it is the one that was probed. */
async function readPictureFacts(key: string, clip: NamedClip, signal: AbortSignal | undefined): Promise<FileFacts> {
  const earlier = known.get(key);
  if (earlier && earlier.identity === clip.identity) return earlier.facts;
  const facts = await askForPictures(clip, signal);
  if (clip.identity !== undefined && clip.identity !== facts.identity) throw changedInput(clip.path);
  remember(key, facts.identity, Promise.resolve(facts));
  return facts;
}

function remember(key: string, identity: string, facts: Promise<FileFacts>): void {
  const entry = { identity, facts };
  known.set(key, entry, FILE_WEIGHT);
  facts.then(
    ({ details: { packets } }) => {
      if (packets && known.get(key) === entry) known.set(key, entry, FILE_WEIGHT + packets.packets.length);
    },
    () => known.delete(key),
  );
}

async function statInput(path: string): Promise<BigIntStats> {
  const info = await stat(path, { bigint: true }).catch((cause: unknown) => {
    throw new L2cafError('input-not-found', `there is no file ${path}`, { hint: 'check the path', cause });
  });
  if (info.isDirectory()) return info;
  if (!info.isFile()) throw unreadable(path, 'it is no regular file', 'a video is read in several places: give a file');
  if (info.size === 0n) throw unreadable(path, 'it is empty');
  return info;
}

/** What ffprobe says of one of the pictures, and the folder of their times. */
async function askForPictures(clip: NamedClip, signal: AbortSignal | undefined): Promise<FileFacts> {
  const { path, track } = clip;
  const pictures = await openPictures(path, clip, signal);
  const { rate, identity } = pictures;
  const first = pictures.pictures[pictures.first]!;
  const { streams } = await readMetadata(path, signal, videoOfPictures(pictures, [first.timeSec]));
  const video = chooseTrack(path, streams, track);
  const lastSec = pictures.pictures.at(-1)!.timeSec;
  const endSec = roundToMicroseconds(lastSec + secondsPer(rate));
  return {
    ...{ streams, format: {}, identity, video, statedEndSec: endSec, lastSec, endSec, lateKeySec: undefined },
    details: {
      ...{ originSec: 0, colour: coloursOf(video), track: video.index, rate, pictures },
      ...{ clock: 'packets', isIndexed: true, reorderFrames: 0 },
    },
  };
}

async function askForFacts(
  { path, identity }: Pick<VideoClip, 'path' | 'identity'>,
  track: number | undefined,
  signal: AbortSignal | undefined,
): Promise<FileFacts> {
  const metadata = await readMetadata(path, signal);
  const { streams, format } = metadata;
  const video = chooseTrack(path, streams, track);
  const statedEndSec = statedEnd(video, format);
  const startSec = seconds(format.start_time) ?? 0;
  const isIndexed = !UNINDEXED.test(format.format_name ?? '');
  const ends = await readEnds(path, video.index, isIndexed ? startSec + (statedEndSec ?? 0) : 0, signal);
  const { packets } = ends;
  if (!isIndexed) checkClock({ path }, packets); // there, it is all of them
  const shown = packets.filter(({ isShown }) => isShown);
  if (shown.length === 0) throw unreadable(path, 'its video stream holds no pictures');
  const reorderFrames = video.has_b_frames ?? 0;
  const times = shown.map((packet) => packetTime(packet, reorderFrames));
  const isTimeless =
    RAW.test(format.format_name ?? '') ||
    shown.every(({ shownSec, decodedSec }) => shownSec === undefined && decodedSec === undefined) ||
    lacksOrder(shown, reorderFrames);
  const clock = isTimeless ? 'counted' : times.includes(undefined) ? 'decoded' : 'packets';
  const rate = rateOf(path, video, times);
  const originSec = clock === 'counted' ? 0 : startSec;
  const frameSec = secondsPer(rate);
  // A decoder that puts frames in order shows each so much later than it is decoded.
  const heldBackSec = reorderFrames * frameSec;
  let [lastSec, endSec] = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const [i, { shownSec, decodedSec = shownSec ?? 0, lengthSec }] of shown.entries()) {
    const statedSec = clock === 'decoded' ? decodedSec + heldBackSec : (shownSec ?? decodedSec);
    const timeSec = clock === 'counted' && !isIndexed ? i * frameSec : statedSec - startSec; // of an index, only the ends
    lastSec = Math.max(lastSec, timeSec);
    endSec = Math.max(endSec, timeSec + ((clock !== 'counted' && lengthSec) || frameSec));
  }
  checkReach(path, startSec, endSec);
  const firstKey = packets.find(({ isKey }) => isKey);
  const lateKeySec = firstKey && firstKey !== packets[0] ? packetTime(firstKey, reorderFrames) : undefined;
  const hdr = await toneMapping(video);
  await assertUnchanged({ path, identity });
  return {
    ...metadata,
    identity,
    video,
    statedEndSec,
    lastSec: roundToMicroseconds(lastSec),
    endSec: roundToMicroseconds(endSec),
    lateKeySec: lateKeySec === undefined ? undefined : roundToMicroseconds(lateKeySec - originSec),
    details: {
      originSec,
      colour: hdr?.colour ?? coloursOf(video),
      track: video.index,
      rate,
      clock,
      isIndexed,
      reorderFrames,
      ...(hdr && { toneMapping: hdr.filters }),
      ...(isIndexed && ends.isAll && isFewAndSound(ends) && { packets: ends }),
    },
  };
}

/**
 * Streams without a container, in ffprobe's names. What times they have, ffmpeg makes up on the way from the start, and
 * after a seek others: with 7.0, pictures of raw MPEG-4 were half a second late.
 */
const RAW = /^(mpegvideo|h264|hevc|m4v|obu)$/;

/**
 * Whether frames that are stored in another order than they are shown in have times that know nothing of it, as where the
 * table of the differences is damaged: the decoder alone knows the order then.
 */
function lacksOrder(shown: readonly Packet[], reorderFrames: number): boolean {
  if (reorderFrames === 0 || shown.length <= reorderFrames + 1) return false;
  return shown.every(({ shownSec, decodedSec }) => shownSec !== undefined && shownSec === decodedSec);
}

/** Containers that are plain streams of packets, in ffprobe's names. It only says where to begin to look. */
const UNINDEXED = /^(mpegts|mpeg|mpegvideo|h264|hevc|m4v|obu|ivf|vobsub|dv)$/;

/** Whether a list is worth keeping: what is wrong in a file need not be so in the part that is asked for. */
function isFewAndSound({ packets, hasComplaints }: PacketList): boolean {
  return packets.length <= MAX_KEPT_PACKETS && !hasComplaints;
}

/** Some minutes. */
const MAX_KEPT_PACKETS = 10_000;

function timeNotes({ details: { clock, rate }, format, statedEndSec = 0, endSec, lateKeySec }: FileFacts): string[] {
  const notes: string[] = [];
  if (clock === 'counted') {
    const fps = (rate.numerator / rate.denominator).toFixed(3).replace(/\.?0+$/, '');
    notes.push(`the video states no times: its frames are counted at ${fps} per second`);
  }
  if (clock === 'packets' && lateKeySec !== undefined) {
    notes.push(`the video starts between key frames: what comes before ${lateKeySec.toFixed(2)} s cannot be decoded`);
  }
  const lengthSec = Math.max(statedEndSec, containerEnd(format) ?? 0);
  if (lengthSec - endSec > SILENT_SEC) {
    const lengths = `at ${endSec.toFixed(2)} s, although the file states a length of ${lengthSec.toFixed(2)} s`;
    notes.push(`the pictures of the video end ${lengths}`);
  }
  return notes;
}

/** A stated length that exceeds the pictures by this much is worth a word, seconds. */
const SILENT_SEC = 0.25;

/** The stated end, unless the pictures say otherwise: a last frame may be shown for longer than others, or not at all. */
function durationOf({ statedEndSec, lastSec, endSec, details: { rate } }: FileFacts): number {
  const frameSec = secondsPer(rate);
  const isBelievable =
    statedEndSec !== undefined &&
    Math.abs(statedEndSec - endSec) < 1.5 * frameSec &&
    statedEndSec > lastSec + 0.1 * frameSec;
  return isBelievable ? statedEndSec : endSec;
}
