/** A network of single pictures on several frames, whose outputs are averaged. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MapTail } from '../../../src/l2caf/tail.ts';
import type { OnnxNetwork } from '../../../src/models/onnx/network.ts';
import type { FeatureMaps } from '../../../src/models/video-model.ts';
import { noiseFrames, RANGE, TinyFolder } from './tiny-folder.ts';
import { cnnLstm, pictureCnn } from './tiny-networks.ts';

let folder: TinyFolder;
let network: OnnxNetwork;
let each: readonly MapTail[];
let tail: MapTail;
beforeAll(async () => {
  folder = await TinyFolder.make();
  network = await folder.open(pictureCnn(), { ...RANGE, licences: [{ of: 'net', licence: 'MIT' }] } as never);
  const frames = noiseFrames(3, 16, 16);
  const bytes = 16 * 16 * 3;
  const maps: FeatureMaps[] = [];
  for (let i = 0; i < 3; i++)
    maps.push(
      await network.features({ ...frames, rgb: frames.rgb.slice(i * bytes, (i + 1) * bytes), shape: [1, 16, 16, 3] }),
    );
  each = maps.map((one) => network.tail(one) as MapTail);
  tail = network.tail(network.joined!(maps)) as MapTail;
});
afterAll(() => folder.remove());

const close = (values: ArrayLike<number>) => Array.from(values, (value) => expect.closeTo(value, 4));
const meanOf = (outputs: readonly ArrayLike<number>[]): number[] =>
  Array.from(outputs[0]!, (_, k) => outputs.reduce((sum, output) => sum + output[k]!, 0) / outputs.length);

describe('several pictures', () => {
  it('have the mean of their outputs, a slot each', () => {
    expect(tail.slots).toBe(3);
    expect([...tail.reference]).toEqual(close(meanOf(each.map(({ reference }) => reference))));
    expect(tail.grid).toEqual(each[0]!.grid);
    expect(tail.outputSize).toBe(each[0]!.outputSize);
    expect(network.input).toMatchObject({ usualFrames: 3 });
    expect(network.describe().licences).toEqual([{ of: 'net', licence: 'MIT' }]);
  });

  it('are filtered one at a time, rows in any order', async () => {
    const cells = tail.grid.height * tail.grid.width;
    const slots = [2, 0, 2, 1];
    const filters = Float32Array.from({ length: slots.length * cells }, (_, i) => Math.sin(i));
    const outputs = await tail.evaluate(filters, slots);
    for (const [row, slot] of slots.entries()) {
      const own = await each[slot]!.evaluate(filters.slice(row * cells, (row + 1) * cells), [0]);
      const expected = meanOf(each.map(({ reference }, i) => (i === slot ? own : reference)));
      expect([...outputs.subarray(row * tail.outputSize, (row + 1) * tail.outputSize)]).toEqual(close(expected));
    }
  });

  it('show their maps, and take others in their place', async () => {
    for (const slot of [0, 1, 2]) expect(tail.mapOf(slot)).toEqual(each[slot]!.mapOf(0));
    const outputs = await tail.evaluateMaps(tail.mapOf(0), [1]);
    expect([...outputs]).toEqual(close(meanOf([each[0]!.reference, each[0]!.reference, each[2]!.reference])));
  });

  it('may be left out: the mean of those that are there, nothing of none', async () => {
    const { absent, evaluate } = tail.subsets!;
    expect(absent).toBe('left-out');
    const outputs = await evaluate(Uint8Array.of(1, 0, 1, 0, 0, 0, 0, 1, 0));
    const size = tail.outputSize;
    expect([...outputs.subarray(0, size)]).toEqual(close(meanOf([each[0]!.reference, each[2]!.reference])));
    expect([...outputs.subarray(size, 2 * size)]).toEqual(new Array(size).fill(0));
    expect([...outputs.subarray(2 * size)]).toEqual(close(each[1]!.reference));
  });
});

it('outputs that there are not are refused with those that there are', async () => {
  const event = await folder.open(cnnLstm());
  const maps = await event.features(noiseFrames(3, 16, 16));
  expect(() => event.tail(maps, 'speed')).toThrow(
    expect.objectContaining({ code: 'usage', message: 'the model has no output speed', hint: 'it has logits' }),
  );
  expect(event.joined).toBeUndefined();
  expect(event.describe()).not.toHaveProperty('licences');
});
