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

/** Bytes of pixels, red first → what the network reads: the same pixels, `h w c`, in its order of channels. */
export function preprocessed(rgb: Uint8Array, { bgr, range, mean, std }: Preprocessing): Float32Array {
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
