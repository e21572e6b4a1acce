/** Layers that only move values around, and those that training alone has. */
import * as tf from '../../base/tensorflow.ts';
import { channelsLast, positive } from './convolutions.ts';
import { type LayerMaker, onlyInput } from './layer.ts';
import { type LayerConfig, type Shape, shapeText, sizeOf } from './layer-config.ts';

const identity: LayerMaker = (config, inputs) => ({
  shape: onlyInput(config, inputs),
  weights: [],
  isIdentity: true,
  apply: ([x]) => x!,
});

/** The layers of this file. */
export const SHAPE_LAYERS: Readonly<Record<string, LayerMaker>> = {
  Dropout: identity,
  SpatialDropout1D: identity,
  SpatialDropout2D: identity,
  SpatialDropout3D: identity,
  AlphaDropout: identity,
  GaussianDropout: identity,
  GaussianNoise: identity,
  ActivityRegularization: identity,
  Identity: identity,
  RandomFlip: identity,
  RandomRotation: identity,
  RandomZoom: identity,
  RandomTranslation: identity,
  RandomContrast: identity,
  RandomBrightness: identity,
  Flatten: (config, inputs) => {
    channelsLast(config);
    return reshaped([sizeOf(onlyInput(config, inputs))]);
  },
  Reshape: (config, inputs) => {
    const input = onlyInput(config, inputs);
    const target = config.integers('target_shape');
    const known = sizeOf(target.filter((length) => length !== -1));
    const shape = target.map((length) => (length === -1 ? sizeOf(input) / known : length));
    if (sizeOf(shape) !== sizeOf(input) || !shape.every((length) => Number.isSafeInteger(length) && length > 0)) {
      throw config.refused(`cannot make ${shapeText(target)} of ${shapeText(input)}`);
    }
    return reshaped(shape);
  },
  Permute: (config, inputs) => {
    const input = onlyInput(config, inputs);
    const axes = config.integers('dims');
    if (axes.length !== input.length || !input.every((_, axis) => axes.includes(axis + 1))) {
      throw config.refused(`cannot order ${input.length} axes as ${shapeText(axes)}`);
    }
    return {
      shape: axes.map((axis) => input[axis - 1]!),
      weights: [],
      apply: ([x]) => tf.transpose(x!, [0, ...axes]),
    };
  },
  RepeatVector: (config, inputs) => {
    const [length] = onlyInput(config, inputs, 1);
    const times = config.count('n');
    return { shape: [times, length!], weights: [], apply: ([x]) => tf.tile(tf.expandDims(x!, 1), [1, times, 1]) };
  },
  ZeroPadding1D: (config, inputs) => padded(config, inputs, 1),
  ZeroPadding2D: (config, inputs) => padded(config, inputs, 2),
  ZeroPadding3D: (config, inputs) => padded(config, inputs, 3),
  Cropping1D: (config, inputs) => cropped(config, inputs, 1),
  Cropping2D: (config, inputs) => cropped(config, inputs, 2),
  UpSampling2D: (config, inputs) => {
    const input = onlyInput(config, inputs, 3);
    channelsLast(config);
    const [rows, columns] = config.counts('size', 2, 2);
    const size: [number, number] = [input[0]! * rows!, input[1]! * columns!];
    const how = config.oneOf('interpolation', ['nearest', 'bilinear'], 'nearest');
    const resize = how === 'nearest' ? tf.image.resizeNearestNeighbor : tf.image.resizeBilinear;
    return {
      shape: [...size, input[2]!],
      weights: [],
      apply: ([x]) => resize(x as tf.Tensor4D, size, false, true),
    };
  },
};

function reshaped(shape: Shape): ReturnType<LayerMaker> {
  return { shape, weights: [], apply: ([x]) => tf.reshape(x!, [x!.shape[0]!, ...shape]) };
}

function padded(config: LayerConfig, inputs: readonly Shape[], axes: number): ReturnType<LayerMaker> {
  const input = onlyInput(config, inputs, axes + 1);
  channelsLast(config);
  const edges = edgesOf(config, 'padding', axes);
  return {
    shape: input.map((length, axis) => length + (edges[axis]?.[0] ?? 0) + (edges[axis]?.[1] ?? 0)),
    weights: [],
    apply: ([x]) => tf.pad(x!, [[0, 0], ...edges, [0, 0]]),
  };
}

function cropped(config: LayerConfig, inputs: readonly Shape[], axes: number): ReturnType<LayerMaker> {
  const input = onlyInput(config, inputs, axes + 1);
  channelsLast(config);
  const edges = edgesOf(config, 'cropping', axes);
  const shape = input.map((length, axis) => length - (edges[axis]?.[0] ?? 0) - (edges[axis]?.[1] ?? 0));
  const begin = input.map((_, axis) => edges[axis]?.[0] ?? 0);
  return {
    shape: positive(config, shape),
    weights: [],
    apply: ([x]) => tf.slice(x!, [0, ...begin], [-1, ...shape]),
  };
}

/** Before and after each axis: one number for all, one per axis, or two per axis. */
function edgesOf(config: LayerConfig, key: string, axes: number): [number, number][] {
  const value = config.get(key) ?? 1;
  const list = Array.isArray(value) ? value : new Array<number>(axes).fill(value as number);
  const perAxis = axes === 1 && list.length === 2 ? [list] : list; // one axis may have its two without a list around
  const edges = perAxis.map((edge) => (Array.isArray(edge) ? edge : [edge, edge]));
  const isEdge = (edge: readonly unknown[]): boolean =>
    edge.length === 2 && edge.every((one) => Number.isSafeInteger(one) && (one as number) >= 0);
  if (edges.length === axes && edges.every(isEdge)) return edges as [number, number][];
  throw config.refused(`needs whole numbers as ${key}, not ${JSON.stringify(value)}`);
}
