/** All kinds of layers that are understood, by their class in Keras. */
import { ACTIVATION_LAYERS } from './activations.ts';
import { ARRAY_OPERATORS } from './array-operators.ts';
import { ATTENTION_LAYERS } from './attention-layers.ts';
import { CONVOLUTION_LAYERS } from './convolutions.ts';
import { CONVOLUTION_3D_LAYERS } from './convolutions-3d.ts';
import { EINSUM_LAYERS } from './einsum-dense.ts';
import type { LayerMaker, MakeLayer } from './layer.ts';
import { type LayerConfig, sizeOf } from './layer-config.ts';
import { MERGE_LAYERS } from './merges.ts';
import { NORMALISATION_LAYERS } from './normalisations.ts';
import { OPERATORS } from './operators.ts';
import { POOLING_LAYERS } from './pooling-layers.ts';
import { RECURRENT_LAYERS } from './recurrent-layers.ts';
import { SHAPE_LAYERS } from './shape-layers.ts';

const LAYERS: Readonly<Record<string, LayerMaker>> = {
  ...OPERATORS,
  ...ARRAY_OPERATORS,
  ...ACTIVATION_LAYERS,
  ...ATTENTION_LAYERS,
  ...CONVOLUTION_LAYERS,
  ...CONVOLUTION_3D_LAYERS,
  ...EINSUM_LAYERS,
  ...MERGE_LAYERS,
  ...NORMALISATION_LAYERS,
  ...POOLING_LAYERS,
  ...RECURRENT_LAYERS,
  ...SHAPE_LAYERS,
};

/** Names that classes had, or have elsewhere. */
const ALIASES: Readonly<Record<string, string>> = {
  MaxPool1D: 'MaxPooling1D',
  MaxPool2D: 'MaxPooling2D',
  MaxPool3D: 'MaxPooling3D',
  AvgPool1D: 'AveragePooling1D',
  AvgPool2D: 'AveragePooling2D',
  AvgPool3D: 'AveragePooling3D',
  BatchNormalizationV1: 'BatchNormalization',
  BatchNormalizationV2: 'BatchNormalization',
  Convolution1D: 'Conv1D',
  Convolution2D: 'Conv2D',
  Convolution3D: 'Conv3D',
  LSTMV2: 'LSTM',
  GRUV2: 'GRU',
  SeparableConvolution1D: 'SeparableConv1D',
  SeparableConvolution2D: 'SeparableConv2D',
  Convolution1DTranspose: 'Conv1DTranspose',
  Convolution2DTranspose: 'Conv2DTranspose',
  Convolution3DTranspose: 'Conv3DTranspose',
  GlobalAvgPool1D: 'GlobalAveragePooling1D',
  GlobalAvgPool2D: 'GlobalAveragePooling2D',
  GlobalAvgPool3D: 'GlobalAveragePooling3D',
  GlobalMaxPool1D: 'GlobalMaxPooling1D',
  GlobalMaxPool2D: 'GlobalMaxPooling2D',
  GlobalMaxPool3D: 'GlobalMaxPooling3D',
  SyncBatchNormalization: 'BatchNormalization',
};

/** Whether a class of layers is understood. */
export function isKnownClass(className: string): boolean {
  return Object.hasOwn(LAYERS, usualName(className));
}

function usualName(className: string): string {
  return Object.hasOwn(ALIASES, className) ? ALIASES[className]! : className;
}

/** Values of the largest tensor of one event: more is a mistake, or malice. */
const MOST_VALUES = 2 ** 29;

/**
 * A layer of any class for inputs of some shapes.
 *
 * @throws L2cafError `model-invalid` for a class that is not known, with options that are not, or for inputs that do not fit
 */
export const makeLayer: MakeLayer = (className, config, inputs) => {
  const name = usualName(className);
  if (!isKnownClass(className)) throw config.refused(...whyUnknown(name, config));
  const layer = LAYERS[name]!(config, inputs, makeLayer);
  const size = sizeOf(layer.shape);
  if (!(size <= MOST_VALUES)) throw config.refused(`makes ${size} values of one event, which is too many`);
  return layer;
};

function whyUnknown(className: string, { title }: LayerConfig): readonly [why: string, hint: string] {
  const name = title.split(/[ /]/).at(-1);
  if (className === 'Lambda') {
    const example = `"lambdas": { "${name}": { "scale": 0.00784, "offset": -1 } }`;
    return [
      'is code, which a model file is not allowed to run',
      `say in its card what it does: ${example}, or a layer in its place (docs/keras.md)`,
    ];
  }
  return [
    `is of a class that is not supported: ${className}`,
    'export the network to ONNX, or say in its card which layer stands for it: ' +
      `"lambdas": { "${name}": { "layer": "CenterCrop", "height": 66, "width": 200 } } (docs/keras.md)`,
  ];
}
