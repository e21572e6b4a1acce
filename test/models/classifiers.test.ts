import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findClassifier } from '../../src/models/classifiers.ts';
import { reinitialise } from '../../src/models/reinitialise.ts';
import { normals } from '../l2caf/toys.ts';
import { dataFolder } from '../support/data.ts';

describe('reinitialise', () => {
  const weights = new Map([
    ['fc/kernel', { shape: [4000], data: normals(4000, 2, 1).map((value) => value + 1) }],
    ['conv/kernel', { shape: [4000], data: normals(4000, 0.5, 2) }],
  ]);
  const fc = { name: 'classifier', owns: (weight: string) => weight.startsWith('fc/') };
  const conv = { name: 'conv', owns: (weight: string) => weight.startsWith('conv/') };

  it('draws new weights of the same mean and spread, and leaves the other parts alone', () => {
    const edited = reinitialise(weights, [fc], 3);
    const { data } = edited.get('fc/kernel')!;
    const mean = data.reduce((sum, value) => sum + value, 0) / data.length;
    const spread = Math.sqrt(data.reduce((sum, value) => sum + (value - mean) ** 2, 0) / data.length);
    expect(mean).toBeCloseTo(1, 0);
    expect(spread).toBeGreaterThan(1.9);
    expect(spread).toBeLessThan(2.1);
    expect(data).not.toEqual(weights.get('fc/kernel')!.data);
    expect(edited.get('conv/kernel')).toBe(weights.get('conv/kernel') && edited.get('conv/kernel'));
    expect(edited.get('conv/kernel')!.data).toBe(weights.get('conv/kernel')!.data);
  });

  it('draws the same for a part whatever else is drawn, and another for another seed', () => {
    const drawn = (parts: (typeof fc)[], seed: number) => reinitialise(weights, parts, seed).get('fc/kernel')!.data;
    expect(drawn([fc, conv], 3)).toEqual(drawn([fc], 3));
    expect(drawn([fc], 4)).not.toEqual(drawn([fc], 3));
  });
});

describe('findClassifier', () => {
  it('names the networks there are', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'l2caf-classifiers-'));
    for (const model of ['alexnet', folder]) {
      await expect(findClassifier(model)).rejects.toMatchObject({
        code: 'model-unknown',
        hint: expect.stringContaining('resnet50-imagenet'),
      });
    }
    const { layers } = await findClassifier('resnet50-imagenet');
    expect([layers.length, layers[0], layers.at(-1)]).toEqual([17, 'conv1_pool', 'conv5_block3_out']);
    await writeFile(join(folder, 'squeezenet0_conv0_weight.npy'), 'not an array');
    const classifier = await findClassifier(folder);
    await expect(classifier.load()).rejects.toMatchObject({ code: 'weights-invalid' });
  });

  it.skipIf(dataFolder === undefined)('gives every weight of SqueezeNet to exactly one part (needs data)', async () => {
    const classifier = await findClassifier(join(dataFolder!, 'squeezenet1.1', 'weights'));
    const names: string[] = [];
    const network = await classifier.load((weights) => {
      names.push(...weights.keys());
      return weights;
    });
    network.dispose();
    expect(network.steps.map(({ name }) => name)).toEqual(classifier.layers);
    expect(names.length).toBe(52);
    for (const name of names) expect(classifier.parts.filter((part) => part.owns(name)).length).toBe(1);
  });
});
