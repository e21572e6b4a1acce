/**
 * Strokes contours straight into a video layer. A canvas would have to be read back, frame after frame, which costs more
 * than encoding them; here each pixel near a line gets its distance from it, and a table turns distances into colours.
 */
import type { Heatmap } from '../../base/types.ts';
import { contourLines, type Ring } from './contour.ts';
import { type DrawnPicture, HALO_OPACITY, HALO_WIDTHS, levelColor, lineWidth } from './overlay.ts';
import type { OverlayStyle } from './style.ts';
import type { YuvaLayer } from './yuva.ts';

/** Draws contours on the picture at the top of a layer; what it looks like is what `drawContours` draws on a canvas. */
export class ContourPainter {
  readonly #layer: YuvaLayer;
  readonly #picture: DrawnPicture;
  readonly #style: OverlayStyle;
  /** Distance from which on nothing is drawn, pixels. */
  readonly #reach: number;
  /** Per pixel, the squared distance from the nearest line of the level being drawn; `FAR` is the reach, and beyond. */
  readonly #distances: Uint8Array;
  readonly #tileColumns: number;
  readonly #isTouched: Uint8Array;
  /** RGBA, one number per pixel. */
  readonly #tile = new Uint32Array(TILE_PX * TILE_PX);

  constructor(layer: YuvaLayer, picture: DrawnPicture, style: OverlayStyle) {
    this.#layer = layer;
    this.#picture = picture;
    this.#style = style;
    this.#reach = (lineWidth(picture, style) * HALO_WIDTHS) / 2 + 0.5;
    this.#distances = new Uint8Array(picture.width * picture.height).fill(FAR);
    this.#tileColumns = Math.ceil(picture.width / TILE_PX);
    this.#isTouched = new Uint8Array(this.#tileColumns * Math.ceil(picture.height / TILE_PX));
  }

  /** Draws the contours of a heatmap, one level over the other. */
  paint(heatmap: Heatmap): void {
    for (const { level, rings } of contourLines(heatmap, this.#style.levels)) {
      for (const ring of rings) this.#measure(ring);
      this.#color(this.#colorsByDistance(level, heatmap.opacity ?? 1));
    }
  }

  /** Notes the distances from the pieces of a closed line. */
  #measure(ring: Ring): void {
    const { width, height } = this.#picture;
    let [fromX, fromY] = [ring[0]![0] * width, ring[0]![1] * height];
    for (let i = 1; i < ring.length; i++) {
      const [x, y] = [ring[i]![0] * width, ring[i]![1] * height];
      this.#measurePiece(fromX, fromY, x, y);
      fromX = x;
      fromY = y;
    }
  }

  #measurePiece(fromX: number, fromY: number, toX: number, toY: number): void {
    const { width, height } = this.#picture;
    const reach = this.#reach;
    const scale = FAR / (reach * reach);
    const distances = this.#distances;
    const left = Math.max(0, Math.floor(Math.min(fromX, toX) - reach));
    const right = Math.min(width - 1, Math.floor(Math.max(fromX, toX) + reach));
    const top = Math.max(0, Math.floor(Math.min(fromY, toY) - reach));
    const bottom = Math.min(height - 1, Math.floor(Math.max(fromY, toY) + reach));
    const [alongX, alongY] = [toX - fromX, toY - fromY];
    const lengthSquared = alongX * alongX + alongY * alongY || 1;
    for (let row = top; row <= bottom; row++) {
      const y = row + 0.5 - fromY;
      for (let column = left; column <= right; column++) {
        const x = column + 0.5 - fromX;
        const share = Math.min(1, Math.max(0, (x * alongX + y * alongY) / lengthSquared));
        const dx = x - share * alongX;
        const dy = y - share * alongY;
        const squared = (dx * dx + dy * dy) * scale;
        if (squared < distances[row * width + column]!) distances[row * width + column] = squared;
      }
    }
    for (let row = top >> TILE_SHIFT; row <= bottom >> TILE_SHIFT; row++) {
      for (let column = left >> TILE_SHIFT; column <= right >> TILE_SHIFT; column++) {
        this.#isTouched[row * this.#tileColumns + column] = 1;
      }
    }
  }

  /** Lays the colours of the noted distances over the layer and forgets them. */
  #color(colors: Uint32Array): void {
    const { width, height } = this.#picture;
    for (let tile = this.#isTouched.indexOf(1); tile >= 0; tile = this.#isTouched.indexOf(1, tile + 1)) {
      const left = (tile % this.#tileColumns) * TILE_PX;
      const top = Math.floor(tile / this.#tileColumns) * TILE_PX;
      const columns = Math.min(TILE_PX, width - left);
      const rows = Math.min(TILE_PX, height - top);
      for (let row = 0; row < rows; row++) {
        const start = (top + row) * width + left;
        for (let column = 0; column < columns; column++) {
          this.#tile[row * columns + column] = colors[this.#distances[start + column]!]!;
        }
        this.#distances.fill(FAR, start, start + columns);
      }
      const data = new Uint8ClampedArray(this.#tile.buffer, 0, rows * columns * 4);
      this.#layer.blend({ width: columns, height: rows, data }, left, top);
    }
    this.#isTouched.fill(0);
  }

  /** RGBA for each noted distance: the line in its level's colour over its halo, edges smoothed over one pixel. */
  #colorsByDistance(level: number, visible: number): Uint32Array {
    const half = lineWidth(this.#picture, this.#style) / 2;
    const color = levelColor(level, this.#style);
    const colors = new Uint8ClampedArray((FAR + 1) * 4);
    for (let i = 0; i < FAR; i++) {
      const distance = Math.sqrt((i + 0.5) / FAR) * this.#reach;
      const line = Math.min(1, Math.max(0, half + 0.5 - distance));
      const halo = HALO_OPACITY * Math.min(1, Math.max(0, half * HALO_WIDTHS + 0.5 - distance));
      const opacity = line + halo * (1 - line);
      colors.set(
        [...color.map((value) => (opacity > 0 ? (value * line) / opacity : 0)), 255 * opacity * visible],
        i * 4,
      );
    }
    return new Uint32Array(colors.buffer);
  }
}

/** The squared reach, in the unit of the noted distances. */
const FAR = 255;

const TILE_SHIFT = 4;
const TILE_PX = 1 << TILE_SHIFT;
