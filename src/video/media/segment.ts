/**
 * Re-encodes a segment of a clip small and plain, for a page that draws over it itself. Every frame of the segment is
 * there, and its real time is handed over, so that the page knows which moment it shows.
 */
import { writeAtomically } from '../../base/files.ts';
import type { PictureSize, ProgressListener, TimeSpan, VideoClip } from '../../base/types.ts';
import { colourOptions } from './colour-tags.ts';
import { withDecodableFrames } from './decodable.ts';
import { runFfmpeg } from './ffmpeg.ts';
import { pictureChain } from './filtergraph.ts';
import { findH264Encoder } from './h264.ts';
import { setLastFrameLength } from './mp4.ts';
import { resolveSpan } from './sample.ts';
import { inputFrom, KEEP_TIMESTAMPS } from './seek.ts';
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
  const encoder = await findH264Encoder();
  let written: EncodedSegment | undefined;
  await writeAtomically(
    out,
    async (output) => {
      const { value } = await withDecodableFrames(
        [{ clip, span }],
        signal,
        async ({ frames: [frames], mode, shown }) => {
          const { timesSec, details } = frames!;
          const { colour } = details;
          const timing = timingOf([{ timesSec, rate: clip.frameRate }]);
          const { complaints } = await runFfmpeg({
            binary: encoder.binary,
            inputs: [inputFrom(clip, frames!, mode)],
            filtergraph: `${pictureChain(0, frames!, { size, colour }, timing)},${timing.finish}[out]`,
            options: [
              ...[...KEEP_TIMESTAMPS, '-map', '[out]', ...timing.options],
              ...[...encoder.options('small', size), ...colourOptions(colour)],
            ],
            output,
            signal,
            onLine: (line) => {
              if (!shown.read(line)) return;
              onProgress?.({
                stage: 'encoding for the report',
                done: shown.count,
                total: timesSec.length,
                unit: 'frames',
              });
            },
          });
          return { complaints, value: { timesSec, timing } };
        },
      );
      const { timesSec, timing } = value;
      if (!timing.constantRate) await setLastFrameLength(output, timing.lastFrameSec);
      written = { timesSec, shownSec: timing.timesSec };
    },
    [clip.path],
  );
  return written!;
}
