/** A folder of .npy files as SqueezeNet 1.1 is published in, with random weights: a network for tests of plumbing. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createRandom } from '../../src/base/random.ts';

/** Writes the 52 files. */
export async function writeRandomSqueezeNet(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [i, [out, input, size]] of kernels().entries()) {
    const random = createRandom(6, i);
    const scale = Math.sqrt(2 / (input * size * size));
    const kernel = Float32Array.from({ length: out * input * size * size }, () => scale * random.normal());
    const name = join(folder, `squeezenet0_conv${i}`);
    await writeFile(`${name}_weight.npy`, npy([out, input, size, size], kernel));
    await writeFile(`${name}_bias.npy`, npy([out], new Float32Array(out)));
  }
}

/** Output channels, input channels and size of every convolution. */
function kernels(): [number, number, number][] {
  const all: [number, number, number][] = [[64, 3, 3]];
  let channels = 64;
  for (const width of [16, 16, 32, 32, 48, 48, 64, 64]) {
    all.push([width, channels, 1], [4 * width, width, 1], [4 * width, width, 3]);
    channels = 8 * width;
  }
  return [...all, [1000, channels, 1]];
}

/** An array as NumPy writes it. */
export function npy(shape: readonly number[], data: Float32Array): Buffer {
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${tuple}), }`.padEnd(117, ' ');
  const head = Buffer.from([0x93, ...Buffer.from('NUMPY'), 1, 0, header.length + 1, 0]);
  return Buffer.concat([head, Buffer.from(`${header}\n`, 'latin1'), new Uint8Array(data.buffer)]);
}
