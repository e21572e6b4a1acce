/** A network that several clips are analyzed with, one after another: opened for the first, closed after the last. */
import { type OpenModel, openModel } from '../analysis/pipeline.ts';
import type { ProgressListener } from '../base/types.ts';
import type { AnalysisFlags } from './analysis-options.ts';
import { cardOf, type NetworkFlags } from './network-options.ts';

/** What decides which network it is. */
type OpeningFlags = AnalysisFlags & NetworkFlags & { readonly frames?: number };

/** See the head of the file. */
export class SharedNetwork {
  readonly #flags: OpeningFlags;
  #opened: Promise<OpenModel> | undefined;
  #clips: number;
  #isBroken = false;

  /** @param clips how many will be analyzed with it */
  constructor(flags: OpeningFlags, clips: number) {
    this.#flags = flags;
    this.#clips = clips;
  }

  /** Whether it could not be opened, which no other clip changes. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** The network, ready. Throws as `openModel`. */
  async open(work: { readonly signal: AbortSignal; readonly onProgress: ProgressListener }): Promise<OpenModel> {
    this.#opened ??= this.#open(work);
    try {
      return await this.#opened;
    } catch (error) {
      this.#isBroken = true;
      throw error;
    }
  }

  /** A clip has been analyzed with it; after the last it is closed, so that it takes no memory from what is drawn then. */
  async leave(): Promise<void> {
    this.#clips--;
    if (this.#clips <= 0) await this.close();
  }

  /** Frees what it holds. */
  async close(): Promise<void> {
    const opened = await this.#opened?.catch(() => undefined);
    this.#opened = undefined;
    opened?.network.dispose();
  }

  async #open(work: Parameters<SharedNetwork['open']>[0]): Promise<OpenModel> {
    const { untrained, size, frames, card: _, ...options } = this.#flags;
    const card = await cardOf(this.#flags);
    return openModel({
      ...options,
      ...work,
      ...(card && { card }),
      ...(size && { size }),
      ...(frames && { frames }),
      ...(untrained && { untrainedSeed: options.seed }),
    });
  }
}
