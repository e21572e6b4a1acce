import { beforeAll, describe, expect, it } from 'vitest';
import * as tf from '../../src/base/tensorflow.ts';
import { useBackend } from '../../src/models/backend.ts';
import { foldBatchNorm } from '../../src/models/batch-norm.ts';
import { STAGES } from '../../src/models/choices.ts';
import { convLayers, createResNet, featureShape, type ResNetSpec, resnetLayout } from '../../src/models/resnet.ts';
import { randomWeights } from './random-weights.ts';

const base: ResNetSpec = { depth: 18, strideIn: '3x3', padding: 'symmetric', upTo: 'conv5' };

beforeAll(async () => {
  await useBackend('wasm');
});

describe('ResNet layout', () => {
  // Convolutions with their shortcuts, and parameters of the convolution kernels, from He et al., Table 1, and torchvision.
  it.each([
    [18, 20, 11_166_912],
    [34, 36, 21_267_648],
    [50, 53, 23_454_912],
    [101, 104, 42_394_816],
  ] as const)('ResNet-%i has %i convolutions with %i weights', (depth, count, parameters) => {
    const layers = convLayers(resnetLayout({ ...base, depth }));
    expect(layers.length).toBe(count);
    expect(layers.reduce((sum, l) => sum + l.size ** 2 * l.inChannels * l.outChannels, 0)).toBe(parameters);
  });

  it('has stable names, Keras Applications style', () => {
    const names = convLayers(resnetLayout({ ...base, depth: 50, upTo: 'conv3' })).map(({ name }) => name);
    expect(names.slice(0, 6)).toEqual([
      'conv1_conv',
      'conv2_block1_0_conv',
      'conv2_block1_1_conv',
      'conv2_block1_2_conv',
      'conv2_block1_3_conv',
      'conv2_block2_1_conv',
    ]);
    expect(names.at(-1)).toBe('conv3_block4_3_conv');
  });

  it('downsamples where the convention says', () => {
    const strided = (strideIn: ResNetSpec['strideIn']): string[] =>
      convLayers(resnetLayout({ ...base, depth: 50, strideIn, upTo: 'conv3' }))
        .filter(({ stride }) => stride === 2)
        .map(({ name }) => name);
    expect(strided('first-1x1')).toEqual(['conv1_conv', 'conv3_block1_0_conv', 'conv3_block1_1_conv']);
    expect(strided('3x3')).toEqual(['conv1_conv', 'conv3_block1_0_conv', 'conv3_block1_2_conv']);
  });
});

describe('ResNet forward pass', () => {
  it.each(STAGES)('trimmed after %s, both paddings, gives the grid it announces', (upTo) => {
    for (const padding of ['symmetric', 'same'] as const) {
      const spec: ResNetSpec = { ...base, padding, upTo };
      const trunk = createResNet(spec, randomWeights(spec));
      const { height, width, channels } = featureShape(spec, { width: 96, height: 64 });
      const features = trunk.features(tf.zeros([2, 64, 96, 3]));
      expect(features.shape).toEqual([2, height, width, channels]);
      tf.dispose(features);
      trunk.dispose();
    }
  });

  it('gives a picture the same features alone and in a batch, and leaks no tensor', () => {
    const spec: ResNetSpec = { ...base, upTo: 'conv3' };
    const before = tf.memory().numTensors;
    const trunk = createResNet(spec, randomWeights(spec));
    const pictures = tf.randomUniform<tf.Rank.R4>([3, 32, 64, 3], -100, 100, 'float32', 7);
    const batch = trunk.features(pictures);
    const last = tf.tidy(() => trunk.features(tf.slice(pictures, [2], [1])));
    const difference = tf.tidy(() => tf.max(tf.abs(tf.sub(tf.slice(batch, [2], [1]), last))).dataSync()[0]!);
    expect(difference).toBe(0);
    tf.dispose([pictures, batch, last]);
    trunk.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('rejects sizes that the strides do not divide', () => {
    for (const [width, height] of [
      [100, 64],
      [0, 64],
      [64, -32],
      [Number.NaN, 32],
    ] as const) {
      expect(() => featureShape(base, { width, height })).toThrow('cannot take pictures of');
    }
  });

  it('names the layer whose weights are missing or misshapen', () => {
    const spec: ResNetSpec = { ...base, upTo: 'conv2' };
    const weights = randomWeights(spec);
    weights.delete('conv2_block2_1_conv/bias');
    expect(() => createResNet(spec, weights)).toThrow('conv2_block2_1_conv/bias is missing, expected [64]');
    weights.set('conv1_conv/kernel', { shape: [3, 3, 3, 64], data: new Float32Array(27 * 64) });
    expect(() => createResNet(spec, weights)).toThrow(
      'conv1_conv/kernel has the shape [3, 3, 3, 64], expected [7, 7, 3, 64]',
    );
  });
});

describe('foldBatchNorm', () => {
  it('gives the same numbers as convolution, bias and batch norm one after another', () => {
    const kernel = { shape: [1, 1, 2, 2], data: Float32Array.of(1, 2, 3, 4) };
    const norm = {
      gamma: Float32Array.of(2, 0.5),
      beta: Float32Array.of(1, -1),
      mean: Float32Array.of(0.5, 3),
      variance: Float32Array.of(3.99, 0.24),
      epsilon: 0.01,
    };
    // Input (1, 10): convolution + bias = (1 + 30 + 5, 2 + 40 + 6) = (36, 48).
    // Batch norm: (36 − 0.5)/2·2 + 1 = 36.5; (48 − 3)/0.5·0.5 − 1 = 44.
    const folded = foldBatchNorm(kernel, Float32Array.of(5, 6), norm);
    const [k, b] = [folded.kernel.data, folded.bias.data];
    expect(k[0]! + 10 * k[2]! + b[0]!).toBeCloseTo(36.5, 4);
    expect(k[1]! + 10 * k[3]! + b[1]!).toBeCloseTo(44, 4);
  });
});
