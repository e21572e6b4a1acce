/** Layers that only move values around, and those that training alone has. */
import * as tf from '../../base/tensorflow.ts';
import { channelsLast, positive } from './convolutions.ts';
import { type Layer, type LayerMaker, onlyInput } from './layer.ts';
import { type LayerConfig, type Shape, shapeText, sizeOf } from './layer-config.ts';
import { targetShape } from './operators.ts';
import { innerLayer } from './recurrent-layers.ts';

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
  StochasticDepth: identity,
  RandomFlip: identity,
  RandomRotation: identity,
  RandomZoom: identity,
  RandomTranslation: identity,
  RandomContrast: identity,
  RandomBrightness: identity,
  RandomSharpness: identity,
  RandomHue: identity,
  RandomSaturation: identity,
  RandomGrayscale: identity,
  RandomInvert: identity,
  RandomGaussianBlur: identity,
  RandomErasing: identity,
  RandomShear: identity,
  RandomPerspective: identity,
  RandomPosterization: identity,
  RandomColorJitter: identity,
  RandomColorDegeneration: identity,
  RandomElasticTransform: identity,
  RandAugment: identity,
  AugMix: identity,
  MixUp: identity,
  CutMix: identity,
  Masking: (config, inputs) => ({
    shape: onlyInput(config, inputs),
    weights: [],
    isIdentity: true,
    note: `the layer ${config.title} leaves out steps of which all values are ${config.number('mask_value', 0)}: here none is`,
    apply: ([x]) => x!,
  }),
  /** Layers one after another, as of augmentation. */
  Pipeline: (config, inputs, make) => {
    const list = config.get('layers');
    if (!Array.isArray(list)) throw config.refused('lacks its layers');
    const layers: Layer[] = [];
    for (const i of list.keys()) {
      const { className, config: own } = innerLayer(config, 'layers', i);
      layers.push(make(className, own, layers.length === 0 ? inputs : [layers.at(-1)!.shape]));
    }
    if (layers.some(({ weights }) => weights.length > 0)) throw config.refused('has layers with weights');
    return {
      shape: layers.at(-1)?.shape ?? onlyInput(config, inputs),
      weights: [],
      apply: ([x]) => layers.reduce((value, layer) => layer.apply([value], []), x!),
    };
  },
  Flatten: (config, inputs) => {
    channelsLast(config);
    return reshaped([sizeOf(onlyInput(config, inputs))]);
  },
  Reshape: (config, inputs) => {
    const input = onlyInput(config, inputs);
    if (config.get('newshape') === undefined)
      return reshaped(targetShape(config, input, config.integers('target_shape')));
    const [batch, ...target] = config.integers('newshape'); // as a function, with the batch
    const isWhole = batch === 1 || (batch === -1 && !target.includes(-1) && sizeOf(target) === sizeOf(input));
    if (!isWhole)
      throw config.refused('makes another batch of its input', 'apply along time what follows, with TimeDistributed');
    return reshaped(targetShape(config, input, target));
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
  Cropping3D: (config, inputs) => cropped(config, inputs, 3),
  UpSampling1D: (config, inputs) => repeated(config, inputs, 1),
  UpSampling3D: (config, inputs) => repeated(config, inputs, 3),
  UpSampling2D: (config, inputs) => {
    const input = onlyInput(config, inputs, 3);
    channelsLast(config);
    const [rows, columns] = config.counts('size', 2, 2);
    return resized(config, input, [input[0]! * rows!, input[1]! * columns!], 'nearest');
  },
  Resizing: (config, inputs) => {
    const input = onlyInput(config, inputs, 3);
    channelsLast(config);
    const size: Size = [config.count('height'), config.count('width')];
    for (const option of ['pad_to_aspect_ratio', 'antialias']) {
      if (config.flag(option, false)) throw config.refused(`asks for ${option}, which is not supported`);
    }
    const isCropped = config.flag('crop_to_aspect_ratio', false);
    return isCropped ? filled(config, input, size) : resized(config, input, size, 'bilinear');
  },
  CenterCrop: (config, inputs) => {
    const input = onlyInput(config, inputs, 3);
    channelsLast(config);
    const size: Size = [config.count('height'), config.count('width')];
    const begin = size.map((length, axis) => Math.floor((input[axis]! - length) / 2));
    if (begin.some((edge) => edge < 0)) return filled(config, input, size);
    return { shape: [...size, input[2]!], weights: [], apply: ([x]) => part(x!, begin, size) };
  },
};

type Size = readonly [height: number, width: number];

/** Of pictures `[n, h, w, c]` a part. */
function part(x: tf.Tensor, begin: readonly number[], size: Size): tf.Tensor4D {
  return tf.slice(x as tf.Tensor4D, [0, begin[0]!, begin[1]!, 0], [-1, size[0], size[1], -1]);
}

function resized(config: LayerConfig, input: Shape, size: Size, usual: 'nearest' | 'bilinear'): Layer {
  const how = config.oneOf('interpolation', ['nearest', 'bilinear'], usual);
  const resize = how === 'nearest' ? tf.image.resizeNearestNeighbor : tf.image.resizeBilinear;
  return {
    shape: [...size, input[2]!],
    weights: [],
    apply: ([x]) => resize(x as tf.Tensor4D, [...size], false, true),
  };
}

/** The middle part of the shape that is asked for, resized. */
function filled(config: LayerConfig, input: Shape, size: Size): Layer {
  const [height, width] = input as [number, number];
  const own: Size = [
    Math.min(height, Math.floor((width * size[0]) / size[1])),
    Math.min(width, Math.floor((height * size[1]) / size[0])),
  ];
  const begin = [Math.floor((height - own[0]) / 2), Math.floor((width - own[1]) / 2)];
  const layer = resized(config, [...own, input[2]!], size, 'bilinear');
  return { ...layer, apply: ([x], weights) => layer.apply([part(x!, begin, own)], weights) };
}

/** Each value several times along each axis. */
function repeated(config: LayerConfig, inputs: readonly Shape[], axes: number): Layer {
  const input = onlyInput(config, inputs, axes + 1);
  channelsLast(config);
  const times = config.counts('size', axes, 2);
  const places = times.map((count, axis) =>
    Array.from({ length: input[axis]! * count }, (_, i) => Math.floor(i / count)),
  );
  return {
    shape: input.map((length, axis) => length * (times[axis] ?? 1)),
    weights: [],
    noGradient: true,
    apply: ([x]) => places.reduce((all, own, axis) => tf.gather(all, tf.tensor1d(own, 'int32'), axis + 1), x!),
  };
}

/** `[n, …]` with the axes behind the first in an order, counted from 0. */
export function transposed(x: tf.Tensor, order: readonly number[]): tf.Tensor {
  return tf.transpose(x, [0, ...order.map((axis) => axis + 1)]);
}

function reshaped(shape: Shape): Layer {
  return { shape, weights: [], apply: ([x]) => tf.reshape(x!, [x!.shape[0]!, ...shape]) };
}

function padded(config: LayerConfig, inputs: readonly Shape[], axes: number): Layer {
  const input = onlyInput(config, inputs, axes + 1);
  channelsLast(config);
  const edges = edgesOf(config, 'padding', axes);
  return {
    shape: input.map((length, axis) => length + (edges[axis]?.[0] ?? 0) + (edges[axis]?.[1] ?? 0)),
    weights: [],
    apply: ([x]) => tf.pad(x!, [[0, 0], ...edges, [0, 0]]),
  };
}

function cropped(config: LayerConfig, inputs: readonly Shape[], axes: number): Layer {
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
