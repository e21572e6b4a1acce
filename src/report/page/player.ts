/**
 * The video: which of its frames is on screen, and the way to any other. A page knows a video's time only through the
 * frames that the browser presents; their real times come with the page.
 */
import type { ReportData, VideoFrames } from '../page-data.ts';
import { addressOf, element } from './dom.ts';

/** Told what the player shows. */
export interface PlayerListener {
  /** A frame is on screen. */
  onFrame(frame: number): void;
  /** A frame is wanted; it will be on screen soon. */
  onSeek(frame: number): void;
  onPlaying(isPlaying: boolean): void;
  /** The video cannot be played. */
  onError(message: string): void;
}

/** A video without controls, which can be moved by frames. */
export class Player {
  readonly video: HTMLVideoElement;
  /** Real times of the frames, seconds from the start of the clip. */
  readonly timesSec: Float64Array;
  /** When each is shown, seconds from the start of the video. */
  readonly #shownSec: Float64Array;
  readonly #listener: PlayerListener;
  #wanted = 0;
  #isBroken = false;

  constructor(video: ReportData['video'], frames: VideoFrames, listener: PlayerListener) {
    this.timesSec = realTimes(frames);
    const { startSec, constantStepSec: step } = frames;
    this.#shownSec = this.timesSec.map((time, n) => (step === undefined ? time - startSec : n * step));
    this.#listener = listener;
    this.video = element('video', { muted: true, playsinline: true, loop: true, preload: 'auto', tabindex: -1 });
    this.video.muted = true;
    this.video.setAttribute('aria-label', 'The clip without sound');
    this.video.addEventListener('error', () => {
      this.#isBroken = true;
      const name = video.kind === 'file' ? `${video.path} must lie beside this page` : 'this browser cannot play H.264';
      listener.onError(`The video cannot be shown: ${name}. The overlay works without it.`);
      listener.onFrame(this.#wanted);
    });
    this.video.addEventListener('seeked', () => this.#seekOn());
    for (const event of ['play', 'pause']) {
      this.video.addEventListener(event, () => listener.onPlaying(!this.video.paused));
    }
    const onPresented: VideoFrameRequestCallback = (_, { mediaTime }) => {
      const frame = nearest(this.#shownSec, mediaTime);
      if (!this.video.paused) {
        this.#wanted = frame;
        listener.onSeek(frame);
      }
      listener.onFrame(frame);
      this.video.requestVideoFrameCallback(onPresented);
    };
    this.video.requestVideoFrameCallback(onPresented);
    this.video.src = video.kind === 'file' ? addressOf(video.path) : blobAddress(video.base64);
  }

  /** The frame that is wanted, from 0. */
  get frame(): number {
    return this.#wanted;
  }

  /** Goes to a frame, or to the closest that there is, and stops there. */
  goToFrame(frame: number): void {
    this.video.pause();
    this.#wanted = Math.min(this.timesSec.length - 1, Math.max(0, frame));
    this.#listener.onSeek(this.#wanted);
    if (this.#isBroken) this.#listener.onFrame(this.#wanted);
    else if (!this.video.seeking) this.#seekOn();
  }

  /** Goes to the frame that is closest to a real time, seconds from the start of the clip. */
  goToTime(timeSec: number): void {
    this.goToFrame(nearest(this.timesSec, timeSec));
  }

  toggle(): void {
    if (this.#isBroken) return;
    if (this.video.paused)
      this.video.play().catch(() => {}); // a pause at once, or `error` will tell
    else this.goToFrame(this.#wanted); // a browser that is busy has gone on, and told nobody
  }

  /**
   * Seeks to the middle of the wanted frame's time; once the video is there, says so itself, as browsers that are busy do
   * not tell of every frame that they present.
   */
  #seekOn(): void {
    if (!this.video.paused) return;
    const start = this.#shownSec[this.#wanted]!;
    const next = this.#shownSec[this.#wanted + 1] ?? start + 0.002;
    const target = (start + next) / 2;
    if (Math.abs(this.video.currentTime - target) > 1e-4) this.video.currentTime = target;
    else this.#listener.onFrame(this.#wanted);
  }
}

function realTimes({ startSec, stepsUs }: VideoFrames): Float64Array {
  const times = new Float64Array(stepsUs.length + 1);
  let sinceStartUs = 0;
  times[0] = startSec;
  for (const [n, step] of stepsUs.entries()) {
    sinceStartUs += step;
    times[n + 1] = startSec + sinceStartUs / 1e6;
  }
  return times;
}

/** Position of the value closest to this one among increasing values. */
function nearest(values: Float64Array, value: number): number {
  let [low, high] = [0, values.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (values[middle]! <= value) low = middle;
    else high = middle;
  }
  return value - values[low]! <= values[high]! - value ? low : high;
}

function blobAddress(base64: string): string {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  return URL.createObjectURL(new Blob([bytes], { type: 'video/mp4' }));
}
