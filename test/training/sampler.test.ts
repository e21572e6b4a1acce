/** Batches: balanced over classes, a function of seed and step alone. */
import { describe, expect, it } from 'vitest';
import type { PlannedEvent } from '../../src/features/dataset.ts';
import { PLAIN_VIEW, transformPixels, uprightViewsOf, viewsOf, viewTimes } from '../../src/features/views.ts';
import { BatchSampler, PairSampler } from '../../src/training/sampler.ts';
import { toyEvent } from './toy.ts';

const events = ['left_turn', 'right_turn', 'stop', 'go'].flatMap((label) =>
  Array.from({ length: label === 'go' ? 2 : 5 }, (_, i): PlannedEvent => {
    const views = [PLAIN_VIEW, { ...PLAIN_VIEW, mirrored: true }].map((view) => ({ view, frames: [] }));
    return { event: toyEvent(label, 'train', `${label}${i}`), domain: 'd', views };
  }),
);
const mirroredLabels = new Map([
  ['left_turn', 'right_turn'],
  ['right_turn', 'left_turn'],
]);
const sampler = new BatchSampler(events, { seed: 1, classesPerBatch: 3, eventsPerClass: 4, mirroredLabels });

describe('BatchSampler', () => {
  it('draws each class equally often, and the same batch for the same step', () => {
    const counts = new Map<string, number>();
    for (let step = 0; step < 4; step++) {
      const batch = sampler.batch(step);
      expect(batch).toHaveLength(sampler.batchSize);
      for (const { label, view } of batch) {
        const original = view.view.mirrored ? (mirroredLabels.get(label) ?? label) : label;
        counts.set(original, (counts.get(original) ?? 0) + 1);
      }
    }
    expect([...counts.values()]).toEqual([12, 12, 12, 12]);
    expect(sampler.batch(2)).toEqual(sampler.batch(2));
    expect(sampler.batch(2)).not.toEqual(sampler.batch(3));
  });
  it('leaves test events alone', () => {
    const mixed = [...events, { event: toyEvent('secret', 'test', 's'), domain: 'd', views: events[0]!.views }];
    const labels = Array.from({ length: 8 }, (_, step) =>
      new BatchSampler(mixed, { seed: 1, classesPerBatch: 9, eventsPerClass: 2, mirroredLabels }).batch(step),
    ).flat();
    expect(labels.some(({ label }) => label === 'secret')).toBe(false);
  });
});

describe('PairSampler', () => {
  it('draws two different views of different events, the same ones for the same step', () => {
    const pairs = new PairSampler(events, { seed: 1, pairs: 8 });
    const [first, second] = pairs.batch(0);
    expect([first.length, second.length]).toEqual([8, 8]);
    for (const [i, view] of first.entries()) {
      const own = events.find(({ views }) => views.includes(view))!;
      expect(own.views).toContain(second[i]);
      expect(second[i]).not.toBe(view);
    }
    expect(new Set(first.map((view) => events.findIndex(({ views }) => views.includes(view)))).size).toBe(8);
    expect(pairs.batch(0)).toEqual([first, second]);
    expect(pairs.batch(1)).not.toEqual([first, second]);
    expect(new PairSampler(events.slice(0, 3), { seed: 1, pairs: 8 }).batch(0)[0]).toHaveLength(3);
  });
});

describe('views', () => {
  it('are never mirrored where nobody knows what that would change', () => {
    const views = uprightViewsOf(3, 7, 20);
    expect(views).toHaveLength(20);
    expect(views[0]).toEqual(PLAIN_VIEW);
    expect(views.some(({ mirrored }) => mirrored)).toBe(false);
    expect(new Set(views.map(({ gain, shift }) => `${gain} ${shift}`)).size).toBe(20);
  });

  it('are the event, its mirror image, then random ones within bounds; more views do not change the first', () => {
    const views = viewsOf(3, 7, 40);
    expect(views.slice(0, 2)).toEqual([PLAIN_VIEW, { ...PLAIN_VIEW, mirrored: true }]);
    expect(viewsOf(3, 7, 5)).toEqual(views.slice(0, 5));
    expect(viewsOf(3, 8, 5)).not.toEqual(views.slice(0, 5));
    for (const { gain, shift } of views) {
      expect(Math.abs(shift)).toBeLessThanOrEqual(0.25);
      expect(gain).toBeGreaterThan(0.76);
      expect(gain).toBeLessThan(1.31);
    }
  });
  it('shift the sampling times by a part of their spacing', () => {
    expect(viewTimes({ startSec: 10, endSec: 16 }, 3, { ...PLAIN_VIEW, shift: 0.25 })).toEqual([11.5, 13.5, 15.5]);
  });
  it('mirror and brighten pixels', () => {
    const rgb = Uint8Array.of(10, 20, 30, 200, 210, 220); // two pixels in a row
    expect([...transformPixels(rgb, 2, { mirrored: true, gain: 1.2 })]).toEqual([240, 252, 255, 12, 24, 36]);
  });
});
