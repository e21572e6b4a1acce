/**
 * Reads ResNet weights that were saved with torchvision's names (`layer3.0.conv2.weight`, `bn1.running_mean`, …) and turns
 * them into folded weights with this project's layer names.
 */
import { L2cafError } from '../base/errors.ts';
import { type BatchNorm, foldBatchNorm } from './batch-norm.ts';
import { kernelToChannelsLast } from './channels-last.ts';
import { convLayers, type FoldedWeights, type ResNetSpec, resnetLayout } from './resnet.ts';
import type { NamedArray } from './safetensors.ts';

/** torch's default. */
const EPSILON = 1e-5;

/**
 * Folds and renames the weights that `spec` needs; what lies beyond its last stage is ignored.
 *
 * @param stateDict torchvision's state dict; convolutions are `[out, in, h, w]`
 * @throws L2cafError `weights-invalid` when an entry is missing or has another shape.
 */
export function fromTorchvision(spec: ResNetSpec, stateDict: ReadonlyMap<string, NamedArray>): FoldedWeights {
  const folded = new Map<string, NamedArray>();
  for (const layer of convLayers(resnetLayout(spec))) {
    const { conv, norm } = torchvisionNames(layer.name);
    const weight = entry(stateDict, `${conv}.weight`, [layer.outChannels, layer.inChannels, layer.size, layer.size]);
    const vector = (part: string): Float32Array => entry(stateDict, `${norm}.${part}`, [layer.outChannels]).data;
    const batchNorm: BatchNorm = {
      gamma: vector('weight'),
      beta: vector('bias'),
      mean: vector('running_mean'),
      variance: vector('running_var'),
      epsilon: EPSILON,
    };
    const { kernel, bias } = foldBatchNorm(kernelToChannelsLast(weight), undefined, batchNorm);
    folded.set(`${layer.name}/kernel`, kernel).set(`${layer.name}/bias`, bias);
  }
  return folded;
}

/** `conv4_block2_3_conv` → `layer3.1.conv3` and `layer3.1.bn3`; `…_0_conv` is the shortcut, `downsample`. */
function torchvisionNames(name: string): { conv: string; norm: string } {
  const match = /^conv(\d)_block(\d+)_(\d)_conv$/.exec(name);
  if (match === null) return { conv: 'conv1', norm: 'bn1' };
  const [stage, block, conv] = match.slice(1).map(Number) as [number, number, number];
  const prefix = `layer${stage - 1}.${block - 1}`;
  if (conv === 0) return { conv: `${prefix}.downsample.0`, norm: `${prefix}.downsample.1` };
  return { conv: `${prefix}.conv${conv}`, norm: `${prefix}.bn${conv}` };
}

function entry(stateDict: ReadonlyMap<string, NamedArray>, name: string, shape: readonly number[]): NamedArray {
  const found = stateDict.get(name);
  if (found === undefined) throw new L2cafError('weights-invalid', `weights: ${name} is missing`);
  if (found.shape.join() !== shape.join()) {
    throw new L2cafError(
      'weights-invalid',
      `weights: ${name} is [${found.shape.join(', ')}], expected [${shape.join(', ')}]`,
    );
  }
  return found;
}
