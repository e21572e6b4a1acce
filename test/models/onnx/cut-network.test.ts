/** Networks cut at a layer: both parts together are the network, and filters of the second part are solved. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRandom } from '../../../src/base/random.ts';
import { pooledDenseTail } from '../../../src/l2caf/linear-tail.ts';
import { solveFilters } from '../../../src/l2caf/solve.ts';
import type { MapTail } from '../../../src/l2caf/tail.ts';
import { useBackend } from '../../../src/models/backend.ts';
import { cutAt } from '../../../src/models/onnx/cut.ts';
import { readOnnx } from '../../../src/models/onnx/file.ts';
import { graphOf } from '../../../src/models/onnx/graph.ts';
import { type TinyCut, TinyFolder } from './tiny-folder.ts';
import { cnnLstm, conv3d, pictureCnn, type TinyFiles, tinyWeights, transformer, twoStreams } from './tiny-networks.ts';

let folder: TinyFolder;
beforeAll(async () => {
  folder = await TinyFolder.make();
});
afterAll(() => folder.remove());

const PICTURE: TinyCut = {
  ...{ layer: 'features', layout: 'b c h w', output: 'scores' },
  inputs: { pictures: [1, 3, 16, 16] },
};
const LSTM: TinyCut = {
  ...{ layer: 'features', layout: '(b t) c h w', output: 'logits' },
  inputs: { frames: [1, 3, 3, 16, 16] },
};
const VOLUME: TinyCut = {
  ...{ layer: 'features', layout: 'b c t h w', output: 'scores' },
  inputs: { clip: [1, 3, 4, 16, 16] },
};
const TOKENS: TinyCut = {
  ...{ layer: 'stream', layout: '(b t) (cls h w) c', output: 'head' },
  inputs: { frames: [1, 2, 3, 16, 16] },
};

/** Name, network, cut, and whether events go through it together. */
const NETWORKS: readonly (readonly [string, () => TinyFiles, TinyCut, boolean])[] = [
  ['of pictures', () => pictureCnn(), PICTURE, true],
  ['in half precision', () => pictureCnn({ float16: true }), PICTURE, true],
  ['with weights beside it', () => pictureCnn({ external: 'weights.bin' }), PICTURE, true],
  ['by the name of a node', () => pictureCnn(), { ...PICTURE, layer: 'features node' }, true],
  ['at its input', () => pictureCnn(), { ...PICTURE, layer: 'pictures' }, true],
  ['with an LSTM, of one event', () => cnnLstm(), LSTM, true],
  ['with an LSTM, of any number', () => cnnLstm({ dynamic: true }), LSTM, true],
  ['with an LSTM in half precision', () => cnnLstm({ float16: true }), LSTM, true],
  [
    'with channels last',
    () => cnnLstm({ channelsLast: true }),
    { ...LSTM, layout: '(b t) h w c', inputs: { frames: [1, 3, 16, 16, 3] } },
    true,
  ],
  ['in three dimensions', () => conv3d(), VOLUME, true],
  ['of two streams', () => twoStreams(), { ...PICTURE, inputs: { ...PICTURE.inputs, flow: [1, 2, 4, 4] } }, true],
  ['of tokens, whose frames are one mean', () => transformer(), { ...TOKENS, layer: 'normed' }, false],
];

