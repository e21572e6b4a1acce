/**
 * Decoded frames, at the size at which the network sees them. Events that overlap want the same frames at about the same
 * time: whoever asks first has them decoded, the others wait for them, and the last few are kept.
 */
import type { FrameBatch, PictureSize } from '../types.ts';
import { decodeShown } from '../video/sample.ts';
import type { VideoFacts, Videos } from './videos.ts';

/** Decoded frames that are kept; of 384×224 they take 16 MB. */
const FRAMES_KEPT = 64;

/** See the top of this file. */
export class FrameStore {
  readonly #videos: Videos;
  readonly #size: PictureSize;
  readonly #frames = new Map<string, Promise<Uint8Array>>();

  constructor(videos: Videos, size: PictureSize) {
    this.#videos = videos;
    this.#size = size;
  }

  /**
   * The frames that are shown first at exactly these times, `[t, h, w, 3]`.
   *
   * @throws L2cafError as `decodeShown`
   */
  async get(facts: VideoFacts, shownSec: readonly number[]): Promise<FrameBatch> {
    const keyOf = (timeSec: number): string => `${timeSec} ${facts.sha256}`;
    const missing = shownSec.filter((timeSec) => !this.#frames.has(keyOf(timeSec)));
    if (missing.length > 0) {
      const decoded = this.#decode(facts, missing);
      for (const [i, timeSec] of missing.entries()) {
        const frame = decoded.then((pictures) => pictures[i]!);
        frame.catch(() => this.#frames.delete(keyOf(timeSec)));
        this.#frames.set(keyOf(timeSec), frame);
      }
    }
    const frames = shownSec.map((timeSec) => this.#frames.get(keyOf(timeSec))!);
    for (const key of this.#frames.keys()) {
      if (this.#frames.size <= FRAMES_KEPT) break;
      this.#frames.delete(key);
    }
    const { width, height } = this.#size;
    const rgb = Buffer.concat(await Promise.all(frames));
    return { rgb, shape: [shownSec.length, height, width, 3], timestampsSec: shownSec };
  }

  async #decode(facts: VideoFacts, shownSec: readonly number[]): Promise<Uint8Array[]> {
    const { originSec } = await this.#videos.frames(facts);
    const { rgb } = await decodeShown(facts.clip, originSec, shownSec, { size: this.#size, decoderThreads: 1 });
    const frameBytes = this.#size.width * this.#size.height * 3;
    // Copies: each is kept as long as itself is wanted.
    return shownSec.map((_, i) => rgb.slice(i * frameBytes, (i + 1) * frameBytes));
  }
}
