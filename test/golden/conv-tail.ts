/** Golden case: a tail with convolutions and max pooling, through a layers model; a published descent and Grad-CAM. */
import * as tfl from '@tensorflow/tfjs-layers';
import * as tf from '../../src/base/tensorflow.ts';
import { gradCam } from '../../src/l2caf/gradcam.ts';
import { toHeatmap } from '../../src/l2caf/heatmap.ts';
import { tailFromLayersModel } from '../../src/l2caf/layers-tail.ts';
import { solveFilters } from '../../src/l2caf/solve.ts';
import type { Check, GoldenData } from './case.ts';
import { checkClose, checkPublished, shapeOf, tensorOf } from './checks.ts';

interface ConvTailJson {
  readonly class: number;
  readonly adam: { readonly final_loss: number };
}

/** Checks one `conv-tail-*` pair of files. */
export async function convTailCase(data: GoldenData): Promise<readonly Check[]> {
  const { class: index, adam } = data.json as ConvTailJson;
  const shape = shapeOf(data, 'feature_map_hwc') as [number, number, number];
  const model = convTailModel(data, shape);
  const input = tf.tensor4d(tensorOf(data, 'feature_map_hwc'), [1, ...shape]);
  const tail = tailFromLayersModel(model, 'features', input);
  try {
    const { filters } = await solveFilters(tail, { solver: 'gd', initial: [tensorOf(data, 'init')] });
    const classMap = gradCam(tail, { kind: 'class', index })[0]!;
    const scaled = toHeatmap(classMap, classMap).values;
    const embedding = { kind: 'embedding' } as const;
    const near = (name: string, ours: Float32Array) => checkClose(name, ours, tensorOf(data, name), 1e-5);
    return [
      near('output', tail.reference),
      ...checkPublished('adam', filters[0]!, adam.final_loss, tensorOf(data, 'adam')),
      near('gradcam_class', classMap.values),
      near('gradcam_class_peer_scaled', scaled),
      near('gradcam_embedding_relu', gradCam(tail, embedding)[0]!.values),
      near('gradcam_embedding_abs', gradCam(tail, embedding, 'abs')[0]!.values),
    ];
  } finally {
    tail.dispose();
    input.dispose();
    model.dispose();
  }
}

/** conv 3×3 same, relu, max pool 2 valid, conv 3×3 same, relu, global average pool, dense. */
function convTailModel(data: GoldenData, inputShape: [number, number, number]): tfl.LayersModel {
  const conv = (name: string): tfl.layers.Layer =>
    tfl.layers.conv2d({
      filters: tensorOf(data, `${name}_bias`).length,
      kernelSize: shapeOf(data, `${name}_kernel_hwio`).slice(0, 2) as [number, number],
      padding: 'same',
      activation: 'relu',
      weights: [weight(data, `${name}_kernel_hwio`), weight(data, `${name}_bias`)],
    });
  return tfl.sequential({
    layers: [
      tfl.layers.activation({ activation: 'linear', name: 'features', inputShape }),
      conv('conv1'),
      tfl.layers.maxPooling2d({ poolSize: 2, strides: 2, padding: 'valid' }),
      conv('conv2'),
      tfl.layers.globalAveragePooling2d({}),
      tfl.layers.dense({
        units: tensorOf(data, 'dense_bias').length,
        weights: [weight(data, 'dense_kernel'), weight(data, 'dense_bias')],
      }),
    ],
  });
}

function weight(data: GoldenData, name: string): tf.Tensor {
  return tf.tensor(tensorOf(data, name), [...shapeOf(data, name)]);
}
