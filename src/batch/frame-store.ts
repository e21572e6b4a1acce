/**
 * Decoded frames, at one size. Events that overlap want the same frames at about the same
 * time: whoever asks first has them decoded, the others wait for them, and the last few are kept.
 */
import { type FittedSize, type ShownParts, sizeFor } from '../base/fit.ts';
import { FrameTroubles } from '../video/media/damage.ts';
import { decodeShown, type ShownFrames } from '../video/media/sample.ts';
import type { VideoFacts, Videos } from './videos.ts';

/** Decoded frames that are kept; of 384×224 they take 16 MB. */
const FRAMES_KEPT = 64;

interface KeptFrame {
  readonly rgb: Uint8Array;
  /** When it is shown: another time than was asked for, if that frame cannot be decoded. */
  readonly takenSec: number;
  readonly isDamaged: boolean;
  readonly sizes: ReadonlySet<string>;
}

/** See the top of this file. */
export class FrameStore {
  readonly #videos: Videos;
  readonly #size: FittedSize;
  readonly #frames = new Map<string, Promise<KeptFrame>>();

  constructor(videos: Videos, size: FittedSize) {
    this.#videos = videos;
    this.#size = size;
  }

  /**
   * The frames that are shown first at these times, `[t, h, w, 3]`, or those on screen in place of damaged ones.
   *
   * @param shown what of the picture; default all of it
   * @throws L2cafError as `decodeShown`
   */
  async get(facts: VideoFacts, shownSec: readonly number[], shown: ShownParts = {}): Promise<ShownFrames> {
    const keyOf = (timeSec: number): string => `${timeSec} ${facts.sha256} ${JSON.stringify(shown)}`;
    const missing = shownSec.filter((timeSec) => !this.#frames.has(keyOf(timeSec)));
    if (missing.length > 0) {
      const decoded = this.#decode(facts, missing, shown);
      for (const [i, timeSec] of missing.entries()) {
        const frame = decoded.then((frames) => frames[i]!);
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
    const kept = await Promise.all(frames);
    const troubles = new FrameTroubles();
    for (const [i, { takenSec, isDamaged, sizes }] of kept.entries()) {
      if (takenSec !== shownSec[i]) troubles.lost.set(shownSec[i]!, takenSec);
      if (isDamaged) troubles.damagedSec.push(takenSec);
      for (const size of sizes) troubles.sizes.add(size);
    }
    return {
      rgb: Buffer.concat(kept.map(({ rgb }) => rgb)),
      shape: [shownSec.length, height, width, 3],
      timestampsSec: kept.map(({ takenSec }) => takenSec),
      troubles,
    };
  }

  async #decode(facts: VideoFacts, shownSec: readonly number[], shown: ShownParts): Promise<KeptFrame[]> {
    const list = await this.#videos.frames(facts);
    const options = { size: sizeFor(this.#size, shown), decoderThreads: 1 };
    const { rgb, timestampsSec, troubles } = await decodeShown(facts.clip, list, shownSec, options);
    const frameBytes = this.#size.width * this.#size.height * 3;
    return timestampsSec.map((takenSec, i) => ({
      // A copy: each is kept as long as itself is wanted.
      rgb: rgb.slice(i * frameBytes, (i + 1) * frameBytes),
      takenSec,
      isDamaged: troubles.damagedSec.includes(takenSec),
      sizes: troubles.sizes,
    }));
  }
}