describe.each(NETWORKS)('a network %s', (name, make, cut, isBatched) => {
  const halves = name.includes('half');
  const exact = { ...cut, halves };
  const tailOf = async (span?: 'slice' | 'volume') => {
    const { network, feeds } = await folder.cut(make(), exact);
    const event = await network.run(feeds);
    return { network, event, tail: network.tail(event, cut.output, span) };
  };

  it(`runs ${isBatched ? 'all rows together, each' : 'rows one by one, each'} as alone`, async () => {
    const { network, tail } = await tailOf();
    expect(network.isBatched).toBe(isBatched);
    const cells = tail.grid.height * tail.grid.width;
    const slots = Array.from({ length: 5 }, (_, i) => i % tail.slots);
    const filters = randomFilters(5 * cells);
    const together = await tail.evaluate(filters, slots);
    for (const [row, slot] of slots.entries()) {
      const alone = await tail.evaluate(filters.slice(row * cells, (row + 1) * cells), [slot]);
      expectClose(together.subarray(row * tail.outputSize, (row + 1) * tail.outputSize), alone, 1e-6);
    }
    expect(spread(together)).toBeGreaterThan(1e-3); // rows differ
  });

  it('gives the same when so many filters are tried that what cells contribute is added up', async () => {
    for (const span of ['slice', 'volume'] as const) {
      const { tail } = await tailOf(span);
      const { tail: other } = await tailOf(span);
      const cells = tail.grid.height * tail.grid.width;
      for (const slot of new Set([0, tail.slots - 1])) {
        const filters = randomFilters(cells * cells);
        const many = await tail.evaluate(filters, new Array<number>(cells).fill(slot));
        for (const row of [0, cells - 1]) {
          const alone = await other.evaluate(filters.slice(row * cells, (row + 1) * cells), [slot]);
          expectClose(many.subarray(row * tail.outputSize, (row + 1) * tail.outputSize), alone, halves ? 1e-2 : 1e-5);
        }
        expect(spread(many)).toBeGreaterThan(1e-3);
      }
    }
  });

  it('is itself under filters of ones and its own maps', async () => {
    for (const span of ['slice', 'volume'] as const) {
      const { tail } = await tailOf(span);
      const cells = tail.grid.height * tail.grid.width;
      for (let slot = 0; slot < tail.slots; slot++) {
        const tolerance = halves ? 2e-3 : 1e-5;
        expectClose(await tail.evaluate(new Float32Array(cells).fill(1), [slot]), tail.reference, tolerance);
        expectClose(await tail.evaluateMaps(tail.mapOf(slot), [slot]), tail.reference, tolerance);
      }
    }
  });

  it('does without slices of time, whose maps are emptied', async () => {
    const { tail } = await tailOf();
    const { slots, subsets, outputSize, grid } = tail;
    expect([subsets !== undefined, subsets?.absent ?? 'emptied']).toEqual([slots > 1, 'emptied']);
    if (subsets === undefined) return;
    const rows = Array.from({ length: slots }, (_, missing) => Array.from({ length: slots }, (__, i) => i !== missing));
    const present = Uint8Array.from([...new Array<number>(slots).fill(1), ...rows.flat().map(Number)]);
    const outputs = await subsets.evaluate(present);
    const row = (i: number): Float32Array => outputs.subarray(i * outputSize, (i + 1) * outputSize);
    const tolerance = halves ? 2e-3 : 1e-5;
    expectClose(row(0), tail.reference, tolerance);
    for (let missing = 0; missing < slots; missing++) {
      expectClose(
        row(missing + 1),
        await tail.evaluate(new Float32Array(grid.height * grid.width), [missing]),
        tolerance,
      );
    }
  });

  it('takes a filter for the map that is multiplied by it', async () => {
    for (const span of ['slice', 'volume'] as const) {
      const { tail } = await tailOf(span);
      const cells = tail.grid.height * tail.grid.width;
      const slot = tail.slots - 1;
      const filter = randomFilters(cells);
      const map = tail.mapOf(slot);
      const channels = map.length / cells;
      const filtered = map.map((value, i) => value * filter[Math.floor(i / channels)]!);
      const [ofFilter, ofMap] = [await tail.evaluate(filter, [slot]), await tail.evaluateMaps(filtered, [slot])];
      expectClose(ofFilter, ofMap, 1e-6);
    }
  });
});

