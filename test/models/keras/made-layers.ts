/** Single layers of Keras, as a file's options make them. */
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
