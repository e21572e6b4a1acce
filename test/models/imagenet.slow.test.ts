import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as tf from '../../src/base/tensorflow.ts';
import type { FrameBatch, PictureSize } from '../../src/base/types.ts';
import { useBackend } from '../../src/models/backend.ts';
import type { ClassificationNetwork } from '../../src/models/classification-network.ts';
import { classifierTail } from '../../src/models/classifier-tail.ts';
import { shortLabel } from '../../src/models/imagenet.ts';
import { RESNET50_IMAGENET } from '../../src/models/pretrained.ts';
import { pullTrunk } from '../../src/models/pull.ts';
import { loadResNetClassifier } from '../../src/models/resnet-classifier.ts';
import { openPicture, picturePixels } from '../../src/video/media/picture.ts';
import { probeClip } from '../../src/video/media/probe.ts';
import { framesAt } from '../../src/video/media/sample.ts';
import { dataFolder } from '../support/data.ts';

let network: ClassificationNetwork;
beforeAll(async () => {
  await pullTrunk(RESNET50_IMAGENET);
  await useBackend('wasm');
  network = await loadResNetClassifier(RESNET50_IMAGENET);
});
afterAll(() => network.dispose());

/** The names of the classes with the highest scores, best first. */
function topClasses(picture: Pick<FrameBatch, 'rgb' | 'shape'>, count: number): string[] {
  const input = network.preprocess(picture);
  const tail = classifierTail(network, input);
  const order = [...tail.reference.keys()].sort((a, b) => tail.reference[b]! - tail.reference[a]!);
  tail.dispose();
  tf.dispose(input);
  return order.slice(0, count).map(shortLabel);
}

describe.skipIf(dataFolder === undefined)('the real ResNet-50 on real pictures (needs shared data)', () => {
  // Swapped colours, another mean or a shifted picture would still give an answer, but not these.
  it.each([
    ['cute_dog.jpg', 'Pembroke'],
    ['dog_ball.jpg', 'boxer'],
    ['dog_butterfly.jpg', 'golden retriever'],
    ['ILSVRC2012_val_00000012.JPEG', 'cougar'],
  ])('sees in %s a %s', async (file, expected) => {
    const picture = await openPicture(join(dataFolder!, 'stills', file));
    expect(topClasses(picturePixels(picture, network.inputSize), 1)).toEqual([expected]);
  });
});

it('sees a traffic light in the traffic light of a fixture', async () => {
  const path = join(import.meta.dirname, '..', '..', 'fixtures', 'clips', 'traffic_light_red.mp4');
  const { objects, frameRate } = JSON.parse(await readFile(path.replace('.mp4', '.json'), 'utf8')) as FixtureEvent;
  const { boxes } = objects.find(({ decisive }) => decisive)!;
  const last = boxes.findLastIndex((box) => box !== null);
  const { rgb, shape } = await framesAt(await probeClip(path), [last * (frameRate.denominator / frameRate.numerator)]);
  const [x0, y0, x1, y1] = boxes[last]!;
  const side = 1.5 * (y1 - y0);
  const square = { x: (x0 + x1 - side) / 2, y: (y0 + y1 - side) / 2, side };
  const crop = cropTo(rgb, { height: shape[1], width: shape[2] }, square, network.inputSize);
  expect(topClasses(crop, 3)).toContain('traffic light');
});

interface FixtureEvent {
  readonly frameRate: { readonly numerator: number; readonly denominator: number };
  readonly objects: readonly {
    readonly decisive: boolean;
    readonly boxes: readonly ([number, number, number, number] | null)[];
  }[];
}

/** Cuts a square out of an RGB picture and enlarges it (nearest pixel; outside the picture the border is repeated). */
function cropTo(
  rgb: Uint8Array,
  from: PictureSize,
  square: { x: number; y: number; side: number },
  to: PictureSize,
): Pick<FrameBatch, 'rgb' | 'shape'> {
  const out = new Uint8Array(to.width * to.height * 3);
  const clamp = (value: number, size: number): number => Math.min(size - 1, Math.max(0, Math.floor(value)));
  for (let y = 0; y < to.height; y++) {
    for (let x = 0; x < to.width; x++) {
      const row = clamp(square.y + ((y + 0.5) / to.height) * square.side, from.height);
      const column = clamp(square.x + ((x + 0.5) / to.width) * square.side, from.width);
      const at = (row * from.width + column) * 3;
      out.set(rgb.subarray(at, at + 3), (y * to.width + x) * 3);
    }
  }
  return { rgb: out, shape: [1, to.height, to.width, 3] };
}
