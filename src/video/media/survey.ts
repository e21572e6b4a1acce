/** Which frames of a stretch can be decoded at all: decoded as they are for use, but for their times alone. */
import { Writable } from 'node:stream';
import { L2cafError } from '../../base/errors.ts';
import type { VideoClip } from '../../base/types.ts';
import { runFfmpeg } from './ffmpeg.ts';
import type { StreamDetails } from './probe.ts';
import { clockOf, inputFrom, isClose, isLastWord, KEEP_TIMESTAMPS, ONE_PER_TIME, seekModes } from './seek.ts';

/** A frame that came out of the decoder. */
export interface SurveyedFrame {
  /** Seconds from the start of the clip. */
  readonly timeSec: number;
  readonly isKey: boolean;
}

/** Which stretch is decoded, and how. */
export interface SurveyOptions {
  /** The key frame with which to begin, seconds from the start of the clip; absent or NaN: the start of the file. */
  readonly keySec?: number;
  /** Frames from this time on are not looked at, seconds. */
  readonly untilSec: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Decodes a stretch and lists the frames that come out, in the order in which they are shown.
 *
 * @throws L2cafError `ffmpeg-crashed`, `aborted`
 */
export async function surveyFrames(
  clip: VideoClip,
  details: StreamDetails,
  { keySec = Number.NaN, untilSec, signal }: SurveyOptions,
): Promise<SurveyedFrame[]> {
  const startSec = Number.isNaN(keySec) ? 0 : keySec;
  const stretch = details.pictures?.pictures.filter(({ timeSec }) => timeSec >= startSec && timeSec < untilSec);
  const wanted = { details, keySec, timesSec: stretch?.map(({ timeSec }) => timeSec) ?? [startSec] };
  const until = (details.originSec + untilSec).toFixed(6);
  const from = Number.isNaN(keySec) ? '' : `start=${(details.originSec + keySec - 0.0005).toFixed(6)}:`;
  let frames: SurveyedFrame[] = [];
  for (const mode of seekModes([wanted]).filter(isLastWord)) {
    frames = [];
    await runFfmpeg({
      inputs: [inputFrom(clip, wanted, mode)],
      filtergraph: `[0:${details.track}]${clockOf(details)},trim=${from}end=${until},${ONE_PER_TIME},scale=16:16,showinfo[out]`,
      options: [...KEEP_TIMESTAMPS, '-map', '[out]', '-fps_mode', 'passthrough', '-f', 'null'],
      output: new Writable({ emitClose: false, write: (_chunk, _encoding, done) => done() }),
      signal,
      onLine: (line) => {
        const match = /showinfo.*? pts: *(-?\d+).*? iskey:(\d)/i.exec(line);
        if (match) frames.push({ timeSec: Number(match[1]) / 1e6 - details.originSec, isKey: match[2] === '1' });
      },
    }).catch((error: unknown) => {
      // It ends so when nothing can be decoded.
      if (!(error instanceof L2cafError && error.code === 'ffmpeg-failed')) throw error;
    });
    // Beginning with the key frame is the proof that nothing was decoded from the middle of a group.
    if (frames[0] !== undefined && isClose(frames[0].timeSec, keySec)) break;
  }
  return frames;
}
