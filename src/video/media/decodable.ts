/**
 * Work on all frames of some spans in one run of ffmpeg that decodes and writes: repeated from further back until every
 * span was decoded from its key frame on, and without the frames that cannot be decoded, which are known only then.
 */
import { L2cafError } from '../../base/errors.ts';
import { assertUnchanged } from '../../base/files.ts';
import type { TimeSpan, VideoClip } from '../../base/types.ts';
import { damagedAmong, FrameTroubles } from './damage.ts';
import type { FfmpegRun } from './ffmpeg.ts';
import type { GraphClip } from './filtergraph.ts';
import { type FrameList, listFrames, without } from './frame-list.ts';
import { type SeekMode, ShownTimes, seekModes } from './seek.ts';
import { surveyFrames } from './survey.ts';

/** One run of ffmpeg on the frames of some spans, in order. */
export interface DecodingJob {
  readonly frames: readonly GraphClip[];
  readonly mode: SeekMode;
  /** To be told every line that ffmpeg logs. */
  readonly shown: ShownTimes;
}

/** What came of one run. */
export interface DecodingOutcome<T> extends FfmpegRun {
  readonly value: T;
}

/** A clip and the part of it that is wanted. */
export interface ClipSpan {
  readonly clip: VideoClip;
  readonly span: TimeSpan;
}

/**
 * Runs `work` on the frames of each span until exactly these came through.
 *
 * @param work one run; called again where it was not right
 * @returns what the last run gave, and for each span, in order, what was wrong with it, in words
 * @throws L2cafError `time-span` for a span without frames; `input-unreadable` when none can be decoded; `input-changed`; as `work`
 */
export async function withDecodableFrames<T>(
  spans: readonly ClipSpan[],
  signal: AbortSignal | undefined,
  work: (job: DecodingJob) => Promise<DecodingOutcome<T>>,
): Promise<{ value: T; notes: readonly string[][] }> {
  let lists: FrameList[] = [];
  for (const { clip, span } of spans) lists.push(await listSpan(clip, span, signal));
  const troubles = spans.map(() => new FrameTroubles());
  for (;;) {
    const frames = lists.map(({ timesSec, keysSec, details }, k) => {
      return { clip: spans[k]!.clip, details, timesSec, keySec: keysSec[0]! };
    });
    const { run, shown, failure } = await untilSettled(frames, work);
    for (const [k, { sizes }] of troubles.entries()) for (const size of shown.sizesOf(k)) sizes.add(size);
    for (const { clip } of spans) await assertUnchanged(clip);
    if (run && shown.isAllComplete) {
      for (const [k, { damagedSec }] of troubles.entries()) {
        troubles[k]!.addContradictions(lists[k]!, lists[k]!.timesSec);
        if (run.complaints.length > 0 || lists[k]!.hasComplaints) {
          damagedSec.push(...(await damagedAmong(spans[k]!.clip, lists[k]!, [...lists[k]!.timesSec], signal)));
        }
      }
      return { value: run.value, notes: troubles.map(({ notes }) => notes) };
    }
    const rest = await withoutLost(spans, lists, troubles, signal);
    // Where nothing is lost, it failed for another reason: the sound, say.
    if (rest.every((list, k) => list.timesSec.length === lists[k]!.timesSec.length)) {
      throw failure ?? undecodable(spans[0]!.clip);
    }
    lists = rest;
  }
}

async function listSpan(clip: VideoClip, span: TimeSpan, signal: AbortSignal | undefined): Promise<FrameList> {
  const list = await listFrames(clip, span, signal);
  if (list.timesSec.length > 0) return list;
  throw new L2cafError('time-span', `${clip.path} shows no new frame within ${span.startSec}–${span.endSec} s`, {
    hint: 'choose a longer span',
  });
}

async function untilSettled<T>(
  frames: readonly GraphClip[],
  work: (job: DecodingJob) => Promise<DecodingOutcome<T>>,
): Promise<{ run: DecodingOutcome<T> | undefined; shown: ShownTimes; failure: unknown }> {
  const modes = seekModes(frames);
  for (const mode of modes) {
    const shown = new ShownTimes(frames);
    let failure: unknown;
    const run = await work({ frames, mode, shown }).catch((error: unknown) => {
      // Without a single frame of an input ffmpeg cannot set up its filters: there may be some further back.
      const isFrameless = frames.some((_, input) => shown.of(input).length === 0);
      if (!isFrameless || !(error instanceof L2cafError && error.code === 'ffmpeg-failed')) throw error;
      failure = error;
      return undefined;
    });
    if (mode === modes.at(-1) || (run && shown.isSettled(mode))) return { run, shown, failure };
  }
  throw new Error('there is always a last mode');
}

/** The lists without the frames that cannot be decoded; it must be at least one. */
async function withoutLost(
  spans: readonly ClipSpan[],
  lists: readonly FrameList[],
  troubles: readonly FrameTroubles[],
  signal: AbortSignal | undefined,
): Promise<FrameList[]> {
  const rest: FrameList[] = [];
  for (const [k, list] of lists.entries()) {
    const { clip } = spans[k]!;
    const untilSec = list.timesSec.at(-1)! + 0.001;
    const there = await surveyFrames(clip, list.details, { keySec: list.keysSec[0]!, untilSec, signal });
    const times = new Set(there.map(({ timeSec }) => Math.round(timeSec * 1e3)));
    const isThere = (timeSec: number): boolean =>
      [-1, 0, 1].some((offset) => times.has(Math.round(timeSec * 1e3) + offset));
    const decodable = without(list, (time) => !isThere(time));
    for (const time of list.timesSec) if (!isThere(time)) troubles[k]!.lost.set(time, undefined);
    if (decodable.timesSec.length === 0) throw undecodable(clip);
    rest.push(decodable);
  }
  return rest;
}

function undecodable({ path }: VideoClip): L2cafError {
  return new L2cafError('input-unreadable', `the frames of ${path} within the span cannot be decoded`, {
    hint: 'the file may be damaged there: choose another time span or re-encode it',
  });
}
