/** Golden case: a trunk with torchvision's weights; the maps of its last stage, and the channel means of all stages. */

import * as tf from '../../src/base/tensorflow.ts';
import { STAGES } from '../../src/models/choices.ts';
import { createResNet, RESNET_DEPTHS, type ResNetSpec } from '../../src/models/resnet.ts';
import { fromTorchvision } from '../../src/models/torchvision.ts';
import type { Check, GoldenData } from './case.ts';
import { check, shapeOf, tensorOf } from './checks.ts';

/** Largest difference as a share of the largest value, fp32. */
const TOLERANCE = 1e-3;

/** Checks one `trunk-*-io` pair of files, with the `trunk-*-weights` pair beside it. */
export async function trunkCase(data: GoldenData): Promise<readonly Check[]> {
  const weights = await data.beside(data.name.replace(/-io$/, '-weights'));
  const { arch, upto } = weights.json as { readonly arch: string; readonly upto: string };
  const depth = RESNET_DEPTHS.find((candidate) => arch === `resnet${candidate}`);
  if (depth === undefined) throw new Error(`the golden file has the unknown architecture ${arch}`);
  const checks: Check[] = [];
  for (const upTo of STAGES.slice(0, STAGES.indexOf(stageOf(upto)) + 1)) {
    const spec: ResNetSpec = { depth, strideIn: '3x3', padding: 'symmetric', upTo };
    const trunk = createResNet(spec, fromTorchvision(spec, weights.tensors));
    const layer = `layer${STAGES.indexOf(upTo) + 1}`;
    const maps = tf.tidy(() =>
      trunk.features(
        tf.tensor4d(tensorOf(data, 'input_nhwc'), shapeOf(data, 'input_nhwc') as [number, number, number, number]),
      ),
    );
    if (data.tensors.has(`${layer}_mean_c`)) {
      // [n, h, w, c] → [c]; a file may keep one row for all pictures or one per picture
      const rows = tensorOf(data, `${layer}_mean_c`).length / maps.shape[3];
      const axes = rows === 1 ? [0, 1, 2] : [1, 2];
      checks.push(
        relative(
          `${layer} channel means`,
          tf.tidy(() => tf.mean(maps, axes).dataSync()),
          tensorOf(data, `${layer}_mean_c`),
        ),
      );
    }
    if (data.tensors.has(`${layer}_nhwc`)) {
      checks.push(relative(`${layer} maps`, maps.dataSync(), tensorOf(data, `${layer}_nhwc`)));
    }
    tf.dispose(maps);
    trunk.dispose();
  }
  return checks;
}

/** torchvision's `layer1` is the paper's conv2. */
function stageOf(layer: string): (typeof STAGES)[number] {
  const stage = STAGES[Number(layer.replace('layer', '')) - 1];
  if (stage === undefined) throw new Error(`the golden file has the unknown stage ${layer}`);
  return stage;
}

function relative(name: string, ours: ArrayLike<number>, theirs: Float32Array): Check {
  const largest = theirs.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const apart = theirs.reduce((worst, value, i) => Math.max(worst, Math.abs(value - (ours[i] ?? Number.NaN))), 0);
  return check(`${name} (relative)`, ours.length === theirs.length ? apart / largest : Number.NaN, TOLERANCE);
}
