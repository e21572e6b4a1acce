/** `l2caf reproduce`: what it says is needed and there, and what it refuses before any network runs. */
import { access, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from './run-cli.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-reproduce-'));
  await mkdir(join(folder, 'networks'));
  for (const name of ['b.onnx', 'b.json', 'a.h5', 'notes.txt']) await writeFile(join(folder, 'networks', name), '');
  await mkdir(join(folder, 'drawn'));
  await writeFile(join(folder, 'drawn', 'stills.csv'), 'file,x,y,w,h\na.png,1,1,5,5\n');
  await writeFile(join(folder, 'paper.csv'), 'network,method,top1\nx,cam,43.6\n');
});
afterAll(() => rm(folder, { recursive: true }));

const run = (...args: readonly string[]) => runCli(['reproduce', ...args], { cwd: folder });

describe('reproduce', () => {
  it('says what an item needs and what is there: networks without their cards, pictures by their files', async () => {
    const { exitCode, stdout } = await run('table1', '--needs', '--networks', 'networks', '--data', 'drawn');
    expect(exitCode).toBe(0);
    const files = [join('networks', 'a.h5'), join('networks', 'b.onnx')].join(', ');
    expect(stdout.split('\n')).toEqual([
      expect.stringContaining('GoogLeNet, ResNetV2-50, DenseNet-161'),
      `networks: resnet50-imagenet; ${files} (others: in networks)`,
      `data: ${join('drawn', 'stills.csv')} (boxes)`,
      '',
    ]);
    expect((await run('table3', '--needs')).stdout).toContain('data: none: there is no stills');
    expect((await run('fig12', '--needs')).stdout).toBe('networks: resnet50-imagenet\n');
  });

  it.each<[string, string[], number, RegExp]>([
    ['an item that there is not', ['table9'], 2, /Allowed choices are table1/],
    ['no pictures', ['table1'], 1, /there is no stills with pictures and boxes\nhint: .*--stills/],
    ['a folder of something else', ['table1', '--data', 'networks'], 1, /is none of boxes, masks/],
    ['networks that are not there', ['fig12', '--networks', 'nowhere'], 1, /cannot read nowhere/],
    ["wrong numbers of the paper's", ['table1', '--data', 'drawn', '--paper', 'paper.csv'], 1, /43\.6, not a share/],
  ])('refuses %s', async (_, args, code, message) => {
    const { exitCode, stderr } = await run(...args, '-o', 'out');
    expect(stderr).toMatch(message);
    expect(exitCode).toBe(code);
    await expect(access(join(folder, 'out'))).rejects.toThrow();
  });
});
