/**
 * Fits what a head's `familiarity` keeps of its training events, and finds the distance up to which events are taken for the
 * same kind: that which 95 % of events are within when their video is left out. Windows of one drive show the same street;
 * with their own drive at hand all would be near.
 */
import { PCA } from 'ml-pca';
import { createPause } from '../base/concurrent.ts';
import { evenlyChosen } from '../base/evenly.ts';
import { distanceOf, type Familiarity } from '../models/familiarity.ts';

/** An event to learn from. */
export interface FamiliarEvent {
  /** The trunk's features, averaged over cells and frames, `[c]`. */
  readonly features: Float32Array;
  /** Only videos of the same domain stand in for each other. */
  readonly domain: string;
  readonly video: string;
}

/** Share of the events of each domain that the limit accepts when their video is left out. */
export const ACCEPTED_SHARE = 0.95;
/** Directions that are kept: with more, the distance hardly changes. */
const DIRECTIONS = 64;
/** Events that are used, evenly chosen: the time grows with the cube of their number. */
const EVENTS = 300;
/** The videos of a domain are left out in at most so many groups. */
const GROUPS = 8;

/**
 * Fits mean, spread and limit. The limit is that of the domain that needs the greatest; domains of a single video have none
 * to be left out, and say nothing about it.
 *
 * @returns undefined where no domain has two videos
 * @throws L2cafError `aborted`
 */
export async function fitFamiliarity(
  all: readonly FamiliarEvent[],
  signal?: AbortSignal,
): Promise<Familiarity | undefined> {
  const events = all.length > EVENTS ? evenlyChosen(all, EVENTS, 'middles') : all;
  const pause = createPause(signal);
  const limits: number[] = [];
  for (const [domain, videos] of videosOf(events)) {
    if (videos.length < 2) continue;
    const groups = Math.min(GROUPS, videos.length);
    const held: Weighted[] = [];
    for (let group = 0; group < groups; group++) {
      const left = new Set(videos.filter((_, i) => i % groups === group));
      const isLeft = (event: FamiliarEvent): boolean => event.domain === domain && left.has(event.video);
      await pause();
      const spread = spreadOf(events.filter((event) => !isLeft(event)));
      for (const video of left) {
        const own = events.filter((event) => event.domain === domain && event.video === video);
        held.push(...own.map(({ features }) => ({ value: distanceOf(spread, features), weight: 1 / own.length })));
      }
    }
    limits.push(quantile(held, ACCEPTED_SHARE));
  }
  if (limits.length === 0) return undefined;
  return { ...spreadOf(events), limit: Math.max(...limits) };
}

function videosOf(events: readonly FamiliarEvent[]): Map<string, string[]> {
  const found = new Map<string, Set<string>>();
  for (const { domain, video } of events) found.set(domain, (found.get(domain) ?? new Set()).add(video));
  return new Map([...found].map(([domain, videos]) => [domain, [...videos].sort()]));
}

/** Mean and spread of events. */
function spreadOf(events: readonly FamiliarEvent[]): Omit<Familiarity, 'limit'> {
  const channels = events[0]!.features.length;
  const rows = events.map(({ features }) => [...features]);
  const mean = Float32Array.from({ length: channels }, (_, c) => {
    return rows.reduce((sum, row) => sum + row[c]!, 0) / rows.length;
  });
  const pca = new PCA(rows, { method: 'SVD' });
  const spread = pca.getEigenvalues(); // along all others it is 0
  const floor = spread.reduce((sum, variance) => sum + variance, 0) / channels;
  const count = Math.min(DIRECTIONS, events.length - 1, channels);
  return {
    mean,
    directions: Float32Array.from(pca.getLoadings().to2DArray().slice(0, count).flat()),
    variances: Float32Array.from(spread.slice(0, count)),
    floor: Math.max(floor, Number.EPSILON),
  };
}

interface Weighted {
  readonly value: number;
  readonly weight: number;
}

/** The least value that a share of the weight lies at or below. */
function quantile(values: readonly Weighted[], share: number): number {
  const sorted = [...values].sort((a, b) => a.value - b.value);
  const total = sorted.reduce((sum, { weight }) => sum + weight, 0);
  let reached = 0;
  for (const { value, weight } of sorted) {
    reached += weight;
    if (reached >= share * total * (1 - 1e-9)) return value;
  }
  return sorted.at(-1)!.value;
}
