/** The limit: videos stand in for each other, and one that is unlike all others is beyond it. */
import { expect, it } from 'vitest';
import { createRandom } from '../../src/base/random.ts';
import { distanceOf } from '../../src/models/familiarity.ts';
import { type FamiliarEvent, fitFamiliarity } from '../../src/training/familiarity.ts';

const CHANNELS = 8;

/** Events of several videos around one point; each video lies a little beside it. */
function events(domain: string, videos: number): FamiliarEvent[] {
  const random = createRandom(5, videos);
  return Array.from({ length: videos }, (_, v) => {
    const own = Float64Array.from({ length: CHANNELS }, () => 0.3 * random.normal());
    return Array.from({ length: 10 }, () => ({
      ...{ domain, video: `${domain} ${v}` },
      features: Float32Array.from(own, (value, c) => 5 + value + (c === 0 ? 1 : 0.1) * random.normal()),
    }));
  }).flat();
}

it('accepts what is of the kind, and nothing that is far off', async () => {
  const known = (await fitFamiliarity(events('city', 6)))!;
  const others = events('city', 9).filter(({ video }) => video > 'city 5'); // of videos that it never saw
  const accepted = others.filter(({ features }) => distanceOf(known, features) <= known.limit);
  expect(accepted.length / others.length).toBeGreaterThan(0.8);
  expect(distanceOf(known, new Float32Array(CHANNELS))).toBeGreaterThan(2 * known.limit);
  const length = (k: number): number => Math.hypot(...known.directions.subarray(k * CHANNELS, (k + 1) * CHANNELS));
  for (const k of known.variances.keys()) expect(length(k)).toBeCloseTo(1, 4);
  expect(known.variances[0]).toBeGreaterThan(0.7); // along the first channel
});

it('is that of the domain which needs the greatest', async () => {
  const near = events('near', 4);
  const spread = events('spread', 4).map((event) => ({ ...event, features: event.features.map((v) => 10 * v) }));
  const both = (await fitFamiliarity([...near, ...spread]))!;
  const within = (domain: FamiliarEvent[]): number =>
    domain.filter(({ features }) => distanceOf(both, features) <= both.limit).length / domain.length;
  expect(within(near)).toBeGreaterThanOrEqual(0.95);
  expect(within(spread)).toBeGreaterThanOrEqual(0.95);
});

it('is unknown where no domain has two videos', async () => {
  expect(await fitFamiliarity([...events('a', 1), ...events('b', 1)])).toBeUndefined();
});
