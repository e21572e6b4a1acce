/** Maps lie where the picture is bright, however it was brought to the network's size: as pictures and as clips. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createCanvas } from '@napi-rs/canvas';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { analyzeDense } from '../../src/analysis/dense.ts';
import { analyzeEvent, openClip, openModel } from '../../src/analysis/pipeline.ts';
import { keyframesOf } from '../../src/analysis/timeline.ts';
import { RESIZES, type Resize, viewOf } from '../../src/base/fit.ts';
import type { Heatmap, PictureSize } from '../../src/base/types.ts';
import { heatmapToDraw } from '../../src/l2caf/heatmap.ts';
import type { Card } from '../../src/models/card.ts';
import { analyzePicture, openImportedStill } from '../../src/stills/analyze.ts';
import { drawMapsFigure } from '../../src/stills/drawing.ts';
import { defaultStyle } from '../../src/video/drawing/style.ts';
import { openPicture } from '../../src/video/media/picture.ts';
import { TinyFolder } from '../models/onnx/tiny-folder.ts';
import { brightness } from '../models/onnx/tiny-networks.ts';

const WIDE: PictureSize = { width: 160, height: 80 };
const TALL: PictureSize = { width: 80, height: 160 };
/** Where the spot lies, as shares of the picture: within the middle square of both shapes, and not in the middle. */
const SPOT = { x: 0.6, y: 0.35 };

let folder: TinyFolder;
let network: string;

beforeAll(async () => {
  folder = await TinyFolder.make();
  network = await folder.write(brightness(), 'brightness');
});
afterAll(() => folder.remove());

/** A dark picture with a bright spot. */
async function spotted({ width, height }: PictureSize, path: string, { x, y } = SPOT): Promise<string> {
  const context = createCanvas(width, height).getContext('2d');
  context.fillStyle = '#222';
  context.fillRect(0, 0, width, height);
  context.fillStyle = '#fff';
  context.beginPath();
  context.arc(x * width, y * height, 9, 0, 2 * Math.PI);
  context.fill();
  await writeFile(path, context.canvas.toBuffer('image/png'));
  return path;
}

/** Where most of a heatmap lies, as shares of its width and height. */
function centreOf({ width, height, values }: Heatmap): { x: number; y: number } {
  let [x, y, all] = [0, 0, 0];
  for (const [i, value] of values.entries()) {
    if (value < 0.5) continue;
    x += value * ((i % width) + 0.5);
    y += value * (Math.floor(i / width) + 0.5);
    all += value;
  }
  return { x: x / all / width, y: y / all / height };
}

/** Within half a cell of the spot. */
function expectOnSpot(heatmap: Heatmap, size: PictureSize, resize: Resize): void {
  const { left = 0, right = 1, top = 0, bottom = 1 } = viewOf(size, { width: 32, height: 32, resize }) ?? {};
  const found = centreOf(heatmap);
  expect(Math.abs(found.x - SPOT.x)).toBeLessThan((right - left) / 16);
  expect(Math.abs(found.y - SPOT.y)).toBeLessThan((bottom - top) / 16);
}

const SHAPES: [string, PictureSize][] = [
  ['wide', WIDE],
  ['tall', TALL],
];
const card = (input: NonNullable<Card['input']>): Card => ({
  input: { range: [0, 1], ...input },
  layer: { tensor: 'features', layout: 'b c h w' },
});
const SOLVE = {
  target: { kind: 'oblivious' },
  method: 'l2caf',
  constraint: 'l2',
  solver: 'auto',
  preset: 'paper',
  seed: 0,
} as const;

describe.each(RESIZES)('%s', (resize) => {
  it.each(SHAPES)('shows the map of a %s picture where it is bright', async (name, size) => {
    const path = await spotted(size, join(folder.path, `${name}-${resize}.png`));
    const model = await openImportedStill(network, { card: card({ resize }) });
    const analysis = await analyzePicture(model, path, SOLVE).finally(() => model.network.dispose());
    expect(analysis.model.resize).toBe(resize === 'stretch' ? undefined : resize);
    const map = { ...analysis.maps[0]!.filter, values: Float32Array.from(analysis.maps[0]!.filter.values) };
    expectOnSpot(heatmapToDraw(map, 'abs', viewOf(size, { ...analysis.model.inputSize, resize })), size, resize);
    const figure = drawMapsFigure(await openPicture(path), analysis, { overlay: defaultStyle, signed: true });
    expect(figure.length).toBeGreaterThan(1000);
  });

  it.each(SHAPES)('shows the maps of a %s clip there, dense too', async (name, size) => {
    const pictures = join(folder.path, `${name}-clip-${resize}`);
    await mkdir(pictures);
    for (let i = 0; i < 6; i++) await spotted(size, join(pictures, `${i}.png`));
    const model = await openModel({ model: network, backend: 'wasm', card: card({ resize }) });
    try {
      const event = { ...(await openClip(pictures, { fps: 2 })), ...SOLVE, frames: 2 };
      const analyses = [
        await analyzeEvent(model, event),
        await analyzeDense(model, { ...event, windowSec: 1, strideSec: 1 }),
      ];
      for (const analysis of analyses) {
        expect(analysis.model).toMatchObject(resize === 'stretch' ? {} : { resize });
        for (const { heatmap } of keyframesOf(analysis)) expectOnSpot(heatmap, size, resize);
      }
    } finally {
      model.network.dispose();
    }
  });
});

it('shows nothing where the network saw nothing, and what it saw of the bars nowhere', async () => {
  const path = await spotted(WIDE, join(folder.path, 'beside.png'), { x: 0.1, y: 0.5 });
  const run = async (input: NonNullable<Card['input']>) => {
    const model = await openImportedStill(network, { card: card(input) });
    const { maps } = await analyzePicture(model, path, SOLVE).finally(() => model.network.dispose());
    return { ...maps[0]!.filter, values: Float32Array.from(maps[0]!.filter.values) };
  };
  const covered = await run({ resize: 'cover' });
  expect(Math.max(...covered.values)).toBeCloseTo(1 / 8, 2); // all it saw was dark
  const outside = heatmapToDraw(covered, 'abs', viewOf(WIDE, { width: 32, height: 32, resize: 'cover' }));
  expect([...outside.values.subarray(0, outside.width / 4)].every((value) => value === 0)).toBe(true);
  const padded = await run({ resize: 'contain', padding: 255 });
  const rows = [0, 1, 2, 3, 4, 5, 6, 7].map((row) => padded.values[8 * row + 7]!);
  expect(Math.min(...rows.slice(0, 2), ...rows.slice(6))).toBeGreaterThan(2 * Math.max(...rows.slice(2, 6)));
  const cut = heatmapToDraw(padded, 'abs', viewOf(WIDE, { width: 32, height: 32, resize: 'contain' }));
  expect(cut.height).toBe(cut.width / 2);
  expect(cut.min).toBeLessThan(0.1);
});
