/** `l2caf reproduce all`: which items it makes with which options, and what a repeated command does again. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { L2cafError } from '../../src/base/errors.ts';
import type { ReproduceFlags } from '../../src/cli/reproduce.ts';
import { reproduceAll } from '../../src/cli/reproduce-all.ts';
import { PAPER_ITEMS } from '../../src/evaluation/reproduce/choices.ts';

const made = vi.hoisted(() => vi.fn<(item: string, flags: ReproduceFlags) => Promise<void>>());
vi.mock('../../src/cli/reproduce.ts', async (original) => ({ ...(await original<object>()), reproduce: made }));
vi.mock('../../src/cli/reproduce-events.ts', async (original) => ({
  ...(await original<object>()),
  reproduceEvents: made,
}));

let folder: string;
let output: string;
let said: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-reproduce-all-'));
  output = join(folder, 'out');
  said = '';
  await writeFile(join(folder, 'stills.csv'), 'file,x,y,w,h\na.png,1,1,5,5\n');
  await writeFile(join(folder, 'paper.csv'), 'network,method,top1\n');
  await mkdir(join(folder, 'networks'));
  for (const stream of ['stdout', 'stderr'] as const) {
    vi.spyOn(process[stream], 'write').mockImplementation((text) => {
      said += String(text);
      return true;
    });
  }
  made.mockReset().mockImplementation(async (item, { output: own }) => {
    await mkdir(own!, { recursive: true });
    await writeFile(join(own!, `${item}.json`), '{}');
  });
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(folder, { recursive: true });
});

const run = (more: Partial<ReproduceFlags> = {}): Promise<void> =>
  reproduceAll(
    {
      ...{ data: folder, networks: join(folder, 'networks'), output },
      ...{ level: 0.2, seed: 0, backend: 'auto', quiet: false, ...more },
    },
    new AbortController().signal,
  );
const items = (): string[] => made.mock.calls.map(([item]) => item);

it('makes every item in a folder of its own, each with the options that it has', async () => {
  await run({ limit: 6, paper: join(folder, 'paper.csv') });
  expect(items()).toEqual([...PAPER_ITEMS]);
  for (const [item, flags] of made.mock.calls) {
    expect(flags).toMatchObject({ output: join(output, item), seed: 0, backend: 'auto' });
    expect('paper' in flags, item).toBe(item.startsWith('table'));
    expect(flags.data, item).toBe(item === 'fig9' ? undefined : folder);
    expect(flags.limit, item).toBe(item === 'fig9' ? undefined : 6); // which has four rows
    expect(flags.known).toBe(join(output, 'known'));
  }
  expect(said).toMatch(/^2 of 9: table2$/m);
  expect(said).toMatch(/^item +took +results\n/m);
  expect(said).toMatch(/^all +\d+ s +.*out$/m);
  expect((await readdir(output)).sort()).toEqual(['reproduce.json', ...PAPER_ITEMS].sort());
});

it('goes on with the item that was interrupted', async () => {
  made.mockImplementationOnce(made.getMockImplementation()!).mockImplementationOnce(async () => {
    throw new L2cafError('aborted', 'interrupted');
  });
  await expect(run()).rejects.toMatchObject({ code: 'aborted' });
  expect(items()).toEqual(['table1', 'table2']);
  made.mockClear();
  await run();
  expect(items()).toEqual(PAPER_ITEMS.slice(1));
  expect(said).toMatch(/^1 of 9: table1 is done$/m);
  made.mockClear();
  await run();
  expect(items()).toEqual([]);
  await rm(join(output, 'fig6', 'fig6.json'));
  await run();
  expect(items()).toEqual(['fig6']);
});

it('makes all anew with other options, other pictures or other networks', async () => {
  await run();
  const changes: (() => Promise<void>)[] = [
    () => run({ seed: 1 }),
    () => run({ limit: 3 }),
    async () => {
      await writeFile(join(folder, 'stills.csv'), 'file,x,y,w,h\na.png,1,1,5,6\nb.png,1,1,5,5\n');
      await run();
    },
    async () => {
      await writeFile(join(folder, 'networks', 'a.onnx'), 'x');
      await run();
    },
    async () => {
      await writeFile(join(output, 'reproduce.json'), 'not JSON');
      await run();
    },
  ];
  for (const change of changes) {
    made.mockClear();
    await change();
    expect(items()).toHaveLength(PAPER_ITEMS.length);
  }
});

it('leaves the events out where there are none, and nothing else', async () => {
  const fail = (failing: string) =>
    made.mockImplementation(async (item, { output: own }) => {
      if (item === failing) throw new L2cafError('input-not-found', `nothing for ${item}`);
      await mkdir(own!, { recursive: true });
    });
  fail('fig9');
  await run();
  expect(items()).toHaveLength(PAPER_ITEMS.length);
  expect(said).toMatch(/warning: fig9 is left out: nothing for fig9/);
  expect(said).toMatch(/^fig9 +- +left out$/m);
  fail('fig10');
  await expect(run({ seed: 2 })).rejects.toThrow('nothing for fig10');
});

it('says that there are no pictures before anything is computed or written', async () => {
  await expect(run({ data: join(folder, 'none') })).rejects.toMatchObject({ code: 'input-not-found' });
  expect(items()).toEqual([]);
  await expect(readFile(join(output, 'reproduce.json'))).rejects.toThrow();
  expect(await readdir(folder)).not.toContain('out');
});

it('says what all of them need', async () => {
  made.mockReset();
  await run({ needs: true });
  expect(items()).toEqual([...PAPER_ITEMS]);
  expect(said).toMatch(/^table1:\ntable2:$/m);
  expect(await readdir(folder)).not.toContain('out');
});
