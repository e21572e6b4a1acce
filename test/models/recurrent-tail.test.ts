import { beforeAll, describe, expect, it } from 'vitest';
import * as tf from '../../src/base/tensorflow.ts';
import { differentiated } from '../../src/l2caf/autodiff.ts';
import { useBackend } from '../../src/models/backend.ts';
import { poolingWeights } from '../../src/models/pooling.ts';
import { RecurrentHead } from '../../src/models/recurrent-tail.ts';
import { normals, type ToyHead, toyHeadWeights, toyMaps, toyRecurrent } from '../l2caf/toys.ts';

beforeAll(async () => {
  await useBackend('wasm');
});

const filters = normals(36, 0.5, 40);
const close = (values: ArrayLike<number>, digits = 4) => Array.from(values, (x) => expect.closeTo(x, digits) as number);
const HEADS: readonly (ToyHead & { readonly what: string })[] = [
  { what: 'more outputs than cells', outputs: 16 },
  { what: 'fewer outputs than cells', outputs: 4 },
  { what: 'pooled', outputs: 4, pooling: { height: 2, width: 3 } },
  { what: 'attention, more outputs than cells', outputs: 16, attention: { heads: 3, keys: 4 } },
  { what: 'attention, fewer outputs than cells', outputs: 4, attention: { heads: 2, keys: 6 } },
];

describe.each(HEADS)('a recurrent tail ($what)', (toy) => {
  it('gives the unfiltered output for a filter of ones, in every slot', () => {
    const { head, tail } = toyRecurrent(toy);
    const rows = tf.tidy(() => tail.filtered(tf.ones([3, 3, 4]), [0, 1, 2]).arraySync());
    for (const row of rows) expect(row).toEqual(close(tail.reference));
    tail.dispose();
    head.dispose();
  });

  it('is the same collapsed, uncollapsed and in double precision', () => {
    const { head, tail } = toyRecurrent(toy);
    const slots = [2, 0, 1];
    const [collapsed, uncollapsed] = tf.tidy(() => {
      const batch = tf.tensor3d(filters, [3, 3, 4]);
      const features = tf.stack(slots.map((slot) => tail.features(slot)));
      const maps = tf.mul(features, tf.expandDims(batch, 3)) as tf.Tensor4D;
      return [tail.filtered(batch, slots).arraySync(), tail.outputsOf(maps, slots).arraySync()];
    });
    for (const [row, slot] of slots.entries()) {
      expect(collapsed[row]).toEqual(close(uncollapsed[row]!));
      const filter = Float64Array.from(filters.subarray(row * 12, (row + 1) * 12));
      expect([...tail.smooth(slot).output(filter)]).toEqual(close(collapsed[row]!));
    }
    tail.dispose();
    head.dispose();
  });

  it('has the Jacobian of finite differences, and of automatic differentiation', () => {
    const { head, tail } = toyRecurrent(toy);
    const filter = Float64Array.from(filters.subarray(0, 12));
    for (const slot of [0, 1, 2]) {
      const response = tail.smooth(slot);
      const jacobian = Float64Array.from(response.jacobian(filter));
      for (let cell = 0; cell < 12; cell++) {
        const at = (h: number) => Float64Array.from(response.output(filter.map((x, i) => (i === cell ? x + h : x))));
        const [above, below] = [at(1e-5), at(-1e-5)];
        for (let k = 0; k < tail.outputSize; k++) {
          expect(jacobian[k * 12 + cell]).toBeCloseTo((above[k]! - below[k]!) / 2e-5, 7);
        }
      }
      expect([...differentiated(tail, slot).jacobian(filter)]).toEqual(close(jacobian));
    }
    tail.dispose();
    head.dispose();
  });
});

