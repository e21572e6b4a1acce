/** The fuzzer finds what it is there to find, and the same again. */
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { L2cafError } from '../../src/base/errors.ts';
import type { Random } from '../../src/base/random.ts';
import { runCase } from './fuzz.ts';
import type { FuzzCase, Outcome } from './kind.ts';
import { fuzzKinds, prepareKinds } from './kinds.ts';
import { mutateBytes, mutateJson, mutateLines } from './mutate.ts';
import { runCases } from './pool.ts';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'l2caf-fuzz-test-'));
});
afterAll(() => rm(root, { recursive: true }));

async function emptyFolder(name: string): Promise<string> {
  const path = join(root, name);
  await mkdir(path, { recursive: true });
  return path;
}

const kindOf = (attempt: (random: Random, folder: string) => Promise<void>) => ({
  ...{ name: 'planted', weight: 1, try: attempt },
});

const refusal = (message: string): Promise<void> => Promise.reject(new L2cafError('usage', message));

it.each<[string, (random: Random, folder: string) => Promise<void>, string | RegExp]>([
  ['a crash', () => Promise.reject(new TypeError('x is undefined')), 'x is undefined'],
  ['a file elsewhere', (_, folder) => writeFile(join(folder, '..', 'elsewhere'), ''), /changed: .*elsewhere/],
  [
    'a file that is gone',
    (_, folder) => rm(join(folder, '..', '..', 'watched', 'there')),
    /watched.there \(5 bytes.*which is gone/,
  ],
  [
    'a file that is another',
    (_, folder) => writeFile(join(folder, '..', '..', 'watched', 'there'), 'otherwise'),
    /watched.there \(9 bytes/,
  ],
  ['a message without end', () => refusal('long\n'.repeat(900)), 'a message of 4500 characters'],
  ['a stack trace in words', () => refusal(`no: ${new Error('deep').stack}`), 'a stack trace in a message'],
  ['a bug told as a refusal', () => refusal("Cannot read properties of undefined (reading 'x')"), 'words of a bug'],
])('%s is a finding, and its folder stays', async (name, attempt, why) => {
  const watched = await emptyFolder('watched');
  await writeFile(join(watched, 'there'), 'as it');
  const outcome = await runCase(kindOf(attempt), 1, 0, join(root, name), [watched]);
  expect(outcome.kind).toBe('finding');
  expect(outcome.why).toMatch(why);
  expect(await readdir(root)).toContain(name);
});

it('a refusal in words is none, and leaves nothing', async () => {
  const refuse = kindOf(() => Promise.reject(new L2cafError('input-unreadable', 'it is no list')));
  expect(await runCase(refuse, 1, 0, join(root, 'refused'))).toEqual({ kind: 'refused' });
  expect(await readdir(root)).not.toContain('refused');
});

it('finds what ends its process or never ends, and goes on', async () => {
  const outcomes = new Map<string, Outcome>();
  const cases: FuzzCase[] = ['fine', 'exits', 'fine', 'hangs', 'rejects later', 'keeps turning', 'fine'].map(
    (kind, index) => {
      return { kind, index };
    },
  );
  await runCases(
    cases.values(),
    {
      ...{
        module: new URL('planted.ts', import.meta.url),
        prepared: await emptyFolder('nothing'),
        folder: await emptyFolder('pool'),
      },
      ...{ seed: 1, workers: 2, deadlineSec: 3 },
    },
    ({ kind, index }, outcome) => outcomes.set(`${index} ${kind}`, outcome),
  );
  const found = Object.fromEntries([...outcomes].map(([name, { kind, why }]) => [name, why?.split(': ')[0] ?? kind]));
  expect(found).toEqual({
    ...{ '0 fine': 'read', '2 fine': 'read', '6 fine': 'read' },
    ...{ '1 exits': 'it ended the process, code 7', '4 rejects later': 'it ended the process, code 1' },
    ...{ '3 hangs': 'no end after 3 s', '5 keeps turning': 'no end after 3 s' },
  });
  expect(outcomes.get('4 rejects later')!.why).toContain('nobody waits for this');
}, 60_000);

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
  const prepared = await emptyFolder('prepared');
  await prepareKinds(prepared);
  const kinds = await fuzzKinds(prepared);
  for (const kind of kinds) {
    const outcomes: string[] = [];
    const cases = kind.name === 'videos' ? 5 : 12;
    for (let index = 0; index < cases; index++) outcomes.push((await runCase(kind, 3, index, join(root, 'case'))).kind);
    expect(outcomes).not.toContain('finding');
    expect(outcomes).toContain('refused');
  }
}, 120_000);
