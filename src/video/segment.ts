/**
 * Re-encodes a segment of a clip small and plain, for a page that draws over it itself. Every frame of the segment is
 * there, and its real time is handed over, so that the page knows which moment it shows.
 */
import { L2cafError } from '../errors.ts';
import { writeAtomically } from '../files.ts';
import type { PictureSize, ProgressListener, TimeSpan, VideoClip } from '../types.ts';
import { colourOptions } from './colour-tags.ts';
import { runFfmpeg } from './ffmpeg.ts';
import { pictureChain } from './filtergraph.ts';
import { lengthenLastFrame } from './mp4.ts';
import { listFrames } from './probe.ts';
import { resolveSpan } from './sample.ts';
import { inputFrom, KEEP_TIMESTAMPS, type SeekMode, ShownTimes } from './seek.ts';
import { timingOf } from './timing.ts';

/** What {@link encodeSegment} needs. */
export interface SegmentJob {
  readonly clip: VideoClip;
  readonly span: TimeSpan;
  /** Size of the picture, even numbers. */
  readonly size: PictureSize;
  /** The video file to write, `.mp4`. */
  readonly out: string;
  readonly onProgress?: ProgressListener;
  readonly signal?: AbortSignal;
}

/** The frames that were written. */
export interface EncodedSegment {
  /** Their real times, seconds from the start of the clip. */
  readonly timesSec: Float64Array;
  /** When each is shown, seconds from the start of the written video. */
  readonly shownSec: Float64Array;
}

/**
 * Writes the segment as a small MP4 file without sound (H.264, yuv420p), whole or not at all.
 *
 * @throws L2cafError `time-span`, `input-unreadable`, `ffmpeg-failed`, `output-unwritable`, `aborted`
 */
export async function encodeSegment(job: SegmentJob): Promise<EncodedSegment> {
  const { clip, size, out, signal, onProgress } = job;
  const span = resolveSpan(clip, job.span);
  const { timesSec, details } = await listFrames(clip, span, signal);
  if (timesSec.length === 0) {
    throw new L2cafError('time-span', `${clip.path} shows no new frame within ${span.startSec}–${span.endSec} s`, {
      hint: 'choose a longer span',
    });
  }
  const timing = timingOf([{ timesSec, rate: clip.frameRate }]);
  const { originSec, colour } = details;
  const graph = `[0:V:0]${pictureChain({ clip, details, timesSec }, { size, colour }, timing)},${timing.finish}[out]`;
  const encode = async (mode: SeekMode, output: string): Promise<boolean> => {
    const shown = new ShownTimes(originSec);
    let done = 0;
    await runFfmpeg({
      inputs: [inputFrom(clip.path, originSec, timesSec[0]!, mode)],
      filtergraph: graph,
      options: [...KEEP_TIMESTAMPS, '-map', '[out]', ...timing.options, ...SMALL_H264, ...colourOptions(colour)],
      output,
      signal,
      onLine: (line) => {
        shown.read(line);
        if (!line.includes('showinfo') || !line.includes(' pts:')) return;
        onProgress?.({ stage: 'encoding for the report', done: ++done, total: timesSec.length, unit: 'frames' });
      },
    });
    return shown.match(timesSec);
  };
  await writeAtomically(out, async (output) => {
    if (!((await encode('near', output)) || (await encode('from-start', output)))) {
      throw new L2cafError('input-unreadable', `some frames of ${clip.path} within the span cannot be decoded`, {
        hint: 'the file may be damaged there: choose another time span or re-encode it',
      });
    }
    if (!timing.constantRate) await lengthenLastFrame(output, timing.lastFrameSec);
  });
  return { timesSec, shownSec: timing.timesSec };
}

/** Half a second between key frames at 30 frames per second, so that a page can jump about. */
const SMALL_H264: readonly string[] = [
  ...['-c:v', 'libx264', '-preset', 'fast', '-crf', '26', '-bf', '0', '-g', '15', '-movflags', '+faststart'],
];
