/**
 * The trunk: a ResNet for inference, batch norms folded into the convolutions, trimmed after any stage. Built as block →
 * stack → network from one description, so that the table of layers, the weights that are read and the forward pass can't
 * disagree. Layer names follow Keras Applications (`conv4_block6_2_conv`).
 * He et al., "Deep Residual Learning for Image Recognition", https://arxiv.org/abs/1512.03385, Table 1.
 */

import { L2cafError } from '../base/errors.ts';
import * as tf from '../base/tensorflow.ts';
import type { GridShape, PictureSize } from '../base/types.ts';
import { STAGES, type Stage } from './choices.ts';
import { type NamedStep, runSteps } from './classification-network.ts';
import {
  type ConvLayer,
  convolve,
  type LayerTensors,
  type Padding,
  padSymmetric,
  type ResidualBlock,
  runResidualBlock,
} from './residual-block.ts';
import type { NamedArray } from './safetensors.ts';
import { expectShapes } from './shapes.ts';

/** Depths that are offered: basic blocks for 18 and 34, bottleneck blocks for 50 and 101. */
export const RESNET_DEPTHS = [18, 34, 50, 101] as const;
/** See {@link RESNET_DEPTHS}. */
export type ResNetDepth = (typeof RESNET_DEPTHS)[number];

/**
 * The stage of a name.
 *
 * @throws L2cafError `model-invalid` for another network's layer
 */
export function stageNamed(name: string): Stage {
  const stage = STAGES.find((each) => each === name);
  if (stage !== undefined) return stage;
  throw new L2cafError('model-invalid', `${name} is no stage of a ResNet`, { hint: `stages: ${STAGES.join(', ')}` });
}

/** Everything that tells one ResNet from another, weights apart. */
export interface ResNetSpec {
  readonly depth: ResNetDepth;
  /**
   * Which convolution of a bottleneck block downsamples: its first 1×1 (the paper, Keras v1) or its 3×3 (torchvision).
   * Basic blocks downsample in their first 3×3 either way.
   */
  readonly strideIn: 'first-1x1' | '3x3';
  readonly padding: Padding;
  /** Last stage that is kept. */
  readonly upTo: Stage;
}

/** A network as data: the stem convolution (followed by a 3×3 max-pooling of stride 2), then its blocks. */
export interface ResNetLayout {
  readonly stem: ConvLayer;
  readonly blocks: readonly ResidualBlock[];
}

/** Weights by layer: `${layer}/kernel` and `${layer}/bias`, batch norm already folded in. */
export type FoldedWeights = ReadonlyMap<string, NamedArray>;

/** A frozen network from pictures to feature maps. */
export interface Trunk {
  /** The network step by step: `conv1_pool`, then one step per block, `conv2_block1_out` and so on. */
  readonly steps: readonly NamedStep[];
  /** Preprocessed pictures `[n, h, w, 3]` → feature maps `[n, h/stride, w/stride, channels]`. The caller disposes. */
  features(pictures: tf.Tensor4D): tf.Tensor4D;
  /** Frees its tensors. */
  dispose(): void;
}

const BLOCKS_PER_STAGE: Readonly<Record<ResNetDepth, readonly [number, number, number, number]>> = {
  18: [2, 2, 2, 2],
  34: [3, 4, 6, 3],
  50: [3, 4, 6, 3],
  101: [3, 4, 23, 3],
};
const STEM_CHANNELS = 64;
const SIZE_MULTIPLE_PX = 32;

/** The layers of a network, in the order in which they run. */
export function resnetLayout(spec: ResNetSpec): ResNetLayout {
  const stem: ConvLayer = { name: 'conv1_conv', size: 7, stride: 2, inChannels: 3, outChannels: STEM_CHANNELS };
  const blocks: ResidualBlock[] = [];
  let channels = STEM_CHANNELS;
  for (const [index, stage] of STAGES.slice(0, STAGES.indexOf(spec.upTo) + 1).entries()) {
    const stack = describeStack(spec, stage, BLOCKS_PER_STAGE[spec.depth][index]!, channels, 64 * 2 ** index);
    blocks.push(...stack);
    channels = stack.at(-1)!.convs.at(-1)!.outChannels;
  }
  return { stem, blocks };
}

/**
 * Grid and channels of the feature maps that a network makes of pictures of this size.
 *
 * @throws L2cafError `shape-mismatch` when a side is not a positive multiple of 32.
 */
export function featureShape(spec: ResNetSpec, { width, height }: PictureSize): GridShape & { channels: number } {
  const fits = (side: number): boolean => Number.isInteger(side) && side > 0 && side % SIZE_MULTIPLE_PX === 0;
  if (!fits(width) || !fits(height)) {
    throw new L2cafError('shape-mismatch', `the network cannot take pictures of ${width}x${height}`, {
      hint: `choose a width and a height that are multiples of ${SIZE_MULTIPLE_PX}, such as 384x224`,
    });
  }
  const stridePx = 4 * 2 ** STAGES.indexOf(spec.upTo);
  const channels = resnetLayout(spec).blocks.at(-1)!.convs.at(-1)!.outChannels;
  return { height: height / stridePx, width: width / stridePx, channels };
}

