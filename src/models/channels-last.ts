/** PyTorch and ONNX keep channels before rows and columns; TensorFlow.js keeps them last. These convert. */
import type { NamedArray } from './safetensors.ts';

/** A convolution's kernel `[out, in, h, w]` → `[h, w, in, out]`. */
export function kernelToChannelsLast({ shape, data }: NamedArray): NamedArray {
  const [outChannels, inChannels, height, width] = shape as [number, number, number, number];
  const area = height * width;
  const out = new Float32Array(data.length);
  for (let o = 0; o < outChannels; o++) {
    for (let i = 0; i < inChannels; i++) {
      for (let p = 0; p < area; p++) {
        out[(p * inChannels + i) * outChannels + o] = data[(o * inChannels + i) * area + p]!;
      }
    }
  }
  return { shape: [height, width, inChannels, outChannels], data: out };
}

/** Pictures `[n, c, h, w]` → `[n, h, w, c]`. */
export function picturesToChannelsLast({ shape, data }: NamedArray): NamedArray {
  const [count, channels, height, width] = shape as [number, number, number, number];
  const area = height * width;
  const out = new Float32Array(data.length);
  for (let n = 0; n < count; n++) {
    for (let c = 0; c < channels; c++) {
      for (let p = 0; p < area; p++) out[(n * area + p) * channels + c] = data[(n * channels + c) * area + p]!;
    }
  }
  return { shape: [count, height, width, channels], data: out };
}

/** A convolution's kernel `[h, w, in, out]` → `[out, in, h, w]`. */
export function kernelToChannelsFirst({ shape, data }: NamedArray): NamedArray {
  const [height, width, inChannels, outChannels] = shape as [number, number, number, number];
  const area = height * width;
  const out = new Float32Array(data.length);
  for (let p = 0; p < area; p++) {
    for (let i = 0; i < inChannels; i++) {
      for (let o = 0; o < outChannels; o++) {
        out[(o * inChannels + i) * area + p] = data[(p * inChannels + i) * outChannels + o]!;
      }
    }
  }
  return { shape: [outChannels, inChannels, height, width], data: out };
}
