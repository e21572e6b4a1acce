/** What is exported is what the analyses say, in the forms that others read: npy by its specification, CSV, JSON lines, pictures. */
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadImage } from '@napi-rs/canvas';
import { strFromU8, unzipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Analysis, writeAnalysis } from '../../src/analysis/document.ts';
import { withObjects } from '../../src/analysis/objects.ts';
import { readCsv } from '../../src/base/csv.ts';
import { sha256OfFile } from '../../src/base/files.ts';
import { exportAnalyses } from '../../src/cli/export.ts';
import { writeArrays } from '../../src/exports/arrays.ts';
import type { ExportedEvent } from '../../src/exports/exported.ts';
import { writeSamples } from '../../src/exports/fiftyone.ts';
import { writeFramesTable } from '../../src/exports/frames-table.ts';
import { npyBytes, writeNpz } from '../../src/exports/npz.ts';
import { probeClip } from '../../src/video/media/probe.ts';
import { makeClip } from '../support/clips.ts';
import { exampleAnalysis } from '../support/example-analysis.ts';

let folder: string;
let events: readonly ExportedEvent[];
let first: Analysis;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-exports-'));
  const path = await makeClip(join(folder, 'clip.mp4'), { frames: 75 });
  const { width, height, frameRate, durationSec } = await probeClip(path);
  const example = exampleAnalysis({ path, sha256: await sha256OfFile(path), width, height, frameRate, durationSec });
  const objects = {
    ...{ path: '/boxes.csv', format: 'CSV', notes: [], warnings: [] },
    objects: [{ name: 'car 3', id: '3', label: 'car' }],
    at: () => [{ object: 0, box: { x: 0, y: 0, width: 80, height: 48 } }],
  };
  const labelled = {
    ...{ ...example, labels: ['left, sharp', 'right'], importance: { absent: 'left-out' as const } },
    frames: example.frames.map((frame, i) => ({ ...frame, importance: i / 2, probabilities: [0.25, 0.75] })),
  };
  first = withObjects(labelled, objects, () => new Map([[0, { lost: 0.5, elsewhere: 0.25 }]]));
  await writeAnalysis(join(folder, 'a', 'analysis.json'), first);
  await writeAnalysis(join(folder, 'b', 'analysis.json'), { ...example, embedding: [3, 4] });
  events = [
    { id: 'a', path: join(folder, 'a', 'analysis.json'), label: 'stop', split: 'test' },
    { id: 'b', path: join(folder, 'b', 'analysis.json') },
  ];
});
afterAll(() => rm(folder, { recursive: true }));

/** Reads a `.npy` file by its specification, version 1.0. */
function readNpy(bytes: Uint8Array): { type: string; shape: number[]; values: number[] } {
  const buffer = Buffer.from(bytes);
  expect(buffer.subarray(0, 8).toString('latin1')).toBe('\x93NUMPY\x01\x00');
  const start = 10 + buffer.readUInt16LE(8);
  expect(start % 64).toBe(0);
  const header = buffer.subarray(10, start).toString('latin1');
  expect(header.endsWith('\n')).toBe(true);
  const [, type, lengths] = /^\{'descr': '(<f[48])', 'fortran_order': False, 'shape': \((.*?)\), \}/.exec(header)!;
  const shape = lengths!.split(',').flatMap((length) => (length.trim() === '' ? [] : [Number(length)]));
  const size = type === '<f4' ? 4 : 8;
  const values = Array.from({ length: (buffer.length - start) / size }, (_, i) =>
    size === 4 ? buffer.readFloatLE(start + 4 * i) : buffer.readDoubleLE(start + 8 * i),
  );
  return { type: type!, shape, values };
}

