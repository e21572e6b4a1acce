/**
 * A classification network cut at one of its layers, for one picture: what comes before the cut runs once, what comes
 * after it is the tail that L2-CAF filters (fast endpoints, paper Eq. 3). `vanillaTail` runs the whole network each time.
 */

import * as tf from '../base/tensorflow.ts';
import type { FeatureTail, LinearProjection, TensorTail } from '../l2caf/tail.ts';
import { featureTail, tensorTail } from '../l2caf/tensor-tail.ts';
import { type LayeredNetwork, layerIndex, type NamedStep, runSteps } from './classification-network.ts';

/**
 * The tail after `layer`, for the first picture of `input` (`[1, h, w, c]`, as the first step takes it; stays the caller's). Its
 * output is the logits, or the embedding of a network without classes. Where only pooling and a dense layer follow, it is linear and says so.
 *
 * @throws L2cafError `usage` when there is no such layer.
 */
export function classifierTail(
  network: LayeredNetwork,
  input: tf.Tensor4D,
  layer: string = network.defaultLayer,
): FeatureTail {
  const { before, after } = split(network, layer);
  const map = runSteps(before, input);
  const dense = denseTensors(network);
  const logits = (maps: tf.Tensor4D): tf.Tensor2D => tf.tidy(() => classify(runSteps(after, maps), network, dense));
  const collapsed = after.length === 0 ? collapse(map, network, dense) : undefined;
  const [, height, width, channels] = map.shape;
  const reference = tf.tidy(() => logits(map).dataSync<'float32'>());
  const features = tf.tidy(() => tf.reshape(map, [height, width, channels]) as tf.Tensor3D);
  return featureTail({
    slots: 1,
    grid: { height, width },
    outputSize: network.classes,
    reference,
    filtered: collapsed?.filtered ?? ((filters) => tf.tidy(() => logits(tf.mul(map, tf.expandDims(filters, 3))))),
    features: () => features,
    outputsOf: logits,
    ...(collapsed && { linear: () => collapsed.projection }),
    dispose: () => {
      collapsed?.dispose();
      tf.dispose([map, features, ...Object.values(dense ?? {})]);
    },
  });
}

/**
 * The same problem with vanilla endpoints: every evaluation starts from the picture again. Slow; exists to show that the
 * fast endpoints change nothing (paper, Sec. 3.1).
 */
export function vanillaTail(
  network: LayeredNetwork,
  input: tf.Tensor4D,
  layer: string = network.defaultLayer,
): TensorTail {
  const fast = classifierTail(network, input, layer);
  const { before, after } = split(network, layer);
  const dense = denseTensors(network);
  const picture = tf.clone(input);
  return tensorTail({
    slots: 1,
    grid: fast.grid,
    outputSize: fast.outputSize,
    reference: fast.reference,
    filtered: (filters) =>
      tf.tidy(() => {
        const map = runSteps(before, picture);
        return classify(runSteps(after, tf.mul(map, tf.expandDims(filters, 3))), network, dense);
      }),
    dispose: () => {
      fast.dispose();
      tf.dispose([picture, ...Object.values(dense ?? {})]);
    },
  });
}

function split(network: LayeredNetwork, layer: string): { before: NamedStep[]; after: NamedStep[] } {
  const names = network.steps.map(({ name }) => name);
  const index = layerIndex(network.id, names, layer);
  return { before: network.steps.slice(0, index + 1), after: network.steps.slice(index + 1) };
}

type DenseTensors = { readonly kernel: tf.Tensor2D; readonly bias: tf.Tensor1D };

function denseTensors({ dense, classes }: LayeredNetwork): DenseTensors | undefined {
  return (
    dense && {
      kernel: tf.tensor2d(dense.kernel, [dense.kernel.length / classes, classes]),
      bias: tf.tensor1d(dense.bias),
    }
  );
}

/** Last feature maps `[n, h, w, c]` → logits `[n, classes]`, or pooled maps where these are the embedding. */
function classify(maps: tf.Tensor4D, { answer }: Answer, dense: DenseTensors | undefined): tf.Tensor2D {
  const pooled = tf.mean(maps, [1, 2]) as tf.Tensor2D; // [n, c]
  if (dense !== undefined) return tf.add(tf.matMul(pooled, dense.kernel), dense.bias);
  return answer === 'embedding' ? pooled : centred(pooled);
}

type Answer = Pick<LayeredNetwork, 'answer'>;

/**
 * Scores `[n, classes]` less their mean over the classes. Softmax does not see the difference, but the sum over all other
 * classes in Eq. 2 does: pooled class maps come out of a ReLU, and a thousand scores that are never negative would drown
 * the one that is asked about. (Logits of a dense layer sum to nearly 0 by training, and stay as published.)
 */
function centred(scores: tf.Tensor2D): tf.Tensor2D {
  return tf.sub(scores, tf.mean(scores, 1, true));
}

interface CollapsedTail {
  /** `FT(f) = P f + b` in numbers. */
  readonly projection: LinearProjection;
  /** Filters `[n, h, w]` → outputs `[n, classes]`, without going through the channels again. */
  filtered(filters: tf.Tensor3D): tf.Tensor2D;
  dispose(): void;
}

/**
 * Pooling and the dense layer as one matrix for this picture: `P[k, ij] = Σ_c A[ij, c] W[c, k] / (h·w)`; without a dense
 * layer, `P[k, ij] = A[ij, k] / (h·w)`, centred if these are scores.
 */
function collapse(map: tf.Tensor4D, { answer }: Answer, dense: DenseTensors | undefined): CollapsedTail {
  const [, height, width, channels] = map.shape;
  const cells = height * width;
  const byCell = tf.tidy(() => {
    const rows = tf.div(tf.reshape(map, [cells, channels]), cells) as tf.Tensor2D;
    if (dense !== undefined) return tf.matMul(rows, dense.kernel);
    return answer === 'embedding' ? rows : centred(rows);
  }); // [h·w, classes]
  const classes = byCell.shape[1]!;
  const bias = dense === undefined ? tf.zeros<tf.Rank.R1>([classes]) : tf.clone(dense.bias);
  return {
    projection: {
      matrix: Float64Array.from(tf.tidy(() => tf.transpose(byCell).dataSync())),
      bias: Float64Array.from(bias.dataSync()),
    },
    filtered: (filters) => tf.tidy(() => tf.add(tf.matMul(tf.reshape(filters, [-1, cells]), byCell), bias)),
    dispose: () => tf.dispose([byCell, bias]),
  };
}
