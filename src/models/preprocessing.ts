/** How pictures become the numbers that a network of somebody else's was trained on. */

/** Value = `byte / 255 · (high − low) + low`, then `(value − mean) / std` for each channel, in the network's order. */
export interface Preprocessing {
  /** Whether blue comes first. */
  readonly bgr: boolean;
  /** What black and full brightness become. */
  readonly range: readonly [number, number];
  /** Of each channel in the network's order, after `range`. */
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
}

/** Pictures of RGB bytes → numbers of the same order of pixels, `h w c`. */
export function preprocessed(rgb: Uint8Array, { bgr, range: [low, high], mean, std }: Preprocessing): Float32Array {
  const scale = std.map((deviation) => (high - low) / 255 / deviation);
  const shift = std.map((deviation, channel) => (low - mean[channel]!) / deviation);
  const values = new Float32Array(rgb.length);
  for (let pixel = 0; pixel < rgb.length; pixel += 3) {
    for (let channel = 0; channel < 3; channel++) {
      values[pixel + channel] = rgb[pixel + (bgr ? 2 - channel : channel)]! * scale[channel]! + shift[channel]!;
    }
  }
  return values;
}
