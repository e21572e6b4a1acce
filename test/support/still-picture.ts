/** A still picture to explain, and how unless a test says otherwise. */
import { writeFile } from 'node:fs/promises';
import { createCanvas } from '@napi-rs/canvas';
import type { StillOptions } from '../../src/stills/analyze.ts';

/** The two most probable classes, by L2-CAF. */
export const STILL_OPTIONS: StillOptions = {
  target: { kind: 'top', count: 2 },
  method: 'l2caf',
  constraint: 'l2',
  solver: 'auto',
  preset: 'paper',
  seed: 0,
};

/** Writes a green PNG with an orange square. */
export async function writeSpot(
  path: string,
  [width, height]: readonly [number, number],
  [left, top, side]: readonly [number, number, number],
): Promise<void> {
  const context = createCanvas(width, height).getContext('2d');
  context.fillStyle = '#284';
  context.fillRect(0, 0, width, height);
  context.fillStyle = '#e62';
  context.fillRect(left, top, side, side);
  await writeFile(path, context.canvas.toBuffer('image/png'));
}
