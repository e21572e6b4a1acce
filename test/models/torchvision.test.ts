/** Weights of torchvision's names, folded and renamed, against a layer worked out by hand. */
import { expect, it } from 'vitest';
import { convLayers, type ResNetSpec, resnetLayout } from '../../src/models/resnet.ts';
import type { NamedArray } from '../../src/models/safetensors.ts';
import { fromTorchvision } from '../../src/models/torchvision.ts';

const SPEC: ResNetSpec = { depth: 50, strideIn: '3x3', padding: 'symmetric', upTo: 'conv3' };

/** The entry of every layer, with the names that torchvision gives them. */
const NAMES: readonly (readonly [string, string, string])[] = [
  ['conv1_conv', 'conv1', 'bn1'],
  ['conv2_block1_0_conv', 'layer1.0.downsample.0', 'layer1.0.downsample.1'],
  ['conv2_block1_1_conv', 'layer1.0.conv1', 'layer1.0.bn1'],
  ['conv2_block3_3_conv', 'layer1.2.conv3', 'layer1.2.bn3'],
  ['conv3_block4_2_conv', 'layer2.3.conv2', 'layer2.3.bn2'],
];

/** A state dict in which every weight of a convolution is one and every channel has the same batch normalisation. */
function stateDict(): Map<string, NamedArray> {
  const entries = new Map<string, NamedArray>();
  const filled = (shape: readonly number[], value: number): NamedArray => ({
    shape,
    data: new Float32Array(shape.reduce((all, side) => all * side, 1)).fill(value),
  });
  for (const { name, size, inChannels, outChannels } of convLayers(resnetLayout(SPEC))) {
    const match = /^conv(\d)_block(\d+)_(\d)_conv$/.exec(name);
    const [stage, block, conv] = (match?.slice(1).map(Number) ?? []) as [number, number, number];
    const [own, norm] =
      match === null
        ? ['conv1', 'bn1']
        : conv === 0
          ? [`layer${stage - 1}.${block - 1}.downsample.0`, `layer${stage - 1}.${block - 1}.downsample.1`]
          : [`layer${stage - 1}.${block - 1}.conv${conv}`, `layer${stage - 1}.${block - 1}.bn${conv}`];
    entries.set(`${own}.weight`, filled([outChannels, inChannels, size, size], 1));
    entries.set(`${norm}.weight`, filled([outChannels], 3));
    entries.set(`${norm}.bias`, filled([outChannels], 0.5));
    entries.set(`${norm}.running_mean`, filled([outChannels], 2));
    entries.set(`${norm}.running_var`, filled([outChannels], 4 - 1e-5));
  }
  return entries;
}

it('folds the batch normalisation into the convolution, under our names', () => {
  const folded = fromTorchvision(SPEC, stateDict());
  expect(folded.size).toBe(2 * convLayers(resnetLayout(SPEC)).length);
  for (const [name] of NAMES) {
    const { data } = folded.get(`${name}/kernel`)!;
    expect([data[0], data.at(-1)]).toEqual([1.5, 1.5].map((value) => expect.closeTo(value, 6))); // 3 / √(4 − ε + ε)
    expect(folded.get(`${name}/bias`)!.data[0]).toBeCloseTo(0.5 - 1.5 * 2, 6);
  }
});

it.each(NAMES)('%s is %s and %s, its kernel with channels last', (name, conv, norm) => {
  const state = stateDict();
  const { shape, data } = state.get(`${conv}.weight`)!;
  data[1] = 10; // of the first output and input: the second column, or of 1×1 the second input
  state.get(`${norm}.bias`)!.data[2] = 7;
  const { shape: kernelShape, data: kernel } = fromTorchvision(SPEC, state).get(`${name}/kernel`)!;
  const [out, inputs, height, width] = shape as [number, number, number, number];
  expect(kernelShape).toEqual([height, width, inputs, out]);
  expect(kernel.indexOf(kernel.reduce((most, value) => Math.max(most, value)))).toBe(width > 1 ? inputs * out : out);
  expect(fromTorchvision(SPEC, state).get(`${name}/bias`)!.data[2]).toBeCloseTo(7 - 3, 6);
});

it('refuses weights that are missing, or of another shape', () => {
  const state = stateDict();
  state.set('layer1.0.bn1.weight', { shape: [3], data: new Float32Array(3) });
  expect(() => fromTorchvision(SPEC, state)).toThrow(
    expect.objectContaining({
      ...{ code: 'weights-invalid', message: 'weights: layer1.0.bn1.weight is [3], expected [64]' },
    }),
  );
  state.delete('conv1.weight');
  expect(() => fromTorchvision(SPEC, state)).toThrow(
    expect.objectContaining({ code: 'weights-invalid', message: 'weights: conv1.weight is missing' }),
  );
  expect(() => fromTorchvision({ ...SPEC, upTo: 'conv4' }, stateDict())).toThrow('layer3.0');
});
