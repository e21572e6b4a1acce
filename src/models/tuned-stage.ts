/**
 * The last stage of a trunk of this project as a part of the head behind it, that learns with it. Its batch norms are folded into
 * its convolutions, so they stay what they were: kernels and biases learn.
 */
import * as tf from '../base/tensorflow.ts';
import { STAGES, type Stage } from './choices.ts';
import type { WeightTensors } from './head-network.ts';
import { findPretrained, loadWeights } from './pretrained.ts';
import { type LayerWeights, type ResidualBlock, runResidualBlock } from './residual-block.ts';
import { blockLayers, resnetLayout, weightShapes } from './resnet.ts';
import type { NamedArray } from './safetensors.ts';

/** The stage after which the trunk is frozen where this one learns; none for the first. */
export function stageBefore(tuned: Stage): Stage | undefined {
  return STAGES[STAGES.indexOf(tuned) - 1];
}

/** Whether a weight, such as `conv5_block1_1_conv/kernel`, belongs to a stage. */
export function isOfStage(weight: string, stage: string): boolean {
  return weight.startsWith(`${stage}_`);
}

/** Channels of the map that a stage makes. */
export function stageChannels(trunk: string, tuned: Stage): number {
  return blocksOf(trunk, tuned).at(-1)!.convs.at(-1)!.outChannels;
}

/** Shapes of a stage's weights, by name. Throws L2cafError `model-unknown`. */
export function stageShapes(trunk: string, tuned: Stage): Map<string, readonly number[]> {
  return weightShapes(blockLayers(blocksOf(trunk, tuned)));
}

/** A stage's weights as they were pulled. Throws as `loadWeights`. */
export async function pretrainedStage(trunk: string, tuned: Stage): Promise<Map<string, NamedArray>> {
  const weights = await loadWeights(findPretrained(trunk), tuned);
  return new Map([...stageShapes(trunk, tuned).keys()].map((name) => [name, weights.get(name)!]));
}

/**
 * The map of the stage before, `[n, h, w, c]` → that of the stage, `[n, h/2, w/2, c']`. Differentiable; the caller disposes of
 * the result.
 *
 * @param attend what is done with the maps of its first and its last block, in training
 */
export function runStage(
  trunk: string,
  tuned: Stage,
  weights: WeightTensors,
  x: tf.Tensor4D,
  attend: (map: tf.Tensor4D) => tf.Tensor4D = (map) => map,
): tf.Tensor4D {
  const { padding } = findPretrained(trunk).spec;
  const blocks = blocksOf(trunk, tuned);
  const weightsOf: LayerWeights = ({ name }) => ({
    kernel: weights[`${name}/kernel`] as tf.Tensor4D,
    bias: weights[`${name}/bias`] as tf.Tensor1D,
  });
  return tf.tidy(() =>
    blocks.reduce((map, block, i) => {
      const next = runResidualBlock(map, block, weightsOf, padding);
      return i === 0 || i === blocks.length - 1 ? attend(next) : next;
    }, x),
  );
}

function blocksOf(trunk: string, tuned: Stage): ResidualBlock[] {
  return resnetLayout(findPretrained(trunk).spec).blocks.filter(({ name }) => isOfStage(name, tuned));
}
