/** Dense layers over any axes, as an equation says: `abc,cd->abd`. */
import * as tf from '../../base/tensorflow.ts';
import { activationOf } from './activations.ts';
import { type Layer, type LayerMaker, onlyInput, trained } from './layer.ts';
import { type LayerConfig, type Shape, shapeText, sizeOf } from './layer-config.ts';

/** The layers of this file. */
export const EINSUM_LAYERS: Readonly<Record<string, LayerMaker>> = {
  Einsum: einsum,
  EinsumDense: (config, inputs, make) => {
    const input = onlyInput(config, inputs);
    const equation = equationOf(config, input.length + 1);
    const lengths = lengthsOf(config, equation, input);
    const [, ...shape] = [...equation.output].map((letter) => lengths[letter]!);
    const activation = activationOf(config, shape, make);
    const biased = config.get('bias_axes');
    if (
      biased !== undefined &&
      (typeof biased !== 'string' || ![...biased].every((one) => equation.output.includes(one)))
    ) {
      throw config.refused(`has a bias along ${JSON.stringify(biased)}, which its output lacks`);
    }
    // its axes in the order of the output's, so that it is broadcast over the others
    const ofBias = (letter: string): boolean => biased !== undefined && (biased as string).includes(letter);
    const letters = [...equation.output];
    const from = letters.findIndex(ofBias);
    const bias = letters.slice(from).map((letter) => (ofBias(letter) ? lengths[letter]! : 1));
    const kernel = [...equation.kernel].map((letter) => lengths[letter]!);
    return {
      shape,
      weights: [trained('kernel', ...kernel), ...(biased === undefined ? [] : [trained('bias', ...bias)])],
      apply: ([x], [matrix, offset]) => {
        const result = multiplied(equation, x!, matrix!);
        return activation(offset === undefined ? result : tf.add(result, offset));
      },
    };
  },
};

/** A product of two tensors of which each has the batch. */
function einsum(config: LayerConfig, inputs: readonly Shape[]): Layer {
  const given = String(config.get('subscripts')).replace(/\s/g, '');
  const [, input = '', kernel = '', output = ''] = /^([a-zA-Z]+),([a-zA-Z]+)->([a-zA-Z]+)$/.exec(given) ?? [];
  const lengths = new Map<string, number>();
  const fits = [input, kernel].every((part, i) => {
    const shape = [1, ...(inputs[i] ?? [])];
    return [...part].every((letter, axis) => {
      const known = lengths.get(letter) ?? shape[axis]!;
      lengths.set(letter, known);
      return part.length === shape.length && known === shape[axis];
    });
  });
  const isProduct = [input, kernel, output].every((part) => part[0] === input[0]) && isPlain({ input, kernel, output });
  if (!fits || !isProduct || inputs.length !== 2) {
    throw config.refused(
      `computes ${JSON.stringify(given)} of ${inputs.map(shapeText).join(' and ')}, which is not supported`,
    );
  }
  const [, ...shape] = [...output].map((letter) => lengths.get(letter)!);
  return { shape, weights: [], apply: ([x, y]) => multiplied({ input, kernel, output }, x!, y!) };
}

/** Whether each letter stands once in a part, and in another part too. */
function isPlain({ input, kernel, output }: Equation): boolean {
  return [
    [input, kernel + output],
    [kernel, input + output],
    [output, input + kernel],
  ].every(
    ([own, others]) => new Set(own).size === own!.length && [...own!].every((letter) => others!.includes(letter)),
  );
}

/** One letter for each axis. */
interface Equation {
  readonly input: string;
  readonly kernel: string;
  readonly output: string;
}

/** @throws L2cafError `model-invalid` for what is no product of an input and a kernel that keeps the batch */
function equationOf(config: LayerConfig, axes: number): Equation {
  const given = String(config.get('equation')).replace(/\s/g, '');
  const [, input = '', kernel = '', output = ''] = /^([a-zA-Z.]+),([a-zA-Z]+)->([a-zA-Z.]+)$/.exec(given) ?? [];
  const spread = 'ZYXWVUTSRQ'.slice(0, Math.max(0, axes - input.replace('...', '').length));
  const equation = { input: input.replace('...', spread), kernel, output: output.replace('...', spread) };
  const batch = equation.input[0];
  const isProduct =
    equation.input.length === axes &&
    isPlain(equation) &&
    ![equation.input, equation.output].some((part) => part.includes('.')) &&
    equation.output[0] === batch &&
    !kernel.includes(batch!);
  if (isProduct) return equation;
  throw config.refused(
    `computes ${JSON.stringify(given)}, which is not supported for inputs of ${axes} axes`,
    'export the network to ONNX',
  );
}

function lengthsOf(
  config: LayerConfig,
  { input, kernel, output }: Equation,
  shape: Shape,
): Readonly<Record<string, number>> {
  const lengths: Record<string, number> = {};
  for (const [i, letter] of [...input].entries()) lengths[letter] = [1, ...shape][i]!;
  const given = config.get('output_shape');
  const said = (Array.isArray(given) ? given : [given ?? null]) as readonly unknown[];
  const own = [...output].slice(1).slice(-said.length);
  for (const [i, letter] of own.entries()) {
    const length = said[i + said.length - own.length];
    if (!(letter in lengths) && Number.isSafeInteger(length)) lengths[letter] = length as number;
  }
  const open = [...kernel, ...output].find((letter) => !((lengths[letter] ?? 0) > 0));
  if (open !== undefined)
    throw config.refused(`does not say how long its axis ${open} is, for inputs ${shapeText(shape)}`);
  return lengths;
}

/** The sum over what the output lacks, by one product of matrices for each place that all three have. */
function multiplied({ input, kernel, output }: Equation, x: tf.Tensor, matrix: tf.Tensor): tf.Tensor {
  const all = [...input].filter((letter) => kernel.includes(letter) && output.includes(letter));
  const summed = [...input].filter((letter) => kernel.includes(letter) && !output.includes(letter));
  const rows = [...input].filter((letter) => !kernel.includes(letter));
  const columns = [...kernel].filter((letter) => !input.includes(letter));
  const lengthOf = (letter: string): number =>
    input.includes(letter) ? x.shape[input.indexOf(letter)]! : matrix.shape[kernel.indexOf(letter)]!;
  const sizeOfAll = (letters: readonly string[]): number => sizeOf(letters.map(lengthOf));
  const brought = (value: tf.Tensor, letters: string, ...parts: string[][]): tf.Tensor3D => {
    const order = parts.flat().map((letter) => letters.indexOf(letter));
    return tf.reshape(tf.transpose(value, order), parts.map(sizeOfAll) as [number, number, number]);
  };
  const product = tf.matMul(brought(x, input, all, rows, summed), brought(matrix, kernel, all, summed, columns));
  const made = [...all, ...rows, ...columns];
  const order = [...output].map((letter) => made.indexOf(letter));
  return tf.transpose(tf.reshape(product, made.map(lengthOf)), order);
}
