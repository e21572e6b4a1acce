/**
 * Decodes chosen frames of a long stretch one after another, in one pass of ffmpeg that waits while nobody takes a frame:
 * memory holds two frames however long the stretch is, and the next frame is decoded while the last one is being used.
 */
import { Writable } from 'node:stream';
import { L2cafError, throwIfAborted } from '../../base/errors.ts';
import { assertUnchanged } from '../../base/files.ts';
import type { FittedSize } from '../../base/fit.ts';
import type { FrameBatch, PictureSize, VideoClip } from '../../base/types.ts';
import { damagedAmong, type FrameTroubles } from './damage.ts';
import { scaleToRgb } from './decode.ts';
import { runFfmpeg } from './ffmpeg.ts';
import { type FrameList, placeUntil } from './frame-list.ts';
import { hideParts } from './hide.ts';
import { decodeShown } from './sample.ts';
import {
  framesOf,
  inputFrom,
  isLastWord,
  KEEP_TIMESTAMPS,
  type SeekMode,
  ShownTimes,
  seekModes,
  type WantedFrames,
} from './seek.ts';

/** What {@link streamFrames} decodes. */
export interface StreamOptions {
  /** Frames of the clip, those that are wanted among them. */
  readonly list: FrameList;
  /** Times of frames as `listFrames` gives them, seconds from the start of the clip, ascending. */
  readonly timesSec: readonly number[];
  /** Frames are brought to this size. */
  readonly size: FittedSize;
  /** Told what was wrong with them. */
  readonly troubles: FrameTroubles;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The frames that are shown first at exactly these times, each `[1, height, width, 3]`, rotation applied: one for each
 * time. Where a frame cannot be decoded, the one before it comes again.
 *
 * @throws L2cafError `input-unreadable` when no frame can be decoded; `input-changed`; `aborted`
 */
export async function* streamFrames(clip: VideoClip, options: StreamOptions): AsyncGenerator<FrameBatch> {
  const { list, timesSec, troubles, signal } = options;
  let last: FrameBatch | undefined;
  for (let first = 0; first < timesSec.length; first += FRAMES_PER_RUN) {
    let rest = timesSec.slice(first, first + FRAMES_PER_RUN);
    const suspects: number[] = [];
    for (let attempt = 0; rest.length > 0; attempt++) {
      const wanted = {
        details: list.details,
        keySec: list.keysSec[placeUntil(list, rest[0]! + 1e-4)]!,
        timesSec: rest,
      };
      const modes = seekModes([wanted]);
      const mode = modes[Math.min(attempt, modes.length - 1)]!;
      const run = new StreamRun(clip, wanted, mode, options);
      let done = 0;
      try {
        for await (const { place, rgb } of run.frames()) {
          throwIfAborted(signal); // ffmpeg may have been done already
          if (done < place && !isLastWord(mode)) break; // perhaps from further back
          while (done < place) {
            last = await replacement(clip, options, rest[done++]!, last);
            yield last;
          }
          hideParts(clip, options.size, rgb);
          last = batchOf(rgb, options.size, rest[done++]!);
          yield last;
        }
      } finally {
        await run.stop();
      }
      for (const size of run.sizes) troubles.sizes.add(size);
      troubles.addContradictions(list, rest.slice(0, done));
      if (run.hasComplaints || list.hasComplaints) suspects.push(...rest.slice(0, done));
      const isKnown = mode === modes.at(-1) || (run.isProven && isLastWord(mode));
      while (isKnown && done < rest.length) {
        last = await replacement(clip, options, rest[done++]!, last);
        yield last;
      }
      rest = rest.slice(done);
    }
    await assertUnchanged(clip);
    const decoded = suspects.filter((time) => !troubles.lost.has(time));
    if (decoded.length > 0) troubles.damagedSec.push(...(await damagedAmong(clip, list, decoded, signal)));
  }
}

/** ffmpeg searches every decoded frame among all times of a run. */
const FRAMES_PER_RUN = 100;

function batchOf(rgb: Uint8Array, { width, height }: PictureSize, timeSec: number): FrameBatch {
  return { rgb, shape: [1, height, width, 3], timestampsSec: [timeSec] };
}

/** What is on screen in place of a frame that cannot be decoded. */
async function replacement(
  clip: VideoClip,
  { list, size, troubles, signal }: StreamOptions,
  timeSec: number,
  last: FrameBatch | undefined,
): Promise<FrameBatch> {
  const shown = last ?? (await decodeShown(clip, list, [timeSec], { size, signal }));
  troubles.lost.set(timeSec, shown.timestampsSec[0]);
  return { rgb: shown.rgb, shape: shown.shape, timestampsSec: shown.timestampsSec };
}

/** One pass of ffmpeg over frames that are wanted. */
class StreamRun {
  readonly #wanted: WantedFrames;
  readonly #mode: SeekMode;
  readonly #stop = new AbortController();
  readonly #pipe: FramePipe;
  readonly #shown: ShownTimes;
  readonly #ended: Promise<void>;
  hasComplaints = false;

  constructor(clip: VideoClip, wanted: WantedFrames, mode: SeekMode, { size, signal }: StreamOptions) {
    this.#wanted = wanted;
    this.#mode = mode;
    this.#pipe = new FramePipe(size.width * size.height * 3);
    this.#shown = new ShownTimes([wanted]);
    this.#ended = runFfmpeg({
      inputs: [inputFrom(clip, wanted, mode)],
      filtergraph: `${framesOf(0, wanted)},${scaleToRgb(clip, size)}[out]`,
      options: [...KEEP_TIMESTAMPS, '-map', '[out]', '-fps_mode', 'passthrough', '-f', 'rawvideo'],
      output: this.#pipe.sink,
      signal: signal ? AbortSignal.any([signal, this.#stop.signal]) : this.#stop.signal,
      onLine: (line) => {
        this.#shown.read(line);
        this.#pipe.wake();
      },
    }).then(
      ({ complaints }) => {
        this.hasComplaints = complaints.length > 0;
        this.#pipe.end();
      },
      (error: unknown) => this.#pipe.end(error),
    );
  }

  /** Frames as they come, with their places among those wanted; none if decoding did not begin with the key frame. */
  async *frames(): AsyncGenerator<{ readonly place: number; readonly rgb: Uint8Array }> {
    let place = 0;
    for (let count = 0; ; count++) {
      // ffmpeg logs a frame before it writes it, but the two pipes may be read in the other order.
      const rgb = await this.#pipe.next(() => this.#shown.count > count);
      if (rgb === undefined || !this.isProven) return;
      while (place < this.#wanted.timesSec.length && !this.#shown.isAt(0, count, this.#wanted.timesSec[place]!))
        place++;
      if (place === this.#wanted.timesSec.length) return;
      yield { place, rgb };
      place++;
    }
  }

  /** Whether decoding began with the key frame. */
  get isProven(): boolean {
    return this.#shown.isProven(0, this.#mode);
  }

  get sizes(): readonly string[] {
    return this.#shown.sizesOf(0);
  }

  /** Ends the process, if it has not ended. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#pipe.discard();
    await this.#ended;
  }
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
