/** A frozen trunk in plain values, on whichever engine. */
import { computed, type EngineName } from './backend.ts';
import type { Stage } from './choices.ts';
import { type FrameTrunk, loadTrunk, type PretrainedTrunk, preprocess } from './pretrained.ts';
import type { WeightsEdit } from './reinitialise.ts';

/** How a trunk is loaded. */
export interface LoadOptions {
  /** Changes the trunk's weights. */
  readonly edit?: WeightsEdit;
  /** What runs the trunk: onnxruntime, or a backend of TensorFlow.js; default: the current one, which runs all else. */
  readonly engine?: EngineName | undefined;
}

/**
 * A trunk from the cache, trimmed after `upTo`. The caller disposes of it.
 *
 * @throws L2cafError `weights-invalid` when the cache is absent or damaged; `package-missing` without the engine
 */
export async function loadFrameTrunk(
  pretrained: PretrainedTrunk,
  upTo: Stage,
  { edit, engine }: LoadOptions = {},
): Promise<FrameTrunk> {
  if (engine === 'onnxruntime') {
    // What writes ONNX files takes a fifth of a second to start.
    const { openTrunkSession } = await import('./onnx/trunk-session.ts');
    return openTrunkSession(pretrained, upTo, edit);
  }
  const trunk = await loadTrunk(pretrained, upTo, { edit, engine });
  return {
    features: (frames) => computed(engine, () => trunk.features(preprocess(pretrained, frames))),
    dispose: () => trunk.dispose(),
  };
}
