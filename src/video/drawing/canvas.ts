/**
 * The canvas, loaded when something is first drawn or a picture read: it takes a tenth of a second, which most commands,
 * worker processes and threads need not wait. In a browser src/report/page/canvas.ts stands in its place.
 */
import { createRequire } from 'node:module';
import type * as Napi from '@napi-rs/canvas';

let loaded: typeof Napi | undefined;

/** Everything that the canvas offers; the same from the first call on. */
export function canvasLibrary(): typeof Napi {
  loaded ??= createRequire(import.meta.url)('@napi-rs/canvas') as typeof Napi;
  return loaded;
}

/** An empty canvas; sizes in pixels. */
export function createCanvas(width: number, height: number): Napi.Canvas {
  return canvasLibrary().createCanvas(width, height);
}

/** Reads a picture from its bytes or its path; rejects where it is none. */
export function loadImage(source: string | Uint8Array): Promise<Napi.Image> {
  return canvasLibrary().loadImage(source);
}
