/**
 * Paints a heatmap's colours straight into a video layer. Drawing them on a canvas and reading that back costs more than
 * encoding the frame; colour and opacity depend on one number only, so a table of them does.
 */
import type { Heatmap, PictureSize } from '../../base/types.ts';
import { colorOf } from './colormap.ts';
import { opacityOf } from './overlay.ts';
import type { OverlayStyle } from './style.ts';
import type { YuvaLayer } from './yuva.ts';

/** The colours of the values 0, 1/255 … 1, as a layer stores them. */
export interface TintTable {
  readonly y: Uint8Array;
  readonly u: Uint8Array;
  readonly v: Uint8Array;
  readonly alpha: Uint8Array;
}

/** Looks up the colours and opacities of a style for layers such as this one. */
export function tintTable(layer: YuvaLayer, style: OverlayStyle): TintTable {
  const colors = Array.from({ length: 256 }, (_, i) => layer.yuvOf(colorOf(style.colormap, i / 255)));
  return {
    y: Uint8Array.from(colors, ([y]) => y),
    u: Uint8Array.from(colors, ([, u]) => u),
    v: Uint8Array.from(colors, ([, , v]) => v),
    alpha: Uint8Array.from(colors, (_, i) => opacityOf(i / 255, style)),
  };
}

/**
 * Replaces the picture at the top of the layer by the heatmap, stretched over it (bilinear). Two by two pixels, which share
 * their U and V, get the value at their centre: a heatmap is far coarser than that.
 */
export function paintTint(layer: YuvaLayer, picture: PictureSize, heatmap: Heatmap, table: TintTable): void {
  const rows = positions(heatmap.height, picture.height >> 1);
  const columns = positions(heatmap.width, picture.width >> 1);
  const line = new Float32Array(heatmap.width);
  const { opacity = 1 } = heatmap;
  const alphas = opacity === 1 ? table.alpha : table.alpha.map((alpha) => Math.round(alpha * opacity));
  const { u, v, width } = layer;
  const yPairs = pairsOf(layer.y);
  const alphaPairs = pairsOf(layer.alpha);
  for (let row = 0; row < rows.low.length; row++) {
    const above = rows.low[row]! * heatmap.width;
    const below = rows.high[row]! * heatmap.width;
    for (let i = 0; i < line.length; i++) {
      line[i] = 255 * mix(heatmap.values[above + i]!, heatmap.values[below + i]!, rows.share[row]!) + 0.5;
    }
    for (let column = 0; column < columns.low.length; column++) {
      const value = Math.floor(mix(line[columns.low[column]!]!, line[columns.high[column]!]!, columns.share[column]!));
      const block = (row * width) / 2 + column;
      const pair = row * width + column;
      u[block] = table.u[value]!;
      v[block] = table.v[value]!;
      yPairs[pair] = table.y[value]! * TWICE;
      yPairs[pair + width / 2] = table.y[value]! * TWICE;
      alphaPairs[pair] = alphas[value]! * TWICE;
      alphaPairs[pair + width / 2] = alphas[value]! * TWICE;
    }
  }
}

/** Neighbours in a row as one number: half as many numbers to write. */
function pairsOf(plane: Uint8Array): Uint16Array {
  return new Uint16Array(plane.buffer, plane.byteOffset, plane.length / 2);
}

/** Makes the number of a pair of equal pixels from one. */
const TWICE = 0x0101;

/** Between which two points each pixel lies, and how far towards the second. */
interface Positions {
  readonly low: Uint16Array;
  readonly high: Uint16Array;
  readonly share: Float32Array;
}

/** The outermost points reach to the border. */
function positions(from: number, to: number): Positions {
  const exact = Float64Array.from({ length: to }, (_, i) =>
    Math.min(from - 1, Math.max(0, ((i + 0.5) * from) / to - 0.5)),
  );
  return {
    low: Uint16Array.from(exact, Math.floor),
    high: Uint16Array.from(exact, Math.ceil),
    share: Float32Array.from(exact, (position) => position - Math.floor(position)),
  };
}

function mix(a: number, b: number, share: number): number {
  return a + (b - a) * share;
}
