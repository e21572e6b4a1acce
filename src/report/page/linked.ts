/** A report that is shown beside another tells the page around both where it is, and follows the other. */
import type { Player } from './player.ts';

/** Which moment a report shows. */
export interface Playhead {
  /** Seconds from the first frame of its video. */
  readonly l2cafSinceStartSec: number;
}

/** Whether a message, from whomever, is one. */
export function isPlayhead(data: unknown): data is Playhead {
  return (
    typeof data === 'object' &&
    data !== null &&
    'l2cafSinceStartSec' in data &&
    Number.isFinite(data.l2cafSinceStartSec)
  );
}

/** The link of a report to the page around it; of a report by itself, none. */
export class Link {
  #isFollowing = false;
  readonly #player: Player;

  constructor(player: Player) {
    this.#player = player;
    if (parent === window) return;
    addEventListener('message', ({ source, data }: MessageEvent<unknown>) => {
      if (source !== parent || !isPlayhead(data)) return;
      this.#isFollowing = true;
      player.goToTime(player.timesSec[0]! + data.l2cafSinceStartSec);
      this.#isFollowing = false;
    });
  }

  /** Tells where this report is, unless it went there because it was told to. */
  tell(timeSec: number): void {
    if (parent === window || this.#isFollowing) return;
    const playhead: Playhead = { l2cafSinceStartSec: timeSec - this.#player.timesSec[0]! };
    // Pages from a disk have no origin that could be named; what is told is a number.
    parent.postMessage(playhead, '*');
  }
}
