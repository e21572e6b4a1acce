/** Stands in for @napi-rs/canvas where the drawing code runs in a browser, which has a canvas of its own. */

/** As in @napi-rs/canvas. */
export const Path2D: typeof globalThis.Path2D = globalThis.Path2D;

/** As in @napi-rs/canvas. */
export function createCanvas(width: number, height: number): HTMLCanvasElement {
  const canvas = document.createElement('canvas');
  canvas.width = width;
  canvas.height = height;
  return canvas;
}
