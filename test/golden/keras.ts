/**
 * Golden case: a recurrent pilot that others trained, read from its .h5, on frames of the drive that it was trained on.
 * Needs the network and the drive, which lie in the data beside the golden numbers.
 */
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createCanvas, loadImage } from '@napi-rs/canvas';
import type { AttentionFilter, FrameBatch } from '../../src/base/types.ts';
import { solveFilters } from '../../src/l2caf/solve.ts';
import type { Tail } from '../../src/l2caf/tail.ts';
import { KerasNetwork } from '../../src/models/keras/keras-network.ts';
import { dataFolder } from '../support/data.ts';
import type { Check, GoldenData } from './case.ts';
import { check, checkClose, tensorOf } from './checks.ts';

interface Frame {
  readonly loss: number;
  readonly starts: readonly number[];
}

interface PilotJson {
  readonly model: string;
  readonly layer: string;
  readonly output: string;
  readonly input: string;
  readonly events: readonly {
    readonly index: number;
    readonly outputs: readonly number[];
    readonly frames: readonly Frame[];
  }[];
  readonly drive: readonly { readonly index: number; readonly angle: number }[];
}

/** Frames of an event, each beside the last. */
const FRAMES = 3;
/** Losses of starts that found the same minimum, relative. */
const AGREEMENT = 1e-3;
/** Of losses, relative. */
const TOLERANCE = 1e-3;
const STARTS = 4;
const ROUNDS = 12;

/** Checks `donkey/*`, or says what it lacks. */
export async function kerasCase(data: GoldenData): Promise<readonly Check[] | string> {
  const { model, layer, output, events, drive } = data.json as PilotJson;
  const path = dataFolder && join(dataFolder, '..', model);
  const tub = dataFolder && join(dataFolder, 'donkey', 'tub');
  if (!path || !tub || !existsSync(path) || !existsSync(tub)) return `there is no ${model} beside the golden numbers`;
  const pictures = await picturesOf(tub);
  const network = await KerasNetwork.open(path, { layer, outputs: [{ name: 'model_outputs' }, { name: output }] });
  try {
    const checks: Check[] = [];
    for (const event of events) checks.push(...(await eventChecks(data, network, output, event, pictures)));
    return [...checks, await driveCheck(network, drive, pictures)];
  } finally {
    network.dispose();
  }
}

async function eventChecks(
  data: GoldenData,
  network: KerasNetwork,
  output: string,
  { index, outputs, frames }: PilotJson['events'][number],
  pictures: readonly string[],
): Promise<Check[]> {
  const maps = await network.features(await framesBefore(pictures, index));
  const numbers = network.tail(maps);
  const tail = network.tail(maps, output);
  try {
    const filters = await bestFilters(tail, frames);
    return [
      checkClose(`${index} maps`, maps.data, tensorOf(data, `${index}.layer`), 1e-4),
      checkClose(`${index} embedding`, tail.reference, tensorOf(data, `${index}.embedding`), 1e-4),
      checkClose(`${index} outputs`, numbers.reference, Float32Array.from(outputs), 1e-4),
      ...frames.flatMap(({ loss, starts }, slot) => {
        const { loss: ours, values } = filters[slot]!;
        const found = check(`${index} frame ${slot} loss above the best (relative)`, ours / loss - 1, TOLERANCE);
        const agree = Math.max(...starts) <= loss * (1 + AGREEMENT);
        const miss = 1 - cosine(values, tensorOf(data, `${index}.filter${slot}`));
        return agree ? [found, check(`${index} frame ${slot} filter (1 − cosine)`, miss, 1e-3)] : [found];
      }),
    ];
  } finally {
    tail.dispose();
    numbers.dispose();
  }
}

/** From one start, and from more around the best where what is known is still lower: the network is full of kinks. */
async function bestFilters(tail: Tail, frames: readonly Frame[]): Promise<AttentionFilter[]> {
  const { filters } = await solveFilters(tail);
  const best = frames.map(async ({ loss }, slot) => {
    let own = filters[slot]!;
    for (let seed = 1; own.loss > loss * (1 + TOLERANCE) && seed <= ROUNDS; seed++) {
      own = (await solveFilters(tail, { slots: [slot], starts: STARTS, seed, initial: [own.values] })).filters[0]!;
    }
    return own;
  });
  return await Promise.all(best);
}

async function driveCheck(
  network: KerasNetwork,
  drive: PilotJson['drive'],
  pictures: readonly string[],
): Promise<Check> {
  const angles: number[] = [];
  for (const { index } of drive) {
    const tail = network.tail(await network.features(await framesBefore(pictures, index)));
    angles.push(tail.reference[0]!);
    tail.dispose();
  }
  return checkClose(
    'angles along the drive',
    angles,
    Float32Array.from(drive, ({ angle }) => angle),
    1e-3,
  );
}

/** The tub's pictures, in the order of its catalogs. */
async function picturesOf(tub: string): Promise<string[]> {
  const catalogs = (await readdir(tub)).filter((name) => name.endsWith('.catalog')).sort();
  const lines = await Promise.all(catalogs.map(async (name) => (await readFile(join(tub, name), 'utf8')).split('\n')));
  const records = lines.flat().filter((line) => line.trim() !== '');
  return records.map((line) =>
    join(tub, 'images', (JSON.parse(line) as { 'cam/image_array': string })['cam/image_array']),
  );
}

async function framesBefore(pictures: readonly string[], index: number): Promise<FrameBatch> {
  const images = await Promise.all(pictures.slice(index - FRAMES + 1, index + 1).map((path) => loadImage(path)));
  const { width, height } = images[0]!;
  const context = createCanvas(width, height).getContext('2d');
  const rgb = new Uint8Array(FRAMES * height * width * 3);
  for (const [frame, image] of images.entries()) {
    context.drawImage(image, 0, 0);
    const { data } = context.getImageData(0, 0, width, height);
    for (let pixel = 0; pixel < width * height; pixel++) {
      rgb.set(data.subarray(4 * pixel, 4 * pixel + 3), (frame * width * height + pixel) * 3);
    }
  }
  return { rgb, shape: [FRAMES, height, width, 3], timestampsSec: [0, 1, 2] };
}

function cosine(a: Float32Array, b: Float32Array): number {
  const dot = (x: Float32Array, y: Float32Array): number => x.reduce((sum, value, i) => sum + value * y[i]!, 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}
