import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readNpy } from '../../src/models/npy.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-npy-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** A file as NumPy writes it. */
async function npy(header: string, values: readonly number[], version = 1, magic = '\x93NUMPY'): Promise<string> {
  const length = Buffer.alloc(version === 1 ? 2 : 4);
  if (version === 1) length.writeUInt16LE(header.length);
  else length.writeUInt32LE(header.length);
  const path = join(folder, 'a.npy');
  const data = Buffer.from(Float32Array.from(values).buffer);
  await writeFile(
    path,
    Buffer.concat([Buffer.from(magic, 'latin1'), Buffer.of(version, 0), length, Buffer.from(header), data]),
  );
  return path;
}

const HEADER = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n";

it.each([
  [1, HEADER, [2, 3], 6],
  [2, HEADER, [2, 3], 6],
  [3, HEADER.replace('(2, 3)', '(4,)'), [4], 4],
  [1, HEADER.replace('(2, 3)', '()'), [], 1],
  [1, HEADER.replaceAll(': ', ':'), [2, 3], 6],
])('reads version %d of %j', async (version, header, shape, count) => {
  const values = Array.from({ length: count }, (_, i) => i - 0.5);
  expect(await readNpy(await npy(header, values, version))).toEqual({ shape, data: Float32Array.from(values) });
});

it.each([
  ['it is not a .npy file', () => npy(HEADER, [1], 1, '\x93NUMPX')],
  ['its header cannot be read', () => npy("{'descr': '<f4', 'fortran_order': False}", [1, 2, 3])],
  ['its header cannot be read', () => npy("{'fortran_order': False, 'shape': (1,)}", [1])],
  ['it holds <f8, only <f4 (float32) can be read', () => npy(HEADER.replace('<f4', '<f8'), [1])],
  ['it is in column order, only row order can be read', () => npy(HEADER.replace('False', 'True'), [1])],
  ['it is truncated: expected 6 numbers', () => npy(HEADER, [1, 2, 3, 4, 5])],
  ['it is truncated: expected 6 numbers', () => npy(HEADER, [1, 2, 3, 4, 5, 6, 7])],
])('refuses what is none: %s', async (why, make) => {
  const path = await make();
  await expect(readNpy(path)).rejects.toMatchObject({ code: 'weights-invalid', message: `${path}: ${why}` });
});

it('refuses a file that is too short or not there', async () => {
  const path = join(folder, 'short.npy');
  await writeFile(path, Buffer.from('\x93NUMPY\x01\x00\x00\x00\x00', 'latin1'));
  await expect(readNpy(path)).rejects.toThrow('it is not a .npy file');
  await expect(readNpy(join(folder, 'gone.npy'))).rejects.toMatchObject({ code: 'weights-invalid' });
});
