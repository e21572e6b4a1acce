/**
 * Reads the Keras ResNet-50 (ImageNet, first version: stride in the first 1×1, biases before batch norms) from a
 * TensorFlow.js layers model on disk and turns it into folded weights with this project's layer names.
 */
import { join } from 'node:path';
import * as z from '#zod';
import { L2cafError, messageOf } from '../base/errors.ts';
import { jsonIn, readInput } from '../base/input-files.ts';
import { product } from '../base/matrix.ts';
import { foldBatchNorm } from './batch-norm.ts';
import { convLayers, type FoldedWeights, type ResNetSpec, resnetLayout } from './resnet.ts';
import type { NamedArray } from './safetensors.ts';

/** The whole network, as its authors trained it. */
export const KERAS_RESNET50: ResNetSpec = { depth: 50, strideIn: 'first-1x1', padding: 'symmetric', upTo: 'conv5' };

/** The classification layer's name in the folded weights: `fc/kernel` `[2048, 1000]`, `fc/bias` `[1000]`. */
export const CLASSIFIER_LAYER = 'fc';

/** Epsilon of every batch norm in the published model. */
const EPSILON = 1e-3;

/** No shard of a published model is larger. */
const MAX_FILE_BYTES = 1e9;

const manifestSchema = z.object({
  weightsManifest: z.array(
    z.object({
      paths: z.array(z.string().regex(/^[\w.-]+$/)),
      weights: z.array(z.object({ name: z.string(), shape: z.array(z.int().positive()), dtype: z.literal('float32') })),
    }),
  ),
});

/**
 * Reads `model.json` and its shards in `folder`, folds the batch norms, renames the layers.
 *
 * @throws L2cafError `weights-invalid` when a file is missing, truncated or describes another network.
 */
export async function readKerasResNet50(folder: string): Promise<FoldedWeights> {
  const raw = await readLayersModelWeights(folder);
  const get = (name: string): NamedArray => {
    const found = raw.get(name);
    if (found === undefined)
      throw new L2cafError('weights-invalid', `${folder}: ${name} is missing, this is not the Keras ResNet-50`);
    return found;
  };
  const folded = new Map<string, NamedArray>();
  for (const { name } of convLayers(resnetLayout(KERAS_RESNET50))) {
    const { conv, norm } = kerasNames(name);
    const batchNorm = {
      gamma: get(`${norm}/gamma`).data,
      beta: get(`${norm}/beta`).data,
      mean: get(`${norm}/moving_mean`).data,
      variance: get(`${norm}/moving_variance`).data,
      epsilon: EPSILON,
    };
    const { kernel, bias } = foldBatchNorm(get(`${conv}/kernel`), get(`${conv}/bias`).data, batchNorm);
    folded.set(`${name}/kernel`, kernel).set(`${name}/bias`, bias);
  }
  return folded
    .set(`${CLASSIFIER_LAYER}/kernel`, get('fc1000/kernel'))
    .set(`${CLASSIFIER_LAYER}/bias`, get('fc1000/bias'));
}

/** `conv4_block2_3_conv` → `res4b_branch2c` and `bn4b_branch2c`; `…_0_conv` is the shortcut, `branch1`. */
function kerasNames(name: string): { conv: string; norm: string } {
  const match = /^conv(\d)_block(\d+)_(\d)_conv$/.exec(name);
  if (match === null) return { conv: 'conv1', norm: 'bn_conv1' };
  const [stage, block, conv] = match.slice(1).map(Number) as [number, number, number];
  const letter = (index: number): string => 'abcdefghijklmnopqrstuvwxyz'[index - 1]!;
  const suffix = `${stage}${letter(block)}_branch${conv === 0 ? '1' : `2${letter(conv)}`}`;
  return { conv: `res${suffix}`, norm: `bn${suffix}` };
}

async function readLayersModelWeights(folder: string): Promise<Map<string, NamedArray>> {
  const read = (name: string): Promise<Buffer> =>
    readInput(join(folder, name), { maxBytes: MAX_FILE_BYTES }).catch((cause: unknown) => {
      throw new L2cafError('weights-invalid', messageOf(cause), { cause });
    });
  const manifest = manifestSchema.safeParse(jsonIn(await read('model.json')));
  if (!manifest.success) {
    throw new L2cafError('weights-invalid', `${join(folder, 'model.json')} is not a TensorFlow.js layers model`, {
      cause: manifest.error,
    });
  }
  const tensors = new Map<string, NamedArray>();
  for (const { paths, weights } of manifest.data.weightsManifest) {
    const shards: Buffer[] = [];
    for (const path of paths) shards.push(await read(path));
    const bytes = new Uint8Array(Buffer.concat(shards)).buffer; // aligned, unlike a pooled Buffer
    let offset = 0;
    for (const { name, shape } of weights) {
      const count = product(shape);
      if (offset + 4 * count > bytes.byteLength)
        throw new L2cafError('weights-invalid', `${folder}: the shards end before ${name}`);
      tensors.set(name, { shape, data: new Float32Array(bytes, offset, count) });
      offset += 4 * count;
    }
  }
  return tensors;
}
