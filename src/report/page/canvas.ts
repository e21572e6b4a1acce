/** Stands in for src/video/drawing/canvas.ts where the drawing code runs in a browser, which has a canvas of its own. */

/** What the drawing code that runs in a browser uses of the canvas, besides {@link createCanvas}. */
export function canvasLibrary(): { readonly Path2D: typeof Path2D } {
  return { Path2D };
}

/** An empty canvas; sizes in pixels. */
export function createCanvas(width: number, height: number): HTMLCanvasElement {
  const canvas = document.createElement('canvas');
  canvas.width = width;
  canvas.height = height;
  return canvas;
}
