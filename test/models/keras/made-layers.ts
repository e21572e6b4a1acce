/** Single layers of Keras, as a file's options make them. */
import { expect, it } from 'vitest';
import * as tf from '../../../src/base/tensorflow.ts';
import type { Layer } from '../../../src/models/keras/layer.ts';
import { type JsonObject, LayerConfig, type Shape } from '../../../src/models/keras/layer-config.ts';
import { makeLayer } from '../../../src/models/keras/layers.ts';

/** A layer called `name`. */
export function made(of: string, config: JsonObject, shapes: readonly Shape[], keras = 3): Layer {
  return makeLayer(of, new LayerConfig(`${of} name`, config, keras), shapes);
}

/** What Keras writes for `start:stop:step`. */
export function slice(start: number | null, stop: number | null = null, step: number | null = null): JsonObject {
  return { class_name: '__slice__', config: { start, stop, step } };
}

/** What Keras writes for `...`. */
export const ELLIPSIS: JsonObject = { class_name: '__ellipsis__', config: {} };

/** Numbers of a tensor, row by row. */
type Values = readonly number[];
/** A layer, its inputs and what it makes of them. */
export interface Case {
  readonly of: string;
  readonly config?: JsonObject;
  /** Shapes of the inputs, without the batch of one, and their values. */
  readonly inputs: readonly (readonly [Shape, Values])[];
  readonly weights?: readonly Values[];
  /** Of the output. */
  readonly shape: Shape;
  readonly values: Values;
  readonly keras?: number;
}

/** What a layer makes of values. */
function run({ of, config = {}, inputs, weights = [], keras }: Case): { shape: number[]; values: number[] } {
  return tf.tidy(() => {
    const layer = made(
      of,
      config,
      inputs.map(([shape]) => shape),
      keras,
    );
    const specs = layer.weights.map(({ shape }, i) => tf.tensor([...weights[i]!], [...shape]));
    const result = layer.apply(
      inputs.map(([shape, values]) => tf.tensor([...values], [1, ...shape])),
      specs,
    );
    expect(result.shape).toEqual([1, ...layer.shape]);
    return { shape: [...layer.shape], values: [...result.dataSync()] };
  });
}

/** Inputs that several cases have. */
export const [A, B] = [
  [[2], [6, -3]],
  [[2], [2, 4]],
] as const;
/** Two rows of three. */
export const GRID = [
  [2, 3],
  [1, 2, 3, 4, 5, 6],
] as const;
const show = ({
  of,
  config = {},
  inputs,
}: Pick<Case, 'of' | 'config'> & { readonly inputs: readonly unknown[] }): string =>
  `${of} ${JSON.stringify(config)} of ${JSON.stringify(inputs)}`;

/** A test for each case. */
export function holds(cases: readonly Case[]): void {
  it.each(cases.map((one) => [show(one), one] as const))('%s', (_, one) => {
    const { shape, values } = run(one);
    expect(shape).toEqual(one.shape);
    expect(values).toEqual(one.values.map((value) => expect.closeTo(value, Math.abs(value) > 100 ? 2 : 4)));
  });
}