describe('RecurrentHead', () => {
  it('works out Jacobians of several events in one place, none of which changes another', () => {
    const { head, tail } = toyRecurrent();
    const another = head.tail({ ...toyMaps(), data: toyMaps().data.map((value) => 2 * value) });
    const filter = Float64Array.from(filters.subarray(0, 12));
    const first = tail.smooth(0).jacobian(filter);
    const copy = Float64Array.from(first);
    const other = another.smooth(1).jacobian(filter);
    expect(first).toEqual(copy);
    expect(other).not.toEqual(copy);
    tail.dispose();
    another.dispose();
    head.dispose();
  });

  it.each([{}, { attention: { heads: 2, keys: 4 } }])(
    'leaves frames out as if they had never been there: %o',
    async (toy) => {
      const { head, tail } = toyRecurrent(toy);
      const { data } = toyMaps();
      const sets = [[0, 1, 2], [1, 2], [0, 2], [2]];
      const outputs = await tail.subsets.evaluate(
        Uint8Array.from(sets.flatMap((set) => [0, 1, 2].map((frame) => Number(set.includes(frame))))),
      );
      for (const [row, set] of sets.entries()) {
        const rest = Float32Array.from(set.flatMap((frame) => [...data.subarray(frame * 60, (frame + 1) * 60)]));
        const alone = head.tail({ data: rest, shape: [set.length, 3, 4, 5] });
        expect([...outputs.subarray(row * tail.outputSize, (row + 1) * tail.outputSize)]).toEqual(
          close(alone.reference),
        );
        alone.dispose();
      }
      expect([...(await tail.subsets.evaluate(new Uint8Array(3)))]).toEqual(close(toyHeadWeights().embedding.bias));
      tail.dispose();
      head.dispose();
    },
  );

  it('gives logits as a dense layer on the embedding', () => {
    const weights = toyHeadWeights();
    const head = new RecurrentHead(weights);
    const [embedding, logits] = [head.tail(toyMaps()), head.tail(toyMaps(), 'logits')];
    const expected = weights.logits!.bias.map(
      (bias, k) => bias + embedding.reference.reduce((sum, x, i) => sum + x * weights.logits!.kernel[i * 3 + k]!, 0),
    );
    expect([...logits.reference]).toEqual(close(expected));
    for (const tail of [embedding, logits]) tail.dispose();
    head.dispose();
  });

  it('knows its output after each frame, and the class probabilities there', () => {
    const head = new RecurrentHead(toyHeadWeights());
    const maps = toyMaps();
    const tail = head.tail(maps);
    const two = head.tail({ data: maps.data.slice(0, 2 * 60), shape: [2, 3, 4, 5] });
    const [, afterTwo, afterAll] = tail.outputsSoFar();
    expect([...afterTwo!]).toEqual(close(two.reference));
    expect([...afterAll!]).toEqual(close(tail.reference));
    const logits = head.tail(maps, 'logits');
    const probabilities = tf.tidy(() => tf.softmax(tf.tensor1d(logits.reference)).dataSync());
    expect(head.probabilities(afterAll!)).toEqual(close(probabilities, 5));
    for (const each of [tail, two, logits]) each.dispose();
    head.dispose();
    const { logits: _, ...bare } = toyHeadWeights();
    const without = new RecurrentHead(bare);
    expect(without.probabilities(afterAll!)).toBeUndefined();
    without.dispose();
  });

  it.each<ToyHead>([{ pooling: { height: 2, width: 2 } }, { attention: { heads: 2, keys: 4 } }])(
    'frees every tensor: %o',
    (toy) => {
      const before = tf.memory().numTensors;
      const { head, tail } = toyRecurrent(toy);
      tail.features(0); // its own are made when they are first asked for
      expect(tf.memory().numTensors).toBeGreaterThan(before);
      tail.dispose();
      head.dispose();
      expect(tf.memory().numTensors).toBe(before);
    },
  );

  it('says what does not fit', () => {
    const weights = toyHeadWeights();
    const head = new RecurrentHead(weights);
    expect(() => head.tail({ data: new Float32Array(30), shape: [1, 2, 3, 5] })).toThrow(
      /\[t, 3, 4, 5\], got \[1, 2, 3, 5\]/,
    );
    expect(() => new RecurrentHead({ ...weights, channels: 6 })).toThrow(/reads 60 values, 3×4×6 maps have 72/);
    const { attention } = toyHeadWeights({ attention: { heads: 2, keys: 4 } });
    expect(() => new RecurrentHead({ ...weights, attention: attention! })).toThrow(
      /reads 60 values, 2 heads of 5 channels give 10/,
    );
    const { logits: _, ...plain } = weights;
    const withoutClasses = new RecurrentHead(plain);
    expect(() => withoutClasses.tail(toyMaps(), 'logits')).toThrow(/no class scores/);
    head.dispose();
    withoutClasses.dispose();
  });
});

describe('poolingWeights', () => {
  it('averages overlapping bins where the sides do not divide', () => {
    const weights = poolingWeights({ height: 1, width: 3 }, { height: 1, width: 2 });
    expect([...weights]).toEqual([0.5, 0.5, 0, 0, 0.5, 0.5]);
  });

  it('refuses to enlarge', () => {
    expect(() => poolingWeights({ height: 2, width: 2 }, { height: 3, width: 1 })).toThrow(
      /cannot pool 2×2 maps to 3×1/,
    );
  });
});
