/** A few pictures of squares, of three classes, and the tiny network that tells them apart by chance. */
import { join } from 'node:path';
import type { StillTruth } from '../../src/evaluation/still-truth.ts';
import { type OpenClassifier, type StillNetwork, stillNetwork } from '../../src/stills/still-network.ts';
import { writeSpot } from '../support/still-picture.ts';

const SQUARES = [
  [2, 3, 50],
  [12, 6, 48],
  [8, 4, 54],
  [14, 12, 46],
  [20, 2, 22],
  [4, 6, 52],
] as const;

/** Writes them into a folder. */
export async function writeSpots(folder: string): Promise<StillTruth[]> {
  const stills: StillTruth[] = [];
  for (const [i, [left, top, side]] of SQUARES.entries()) {
    const path = join(folder, `${i}.png`);
    await writeSpot(path, [64, 60], [left, top, side]);
    stills.push({ path, boxes: [[left, top, left + side, top + side]], label: `class ${i % 3}` });
  }
  return stills;
}

/** The tiny network with names for its classes. */
export function namedClasses(model: OpenClassifier): StillNetwork {
  const network = stillNetwork(model, {});
  const indexOf = (label: string) => Number(label.slice(6));
  return { ...network, output: { ...network.output, labelOf: (index) => `class ${index}`, indexOf } };
}
