/**
 * SqueezeNet 1.1, a small ImageNet network whose weights are published as .npy files: a second classification network,
 * with a convolution after the last filtered layer. Iandola et al., https://arxiv.org/abs/1602.07360; version 1.1 of its
 * authors' release.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { L2cafError } from '../base/errors.ts';
import { exists } from '../base/files.ts';
import * as tf from '../base/tensorflow.ts';
import { kernelToChannelsLast } from './channels-last.ts';
import type { ClassificationNetwork, NamedStep } from './classification-network.ts';
import { readNpy } from './npy.ts';
import type { WeightsEdit } from './reinitialise.ts';
import type { NamedArray } from './safetensors.ts';
import { expectShapes } from './shapes.ts';

/** Squeeze and expand channels of fire2 to fire9; the output has twice the expand channels. */
const FIRE: readonly (readonly [squeeze: number, expand: number])[] = [
  [16, 64],
  [16, 64],
  [32, 128],
  [32, 128],
  [48, 192],
  [48, 192],
  [64, 256],
  [64, 256],
];
/** A max-pooling follows conv1, fire3 and fire5. */
const POOL_AFTER: readonly string[] = ['conv1', 'fire3', 'fire5'];
const CLASSES = 1000;
/** Its name. */
export const SQUEEZENET_ID = 'squeezenet1.1';
/** Its steps, in the order in which they run. */
export const SQUEEZENET_LAYERS: readonly string[] = ['conv1', ...FIRE.map((_, i) => `fire${i + 2}`), 'conv10'].flatMap(
  (name) => (POOL_AFTER.includes(name) ? [name, `${name}_pool`] : [name]),
);
/** Per channel, RGB, of values in [0, 1]. */
const MEAN = [0.485, 0.456, 0.406] as const;
const DEVIATION = [0.229, 0.224, 0.225] as const;

/**
 * Loads the network from the folder of its weights (`squeezenet0_conv0_weight.npy`, …), edited if asked for: `conv0` is
 * the first convolution, three follow for each of fire2 to fire9 (squeeze, expand 1×1, expand 3×3), `conv25` is conv10.
 *
 * @throws L2cafError `input-not-found`, `weights-invalid`
 */
export async function loadSqueezeNet(
  folder: string,
  edit: WeightsEdit = (weights) => weights,
): Promise<ClassificationNetwork> {
  const weights = edit(await readSqueezeNet(folder));
  const convs = Array.from({ length: weights.size / 2 }, (_, i) => {
    const kernel = weights.get(`conv${i}/kernel`)!;
    return {
      kernel: tf.tensor4d(kernel.data, kernel.shape as [number, number, number, number]),
      bias: tf.tensor1d(weights.get(`conv${i}/bias`)!.data),
    };
  });
  const conv = (x: tf.Tensor4D, index: number, strides: number, pad: 'same' | 'valid'): tf.Tensor4D => {
    const { kernel, bias } = convs[index]!;
    return tf.fused.conv2d({ x, filter: kernel, strides, pad, bias, activation: 'relu' });
  };
  const fire = (x: tf.Tensor4D, first: number): tf.Tensor4D =>
    tf.tidy(() => {
      const squeezed = conv(x, first, 1, 'same');
      return tf.concat([conv(squeezed, first + 1, 1, 'same'), conv(squeezed, first + 2, 1, 'same')], 3);
    });
  const apply = (name: string, x: tf.Tensor4D): tf.Tensor4D => {
    if (name.endsWith('_pool')) return tf.maxPool(x, 3, 2, 'valid');
    if (name === 'conv1') return conv(x, 0, 2, 'valid');
    if (name === 'conv10') return conv(x, 1 + 3 * FIRE.length, 1, 'same');
    return fire(x, 1 + 3 * (Number(name.slice('fire'.length)) - 2));
  };
  return {
    id: SQUEEZENET_ID,
    inputSize: { width: 224, height: 224 },
    steps: SQUEEZENET_LAYERS.map((name): NamedStep => ({ name, apply: (x) => apply(name, x) })),
    defaultLayer: 'fire9',
    classes: CLASSES,
    preprocess: ({ rgb, shape }) => {
      const input = Float32Array.from(rgb, (value, i) => (value / 255 - MEAN[i % 3]!) / DEVIATION[i % 3]!);
      return tf.tensor4d(input, [...shape]);
    },
    dispose: () => {
      for (const { kernel, bias } of convs) tf.dispose([kernel, bias]);
    },
  };
}

/** Its first file. */
const FIRST_FILE = 'squeezenet0_conv0_weight.npy';

/** Whether a folder holds its weights, as far as names go. */
export function holdsSqueezeNet(folder: string): Promise<boolean> {
  return exists(join(folder, FIRST_FILE));
}

/**
 * The weights in a folder: `conv0/kernel` `[h, w, in, out]`, `conv0/bias` and so on.
 *
 * @throws L2cafError `input-not-found`, `weights-invalid`
 */
export async function readSqueezeNet(folder: string): Promise<Map<string, NamedArray>> {
  const files = await readdir(folder).catch((cause: unknown) => {
    throw new L2cafError('input-not-found', `cannot read the folder ${folder}`, { cause });
  });
  if (!files.includes(FIRST_FILE)) {
    throw new L2cafError('input-not-found', `${folder} does not hold the .npy weights of SqueezeNet 1.1`);
  }
  const shapes = weightShapes();
  const weights = new Map<string, NamedArray>();
  for (let i = 0; i < shapes.size / 2; i++) {
    const read = (part: string): Promise<NamedArray> => readNpy(join(folder, `squeezenet0_conv${i}_${part}.npy`));
    weights.set(`conv${i}/kernel`, kernelToChannelsLast(await read('weight'))).set(`conv${i}/bias`, await read('bias'));
  }
  expectShapes(shapes, weights);
  return weights;
}

function weightShapes(): Map<string, readonly number[]> {
  const kernels: (readonly [number, number, number])[] = [[3, 3, 64]]; // size, in, out
  let channels = 64;
  for (const [squeeze, expand] of FIRE) {
    kernels.push([1, channels, squeeze], [1, squeeze, expand], [3, squeeze, expand]);
    channels = 2 * expand;
  }
  kernels.push([1, channels, CLASSES]);
  return new Map(
    kernels.flatMap(([size, inChannels, outChannels], i): [string, readonly number[]][] => [
      [`conv${i}/kernel`, [size, size, inChannels, outChannels]],
      [`conv${i}/bias`, [outChannels]],
    ]),
  );
}
