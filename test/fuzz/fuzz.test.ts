/** The fuzzer finds what it is there to find, and the same again. */
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { L2cafError } from '../../src/base/errors.ts';
import type { Random } from '../../src/base/random.ts';
import { runCase } from './fuzz.ts';
import { fuzzKinds } from './kinds.ts';
import { mutateBytes, mutateJson, mutateLines } from './mutate.ts';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'l2caf-fuzz-test-'));
});
afterAll(() => rm(root, { recursive: true }));

const kindOf = (attempt: (random: Random, folder: string) => Promise<void>) => ({
  ...{ name: 'planted', weight: 1, try: attempt },
});

it.each<[string, (random: Random, folder: string) => Promise<void>, string | undefined]>([
  ['a crash', () => Promise.reject(new TypeError('x is undefined')), 'x is undefined'],
  ['a file elsewhere', (_, folder) => writeFile(join(folder, '..', 'elsewhere'), ''), 'elsewhere outside its folder'],
  ['a message without end', () => Promise.reject(new L2cafError('usage', 'long\n'.repeat(900))), 'long'],
])('%s is a finding, and its folder stays', async (name, attempt, why) => {
  const folder = join(root, name);
  const outcome = await runCase(kindOf(attempt), 1, 0, folder);
  expect(outcome.kind).toBe('finding');
  expect(outcome.why).toContain(why);
  expect(await readdir(root)).toContain(name);
});

it('a refusal in words is none, and leaves nothing', async () => {
  const refuse = kindOf(() => Promise.reject(new L2cafError('input-unreadable', 'it is no list')));
  expect(await runCase(refuse, 1, 0, join(root, 'refused'))).toEqual({ kind: 'refused' });
  expect(await readdir(root)).not.toContain('refused');
});

it('gives the same case for the same seed', async () => {
  const drawn: number[] = [];
  const draw = kindOf(async (random) => void drawn.push(random.uniform()));
  for (const [seed, index] of [
    [1, 5],
    [1, 5],
    [1, 6],
    [2, 5],
  ] as const) {
    await runCase(draw, seed, index, join(root, 'case'));
  }
  expect(drawn[0]).toBe(drawn[1]);
  expect(new Set(drawn).size).toBe(3);
});

it('reads what is not mutated, and mutates', async () => {
  const still = { uniform: () => 0.999, normal: () => 0 };
  expect(mutateJson({ a: [1, 2] }, still)).not.toBe('{"a":[1,2]}');
  expect(mutateLines('a,b\n1,2\n', still)).not.toBe('a,b\n1,2\n');
  expect(mutateBytes(Buffer.from('abc'), { ...still, uniform: () => 0.1 })).not.toEqual(Buffer.from('abc'));
  const kinds = await fuzzKinds(root);
  for (const kind of kinds) {
    const outcomes: string[] = [];
    for (let index = 0; index < 12; index++) outcomes.push((await runCase(kind, 3, index, join(root, 'case'))).kind);
    expect(outcomes).not.toContain('finding');
    expect(outcomes).toContain('refused');
  }
}, 120_000);
