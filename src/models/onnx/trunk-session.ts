/** A frozen trunk on onnxruntime: bytes of frames in, features out, preprocessing in the graph. */
import type { FrameBatch } from '../../base/types.ts';
import type { Stage } from '../choices.ts';
import { type FrameTrunk, loadWeights, type PretrainedTrunk } from '../pretrained.ts';
import type { WeightsEdit } from '../reinitialise.ts';
import { elementType, GraphBuilder } from './builder.ts';
import { addResNet, type Weights } from './convolutions.ts';
import { openSession } from './runtime.ts';

const FRAMES = 'frames';
const FEATURES = 'features';

/**
 * A trunk from the cache, trimmed after `upTo`, its weights edited if asked for. The caller disposes of it.
 *
 * @throws L2cafError as `loadWeights` and `openSession`
 */
export async function openTrunkSession(
  pretrained: PretrainedTrunk,
  upTo: Stage,
  edit: WeightsEdit = (weights) => weights,
): Promise<FrameTrunk> {
  const weights = edit(await loadWeights(pretrained, upTo));
  const session = await openSession(`the trunk ${pretrained.id}`, trunkGraph(pretrained, upTo, weights));
  return {
    features: async ({ rgb, shape }: Pick<FrameBatch, 'rgb' | 'shape'>) => {
      const results = await session.run({ [FRAMES]: { type: 'uint8', dims: shape, data: rgb } });
      return results[FEATURES]!.data as Float32Array;
    },
    dispose: () => session.release(),
  };
}

/** Frames `n h w 3`, bytes, red first → features `n h' w' c`, any number of any size. */
function trunkGraph({ spec, mean, channelOrder }: PretrainedTrunk, upTo: Stage, weights: Weights): Uint8Array {
  const graph = new GraphBuilder();
  const frames = graph.input(FRAMES, ['n', 'h', 'w', 3], 'uint8');
  const numbers = graph.node(
    'Transpose',
    [graph.node('Cast', [frames], 'numbers', { to: elementType(frames, 'float32') })],
    'planes',
    {
      perm: [0, 3, 1, 2],
    },
  );
  const order = graph.integers('order', channelOrder === 'bgr' ? [2, 1, 0] : [0, 1, 2]);
  const ordered = graph.node('Gather', [numbers, order], 'ordered', { axis: 1 });
  const means = graph.floats('mean', { shape: [3, 1, 1], data: Float32Array.from(mean) });
  const pictures = graph.node('Sub', [ordered, means], 'pictures');
  const maps = addResNet(graph, pictures, { ...spec, upTo }, weights);
  graph.node('Transpose', [maps], FEATURES, { perm: [0, 2, 3, 1] });
  graph.output(FEATURES, ['n', undefined, undefined, undefined]);
  return graph.bytes();
}
