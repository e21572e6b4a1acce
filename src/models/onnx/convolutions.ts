/**
 * Networks of this project as ONNX graphs, made from the weights in memory: the ResNet trunk, the shallow CNN, SqueezeNet.
 * What they read and give is `n c h w`, as ONNX's convolutions have it; paddings are those of the forward passes that
 * `resnet.ts`, `shallow-cnn.ts` and `squeezenet.ts` run.
 */
import { kernelToChannelsFirst } from '../channels-last.ts';
import type { HeadSpec } from '../head.ts';
import type { ConvLayer } from '../residual-block.ts';
import type { ResNetSpec } from '../resnet.ts';
import { resnetLayout, stepNames } from '../resnet.ts';
import type { NamedArray } from '../safetensors.ts';
import { SQUEEZENET_LAYERS } from '../squeezenet.ts';
import type { GraphBuilder, NodeAttributes } from './builder.ts';

/** Weights by name, kernels `[h, w, in, out]`. */
export type Weights = ReadonlyMap<string, NamedArray>;

/** What surrounds a map: as many zeros on each side as are needed, the odd one at the end (`same`), or none or more (a number). */
type Zeros = 'same' | number;

/** How a window moves over a map. */
interface Window {
  readonly size: number;
  readonly stride: number;
  readonly zeros: Zeros;
}

function windowAttributes({ size, stride, zeros }: Window): NodeAttributes {
  return {
    kernel_shape: [size, size],
    strides: [stride, stride],
    ...(zeros === 'same' ? { auto_pad: 'SAME_UPPER' } : { pads: [zeros, zeros, zeros, zeros] }),
  };
}

/** A convolution with bias. The output is called `name`; with `relu` it has passed one. Returns its name. */
export function addConvolution(
  graph: GraphBuilder,
  input: string,
  name: string,
  window: Omit<Window, 'size'> & { readonly relu: boolean; readonly weights: readonly [NamedArray, NamedArray] },
): string {
  const [kernel, bias] = window.weights;
  const attributes = windowAttributes({ ...window, size: kernel.shape[0]! });
  const inputs = [
    input,
    graph.floats(`${name}/kernel`, kernelToChannelsFirst(kernel)),
    graph.floats(`${name}/bias`, bias),
  ];
  if (!window.relu) return graph.node('Conv', inputs, name, attributes);
  return graph.node('Relu', [graph.node('Conv', inputs, `${name}/linear`, attributes)], name);
}

/** The largest value under a window. What surrounds the map does not count. */
function addMaxPool(graph: GraphBuilder, input: string, name: string, window: Window): string {
  return graph.node('MaxPool', [input], name, windowAttributes(window));
}

function layerWeights(weights: Weights, layer: string): readonly [NamedArray, NamedArray] {
  return [weights.get(`${layer}/kernel`)!, weights.get(`${layer}/bias`)!];
}

/**
 * A ResNet: preprocessed pictures `n 3 h w` → feature maps `n c h w`, whose name is returned. Every step's output is called
 * what the step is called (`stepNames`). Weights are those that `createResNet` takes.
 */
export function addResNet(graph: GraphBuilder, pictures: string, spec: ResNetSpec, weights: Weights): string {
  const layout = resnetLayout(spec);
  const [stem, ...names] = stepNames(layout);
  const isSymmetric = spec.padding === 'symmetric';
  const convolution = (input: string, { name, size, stride }: ConvLayer, relu: boolean): string => {
    const zeros = isSymmetric || stride === 1 ? (size - 1) / 2 : 'same'; // without a stride the two are the same
    return addConvolution(graph, input, name, { stride, zeros, relu, weights: layerWeights(weights, name) });
  };
  const first = convolution(pictures, layout.stem, true);
  let maps = addMaxPool(graph, first, stem, { size: 3, stride: 2, zeros: isSymmetric ? 1 : 'same' });
  for (const [i, { name, convs, shortcut }] of layout.blocks.entries()) {
    const last = convs.length - 1;
    const residual = convs.reduce((input, layer, at) => convolution(input, layer, at < last), maps);
    const beside = shortcut ? convolution(maps, shortcut, false) : maps;
    maps = graph.node('Relu', [graph.node('Add', [residual, beside], `${name}_add`)], names[i]!);
  }
  return maps;
}

/** The shallow CNN on a trunk's features; its last layer is called `cnn` and its number. Without layers the features. */
export function addShallowCnn(
  graph: GraphBuilder,
  features: string,
  { shallowCnn }: HeadSpec,
  weights: Weights,
): string {
  return shallowCnn.reduce((input, { stride }, i) => {
    const name = `cnn${i + 1}`;
    return addConvolution(graph, input, name, {
      stride,
      zeros: 'same',
      relu: true,
      weights: layerWeights(weights, name),
    });
  }, features);
}

/** SqueezeNet 1.1: preprocessed pictures `n 3 h w` → maps of class scores `n 1000 h w`, whose name is returned. */
export function addSqueezeNet(graph: GraphBuilder, pictures: string, weights: Weights): string {
  let at = 0; // of the next convolution
  const convolution = (input: string, name: string, stride: 1 | 2, zeros: number): string =>
    addConvolution(graph, input, name, { stride, zeros, relu: true, weights: layerWeights(weights, `conv${at++}`) });
  return SQUEEZENET_LAYERS.reduce((input, name) => {
    if (name.endsWith('_pool')) return addMaxPool(graph, input, name, { size: 3, stride: 2, zeros: 0 });
    if (name === 'conv1') return convolution(input, name, 2, 0);
    if (name === 'conv10') return convolution(input, name, 1, 0);
    const squeezed = convolution(input, `${name}/squeezed`, 1, 0);
    const expanded = [convolution(squeezed, `${name}/1x1`, 1, 0), convolution(squeezed, `${name}/3x3`, 1, 1)];
    return graph.node('Concat', expanded, name, { axis: 1 });
  }, pictures);
}