describe('the tail', () => {
  it('reads what else the rest needs', async () => {
    const graph = graphOf(await readOnnx(await folder.write(twoStreams())));
    expect(cutAt(graph, 'features', ['scores']).boundary).toEqual(['motion']);
    expect(cutAt(graph, 'both', ['scores']).boundary).toEqual([]);
    const residual = graphOf(await readOnnx(await folder.write(transformer())));
    expect(cutAt(residual, 'attended', ['head']).boundary).toEqual(['placed']);
    expect(cutAt(residual, 'stream', ['head']).boundary).toEqual([]);
  });

  it('of means and a dense layer is solved in closed form, as that tail is', async () => {
    await useBackend('wasm');
    const { network, feeds } = await folder.cut(pictureCnn(), PICTURE);
    const tail = network.tail(await network.run(feeds));
    const golden = pooledDenseTail({
      grid: tail.grid,
      features: tail.mapOf(0),
      kernel: tinyWeights('scores.weight', 40),
      bias: tinyWeights('scores.bias', 5, 0.2),
    });
    expectClose(tail.reference, golden.reference, 1e-5);
    for (const objective of [{ kind: 'oblivious' }, { kind: 'class', index: 2 }] as const) {
      const [ours, theirs] = [await solveFilters(tail, { objective }), await solveFilters(golden, { objective })];
      expect(ours.filters[0]!.status).toBe('exact');
      expectClose(ours.filters[0]!.values, theirs.filters[0]!.values, 1e-3);
      expect(ours.filters[0]!.loss).toBeCloseTo(theirs.filters[0]!.loss, 5);
    }
    golden.dispose();
  });

  it.each([
    ['LSTM', () => cnnLstm(), LSTM],
    ['convolution', () => conv3d(), VOLUME],
  ] as const)('of an %s is solved better than by any of many tries', async (_, make, cut) => {
    const { network, feeds } = await folder.cut(make(), cut);
    const tail = network.tail(await network.run(feeds));
    const { filters } = await solveFilters(tail, { starts: 2 });
    expect(filters).toHaveLength(tail.slots);
    for (const [slot, { values, loss, status }] of filters.entries()) {
      expect(status).not.toBe('exact');
      expect(Math.hypot(...values)).toBeCloseTo(1, 5);
      const [best, there] = [await bestOfMany(tail, slot, 400), await lossOf(tail, slot, values)];
      expect(Math.abs(there - loss)).toBeLessThan(1e-3 * loss);
      expect(there).toBeLessThan(best);
      // Any small step along the sphere leads up.
      const near = await bestOfMany(tail, slot, 200, { values, step: 0.03 });
      expect(near).toBeGreaterThan(there * (1 - 1e-4));
    }
  });
});

/** The smallest loss of random filters of unit length: anywhere, or a step away from one. */
async function bestOfMany(
  tail: MapTail,
  slot: number,
  count: number,
  from?: { readonly values: Float32Array; readonly step: number },
): Promise<number> {
  const cells = tail.grid.height * tail.grid.width;
  const random = createRandom(9, slot);
  const rows = new Float32Array(count * cells);
  for (let row = 0; row < count; row++) {
    const filter = Array.from({ length: cells }, (_, i) => {
      return from ? from.values[i]! + (from.step * random.normal()) / Math.sqrt(cells) : random.normal();
    });
    const length = Math.hypot(...filter);
    rows.set(
      filter.map((value) => value / length),
      row * cells,
    );
  }
  const outputs = await tail.evaluate(rows, new Array<number>(count).fill(slot));
  return Math.min(...Array.from({ length: count }, (_, row) => lossAt(tail, outputs, row)));
}

async function lossOf(tail: MapTail, slot: number, filter: Float32Array): Promise<number> {
  return lossAt(tail, await tail.evaluate(filter, [slot]), 0);
}

/** Sum of squares between the output and that with no filter. */
function lossAt({ reference, outputSize: d }: MapTail, outputs: Float32Array, row: number): number {
  return reference.reduce((sum, value, k) => sum + (value - outputs[row * d + k]!) ** 2, 0);
}

function randomFilters(count: number): Float32Array {
  const random = createRandom(8, count);
  return Float32Array.from({ length: count }, () => random.normal());
}

function spread(values: Float32Array): number {
  return Math.max(...values) - Math.min(...values);
}

/** Every value within `tolerance` of the largest. */
function expectClose(ours: Float32Array, golden: Float32Array, tolerance: number): void {
  expect(ours.length).toBe(golden.length);
  const largest = golden.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const off = golden.reduce((worst, value, i) => Math.max(worst, Math.abs(value - ours[i]!)), 0);
  expect(off).toBeLessThanOrEqual(tolerance * largest);
}
