/** What each trunk is fed with: a network that gets swapped colours or another mean still answers, only wrongly. */
import { beforeAll, expect, it } from 'vitest';
import { useBackend } from '../../src/models/backend.ts';
import { findPretrained, preprocess, RESNET50_IMAGENET } from '../../src/models/pretrained.ts';

beforeAll(async () => {
  await useBackend('wasm');
});

it('feeds the ImageNet ResNet-50 with BGR, each channel less the mean of its own colour', async () => {
  const rgb = Uint8Array.of(255, 128, 0, 10, 20, 30);
  const input = preprocess(RESNET50_IMAGENET, { rgb, shape: [1, 1, 2, 3] });
  expect(input.shape).toEqual([1, 1, 2, 3]);
  // keras.applications.imagenet_utils.preprocess_input, mode "caffe": red 123.68, green 116.779, blue 103.939.
  const expected = [0 - 103.939, 128 - 116.779, 255 - 123.68, 30 - 103.939, 20 - 116.779, 10 - 123.68];
  expect([...(await input.data())]).toEqual(expected.map((value) => expect.closeTo(value, 4)));
  input.dispose();
});

it('knows a trunk by its id, and names the others', () => {
  expect(findPretrained('resnet50-imagenet')).toBe(RESNET50_IMAGENET);
  expect(() => findPretrained('resnet51')).toThrow(
    expect.objectContaining({ hint: 'known models: resnet50-imagenet' }),
  );
});
