/** Pictures whose class is a colour, and a tiny network file as their trunk. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createCanvas } from '@napi-rs/canvas';
import { OnnxTrunk } from '../../src/models/onnx/trunk.ts';
import type { StillPicture, StillPlan } from '../../src/training/train-still.ts';
import { pictureCnn } from '../models/onnx/tiny-networks.ts';

const COLOURS = { amber: '#fa0', blue: '#03f', green: '#0b2' } as const;
const SPLITS = ['train', 'train', 'train', 'train', 'val', 'test', 'test'] as const;

/** Seven pictures of each of three classes, and `stills.csv` with their boxes. Of the first two classes a retrieval head may learn. */
export async function writeColours(folder: string): Promise<StillPicture[]> {
  const pictures: StillPicture[] = [];
  const lines = ['file,x,y,w,h,class,split,seen'];
  await mkdir(join(folder, 'pictures'), { recursive: true });
  for (const [label, colour] of Object.entries(COLOURS)) {
    for (const [i, split] of SPLITS.entries()) {
      const [file, x, y] = [`pictures/${label}${i}.png`, 2 + ((5 * i) % 14), 2 + ((3 * i) % 14)];
      const context = createCanvas(32, 32).getContext('2d');
      context.fillStyle = `rgb(${90 + 5 * i}, 90, 90)`;
      context.fillRect(0, 0, 32, 32);
      context.fillStyle = colour;
      context.fillRect(x, y, 14, 14);
      await writeFile(join(folder, file), context.canvas.toBuffer('image/png'));
      const isSeen = label !== 'green';
      lines.push([file, x, y, 14, 14, label, split, Number(isSeen)].join());
      pictures.push({ path: join(folder, file), label, split, isSeen });
    }
  }
  await writeFile(join(folder, 'stills.csv'), `${lines.join('\n')}\n`);
  return pictures;
}

/** Writes and opens the trunk: pictures of 16×16 become 4×4 cells of 8 channels. */
export async function openToyTrunk(folder: string): Promise<OnnxTrunk> {
  const path = join(folder, 'backbone.onnx');
  await writeFile(path, pictureCnn().bytes);
  return OnnxTrunk.open(path, { card: { input: { range: [0, 1] }, layer: { tensor: 'features' } } });
}

/** A short training on it. */
export function toyPlan(trunk: OnnxTrunk, pictures: readonly StillPicture[]): StillPlan {
  return {
    ...{ id: 'toy', source: 'colours', pictures, trunk, embedding: 4, mirrored: true },
    spec: {
      ...{ trunk: trunk.id, stage: trunk.layer, trunkGrid: trunk.grid, trunkChannels: trunk.channels },
      ...{ inputSize: trunk.size, kind: 'gap', channels: [12, 12] },
    },
    sampler: { classesPerBatch: 3, perClass: 4 },
    trainer: {
      ...{ loss: 'triplet', mining: 'all', margin: 0.2, dropRate: 0.75, dropThreshold: 0.9, dropout: 0 },
      ...{ learningRate: 0.02, weightDecay: 0.01, warmUpSteps: 2, steps: 60, seed: 1 },
      ...{ maxGradientNorm: 5, checkpointEvery: 20 },
    },
  };
}
