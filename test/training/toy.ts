/** A toy training set for tests: planned events whose features are drawn at random around a centre per label. */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRandom } from '../../src/base/random.ts';
import type { LabelledEvent } from '../../src/events/labelled.ts';
import type { Split } from '../../src/events/row.ts';
import { FeatureCache } from '../../src/features/cache.ts';
import type { PlannedEvent, PlannedFrame } from '../../src/features/dataset.ts';
import { PLAIN_VIEW } from '../../src/features/views.ts';
import { toFloat16 } from '../../src/models/float16.ts';
import type { HeadSpec } from '../../src/models/head.ts';

/** Frames of every toy event. */
export const TOY_FRAMES = 2;

/** A head small enough for the cpu backend. */
export const TOY_SPEC: HeadSpec = {
  trunk: 'resnet50-imagenet',
  stage: 'conv4',
  trunkGrid: { height: 4, width: 6 },
  trunkChannels: 5,
  inputSize: { width: 96, height: 64 },
  shallowCnn: [
    { kernelSize: 1, stride: 1, channels: 6 },
    { kernelSize: 3, stride: 2, channels: 4 },
  ],
  pool: { height: 1, width: 2 },
  lstmUnits: 7,
  embeddingSize: 3,
  labels: ['a', 'b', 'c'],
};

/** An empty cache in a new folder. */
export async function toyCache(maxBytes = 1e9): Promise<FeatureCache> {
  const folder = await mkdtemp(join(tmpdir(), 'l2caf-features-'));
  const source = { trunkSha256: 'x', stage: 'conv4', width: 96, height: 64, length: 4 * 6 * 5 };
  return new FeatureCache(folder, source, maxBytes);
}

/** The frame of a toy video. */
export function toyFrame(video: string, frameIndex: number): PlannedFrame {
  return { videoSha256: video, timestampSec: frameIndex, frameIndex, mirrored: false, gain: 1 };
}

/** An event of a toy video, one second per frame. */
export function toyEvent(label: string, split: Split, video: string): LabelledEvent {
  const clip = { path: `${video}.mp4` } as LabelledEvent['clip'];
  return {
    id: `${label}-${video}`,
    video: `${video}.mp4`,
    clip,
    span: { startSec: 0, endSec: TOY_FRAMES },
    label,
    split,
  };
}

/** Six training and two test events of each of three labels, with features in the cache. */
export async function toyEvents(cache: FeatureCache): Promise<PlannedEvent[]> {
  const events: PlannedEvent[] = [];
  for (const [k, label] of ['a', 'b', 'c'].entries()) {
    const centre = createRandom(1, k);
    const pattern = Float32Array.from({ length: cache.source.length }, () => centre.normal());
    for (let i = 0; i < 8; i++) {
      const video = `${label}${i}`;
      const frames = Array.from({ length: TOY_FRAMES }, (_, frame) => toyFrame(video, frame));
      for (const frame of frames) {
        const noise = createRandom(2, k, i, frame.frameIndex);
        await cache.write(frame, toFloat16(pattern.map((value) => value + 0.3 * noise.normal())));
      }
      const event = toyEvent(label, i < 6 ? 'train' : 'test', video);
      events.push({ event, domain: 'toy', views: [{ view: PLAIN_VIEW, frames }] });
    }
  }
  return events;
}
