/** Heads for still pictures with random weights on the ResNet-50, as `l2caf train-stills` writes them. */
import { join } from 'node:path';
import { createRandom } from '../../src/base/random.ts';
import { trunkSide } from '../../src/models/event-network.ts';
import { findPretrained } from '../../src/models/pretrained.ts';
import { saveStillHead } from '../../src/models/still-directory.ts';
import { type StillHeadSpec, stillHeadShapes } from '../../src/models/still-head.ts';

/** What differs between heads. */
export type HeadOfKind = Pick<StillHeadSpec, 'kind' | 'outputs' | 'labels' | 'erase'>;

/** Writes a head of each kind to a folder of its name in `folder`. */
export async function writeStillHeads(folder: string, heads: readonly HeadOfKind[]): Promise<void> {
  const inputSize = { width: 64, height: 64 };
  const trunk = trunkSide(findPretrained('resnet50-imagenet'), 'conv4', inputSize);
  for (const head of heads) {
    const spec: StillHeadSpec = { ...trunk, inputSize, ...head, channels: [2, 4] };
    const random = createRandom(0, 1);
    const arrays = Array.from(stillHeadShapes(spec), ([name, shape]) => {
      const length = shape.reduce((all, side) => all * side, 1);
      return [name, { shape, data: Float32Array.from({ length }, () => 0.1 * random.normal()) }] as const;
    });
    await saveStillHead(
      join(folder, head.kind),
      { spec, weights: new Map(arrays) },
      {
        ...{ id: `my-${head.kind}`, l2cafVersion: '0.1.0', licence: 'MIT' },
        training: { seed: 0, data: 'drawn', options: {}, pictures: { train: 8, val: 2 }, licence: 'CC0' },
        figures: { val: { pictures: 2, top1: 0.5 } },
      },
    );
  }
}