describe('arrays', () => {
  it('are those of the analyses, with a manifest', async () => {
    const path = join(folder, 'out.npz');
    await writeArrays(path, events);
    const members = unzipSync(await readFile(path));
    const array = (name: string): ReturnType<typeof readNpy> => readNpy(members[`${name}.npy`]!);
    expect(array('a/filters')).toEqual({
      ...{ type: '<f4', shape: [2, 2, 2] },
      values: first.frames.flatMap(({ filter }) => filter.values.map(Math.fround)),
    });
    expect(array('a/times')).toEqual({ type: '<f8', shape: [2], values: [0.5, 1.5] });
    expect(array('a/importance').values).toEqual([0, 0.5]);
    expect(array('a/probabilities')).toEqual({ type: '<f8', shape: [2, 2], values: [0.25, 0.75, 0.25, 0.75] });
    expect(array('a/objects')).toMatchObject({
      shape: [2, 1],
      values: [expect.closeTo(0.64, 6), expect.closeTo(0.64, 6)],
    });
    const { shape, values } = array('a/maps');
    expect(shape).toEqual([2, 16, 16]);
    expect([Math.min(...values), Math.max(...values)]).toEqual([0, 1]);
    expect(array('b/embedding')).toEqual({ type: '<f8', shape: [2], values: [3, 4] });
    expect(members['b/importance.npy']).toBeUndefined();
    const manifest = JSON.parse(strFromU8(members['manifest.json']!)) as { schema: string; events: object[] };
    expect(manifest).toMatchObject({
      schema: 'l2caf-arrays/1',
      events: [
        { id: 'a', label: 'stop', split: 'test', labels: ['left, sharp', 'right'], objects: ['car 3'] },
        { id: 'b', arrays: { filters: [2, 2, 2], embedding: [2] } },
      ],
    });
  });

  it('are the same bytes every time', async () => {
    const [one, two] = [join(folder, 'one.npz'), join(folder, 'two.npz')];
    await writeArrays(one, events);
    await writeArrays(two, events);
    expect((await readFile(one)).equals(await readFile(two))).toBe(true);
  });

  it('must have as many numbers as their shape says', () => {
    expect(() => npyBytes({ shape: [2, 3], values: new Float32Array(5) })).toThrow(/5 numbers are no array of 2x3/);
    expect(readNpy(npyBytes({ shape: [], values: Float64Array.of(7) }))).toEqual({
      type: '<f8',
      shape: [],
      values: [7],
    });
    expect(readNpy(npyBytes({ shape: [0, 3], values: new Float32Array() })).shape).toEqual([0, 3]);
  });

  it('leave no file where something is wrong with one of them', async () => {
    const path = join(folder, 'broken.npz');
    const members = async function* () {
      yield { name: 'x', array: { shape: [1], values: Float32Array.of(1) } };
      throw new Error('wrong');
    };
    await expect(writeNpz(path, members())).rejects.toThrow('wrong');
    expect((await readdir(folder)).filter((name) => name.includes('broken'))).toEqual([]);
  });
});

describe('a table of frames', () => {
  it('has the columns of all events as CSV, empty where an event has none', async () => {
    const path = join(folder, 'frames.csv');
    await writeFramesTable(path, 'csv', events);
    const [heading, ...rows] = readCsv(await readFile(path, 'utf8')).records;
    expect(rows).toHaveLength(4);
    const cell = (row: number, name: string): string => rows[row]!.fields[heading!.fields.indexOf(name)]!;
    expect(
      ['event', 'label', 'time', 'importance', 'p: left, sharp', 'on: car 3'].map((name) => cell(1, name)),
    ).toEqual([...['a', 'stop', '1.5', '0.5', '0.25'], expect.stringMatching(/^0\.64/)]);
    expect(['event', 'label', 'time', 'importance', 'p: left, sharp'].map((name) => cell(2, name))).toEqual([
      ...['b', '', '0.5', '', ''],
    ]);
    const shares = ['left', 'centre', 'right'].map((name) => Number(cell(0, name)));
    expect(shares[0]! + shares[1]! + shares[2]!).toBeCloseTo(1, 5);
  });

  it('is an object a line as JSON lines', async () => {
    const path = join(folder, 'frames.jsonl');
    await writeFramesTable(path, 'jsonl', events);
    const rows = (await readFile(path, 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    expect(rows).toHaveLength(4);
    expect(rows[3]).toMatchObject({ event: 'b', frame: 2, time: 1.5, status: 'converged', peak_row: 0 });
    expect(rows[3]).not.toHaveProperty('importance');
  });
});

describe('samples for FiftyOne', () => {
  it('are frames and heatmaps as pictures, with what labels are made of', async () => {
    const out = join(folder, 'samples');
    await mkdir(out);
    const { samples } = JSON.parse(await readFile(await writeSamples(out, events), 'utf8')) as {
      samples: { filepath: string; heatmap: { map_path: string } }[];
    };
    expect(samples).toHaveLength(4);
    expect(samples[0]).toMatchObject({
      ...{ filepath: 'frames/a-0001.jpg', heatmap: { map_path: 'heatmaps/a-0001.png', range: [0, 1] } },
      ...{ tags: ['test'], ground_truth: { label: 'stop' }, prediction: { label: 'right', confidence: 0.75 } },
      detections: [{ label: 'car', object_id: '3', bounding_box: [0, 0, 0.5, 0.5], lost: 0.5 }],
      fields: { event: 'a', timestamp: 0.5, loss: 0.125 },
    });
    expect(samples[3]).toMatchObject({ tags: [], fields: { event: 'b' } });
    const picture = await loadImage(join(out, samples[0]!.filepath));
    const heatmap = await loadImage(join(out, samples[0]!.heatmap.map_path));
    expect([picture.width, picture.height, heatmap.width, heatmap.height]).toEqual([160, 96, 16, 16]);
  });
});

it('the command takes folders, and gives events of one name ids of their own', async () => {
  const out = join(folder, 'many.jsonl');
  await writeAnalysis(join(folder, 'deep', 'a', 'analysis.json'), first);
  await exportAnalyses(
    [join(folder, 'a', 'analysis.json'), join(folder, 'deep')],
    { output: out, quiet: true },
    new AbortController().signal,
  );
  const rows = (await readFile(out, 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { event: string });
  expect(new Set(rows.map(({ event }) => event)).size).toBe(2);
});
