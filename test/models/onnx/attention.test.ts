import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findAttention } from '../../../src/l2caf/method.ts';
import { parseLayout } from '../../../src/models/layout.ts';
import { attentionRollout, attentionTensors } from '../../../src/models/onnx/attention.ts';
import { readOnnx } from '../../../src/models/onnx/file.ts';
import { graphOf } from '../../../src/models/onnx/graph.ts';
import type { OnnxTensor } from '../../../src/models/onnx/runtime.ts';
import { normals } from '../../l2caf/toys.ts';
import { noiseFrames, RANGE, TinyFolder } from './tiny-folder.ts';
import { cnnLstm, transformer } from './tiny-networks.ts';

let folder: TinyFolder;
beforeAll(async () => {
  folder = await TinyFolder.make();
});
afterAll(() => folder.remove());

type Matrix = readonly (readonly number[])[];

/** Attention of random scores, rows of sum 1: `[count, tokens, tokens]`. */
function attention(count: number, tokens: number, seed: number): OnnxTensor {
  const data = normals(count * tokens * tokens, 1, seed).map(Math.exp);
  for (let row = 0; row < count * tokens; row++) {
    const own = data.subarray(row * tokens, (row + 1) * tokens);
    const sum = own.reduce((all, value) => all + value, 0);
    for (let i = 0; i < tokens; i++) own[i]! /= sum;
  }
  return { type: 'float32', dims: [count, tokens, tokens], data };
}

/** The paper's equation as it stands: whole matrices, `Ã_L … Ã_1` of `Ã = ½ W + ½ I`, W the mean of some heads. */
function wholeRollout(layers: readonly OnnxTensor[], heads: readonly number[]): Matrix {
  const tokens = layers[0]!.dims.at(-1)!;
  const places = Array.from({ length: tokens }, (_, i) => i);
  const halves = layers.map(({ data }) =>
    places.map((i) =>
      places.map((j) => {
        const of = (head: number) => Number(data[head * tokens ** 2 + i * tokens + j]);
        return heads.reduce((sum, head) => sum + of(head), 0) / heads.length / 2 + (i === j ? 0.5 : 0);
      }),
    ),
  );
  return halves.reduce((product: Matrix, next) =>
    next.map((row) => places.map((j) => row.reduce((sum, value, k) => sum + value * product[k]![j]!, 0))),
  );
}

describe('attentionRollout', () => {
  const close = (values: readonly number[]) => values.map((value) => expect.closeTo(value, 6));

  it('is the class token’s row of the product over the layers, for each slice, heads averaged', () => {
    const layers = [attention(4, 7, 1), attention(4, 7, 2), attention(4, 7, 3)]; // 2 slices of 2 heads, 1 + 2×3 tokens
    const found = attentionRollout(layers, parseLayout('(b t) (cls h w) c'), { t: 2, h: 2, w: 3, c: 5 })!;
    const slices = [
      [0, 1],
      [2, 3],
    ].map((heads) => wholeRollout(layers, heads)[0]!.slice(1));
    expect([...found]).toEqual(close(slices.flat()));
  });

  it('is the mean over all rows without a class token, and knows the order of tokens of all slices', () => {
    const layers = [attention(1, 12, 4), attention(1, 12, 5)];
    const whole = wholeRollout(layers, [0]);
    const mean = whole[0]!.map((_, j) => whole.reduce((sum, row) => sum + row[j]! / 12, 0));
    const sizes = { t: 2, h: 2, w: 3, c: 5 };
    expect([...attentionRollout(layers, parseLayout('b (t h w) c'), sizes)!]).toEqual(close(mean));
    const turned = attentionRollout(layers, parseLayout('b (h w t) c'), sizes)!;
    expect(turned[6 + 1]).toBeCloseTo(mean[3]!, 6); // slice 1, row 0, column 1
  });

  it('takes no notice of attention over other things, and is none where there is no other', () => {
    const layers = [attention(4, 6, 6), attention(12, 2, 7), attention(4, 6, 8)]; // the second over 2 moments at 6 places
    const [layout, sizes] = [parseLayout('(b t) (h w) c'), { t: 2, h: 2, w: 3, c: 5 }];
    const found = attentionRollout(layers, layout, sizes)!;
    expect(found).toEqual(attentionRollout([layers[0]!, layers[2]!], layout, sizes));
    expect(attentionRollout([layers[1]!], layout, sizes)).toBeUndefined();
    expect(attentionRollout([], layout, sizes)).toBeUndefined();
  });
});

describe('the method rollout', () => {
  it('is found in the graph of a transformer, frame by frame', async () => {
    const path = await folder.write(transformer());
    expect(attentionTensors(graphOf(await readOnnx(path)), 'head')).toEqual(['attention']);
    const network = await folder.open(transformer(), {
      ...RANGE,
      layer: { tensor: 'normed', layout: '(b t) (cls h w) c' },
    });
    const tail = network.tail(await network.features(noiseFrames(2, 16, 16)));
    const { filters, options } = await findAttention(tail, 'rollout');
    expect(options).toMatchObject({ method: 'rollout', solver: 'attention' });
    expect(filters).toHaveLength(2);
    for (const { values, loss } of filters) {
      expect(Math.hypot(...values)).toBeCloseTo(1, 5);
      expect(Math.min(...values)).toBeGreaterThan(0); // a softmax is never 0
      expect(loss).toBeGreaterThan(0);
    }
    expect(filters[0]!.values).not.toEqual(filters[1]!.values);
    const sums = await Promise.all([0, 1].map((slot) => tail.rollout!(slot)));
    for (const own of sums) expect(own.reduce((sum, value) => sum + value, 0)).toBeLessThan(0.5); // the rest is the class token's
  });

  it('is refused in words where a network has no attention', async () => {
    const network = await folder.open(cnnLstm());
    const tail = network.tail(await network.features(noiseFrames(3, 16, 16)));
    await expect(findAttention(tail, 'rollout')).rejects.toMatchObject({
      ...{ code: 'usage', message: 'rollout needs softmax attention, which is not found in this network' },
    });
  });
});
