/** What may answer a query changes what a figure says. */
import { expect, it } from 'vitest';
import { type EmbeddedEvent, evaluateRetrieval, mayAnswer } from '../../src/retrieval/evaluate.ts';

function event(video: string, startSec: number, label: string, degrees: number): EmbeddedEvent {
  const radians = (degrees * Math.PI) / 180;
  // Lengths differ: only directions count.
  const embedding = Float32Array.of(Math.cos(radians), Math.sin(radians)).map((x) => x * (1 + startSec));
  return { video, span: { startSec, endSec: startSec + 3 }, label, embedding };
}

it('lets touching windows of a video answer each other, but not overlapping ones', () => {
  const [a, overlapping, touching, elsewhere] = [
    event('v', 0, 'x', 0),
    event('v', 2, 'x', 0),
    event('v', 3, 'x', 0),
    event('w', 0, 'x', 0),
  ];
  const answers = (exclude: 'self' | 'overlap' | 'video'): boolean[] =>
    [overlapping!, touching!, elsewhere!].map((b) => mayAnswer(a!, b, exclude) && mayAnswer(b, a!, exclude));
  expect(answers('self')).toEqual([true, true, true]);
  expect(answers('overlap')).toEqual([false, true, true]);
  expect(answers('video')).toEqual([false, false, true]);
});

it('shows how much of Recall@1 is the street', async () => {
  // Each event's nearest neighbour is the overlapping window; across videos, the labels are exchanged.
  const events = [
    event('v', 0, 'x', 0),
    event('v', 1, 'x', 2),
    event('v', 10, 'y', 90),
    event('v', 11, 'y', 92),
    event('w', 0, 'y', 10),
    event('w', 1, 'y', 12),
    event('w', 10, 'x', 100),
    event('w', 11, 'x', 102),
  ];
  const recall = async (exclude: 'self' | 'video'): Promise<number> =>
    (await evaluateRetrieval(events, [], { exclude, seed: 0 })).recallAt[0]!;
  expect(await recall('self')).toBe(1);
  expect(await recall('video')).toBe(0);
});

it('names events by the nearest training events', async () => {
  const training = [0, 1, 2, 90, 91, 92].map((degrees) => event('t', 0, degrees < 45 ? 'x' : 'y', degrees));
  const events = [event('v', 0, 'x', 5), event('v', 9, 'y', 80), event('w', 0, 'y', 20)];
  const { knn } = await evaluateRetrieval(events, training, { exclude: 'self', seed: 0 });
  expect(knn).toMatchObject({
    labels: ['x', 'y'],
    counts: [
      [1, 0],
      [1, 1],
    ],
    balancedAccuracy: 0.75,
  });
});

it('can be stopped while it compares', async () => {
  const controller = new AbortController();
  const events = Array.from({ length: 2000 }, (_, i) => event('v', i, `label ${i % 3}`, i));
  const onProgress = (): void => controller.abort();
  const work = evaluateRetrieval(events, events, { exclude: 'self', seed: 0, onProgress, signal: controller.signal });
  await expect(work).rejects.toMatchObject({ code: 'aborted' });
});
