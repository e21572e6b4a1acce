/** Convolutions over time, rows and columns, and transposed ones. */
import * as tf from '../../base/tensorflow.ts';
import { biased, grouped, outLength, type Padding, pair, positive, windowOf } from './convolutions.ts';
import { type LayerMaker, onlyInput, trained } from './layer.ts';
import type { LayerConfig, Shape } from './layer-config.ts';

/** The layers of this file. */
export const CONVOLUTION_3D_LAYERS: Readonly<Record<string, LayerMaker>> = {
  Conv3D: (config, inputs, make) => {
    const input = onlyInput(config, inputs, 4);
    const { padding, filters, kernel, size, dilation, strides, groups } = windowOf(config, input, 3);
    const lengths = input
      .slice(0, 3)
      .map((length, axis) => outLength(length, (size[axis]! - 1) * dilation[axis]! + 1, strides[axis]!, padding));
    const shape = positive(config, [...lengths, filters]);
    const layer = biased(config, make, shape, [kernel], ([x], [w]) =>
      convolved3d(x!, w!, { strides, padding, dilation, groups }),
    );
    return { ...layer, noGradient: true };
  },
  Conv2DTranspose: (config, inputs, make) => transposed(config, inputs, make, 2),
  Conv3DTranspose: (config, inputs, make) => transposed(config, inputs, make, 3),
};

interface Windows {
  readonly strides: readonly number[];
  readonly padding: Padding;
  readonly dilation: readonly number[];
  readonly groups: number;
}

/** A convolution of clips `[n, t, h, w, c]`. Dilated or grouped ones, which the backends lack, are sums of those of pictures. */
export function convolved3d(x: tf.Tensor, kernel: tf.Tensor, windows: Windows): tf.Tensor {
  const { strides, padding, dilation, groups } = windows;
  if (groups === 1 && dilation.every((one) => one === 1)) {
    const [time, rows, columns] = strides as [number, number, number];
    return tf.conv3d(x as tf.Tensor5D, kernel as tf.Tensor5D, [time, rows, columns], padding);
  }
  const [batch, steps, ...each] = x.shape as [number, number, number, number, number];
  const [size, ...sizes] = kernel.shape as [number, number, number, number, number];
  const [stride, ...strides2] = strides as [number, number, number];
  const [apart, ...dilation2] = dilation as [number, number, number];
  const reach = (size - 1) * apart + 1;
  const count = outLength(steps, reach, stride, padding);
  const missing = Math.max(0, (count - 1) * stride + reach - steps);
  const before = padding === 'same' ? Math.floor(missing / 2) : 0;
  const none: [number, number] = [0, 0];
  const padded = tf.pad(x, [none, [before, Math.max(0, missing - before)], none, none, none]);
  const convolve = grouped(groups, (frames, own) =>
    tf.conv2d(frames as tf.Tensor4D, own as tf.Tensor4D, pair(strides2), padding, 'NHWC', pair(dilation2)),
  );
  const parts = Array.from({ length: size }, (_, place) => {
    const places = Array.from({ length: count }, (_, i) => i * stride + place * apart);
    const frames = tf.reshape(tf.gather(padded, tf.tensor1d(places, 'int32'), 1), [batch * count, ...each]);
    return convolve(frames, tf.reshape(tf.slice(kernel, [place, 0, 0, 0, 0], [1, -1, -1, -1, -1]), sizes));
  });
  const sum = tf.addN(parts);
  return tf.reshape(sum, [batch, count, ...sum.shape.slice(1)]);
}

/** What undoes a convolution's shape: over its input with zeros between the values, the kernel turned around. */
function transposed(
  config: LayerConfig,
  inputs: readonly Shape[],
  make: Parameters<LayerMaker>[2],
  axes: 2 | 3,
): ReturnType<LayerMaker> {
  const input = onlyInput(config, inputs, axes + 1);
  const { padding, filters, size, dilation, strides } = windowOf(config, input, axes);
  const added = config.get('output_padding') === undefined ? undefined : config.counts('output_padding', axes, 0, 0);
  const reach = size.map((one, axis) => (one - 1) * dilation[axis]! + 1);
  const lengths = reach.map((own, axis) => {
    const [length, stride] = [input[axis]!, strides[axis]!];
    if (added === undefined) return padding === 'same' ? length * stride : length * stride + Math.max(own - stride, 0);
    return (length - 1) * stride + own - (padding === 'same' ? 2 * Math.floor(own / 2) : 0) + added[axis]!;
  });
  const shape = positive(config, [...lengths, filters]);
  // Of the convolution that it undoes: what that pads before its input.
  const edges = reach.map((own, axis) => {
    const covered = (input[axis]! - 1) * strides[axis]! + own;
    const before = padding === 'same' ? Math.floor(Math.max(0, covered - lengths[axis]!) / 2) : 0;
    return [own - 1 - before, lengths[axis]! + before - covered + own - 1] as const;
  });
  const spatial = Array.from({ length: axes }, (_, axis) => axis);
  const kernel = trained('kernel', ...size, filters, input[axes]!);
  const layer = biased(config, make, shape, [kernel], ([x], [w]) => {
    const spread = spatial.reduce((all, axis) => withZeros(all, axis + 1, strides[axis]!), x!);
    const turned = tf.transpose(tf.reverse(w!, spatial), [...spatial, axes + 1, axes]);
    const placed = spatial.reduce((all, axis) => moved(all, axis + 1, edges[axis]!), spread);
    const windows = { strides: spatial.map(() => 1), padding: 'valid', dilation, groups: 1 } as const;
    if (axes === 3) return convolved3d(placed, turned, windows);
    return tf.conv2d(placed as tf.Tensor4D, turned as tf.Tensor4D, 1, 'valid', 'NHWC', pair(dilation));
  });
  return { ...layer, ...((axes === 3 || dilation.some((one) => one !== 1)) && { noGradient: true }) };
}

/** Values along an axis with zeros between them. */
function withZeros(x: tf.Tensor, axis: number, stride: number): tf.Tensor {
  if (stride === 1) return x;
  const { shape } = x;
  const each = tf.expandDims(x, axis + 1);
  const edges = each.shape.map((_, i): [number, number] => (i === axis + 1 ? [0, stride - 1] : [0, 0]));
  const all = tf.reshape(tf.pad(each, edges), shape.with(axis, shape[axis]! * stride));
  return tf.slice(
    all,
    shape.map(() => 0),
    shape.with(axis, (shape[axis]! - 1) * stride + 1),
  );
}

/** Padded before and behind along an axis, or cut where that is less than nothing. */
function moved(x: tf.Tensor, axis: number, [before, behind]: readonly [number, number]): tf.Tensor {
  const { shape } = x;
  const [cutBefore, cutBehind] = [Math.max(0, -before), Math.max(0, -behind)];
  const part = tf.slice(
    x,
    shape.map((_, i) => (i === axis ? cutBefore : 0)),
    shape.with(axis, shape[axis]! - cutBefore - cutBehind),
  );
  return tf.pad(
    part,
    shape.map((_, i): [number, number] => (i === axis ? [Math.max(0, before), Math.max(0, behind)] : [0, 0])),
  );
}
