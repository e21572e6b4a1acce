import { expect, it } from 'vitest';
import { normCard, preprocessingOf } from '../../src/models/card.ts';
import { preprocessed } from '../../src/models/preprocessing.ts';

const PIXELS = Uint8Array.of(0, 128, 255, 255, 0, 51);

it('scales as torchvision does for ImageNet', () => {
  const values = preprocessed(PIXELS, preprocessingOf({ input: normCard('imagenet') }, 'net'));
  const expected = [-2.117904, 0.205182, 2.64, 2.248908, -2.035714, -0.915556]; // torchvision 0.14, Normalize
  for (const [i, value] of expected.entries()) expect(values[i]).toBeCloseTo(value, 5);
});

it('takes blue first where the network does, with mean and std in its order', () => {
  const input = { channels: 'BGR', range: [0, 255], mean: [103, 116, 123], std: [1, 2, 1] } as const;
  const card = { input: { ...input, range: [0, 255] as [number, number], mean: [103, 116, 123], std: [1, 2, 1] } };
  const values = preprocessed(PIXELS, preprocessingOf(card as Parameters<typeof preprocessingOf>[0], 'net'));
  expect([...values]).toEqual([152, 6, -123, -52, -58, 132]);
});

it('reaches both ends of a range', () => {
  const values = preprocessed(PIXELS, preprocessingOf({ input: normCard('-1..1') }, 'net'));
  expect([values[0], values[2]]).toEqual([-1, 1]);
  expect(preprocessed(PIXELS, preprocessingOf({ input: normCard('0..255') }, 'net'))).toEqual(
    Float32Array.from(PIXELS),
  );
});
