/** Which weights of a file belong to which layer: by their order and names in .h5 and TF.js files, by their folder in .keras. */
import { L2cafError } from '../../base/errors.ts';
import * as tf from '../../base/tensorflow.ts';
import { shapeText } from './layer-config.ts';
import type { Graph, WeightSlot } from './unfolded.ts';

/** A weight as a file has it. */
export interface StoredWeight {
  /** With the names of the groups it is in, `/` between them. */
  readonly path: string;
  readonly shape: readonly number[];
  /** Reads it, row by row. */
  read(): Float32Array;
}

/** The weights of a file. */
export type StoredWeights = WeightsByLayer | WeightList | WeightsByFolder;

/** As listed for each layer of the outermost network. */
interface WeightsByLayer {
  readonly kind: 'by-layer';
  /** Those of a layer, in the file's order. */
  of(layer: string): readonly StoredWeight[];
}

/** One list for the whole network. */
interface WeightList {
  readonly kind: 'list';
  readonly all: readonly StoredWeight[];
}

/** In folders. */
interface WeightsByFolder {
  readonly kind: 'by-folder';
  /** Those in a folder and below; `undefined` in its path stands for a network's list of layers. */
  in(folder: readonly (string | undefined)[]): readonly StoredWeight[];
}

/** Tensors of each layer's weights, by the layer's key. */
export type LoadedWeights = ReadonlyMap<string, readonly tf.Tensor[]>;

/**
 * Reads the weights of every layer. The caller disposes of the tensors.
 *
 * @throws L2cafError `weights-invalid` when one is missing, superfluous, of another shape, or not a number
 */
export function assignWeights(graph: Graph, stored: StoredWeights): LoadedWeights {
  const pairs = assigned(graph.slots, stored);
  const loaded = new Map<string, tf.Tensor[]>();
  try {
    for (const [{ key, specs }, weights] of pairs) {
      loaded.set(key, []);
      for (const [i, { shape, isIdle }] of specs.entries()) {
        if (!isIdle) loaded.get(key)!.push(tensorOf(weights[i]!, shape));
      }
    }
    return loaded;
  } catch (error) {
    tf.dispose([...loaded.values()].flat());
    throw error;
  }
}

function tensorOf(weight: StoredWeight, shape: readonly number[]): tf.Tensor {
  const data = weight.read();
  if (!data.every(Number.isFinite)) {
    throw new L2cafError('weights-invalid', `the weights ${weight.path} hold values that are not numbers`, {
      hint: 'the training has diverged, or the file is damaged',
    });
  }
  return tf.tensor(data, [...shape]);
}

type Assignment = readonly [slot: WeightSlot, weights: readonly StoredWeight[]];

function assigned(slots: readonly WeightSlot[], stored: StoredWeights): Assignment[] {
  if (stored.kind === 'by-folder') {
    return slots.map((whole) => {
      const slot = { ...whole, specs: whole.specs.filter(({ isIdle }) => !isIdle) };
      const folders = [...new Set(slot.specs.map(({ folder }) => folder))];
      const weights = folders.flatMap((one) => stored.in(one === undefined ? slot.folder : [...slot.folder, one]));
      return [slot, checked(slot, weights)];
    });
  }
  const groups = new Map<string, WeightSlot[]>();
  for (const slot of slots) groups.set(slot.topLayer, [...(groups.get(slot.topLayer) ?? []), slot]);
  let taken = 0;
  const assignments = [...groups].flatMap(([layer, own]) => {
    const count = own.reduce((sum, { specs }) => sum + specs.length, 0);
    const weights = stored.kind === 'by-layer' ? stored.of(layer) : stored.all.slice(taken, taken + count);
    taken += count;
    return inFileOrder(own, weights);
  });
  if (stored.kind === 'list' && taken < stored.all.length) {
    throw new L2cafError('weights-invalid', `the file has ${stored.all.length} weights, but the layers ${taken}`);
  }
  return assignments;
}

/** Trained weights of all layers first, then the others: so files have the weights of a network within the network. */
function inFileOrder(slots: readonly WeightSlot[], weights: readonly StoredWeight[]): Assignment[] {
  const places = slots.flatMap((slot) => slot.specs.map(({ trained }, index) => ({ slot, index, trained })));
  const inOrder = [...places.filter(({ trained }) => trained), ...places.filter(({ trained }) => !trained)];
  if (inOrder.length !== weights.length) {
    const { title } = slots[0]!;
    throw new L2cafError(
      'weights-invalid',
      `the layer ${title} has ${inOrder.length} weights, but the file ${weights.length}`,
      {
        hint: 'was the file saved with its weights, by one run of Keras?',
      },
    );
  }
  const bySlot = new Map(slots.map((slot) => [slot, new Array<StoredWeight>(slot.specs.length)]));
  for (const [i, { slot, index }] of inOrder.entries()) bySlot.get(slot)![index] = weights[i]!;
  return [...bySlot].map(([slot, own]) => [slot, checked(slot, own)]);
}

/** @throws L2cafError `weights-invalid` when they are not the layer's, by number, shape or name */
function checked(slot: WeightSlot, weights: readonly StoredWeight[]): readonly StoredWeight[] {
  const { title, specs } = slot;
  if (weights.length !== specs.length) {
    throw new L2cafError(
      'weights-invalid',
      `the layer ${title} has ${specs.length} weights, but the file ${weights.length}`,
    );
  }
  for (const [i, { name, shape }] of specs.entries()) {
    const { path, shape: found } = weights[i]!;
    if (shapeText(found) !== shapeText(shape)) {
      const shapes = `${shapeText(shape)}, but the file has ${shapeText(found)}`;
      throw new L2cafError('weights-invalid', `${name} of the layer ${title} is ${shapes}`);
    }
    const called = lastName(path);
    if (NAMES.has(called) && called !== name && !(name === 'depthwise_kernel' && called === 'kernel')) {
      throw new L2cafError(
        'weights-invalid',
        `${name} of the layer ${title} is ${path} in the file, which is another weight`,
      );
    }
  }
  return weights;
}

/** Names that say what a weight is. */
const NAMES: ReadonlySet<string> = new Set([
  'kernel',
  'recurrent_kernel',
  'depthwise_kernel',
  'pointwise_kernel',
  'bias',
  'gamma',
  'beta',
  'moving_mean',
  'moving_variance',
  'alpha',
]);

function lastName(path: string): string {
  return path.split('/').at(-1)!.replace(/:\d+$/, '');
}
