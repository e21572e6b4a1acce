import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { readSafetensors, writeSafetensors } from '../../src/models/safetensors.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-safetensors-'));
});

/** A file with one tensor of any type, written by hand. */
async function writeRaw(name: string, dtype: string, shape: number[], bytes: Uint8Array): Promise<string> {
  const header = Buffer.from(JSON.stringify({ x: { dtype, shape, data_offsets: [0, bytes.length] } }));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const path = join(folder, name);
  await writeFile(path, Buffer.concat([length, header, bytes]));
  return path;
}

/** A file with any header and a few numbers. */
async function writeHeader(header: string): Promise<string> {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(Buffer.byteLength(header)));
  const path = join(folder, 'header.safetensors');
  await writeFile(path, Buffer.concat([length, Buffer.from(header), Buffer.alloc(16)]));
  return path;
}

describe('safetensors', () => {
  const entry = { dtype: 'F32', shape: [1], data_offsets: [0, 4] };
  it.each([
    ...['null', 'true', '[1]', '"text"', '17'],
    ...[null, [], 'text', { a: 1 }]
      .map((metadata) => JSON.stringify({ __metadata__: metadata, x: entry }))
      .filter((text) => !text.includes('[]')),
    ...[null, 7, [], {}, { ...entry, dtype: 'constructor' }, { ...entry, dtype: '__proto__' }].map((x) =>
      JSON.stringify({ x }),
    ),
    ...[[-1], [1.5], ['1'], [1e300], [2 ** 40, 2 ** 40], 1].map((shape) => JSON.stringify({ x: { ...entry, shape } })),
    ...[[4, 0], [0], [0, 4, 8], [0, 1e300], [-4, 0], [1e15, 1e15 + 4]].map((data_offsets) =>
      JSON.stringify({ x: { ...entry, data_offsets } }),
    ),
  ])('refuses the header %s in words', async (header) => {
    await expect(readSafetensors(await writeHeader(header))).rejects.toMatchObject({ code: 'weights-invalid' });
  });

  it.each(['__proto__', 'constructor', 'toString'])('reads a tensor that is called %s', async (name) => {
    const { tensors } = await readSafetensors(await writeHeader(`{"${name}":${JSON.stringify(entry)}}`));
    expect([...tensors]).toEqual([[name, { shape: [1], data: Float32Array.of(0) }]]);
  });

  it('reads back what it wrote, and only what was asked for', async () => {
    const path = join(folder, 'a.safetensors');
    const first = { shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6.5) };
    const tensors = new Map([
      ['first', first],
      ['second', { shape: [1], data: Float32Array.of(-7) }],
    ]);
    await writeSafetensors(path, tensors, { id: 'test' });
    const all = await readSafetensors(path);
    expect(all.metadata).toEqual({ id: 'test' });
    expect(all.tensors.get('first')).toEqual(first);
    const some = await readSafetensors(path, (name) => name === 'second');
    expect([...some.tensors.keys()]).toEqual(['second']);
  });

  it.each([
    ['F64', new Uint8Array(Float64Array.of(0.5, -2).buffer), [0.5, -2]],
    ['I64', new Uint8Array(BigInt64Array.of(3n, -4n).buffer), [3, -4]],
    ['I32', new Uint8Array(Int32Array.of(3, -4).buffer), [3, -4]],
    ['F16', new Uint8Array(Uint16Array.of(0x3c00, 0xc100).buffer), [1, -2.5]],
    ['BF16', new Uint8Array(Uint16Array.of(0x3f80, 0xc020).buffer), [1, -2.5]],
    ['U8', Uint8Array.of(7, 255), [7, 255]],
  ])('converts %s', async (dtype, bytes, expected) => {
    const { tensors } = await readSafetensors(await writeRaw(`${dtype}.safetensors`, dtype, [2], bytes));
    expect([...tensors.get('x')!.data]).toEqual(expected);
  });

  it('reads half-precision subnormals, infinity and NaN', async () => {
    const bytes = new Uint8Array(Uint16Array.of(0x0001, 0x7c00, 0xfc00, 0x7e00).buffer);
    const { tensors } = await readSafetensors(await writeRaw('half.safetensors', 'F16', [4], bytes));
    expect([...tensors.get('x')!.data]).toEqual([
      2 ** -24,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      Number.NaN,
    ]);
  });

  it('names the fault of a broken file', async () => {
    const whole = await writeRaw('whole.safetensors', 'F32', [2], new Uint8Array(8));
    const bytes = await readFile(whole);
    const broken = async (name: string, content: Uint8Array): Promise<string> => {
      await writeFile(join(folder, name), content);
      return join(folder, name);
    };
    const truncated = await broken('truncated', bytes.subarray(0, bytes.length - 3));
    await expect(readSafetensors(truncated)).rejects.toThrow('truncated (tensor x is incomplete)');
    await expect(
      readSafetensors(await broken('text', Buffer.from('hello, world: this is a text file'))),
    ).rejects.toThrow('not a safetensors file');
    await expect(readSafetensors(await broken('empty', new Uint8Array()))).rejects.toThrow(
      'truncated or not a safetensors file',
    );
    await expect(readSafetensors(join(folder, 'absent'))).rejects.toThrow('cannot read');
    await expect(readSafetensors(await writeRaw('odd', 'F8_E4M3', [2], new Uint8Array(2)))).rejects.toThrow(
      'unsupported type F8_E4M3',
    );
    await expect(readSafetensors(await writeRaw('short', 'F32', [3], new Uint8Array(8)))).rejects.toThrow(
      'wrong length for its shape',
    );
  });
});
