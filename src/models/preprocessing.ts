/** What is done to a picture's bytes before an imported network reads them. */

/** As the network was trained: `value = byte / 255 · (hi − lo) + lo`, then `(value − mean) / std` for each channel. */
export interface Preprocessing {
  /** Whether the network reads blue first. */
  readonly bgr: boolean;
  /** Values of black and of full brightness. */
  readonly range: readonly [number, number];
  /** Of each channel, in the network's order. */
  readonly mean: readonly [number, number, number];
  /** Of each channel, in the network's order. */
  readonly std: readonly [number, number, number];
}

/** Weights of red, green and blue in brightness (Rec. 601), as the usual libraries have it. */
const LUMA = [0.299, 0.587, 0.114] as const;

/** Bytes of pixels, red first → their brightness as a network of grey pictures reads it, as its first channel. */
function greyed(rgb: Uint8Array, { range, mean, std }: Preprocessing): Float32Array {
  const values = new Float32Array(rgb.length / 3);
  for (let at = 0; at < values.length; at++) {
    const luma = LUMA[0] * rgb[3 * at]! + LUMA[1] * rgb[3 * at + 1]! + LUMA[2] * rgb[3 * at + 2]!;
    values[at] = ((luma / 255) * (range[1] - range[0]) + range[0] - mean[0]) / std[0];
  }
  return values;
}

/** Bytes of pixels, red first → what the network reads: the same pixels, `h w c`, in its order of channels, or their brightness. */
export function preprocessed(rgb: Uint8Array, preprocessing: Preprocessing, channels: 1 | 3 = 3): Float32Array {
  if (channels === 1) return greyed(rgb, preprocessing);
  const { bgr, range, mean, std } = preprocessing;
  const values = new Float32Array(rgb.length);
  for (let channel = 0; channel < 3; channel++) {
    const from = bgr ? 2 - channel : channel;
    const table = Float32Array.from({ length: 256 }, (_, byte) => {
      return ((byte / 255) * (range[1] - range[0]) + range[0] - mean[channel]!) / std[channel]!;
    });
    for (let at = 0; at < rgb.length; at += 3) values[at + channel] = table[rgb[at + from]!]!;
  }
  return values;
}
