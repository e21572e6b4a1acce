/**
 * Bring your own network: a tail from any TensorFlow.js layers model, cut after a layer of your choice (paper, Sec. 3).
 */

import { L2cafError } from '../base/errors.ts';
import * as tf from '../base/tensorflow.ts';
import type { FeatureTail } from './tail.ts';
import { featureTail } from './tensor-tail.ts';

/**
 * Where the filter problem starts: `fast` runs the network up to the filtered layer once (paper, Eq. 3), `vanilla` runs
 * all of it in every iteration. Both are the same problem.
 */
export type Endpoints = 'fast' | 'vanilla';

/** What is used of a TensorFlow.js layers model; a `LayersModel` of @tensorflow/tfjs-layers 4 is one. */
export interface LayersNetwork {
  readonly inputs: readonly LayersSymbol[];
  readonly outputs: readonly LayersSymbol[];
  readonly layers: readonly { readonly name: string; readonly output: LayersSymbol | LayersSymbol[] }[];
}

/** A tensor in the graph of a layers model, before it has a value; a `SymbolicTensor` of @tensorflow/tfjs-layers is one. */
export interface LayersSymbol {
  readonly id: number;
  readonly name: string;
  readonly rank: number;
  /** What the layer makes it of; none for an input of the model. */
  readonly inputs: readonly LayersSymbol[];
  /** Which output of its layer it is, where there are several. */
  readonly outputTensorIndex?: number;
  /** The layer that makes it. */
  readonly sourceLayer: LayersLayer;
}

/** What is used of a layer of a layers model. */
export interface LayersLayer {
  /** Its output for values of its inputs. */
  apply(inputs: tf.Tensor | tf.Tensor[]): unknown;
}

/**
 * A tail of one slot: what `model` makes of `input` after the layer `layerName`, whose output `[1, h, w, c]` is filtered.
 * The model and the input stay the caller's and must outlive the tail; the caller disposes of the tail.
 *
 * @param input `[1, …]`, one picture.
 * @throws L2cafError `model-invalid` when the layer is missing, is not a feature map, or does not separate input from
 * output; or when the model has several inputs or an output that is not `[n, d]`.
 */
export function tailFromLayersModel(
  model: LayersNetwork,
  layerName: string,
  input: tf.Tensor,
  endpoints: Endpoints = 'fast',
): FeatureTail {
  const cut = cutPoint(model, layerName);
  const [start, end] = [model.inputs[0]!, model.outputs[0]!];
  const outputsOf = (features: tf.Tensor4D): tf.Tensor2D => evaluate(end, cut, features) as tf.Tensor2D;
  let reference: Float32Array = new Float32Array();
  const map = tf.tidy(() => {
    const features = evaluate(cut, start, input) as tf.Tensor4D;
    reference = outputsOf(features).dataSync<'float32'>();
    return features;
  });
  const [, height, width] = map.shape;
  const filteredMap = (filters: tf.Tensor3D): tf.Tensor4D => {
    const features = endpoints === 'fast' ? map : (evaluate(cut, start, input) as tf.Tensor4D);
    return tf.mul(features, tf.expandDims(filters, 3)); // [1, h, w, c] × [n, h, w, 1]
  };
  const first = tf.tidy(() => tf.squeeze<tf.Tensor3D>(map, [0]));
  return featureTail({
    slots: 1,
    grid: { height, width },
    outputSize: reference.length,
    reference,
    filtered: (filters) => tf.tidy(() => outputsOf(filteredMap(filters))),
    features: () => first,
    outputsOf: (features: tf.Tensor4D) => tf.tidy(() => outputsOf(features)),
    dispose: () => tf.dispose([map, first]),
  });
}

function cutPoint(model: LayersNetwork, layerName: string): LayersSymbol {
  const layer = model.layers.find(({ name }) => name === layerName);
  const problem =
    layer === undefined
      ? `it has no layer ${layerName}`
      : model.inputs.length !== 1 || model.outputs.length !== 1
        ? 'it must have one input and one output'
        : Array.isArray(layer.output) || layer.output.rank !== 4
          ? `the output of ${layerName} is not a feature map [n, h, w, c]`
          : model.outputs[0]!.rank !== 2
            ? 'its output is not [n, d]'
            : undefined;
  if (problem === undefined) return layer!.output as LayersSymbol;
  const names = model.layers
    .filter(({ output }) => !Array.isArray(output) && output.rank === 4)
    .map(({ name }) => name);
  throw new L2cafError('model-invalid', `cannot cut the model at ${layerName}: ${problem}`, {
    hint: `layers with feature maps: ${names.slice(-8).join(', ')}`,
  });
}

/** Runs the part of a model's graph between two of its tensors, layer by layer, on `value` in place of `from`. */
function evaluate(to: LayersSymbol, from: LayersSymbol, value: tf.Tensor): tf.Tensor {
  const known = new Map<number, tf.Tensor>([[from.id, value]]);
  const visit = (symbol: LayersSymbol): tf.Tensor => {
    const result = known.get(symbol.id);
    if (result !== undefined) return result;
    if (symbol.inputs.length === 0) {
      throw new L2cafError('model-invalid', `${from.name} does not separate the model's input from its output`, {
        hint: 'cut after a layer that all paths through the network meet in',
      });
    }
    const inputs = symbol.inputs.map(visit);
    const outputs = symbol.sourceLayer.apply(inputs.length === 1 ? inputs[0]! : inputs) as tf.Tensor | tf.Tensor[];
    const output = Array.isArray(outputs) ? outputs[symbol.outputTensorIndex ?? 0]! : outputs;
    known.set(symbol.id, output);
    return output;
  };
  return visit(to);
}
