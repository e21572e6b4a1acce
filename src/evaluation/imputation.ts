/**
 * Pixels removed from a picture so that little tells where they were: each becomes the weighted mean of its neighbours, removed
 * ones among them, and a little noise is added (noisy linear imputation; Rong et al. 2022, https://arxiv.org/abs/2202.00449).
 */

import { fillHoles } from '../base/fill.ts';
import type { Random } from '../base/random.ts';
import type { GridShape } from '../base/types.ts';

/** Standard deviation of the noise, grey values: .01 of the range, as in the authors' code. */
const NOISE = 2.55;

/**
 * The picture `[h, w, 3]` without the pixels that are marked, `[h·w]`. Where all are, they become grey.
 *
 * @param random of the noise
 */
export function imputed(rgb: Uint8Array, removed: Uint8Array, size: GridShape, random: Random): Uint8Array {
  const means = fillHoles(Float32Array.from(rgb), removed, size);
  const picture = rgb.slice();
  for (let pixel = 0; pixel < removed.length; pixel++) {
    if (removed[pixel] === 0) continue;
    for (let c = 0; c < 3; c++) {
      const at = 3 * pixel + c;
      picture[at] = Math.max(0, Math.min(255, Math.round(means[at]! + NOISE * random.normal())));
    }
  }
  return picture;
}
