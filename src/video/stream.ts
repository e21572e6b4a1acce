/**
 * Decodes chosen frames of a long stretch one after another, in one pass of ffmpeg that waits while nobody takes a frame:
 * memory holds two frames however long the stretch is, and the next frame is decoded while the last one is being used.
 */
import { Writable } from 'node:stream';
import { L2cafError } from '../errors.ts';
import type { FrameBatch, PictureSize, VideoClip } from '../types.ts';
import { runFfmpeg } from './ffmpeg.ts';
import { scaleToRgb, undecodable } from './sample.ts';
import { framesOf, inputFrom, KEEP_TIMESTAMPS, type SeekMode, ShownTimes } from './seek.ts';

/** What {@link streamFrames} decodes. */
export interface StreamOptions {
  /** The container's first timestamp, seconds. */
  readonly originSec: number;
  /** Times of frames as `listFrames` gives them, seconds from the start of the clip, ascending. */
  readonly timesSec: readonly number[];
  /** Frames are stretched to this size. */
  readonly size: PictureSize;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The frames that are shown first at exactly these times, each `[1, height, width, 3]`, rotation applied.
 *
 * @throws L2cafError `input-unreadable` when a frame cannot be decoded; `aborted`
 */
export async function* streamFrames(clip: VideoClip, options: StreamOptions): AsyncGenerator<FrameBatch> {
  const { timesSec } = options;
  for (let first = 0; first < timesSec.length; first += FRAMES_PER_RUN) {
    let rest = timesSec.slice(first, first + FRAMES_PER_RUN);
    for (const mode of ['near', 'from-start'] as const) {
      if (rest.length === 0) break;
      rest = rest.slice(yield* decodeRun(clip, { ...options, timesSec: rest }, mode));
    }
    if (rest.length > 0) throw undecodable(clip, rest.slice(0, 1));
  }
}

/** ffmpeg tests every decoded frame against all times of a run. */
const FRAMES_PER_RUN = 100;

/** Yields frames until one is not the one that is due, or absent; returns how many were right. */
async function* decodeRun(
  clip: VideoClip,
  { originSec, timesSec, size, signal }: StreamOptions,
  mode: SeekMode,
): AsyncGenerator<FrameBatch, number> {
  const { width, height } = size;
  const stop = new AbortController();
  const pipe = new FramePipe(width * height * 3);
  const shown = new ShownTimes(originSec);
  const run = runFfmpeg({
    inputs: [inputFrom(clip.path, originSec, timesSec[0]!, mode)],
    filtergraph: `[0:V:0]${framesOf(originSec, timesSec)},${scaleToRgb(size)}[out]`,
    options: [...KEEP_TIMESTAMPS, '-map', '[out]', '-vsync', '0', '-f', 'rawvideo'],
    output: pipe.sink,
    signal: signal ? AbortSignal.any([signal, stop.signal]) : stop.signal,
    onLine: (line) => {
      shown.read(line);
      pipe.wake();
    },
  }).then(
    () => pipe.end(),
    (error: unknown) => pipe.end(error),
  );
  let done = 0;
  try {
    for (; done < timesSec.length; done++) {
      // ffmpeg logs a frame before it writes it, but the two pipes may be read in the other order.
      const rgb = await pipe.next(() => shown.count > done);
      if (rgb === undefined || !shown.isAt(done, timesSec[done]!)) break;
      yield { rgb, shape: [1, height, width, 3], timestampsSec: [timesSec[done]!] };
    }
  } finally {
    stop.abort();
    pipe.discard();
    await run;
  }
  return done;
}

/** Cuts what ffmpeg writes into frames, and lets it wait while {@link FRAMES_AHEAD} are ready. */
class FramePipe {
  readonly sink: Writable;
  readonly #frameBytes: number;
  readonly #ready: Uint8Array[] = [];
  #partial: Uint8Array;
  #filled = 0;
  #isDiscarding = false;
  #ended: { readonly error: unknown } | undefined;
  #resume: (() => void) | undefined;
  #wake: (() => void) | undefined;

  constructor(frameBytes: number) {
    this.#frameBytes = frameBytes;
    this.#partial = new Uint8Array(frameBytes);
    this.sink = new Writable({
      // fluent-ffmpeg takes `close` for a broken pipe when it comes before the end of the process
      emitClose: false,
      write: (chunk: Uint8Array, _encoding, done) => {
        this.#take(chunk);
        if (this.#isDiscarding || this.#ready.length < FRAMES_AHEAD) done();
        else this.#resume = done;
      },
    });
  }

  /** The next frame, once `isAnnounced`; undefined at the end. Throws what ended it early. */
  async next(isAnnounced: () => boolean): Promise<Uint8Array | undefined> {
    while (!(this.#ready.length > 0 && isAnnounced())) {
      if (this.#ended) return this.#atEnd(this.#ended.error);
      await new Promise<void>((wake) => {
        this.#wake = wake;
      });
    }
    const frame = this.#ready.shift();
    this.#goOn();
    return frame;
  }

  /** Lets whoever waits look again. */
  wake(): void {
    this.#wake?.();
  }

  /** Nothing more will come. */
  end(error?: unknown): void {
    this.#ended = { error };
    this.wake();
  }

  /** Nobody will take a frame any more: whatever still comes is dropped, so that ffmpeg can end. */
  discard(): void {
    this.#isDiscarding = true;
    this.#goOn();
  }

  #take(chunk: Uint8Array): void {
    if (this.#isDiscarding) return;
    for (let from = 0; from < chunk.length; ) {
      const part = chunk.subarray(from, from + this.#frameBytes - this.#filled);
      this.#partial.set(part, this.#filled);
      this.#filled += part.length;
      from += part.length;
      if (this.#filled < this.#frameBytes) return;
      this.#ready.push(this.#partial);
      this.#partial = new Uint8Array(this.#frameBytes);
      this.#filled = 0;
      this.wake();
    }
  }

  #goOn(): void {
    const resume = this.#resume;
    this.#resume = undefined; // before the call: the sink may write its next chunk within it, and wait anew
    resume?.();
  }

  /** Without a single frame, ffmpeg cannot set up its filters: that is an end like any other. */
  #atEnd(error: unknown): undefined {
    const isFailure = error instanceof L2cafError && error.code === 'ffmpeg-failed';
    if (error !== undefined && !isFailure) throw error;
  }
}

/** Complete frames that wait to be taken, at most, beside the one that is coming. */
const FRAMES_AHEAD = 1;
