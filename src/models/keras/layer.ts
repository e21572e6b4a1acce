/** What a kind of layer is here: a function of tensors, with its shapes known before anything is computed. */
import type * as tf from '../../base/tensorflow.ts';
import type { LayerConfig, Shape } from './layer-config.ts';

/** A weight that a layer has. */
export interface WeightSpec {
  /** As Keras calls it, such as `kernel`. */
  readonly name: string;
  readonly shape: Shape;
  /** Files list weights that are trained before those that are not. */
  readonly trained: boolean;
  /** The folder of a .keras file that it lies in, below the layer's; none where the layer's folder tells them apart. */
  readonly folder?: string;
  /** Only training reads it: lists of weights have it, and it is passed over. */
  readonly isIdle?: true;
}

/** A layer for inputs of some shapes. */
export interface Layer {
  /** Of its output. */
  readonly shape: Shape;
  readonly weights: readonly WeightSpec[];
  /** It gives its input back: noise that only training has. */
  readonly isIdentity?: true;
  /** Backends compute its gradient wrongly, or not at all. */
  readonly noGradient?: true;
  /** It is that place, from 0, of its input's first axis, whole. */
  readonly takes?: number;
  /** What a person should know of how it is computed here. */
  readonly note?: string;
  /** Its further outputs, such as states: layers of the same inputs and weights. */
  readonly more?: readonly Omit<Layer, 'more'>[];
  /**
   * Its output for inputs of its shapes with a batch axis before them. Call inside `tf.tidy`.
   *
   * @param weights in the order of {@link Layer.weights}
   */
  apply(inputs: readonly tf.Tensor[], weights: readonly tf.Tensor[]): tf.Tensor;
}

/** Makes the layers of a class. `make` is for layers within layers, such as activations. */
export type LayerMaker = (config: LayerConfig, inputs: readonly Shape[], make: MakeLayer) => Layer;

/** Makes a layer of any class. */
export type MakeLayer = (className: string, config: LayerConfig, inputs: readonly Shape[]) => Layer;

/** The one input of a layer that takes one, of some rank without the batch. */
export function onlyInput(config: LayerConfig, inputs: readonly Shape[], ...ranks: readonly number[]): Shape {
  const [input] = inputs;
  if (inputs.length !== 1) throw config.refused(`has ${inputs.length} inputs, not one`);
  if (ranks.length > 0 && !ranks.includes(input!.length)) {
    throw config.refused(`takes inputs of ${ranks.join(' or ')} axes besides the batch, not ${input!.length}`);
  }
  return input!;
}

/** A weight that is trained. */
export function trained(name: string, ...shape: readonly number[]): WeightSpec {
  return { name, shape, trained: true };
}

/** A weight that is not. */
export function untrained(name: string, ...shape: readonly number[]): WeightSpec {
  return { name, shape, trained: false };
}
