/**
 * What a batch knows about its video files. Each is hashed and probed once, however many events are cut from it, and not
 * again by a later run while it is the same file and was not changed; its list of frames is read when the first of its
 * events needs it, and kept for a few videos at a time.
 */
import { L2cafError, messageOf } from '../base/errors.ts';
import { isFolder } from '../base/files.ts';
import { Recent } from '../base/recent.ts';
import type { ClipReading, VideoClip } from '../base/types.ts';
import { type PictureWish, shownAs } from '../video/media/crop.ts';
import { type FrameList, listFrames } from '../video/media/frame-list.ts';
import { lookAtPicture, type PictureFacts } from '../video/media/picture-facts.ts';
import { identityOfClip, probeClip, readingOf, sha256OfClip } from '../video/media/probe.ts';

/** A video file at one time of its life, and what was found in its picture, where somebody has looked. */
export interface VideoFacts extends Partial<PictureFacts> {
  /** As it was probed; `clip.path` is absolute. */
  readonly clip: VideoClip;
  readonly sha256: string;
}

/** Videos whose lists of frames are kept: an hour at 30 frames/s takes 2 MB. */
const LISTS_KEPT = 16;

/** See the top of this file. */
export class Videos {
  readonly #known: Map<string, VideoFacts>;
  readonly #onFound: (facts: VideoFacts) => Promise<void>;
  readonly #lists = new Recent<string, Promise<FrameList>>(LISTS_KEPT);
  /** Videos that are being looked at. */
  readonly #looking = new Map<string, Promise<PictureFacts>>();

  /**
   * @param known what an earlier run found
   * @param onFound told what this one finds
   */
  constructor(known: Iterable<VideoFacts> = [], onFound: (facts: VideoFacts) => Promise<void> = async () => {}) {
    this.#known = new Map([...known].map((facts) => [facts.clip.path, facts]));
    this.#onFound = onFound;
  }

  /**
   * Size, length and hash of a video.
   *
   * @param path absolute
   * @param pictures when those are shown, if it is a folder of pictures
   * @throws L2cafError as `probeClip`; `aborted`
   */
  async facts(path: string, pictures: ClipReading = {}, signal?: AbortSignal): Promise<VideoFacts> {
    const reading = (await isFolder(path)) ? pictures : {};
    const known = this.#known.get(path);
    if (known && isReadAs(known.clip, reading)) {
      if ((await identityOfClip(path, reading).catch(() => undefined)) === known.clip.identity) return known;
    }
    const clip = await probeClip(path, signal, reading);
    const sha256 = await sha256OfClip(clip, signal).catch((cause: unknown) => {
      if (cause instanceof L2cafError) throw cause;
      throw new L2cafError('input-unreadable', `cannot read ${path}: ${messageOf(cause)}`, { cause });
    });
    const facts = { clip, sha256 };
    this.#known.set(path, facts);
    await this.#onFound(facts);
    return facts;
  }

  /**
   * A video of which networks are shown what is wished for. Bars and what is burnt in are looked for once, and not again by a later run.
   *
   * @throws L2cafError as `shownAs` and `lookAtPicture`
   */
  async shown(facts: VideoFacts, wish: PictureWish, signal?: AbortSignal): Promise<VideoFacts> {
    return { ...facts, clip: await shownAs(facts.clip, wish, () => this.#lookedAt(facts, signal)) };
  }

  /** What is known of a video's picture, or is found now: once, however many events want it. */
  async #lookedAt(facts: VideoFacts, signal: AbortSignal | undefined): Promise<PictureFacts> {
    const { clip, bars, overlays } = facts;
    if (bars !== undefined && overlays !== undefined) return { bars, overlays };
    const looking = this.#looking.get(clip.path) ?? lookAtPicture(clip, signal);
    this.#looking.set(clip.path, looking);
    const found = await looking.finally(() => this.#looking.delete(clip.path));
    if (this.#known.get(clip.path) === facts) {
      const known = { ...facts, ...found };
      this.#known.set(clip.path, known);
      await this.#onFound(known);
    }
    return found;
  }

  /**
   * The frames of a video, all of it.
   *
   * @throws L2cafError as `listFrames`
   */
  frames({ clip }: Pick<VideoFacts, 'clip'>): Promise<FrameList> {
    const key = `${clip.identity} ${clip.path}`;
    const known = this.#lists.get(key);
    if (known) return known;
    const list = listFrames(clip, { startSec: 0, endSec: clip.durationSec + 1 });
    this.#lists.set(key, list);
    list.catch(() => this.#lists.delete(key));
    return list;
  }
}

function isReadAs(clip: VideoClip, reading: ClipReading): boolean {
  return JSON.stringify(readingOf(clip)) === JSON.stringify(readingOf(reading));
}
