/** Small seeded tails for tests: one linear, one recurrent. */

import { createRandom } from '../../src/base/random.ts';
import { pooledDenseTail } from '../../src/l2caf/linear-tail.ts';
import type { FeatureTail } from '../../src/l2caf/tail.ts';
import { type AttentionSpec, attentionShapes, attentionWeights } from '../../src/models/attention.ts';
import type { RecurrentTail } from '../../src/models/event-tail.ts';
import { RecurrentHead, type RecurrentHeadWeights } from '../../src/models/recurrent-tail.ts';
import type { FeatureMaps } from '../../src/models/video-model.ts';

/** Normal numbers of standard deviation `scale`. */
export function normals(count: number, scale: number, stream: number): Float32Array {
  const random = createRandom(5, stream);
  return Float32Array.from({ length: count }, () => scale * random.normal());
}

/** A 3×4 map of 6 channels, pooled, then 5 outputs. */
export function toyLinearTail(stream = 1): FeatureTail {
  return pooledDenseTail({
    grid: { height: 3, width: 4 },
    features: normals(72, 1, stream).map(Math.abs),
    kernel: normals(30, 1, stream + 1),
    bias: normals(5, 0.1, stream + 2),
  });
}

/** Sizes of a toy recurrent head. */
export interface ToyHead {
  readonly outputs?: number;
  readonly pooling?: RecurrentHeadWeights['pooling'];
  readonly attention?: AttentionSpec;
}

/** Weights of a head over 3×4 maps of 5 channels: LSTM of 16 units, `outputs` embedding components, 3 classes. */
export function toyHeadWeights({ outputs = 16, pooling, attention }: ToyHead = {}): RecurrentHeadWeights {
  const units = 16;
  const inputSize = (attention?.heads ?? (pooling ? pooling.height * pooling.width : 12)) * 5;
  const shapes = new Map(attention ? attentionShapes(attention, 5, units) : []);
  return {
    grid: { height: 3, width: 4 },
    channels: 5,
    ...(pooling && { pooling }),
    ...(attention && {
      attention: attentionWeights((name) => {
        const shape = shapes.get(name)!;
        const stream = 30 + [...shapes.keys()].indexOf(name);
        return { shape, data: normals(shape[0]! * shape[1]!, 0.5, stream) };
      }),
    }),
    lstm: {
      inputSize,
      units,
      inputKernel: normals(inputSize * 4 * units, 0.3, 11),
      recurrentKernel: normals(units * 4 * units, 0.5, 12),
      bias: normals(4 * units, 0.3, 13),
    },
    embedding: { kernel: normals(units * outputs, 0.5, 14), bias: normals(outputs, 0.1, 15) },
    logits: { kernel: normals(outputs * 3, 0.5, 16), bias: normals(3, 0.1, 17) },
  };
}

/** Feature maps of three frames that fit {@link toyHeadWeights}. */
export function toyMaps(stream = 20): FeatureMaps {
  return { data: normals(3 * 60, 1, stream).map(Math.abs), shape: [3, 3, 4, 5] };
}

/** A toy recurrent tail and the head it belongs to. */
export function toyRecurrent(toy: ToyHead = {}): { readonly head: RecurrentHead; readonly tail: RecurrentTail } {
  const head = new RecurrentHead(toyHeadWeights(toy));
  return { head, tail: head.tail(toyMaps()) };
}

/** One output, the mean of four cells worth 4, 2, 1 and 0: `FT(f) = f·[1, 0.5, 0.25, 0]`, which adds up cell by cell. */
export function additiveTail(): FeatureTail {
  return pooledDenseTail({
    grid: { height: 2, width: 2 },
    features: Float32Array.of(4, 2, 1, 0),
    kernel: Float32Array.of(1),
    bias: Float32Array.of(0),
  });
}
