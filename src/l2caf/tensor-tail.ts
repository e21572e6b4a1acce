/** The plain side of a tail that is computed in tensors. */
import * as tf from '../base/tensorflow.ts';
import type { FeatureTail, MapTail, Tail, TensorTail } from './tail.ts';

/** A tail whose `filtered` is all there is to evaluate it by. */
export function tensorTail<T extends Omit<TensorTail, 'evaluate'>>(tail: T): NoInfer<T> & Pick<Tail, 'evaluate'> {
  const { height, width } = tail.grid;
  return {
    ...tail,
    evaluate: (filters, slots) =>
      numbersOf(() => tail.filtered(tf.tensor3d(filters, [slots.length, height, width]), slots)),
  };
}

/** The same with its feature maps. */
export function featureTail<T extends Omit<FeatureTail, 'evaluate' | keyof Omit<MapTail, keyof Tail>>>(
  tail: T,
): NoInfer<T> & Pick<MapTail, 'evaluate' | 'mapOf' | 'evaluateMaps'> {
  return { ...tensorTail(tail), ...mapMethods(tail) };
}

/** The feature maps of a tail in plain numbers. */
export function mapMethods(
  tail: Pick<FeatureTail, 'grid' | 'features' | 'outputsOf'>,
): Pick<MapTail, 'mapOf' | 'evaluateMaps'> {
  const { height, width } = tail.grid;
  return {
    mapOf: (slot) => tail.features(slot).dataSync<'float32'>(),
    evaluateMaps: (maps, slots) => {
      const channels = maps.length / (slots.length * height * width);
      return numbersOf(() => tail.outputsOf(tf.tensor4d(maps, [slots.length, height, width, channels]), slots));
    },
  };
}

/** The values of a result, which is freed. */
export function numbersOf(compute: () => tf.Tensor): Promise<Float32Array> {
  const result = tf.tidy(compute);
  return result.data<'float32'>().finally(() => result.dispose());
}