/** The names of a network's steps, in the order in which they run. */
export function stepNames({ blocks }: ResNetLayout): [stem: string, ...blocks: string[]] {
  return ['conv1_pool', ...blocks.map(({ name }) => `${name}_out`)];
}

/** All convolutions of a network, shortcuts included. */
export function convLayers({ stem, blocks }: ResNetLayout): ConvLayer[] {
  return [stem, ...blockLayers(blocks)];
}

/** All convolutions of blocks, shortcuts included. */
export function blockLayers(blocks: readonly ResidualBlock[]): ConvLayer[] {
  return blocks.flatMap(({ convs, shortcut }) => (shortcut ? [shortcut, ...convs] : convs));
}

/**
 * Builds a trunk and moves its weights to the current backend.
 *
 * @throws L2cafError `weights-invalid` when a layer is missing or has another shape.
 */
export function createResNet(spec: ResNetSpec, weights: FoldedWeights): Trunk {
  const layout = resnetLayout(spec);
  const layers = convLayers(layout);
  expectShapes(weightShapes(layers), weights);
  const parameters = new Map(layers.map((layer) => [layer.name, toTensors(layer.name, weights)]));
  const weightsOf = ({ name }: ConvLayer): LayerTensors => parameters.get(name)!;
  const [stem, ...blocks] = stepNames(layout);
  const steps: NamedStep[] = [
    {
      name: stem,
      apply: (x) =>
        tf.tidy(() => {
          const first = convolve(x, layout.stem, weightsOf(layout.stem), spec.padding, 'relu');
          return maxPool(first, spec.padding);
        }),
    },
    ...layout.blocks.map((block, i): NamedStep => {
      return { name: blocks[i]!, apply: (x) => runResidualBlock(x, block, weightsOf, spec.padding) };
    }),
  ];
  return {
    steps,
    features: (pictures) => runSteps(steps, pictures),
    dispose: () => {
      for (const { kernel, bias } of parameters.values()) tf.dispose([kernel, bias]);
    },
  };
}

function describeStack(
  spec: ResNetSpec,
  stage: Stage,
  count: number,
  inChannels: number,
  width: number,
): ResidualBlock[] {
  const blocks: ResidualBlock[] = [];
  const describe = spec.depth >= 50 ? describeBottleneckBlock : describeBasicBlock;
  let channels = inChannels;
  for (let i = 0; i < count; i++) {
    const stride = i === 0 && stage !== 'conv2' ? 2 : 1;
    const block = describe(`${stage}_block${i + 1}`, channels, width, stride, spec);
    blocks.push(block);
    channels = block.convs.at(-1)!.outChannels;
  }
  return blocks;
}

function describeBasicBlock(name: string, inChannels: number, width: number, stride: 1 | 2): ResidualBlock {
  const convs: ConvLayer[] = [
    { name: `${name}_1_conv`, size: 3, stride, inChannels, outChannels: width },
    { name: `${name}_2_conv`, size: 3, stride: 1, inChannels: width, outChannels: width },
  ];
  return withShortcut(name, convs, stride);
}

function describeBottleneckBlock(
  name: string,
  inChannels: number,
  width: number,
  stride: 1 | 2,
  spec: ResNetSpec,
): ResidualBlock {
  const inFirst = spec.strideIn === 'first-1x1';
  const convs: ConvLayer[] = [
    { name: `${name}_1_conv`, size: 1, stride: inFirst ? stride : 1, inChannels, outChannels: width },
    { name: `${name}_2_conv`, size: 3, stride: inFirst ? 1 : stride, inChannels: width, outChannels: width },
    { name: `${name}_3_conv`, size: 1, stride: 1, inChannels: width, outChannels: 4 * width },
  ];
  return withShortcut(name, convs, stride);
}

function withShortcut(name: string, convs: readonly ConvLayer[], stride: 1 | 2): ResidualBlock {
  const { inChannels } = convs[0]!;
  const { outChannels } = convs.at(-1)!;
  if (stride === 1 && inChannels === outChannels) return { name, convs };
  return { name, convs, shortcut: { name: `${name}_0_conv`, size: 1, stride, inChannels, outChannels } };
}

function maxPool(x: tf.Tensor4D, padding: Padding): tf.Tensor4D {
  if (padding === 'same') return tf.maxPool(x, 3, 2, 'same');
  // Zeros are as good as −∞ here: the input has passed a ReLU.
  return tf.maxPool(padSymmetric(x, 1), 3, 2, 'valid');
}

/** Shapes of the weights of layers, by name. */
export function weightShapes(layers: readonly ConvLayer[]): Map<string, readonly number[]> {
  return new Map(
    layers.flatMap(({ name, size, inChannels, outChannels }): [string, readonly number[]][] => [
      [`${name}/kernel`, [size, size, inChannels, outChannels]],
      [`${name}/bias`, [outChannels]],
    ]),
  );
}

function toTensors(name: string, weights: FoldedWeights): LayerTensors {
  const kernel = weights.get(`${name}/kernel`)!;
  return {
    kernel: tf.tensor4d(kernel.data, kernel.shape as [number, number, number, number]),
    bias: tf.tensor1d(weights.get(`${name}/bias`)!.data),
  };
}
