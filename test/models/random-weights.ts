import { createRandom } from '../../src/base/random.ts';
import { convLayers, type ResNetSpec, resnetLayout } from '../../src/models/resnet.ts';
import type { NamedArray } from '../../src/models/safetensors.ts';

/** Weights that keep activations at the same size from layer to layer; for tests of shapes and plumbing only. */
export function randomWeights(spec: ResNetSpec): Map<string, NamedArray> {
  const random = createRandom(1);
  const weights = new Map<string, NamedArray>();
  for (const { name, size, inChannels, outChannels } of convLayers(resnetLayout(spec))) {
    const scale = Math.sqrt(2 / (size * size * inChannels));
    const data = Float32Array.from(
      { length: size * size * inChannels * outChannels },
      () => scale * (2 * random.uniform() - 1),
    );
    weights.set(`${name}/kernel`, { shape: [size, size, inChannels, outChannels], data });
    weights.set(`${name}/bias`, { shape: [outChannels], data: new Float32Array(outChannels).fill(0.01) });
  }
  return weights;
}
