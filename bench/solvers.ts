/**
 * The solvers of one event side by side, on the same inputs: the published way (Adam on the whole tail, one filter after
 * another), Adam on the collapsed tail with the filters in one batch, Gauss–Newton, and Gauss–Newton from several starts.
 * Three frames; an untrained head on feature maps that are positive noise. Single-threaded wasm.
 */

import { createRandom } from '../src/base/random.ts';
import * as tf from '../src/base/tensorflow.ts';
import { type SolveOptions, solveFilters } from '../src/l2caf/solve.ts';
import type { FeatureTail, Tail } from '../src/l2caf/tail.ts';
import { tensorTail } from '../src/l2caf/tensor-tail.ts';
import { useBackend } from '../src/models/backend.ts';
import { RecurrentHead } from '../src/models/recurrent-tail.ts';
import { writeResults } from './results.ts';
import { medianMs } from './support.ts';

interface Size {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly units: number;
  readonly outputs: number;
}

const SIZES: readonly Size[] = [
  { height: 7, width: 12, channels: 32, units: 128, outputs: 64 },
  { height: 7, width: 12, channels: 64, units: 256, outputs: 128 },
  { height: 7, width: 7, channels: 32, units: 128, outputs: 64 },
  { height: 7, width: 7, channels: 64, units: 256, outputs: 128 },
];
const FRAMES = 3;
const STARTS = 8;

/** A row per size: time per event with its preparation, and how many times faster than published the exact solver is. */
export async function run(): Promise<void> {
  await useBackend('wasm');
  const rows: string[][] = [];
  let largestGap = 0;
  for (const size of SIZES) {
    const { head, maps } = randomEvent(size);
    const times: number[] = [];
    const losses: number[][] = [];
    for (const { solve, repeats } of WAYS) {
      const event = async () => {
        const tail = head.tail(maps);
        const filters = await solve(tail);
        tail.dispose();
        return filters;
      };
      losses.push((await event()).map(({ loss }) => loss));
      times.push(await medianMs(repeats, event));
    }
    for (let slot = 0; slot < FRAMES; slot++) {
      const own = losses.map((filters) => filters[slot]!);
      largestGap = Math.max(largestGap, Math.max(...own) - Math.min(...own));
    }
    const { height, width, channels, units, outputs } = size;
    const speedup = times[0]! / times[GAUSS_NEWTON]!;
    rows.push([
      [`${height}x${width}`, channels, units, outputs].join(', '),
      ...times.map((ms) => ms.toFixed(0)),
      speedup.toFixed(0),
    ]);
    head.dispose();
  }
  await writeResults({
    name: 'solvers',
    command: 'npm run bench -- solvers',
    tables: [
      {
        columns: [
          'grid, channels, LSTM, embedding',
          ...WAYS.map(({ name }) => name),
          `${WAYS[0]!.name} / ${WAYS[GAUSS_NEWTON]!.name}`,
        ],
        rows,
        notes: [
          `Milliseconds per event of ${FRAMES} frames. Largest difference between the losses of two solvers: ${largestGap.toExponential(1)}.`,
        ],
      },
    ],
  });
}

type Filters = Awaited<ReturnType<typeof solveFilters>>['filters'];
const solveWith = async (tail: Tail, options: SolveOptions): Promise<Filters> =>
  (await solveFilters(tail, options)).filters;

const WAYS: readonly { name: string; repeats: number; solve: (tail: FeatureTail) => Promise<Filters> }[] = [
  {
    name: 'one by one',
    repeats: 1,
    solve: async (tail) => {
      const whole = uncollapsed(tail);
      const filters: Filters[number][] = [];
      for (let slot = 0; slot < tail.slots; slot++) {
        filters.push(...(await solveWith(whole, { solver: 'gd', slots: [slot] })));
      }
      return filters;
    },
  },
  { name: 'Adam, collapsed, in one batch', repeats: 3, solve: (tail) => solveWith(tail, { solver: 'gd' }) },
  { name: 'Gauss–Newton', repeats: 9, solve: (tail) => solveWith(tail, {}) },
  { name: `Gauss–Newton, ${STARTS} starts`, repeats: 3, solve: (tail) => solveWith(tail, { starts: STARTS }) },
];

/** Place of the default solver among them. */
const GAUSS_NEWTON = 2;

/** The same tail as a network without our shortcuts runs it: filter times feature map, flatten, input kernel. */
function uncollapsed(tail: FeatureTail): Tail {
  return tensorTail({
    slots: tail.slots,
    grid: tail.grid,
    outputSize: tail.outputSize,
    reference: tail.reference,
    filtered: (filters, slots) =>
      tf.tidy(() => {
        const features = tf.stack(slots.map((slot) => tail.features(slot)));
        return tail.outputsOf(tf.mul(features, tf.expandDims(filters, 3)), slots);
      }),
    dispose: () => undefined,
  });
}

/** A head with Glorot-normal weights and forget bias 1, and the feature maps of one event. */
function randomEvent({ height, width, channels, units, outputs }: Size) {
  const random = createRandom(1);
  const inputSize = height * width * channels;
  const normals = (count: number, scale: number) => Float32Array.from({ length: count }, () => scale * random.normal());
  const glorot = (rows: number, columns: number) => normals(rows * columns, Math.sqrt(2 / (rows + columns)));
  const bias = new Float32Array(4 * units).fill(1, units, 2 * units);
  const head = new RecurrentHead({
    grid: { height, width },
    channels,
    lstm: {
      inputSize,
      units,
      inputKernel: glorot(inputSize, 4 * units),
      recurrentKernel: glorot(units, 4 * units),
      bias,
    },
    embedding: { kernel: glorot(units, outputs), bias: new Float32Array(outputs) },
  });
  const data = normals(FRAMES * inputSize, 1).map((x) => Math.max(0, x));
  return { head, maps: { data, shape: [FRAMES, height, width, channels] as const } };
}
