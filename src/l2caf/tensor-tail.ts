/** The plain side of a tail that is computed in tensors. */
import * as tf from '../base/tensorflow.ts';
import type { Tail, TensorTail } from './tail.ts';

/** {@link Tail.evaluate} by a tail's `filtered`, all rows at once. */
export function evaluateTensors(
  { grid: { height, width }, filtered }: Pick<TensorTail, 'grid' | 'filtered'>,
  filters: Float32Array,
  slots: readonly number[],
): Promise<Float32Array> {
  const outputs = tf.tidy(() => filtered(tf.tensor3d(filters, [slots.length, height, width]), slots));
  return outputs.data<'float32'>().finally(() => outputs.dispose());
}

/** A tail whose `filtered` is all there is to evaluate it by. */
export function tensorTail<T extends Omit<TensorTail, 'evaluate'>>(tail: T): NoInfer<T> & Pick<Tail, 'evaluate'> {
  return { ...tail, evaluate: (filters, slots) => evaluateTensors(tail, filters, slots) };
}
