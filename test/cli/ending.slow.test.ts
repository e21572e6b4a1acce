/** The real commands on a terminal, interrupted in every stage that they show. */
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cacheFolder } from '../../src/base/cache-folder.ts';
import { RESNET50_IMAGENET } from '../../src/models/pretrained.ts';
import { pullTrunk } from '../../src/models/pull.ts';
import { makeClip } from '../support/clips.ts';
import { drawnOn, hasPty, leftBy, type PtyTerminal, runOnPty } from './pty.ts';
import { MAIN, runCli } from './run-cli.ts';

let folder: string;
const at = (name: string): string => join(folder, name);
beforeAll(async () => {
  await pullTrunk(RESNET50_IMAGENET);
  folder = await mkdtemp(join(tmpdir(), 'l2caf-ending-'));
  await makeClip(at('drive.mp4'), { frames: 60, rate: '10', width: 640, height: 360 });
  const rows = ['a', 'b'].flatMap((label, i) =>
    ['train', 'train', 'test', 'test'].map((split, n) => {
      return `${label}${n},drive.mp4,${i + n / 2},${i + n / 2 + 2},${label},${split}`;
    }),
  );
  await writeFile(at('events.csv'), `id,video,start,end,label,split\n${rows.join('\n')}\n`);
  const { exitCode } = await runCli(['analyze', at('drive.mp4'), '-o', at('done'), '-q']);
  expect(exitCode).toBe(0);
});
afterAll(() => rm(folder, { recursive: true }));

const ANALYZE = (): string[] => ['analyze', at('drive.mp4'), '-o', at('out')];
const OTHERS: readonly (readonly [string, () => string[]])[] = [
  ['analyze --dense', () => ['analyze', at('drive.mp4'), '--dense', '-o', at('out')]],
  ['render', () => ['render', at('done/analysis.json'), '-o', at('out/a.mp4')]],
  ['report', () => ['report', at('done/analysis.json'), '-o', at('out')]],
  ['image', () => ['image', at('done/strip.png'), '--sanity', '-o', at('out')]],
  [
    'train',
    () => [
      'train',
      at('events.csv'),
      '--steps',
      '6',
      '--classes',
      '4',
      '--per-class',
      '2',
      '--components',
      '8',
      '-o',
      at('out'),
    ],
  ],
];

const IN_ORDER = { showsCursor: true, wraps: true };
const interrupt = (terminal: PtyTerminal): void => terminal.type('\x03');

describe.skipIf(!hasPty)('on a terminal', () => {
  it('analyze ends in every stage after Ctrl-C', () => expectToEnd(ANALYZE));
  it.each(OTHERS)('%s ends in every stage after Ctrl-C', { tags: ['nightly'] }, (_, args) => expectToEnd(args));

  async function expectToEnd(args: () => string[]): Promise<void> {
    const command = (): string[] => [process.execPath, MAIN, ...args()];
    const env = { L2CAF_CACHE: await freshCache() };
    const { exitCode, output } = await runOnPty(command(), { env });
    expect({ exitCode, ...leftBy(output) }).toEqual({ exitCode: 0, ...IN_ORDER });
    const bars = drawnOn(output).flatMap((line) => /^(.+) \[[=-]{20}\]/.exec(line)?.[1] ?? []);
    const stages = [...new Set(bars)];
    expect(stages.length).toBeGreaterThan(0);
    for (const stage of stages) {
      await rm(at('out'), { recursive: true, force: true });
      const interrupted = await runOnPty(command(), {
        env: { L2CAF_CACHE: await freshCache() },
        steps: [{ when: new RegExp(`${stage} \\[`), act: interrupt }],
      });
      const said = interrupted.output.slice(-300);
      expect({ stage, said, ...leftBy(interrupted.output) }).toMatchObject(IN_ORDER);
      if (interrupted.exitCode === 0 && stage === stages.at(-1)) continue; // it had just got through
      expect({ stage, said, exitCode: interrupted.exitCode }).toEqual({
        stage,
        said: expect.stringMatching(/\r\nerror: interrupted\r\n/),
        exitCode: 130,
      });
      const left = existsSync(at('out')) ? await readdir(at('out'), { recursive: true }) : [];
      expect(left.filter((name) => name.includes('.part'))).toEqual([]);
    }
  }

  it('batch finishes what is under way, or ends at once after a second Ctrl-C', async () => {
    const command = [process.execPath, MAIN, 'batch', at('events.csv'), '--jobs', '1', '-o', at('batch')];
    const twice = [/ · waiting|trunk/, /stopping: .* being finished/].map((when) => ({ when, act: interrupt }));
    const env = { L2CAF_CACHE: await freshCache() };
    const killed = await runOnPty(command, { env, steps: twice });
    expect({ exitCode: killed.exitCode, ...leftBy(killed.output) }).toEqual({ ...IN_ORDER, exitCode: 130 });
    expect(killed.output).not.toContain('events done');
    const stopped = await runOnPty(command, { env, steps: twice.slice(0, 1) });
    expect(stopped.output).toMatch(/\r\n\d of 8 events done, 0 failed/);
    expect({ exitCode: stopped.exitCode, ...leftBy(stopped.output) }).toEqual({ ...IN_ORDER, exitCode: 130 });
  });

  /** The weights, but no features. */
  async function freshCache(): Promise<string> {
    const cache = await mkdtemp(join(folder, 'cache-'));
    await symlink(join(cacheFolder(), 'trunks'), join(cache, 'trunks'));
    return cache;
  }
});
