/** The distance from the training events, through one event, a dense analysis with its thread, and cached features. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { analyzeDense } from '../../src/analysis/dense.ts';
import { analyzeEvent, type OpenModel, openClip, sampleEvent } from '../../src/analysis/pipeline.ts';
import { useEngine } from '../../src/models/backend.ts';
import { EventNetwork, withInputSize } from '../../src/models/event-network.ts';
import { averaged, type Familiarity } from '../../src/models/familiarity.ts';
import { makeClip } from '../support/clips.ts';
import { tinyHead } from '../support/tiny-network.ts';

const SPAN = { startSec: 0, endSec: 1.2 };
let folder: string;
let model: OpenModel<EventNetwork>;
let known: Familiarity;
let clip: Awaited<ReturnType<typeof openClip>>['clip'];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-familiarity-'));
  vi.stubEnv('L2CAF_CACHE', folder);
  ({ clip } = await openClip(await makeClip(join(folder, 'drive.mp4'), { frames: 60 }), {}));
  const backend = await useEngine('wasm');
  const { head, pretrained } = await tinyHead();
  const plain = await EventNetwork.load(head, pretrained, {});
  const seen = await sampleEvent({ network: plain, backend, warnings: [] }, { clip, span: SPAN, frames: 3 });
  const channels = head.spec.trunkChannels;
  // Trained on this one event, as it were: it lies at distance 0, and others do not.
  known = {
    mean: averaged(await plain.trunkFeatures(seen), channels),
    ...{ directions: new Float32Array(0), variances: new Float32Array(0), floor: 1e-6, limit: 1 },
  };
  plain.dispose();
  const told = { ...head, facts: { licences: [], familiarity: known } };
  model = { network: await EventNetwork.load(told, pretrained, {}), backend, warnings: [] };
});
afterAll(async () => {
  model.network.dispose();
  await rm(folder, { recursive: true });
});

it('is 0 for the event that the network knows, and beyond the limit for another', async () => {
  const own = await analyzeEvent(model, { clip, span: SPAN, frames: 3, seed: 0 });
  expect(own.familiarity).toEqual({ distance: expect.closeTo(0, 1), limit: 1 });
  expect(own.warnings).toEqual([]);
  const other = await analyzeEvent(model, { clip, span: { startSec: 1, endSec: 2.2 }, frames: 3, seed: 0 });
  expect(other.familiarity!.distance).toBeGreaterThan(1);
  expect(other.warnings).toEqual([expect.stringMatching(/^unlike what/)]);
});

it('of a window is that of the event alone; a frame has the mean of its windows', async () => {
  const drive = { clip, span: { startSec: 0, endSec: clip.durationSec }, frames: 3, seed: 0 };
  const dense = await analyzeDense(model, { ...drive, windowSec: 1.2, strideSec: 0.2 });
  for (const { startSec, endSec, distance } of dense.windows!) {
    const alone = await analyzeEvent(model, { ...drive, span: { startSec, endSec } });
    expect(distance).toBeCloseTo(alone.familiarity!.distance, 2);
  }
  const distances = dense.windows!.map(({ distance }) => distance!).sort((a, b) => a - b);
  expect(dense.familiarity).toEqual({ distance: distances[Math.floor(distances.length / 2)], limit: 1 });
  expect(dense.frames[0]!.distance).toBe(dense.windows![0]!.distance);
});

it('is not told of pictures of another size, whose features are others', async () => {
  const pooled = { ...model.network.head, spec: { ...model.network.head.spec, pool: { height: 1, width: 1 } } };
  const other = withInputSize(pooled, model.network.pretrained, { width: 96, height: 96 });
  expect(other.facts).toEqual({ licences: [] });
});
