import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { analyzePicture, openStillModel, type StillOptions } from '../../src/stills/analyze.ts';
import type { OpenClassifier } from '../../src/stills/still-network.ts';
import { dataFolder } from '../support/data.ts';

const [GOLDEN_RETRIEVER, MONARCH, BOXER, TENNIS_BALL] = [207, 323, 242, 852];
const stills = join(dataFolder ?? '', 'stills');

const OPTIONS: Omit<StillOptions, 'target'> = {
  method: 'l2caf',
  constraint: 'l2',
  solver: 'auto',
  preset: 'paper',
  seed: 0,
};

describe.skipIf(dataFolder === undefined)('classes in real pictures (needs shared data)', () => {
  let model: OpenClassifier;
  beforeAll(async () => {
    model = await openStillModel({ model: 'resnet50-imagenet', backend: 'wasm' });
  });
  afterAll(() => model.network.dispose());

  /** Centres of the peak cells, as parts of the picture's width and height. */
  async function peaks(picture: string, indices: number[], more: Partial<StillOptions> = {}) {
    const options = { ...OPTIONS, target: { kind: 'classes', indices }, ...more } as const;
    const { maps } = await analyzePicture(model, join(stills, picture), options);
    return maps.map(({ peakCell, filter }) => ({
      x: (peakCell.column + 0.5) / filter.width,
      y: (peakCell.row + 0.5) / filter.height,
    }));
  }

  it.each(['l2caf', 'gradcam', 'gradcam-abs', 'cam'] as const)(
    '%s tells the dog from the butterfly',
    async (method) => {
      const [dog, butterfly] = await peaks('dog_butterfly.jpg', [GOLDEN_RETRIEVER, MONARCH], { method });
      expect(dog!.x).toBeGreaterThan(0.6);
      expect(Math.abs(butterfly!.x - 0.41)).toBeLessThan(0.15);
      expect(Math.abs(butterfly!.y - 0.49)).toBeLessThan(0.15);
    },
  );

  it('tells the boxer from its ball', async () => {
    const [boxer, ball] = await peaks('dog_ball.jpg', [BOXER, TENNIS_BALL]);
    expect(boxer!.y).toBeLessThan(0.6);
    expect(ball!.y).toBeGreaterThan(0.7);
  });

  it("finds maps that depend on the network's weights", { tags: ['nightly'] }, async () => {
    const { sanity } = await analyzePicture(model, join(stills, 'dog_ball.jpg'), {
      ...OPTIONS,
      target: { kind: 'top', count: 1 },
      sanity: true,
    });
    expect(sanity).toMatchObject({ verdict: 'passed' });
    expect(sanity!.steps.map(({ part }) => part)).toEqual(['classifier', 'conv5', 'conv4', 'conv3', 'conv2', 'conv1']);
  });
});
