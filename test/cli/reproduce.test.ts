/** `l2caf reproduce`: what it says is needed and there, and what it refuses before any network runs. */
import { access, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadImage } from '@napi-rs/canvas';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { titlesOf } from '../../src/cli/reproduce-events.ts';
import type { StudyReport } from '../../src/evaluation/study-report.ts';
import { RANGE } from '../models/onnx/tiny-folder.ts';
import { makeNetworkDrive } from './network-drive.ts';
import { runCli } from './run-cli.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-reproduce-'));
  await mkdir(join(folder, 'networks'));
  for (const name of ['b.onnx', 'b.json', 'a.h5', 'notes.txt']) await writeFile(join(folder, 'networks', name), '');
  await mkdir(join(folder, 'drawn'));
  await writeFile(join(folder, 'drawn', 'stills.csv'), 'file,x,y,w,h\na.png,1,1,5,5\n');
  await mkdir(join(folder, 'heads', 'gap'), { recursive: true });
  await writeFile(join(folder, 'heads', 'gap', 'still.json'), '{}');
  await writeFile(join(folder, 'paper.csv'), 'network,method,top1\nx,cam,43.6\n');
});
afterAll(() => rm(folder, { recursive: true }));

const run = (...args: readonly string[]) => runCli(['reproduce', ...args], { cwd: folder });

it('rows of figure 9 are told apart: by their labels, or else by their ids, too', () => {
  const event = (id: string, label: string) => ({ id, label });
  expect(titlesOf([event('a', 'stop'), event('b', 'turn')])).toEqual(['stop', 'turn']);
  expect(titlesOf([event('a', 'stop'), event('stop', 'stop')])).toEqual(['a, stop', 'stop']);
});

describe('reproduce', () => {
  it('draws the frames of events with their filters, by a network of the user', async () => {
    const drive = await makeNetworkDrive(['a,drive.mp4,0,2', 'b,drive.mp4,1,4', 'c,drive.mp4,3,6']);
    const list = join(drive.folder, 'labelled.csv');
    await writeFile(list, 'id,video,start,end,label\na,drive.mp4,0,2,stop\nb,drive.mp4,1,4,go\nc,drive.mp4,3,6,go\n');
    await writeFile(drive.model.replace('.onnx', '.json'), JSON.stringify(RANGE));
    const args = ['fig9', '--data', list, '--model', drive.model, '--limit', '2', '--json', '-o', 'frames'];
    const { exitCode, stdout, stderr } = await run(...args);
    expect([exitCode, stderr.match(/^\s+at /m)]).toEqual([0, null]);
    const { tables, used } = JSON.parse(stdout) as StudyReport;
    expect(used['events']).toEqual(['a', 'b']);
    expect(tables[0]!.rows.map(({ group, name }) => `${group}: ${name}`)).toEqual(
      ['a, stop', 'b, go'].flatMap((group) => [1, 2, 3].map((frame) => `${group}: frame ${frame}`)),
    );
    const times = tables[0]!.rows.map(({ figures }) => figures['timeSec']!.value);
    expect(times.slice(0, 3)).toEqual([...times.slice(0, 3)].sort((a, b) => a - b));
    expect(times[0]).toBeLessThan(times[3]!);
    const names = (await readdir(join(folder, 'frames'))).filter((name) => name.startsWith('fig9'));
    expect(names.sort()).toEqual(['fig9-maps.png', 'fig9.csv', 'fig9.json', 'fig9.png']);
    const maps = await loadImage(await readFile(join(folder, 'frames', 'fig9-maps.png')));
    expect(maps.width).toBe(2100);
    await drive.remove();
  });

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
    expect((await run('table1', '--needs', '--networks', 'drawn')).stdout).toContain('(others: none in drawn)');
    const unusable = await run('table3', '--needs', '--data', 'networks');
    expect(unusable.stdout).toMatch(/\ndata: none: networks is none of boxes, masks/);
    expect((await run('fig12', '--needs')).stdout).toBe('networks: resnet50-imagenet\n');
    expect((await run('fig10', '--needs', '--networks', 'heads')).stdout).toMatch(
      /re-initialised.*\n.*heads.gap \(others/,
    );
    const fig9 = (await run('fig9', '--needs')).stdout;
    expect(fig9).toMatch(/LSTM over a ResNet.*\nnetwork: driving .*\ndata: none: there is no fixtures/);
  });

  it.each<[string, string[], number, RegExp]>([
    ['an item that there is not', ['table9'], 2, /Allowed choices are table1/],
    ['no pictures', ['table1'], 1, /there is no stills with pictures and boxes\nhint: .*--stills/],
    ['a folder of something else', ['table1', '--data', 'networks'], 1, /is none of boxes, masks/],
    ['no events', ['fig9'], 1, /there is no list of events fixtures/],
    ['events that are not there', ['fig9', '--data', 'none.csv'], 1, /there is no list of events none\.csv/],
    ['no pictures for a figure', ['fig11'], 1, /there is no stills with pictures and boxes/],
    ["the paper's numbers beside a figure", ['fig11', '--paper', 'paper.csv'], 2, /of tables, and fig11 is a figure/],
    ["the paper's numbers beside events", ['fig9', '--paper', 'paper.csv'], 2, /of tables, and fig9 is a figure/],
    ['networks that are not there', ['fig12', '--networks', 'nowhere'], 1, /cannot read nowhere/],
    ["wrong numbers of the paper's", ['table1', '--data', 'drawn', '--paper', 'paper.csv'], 1, /43\.6, not a share/],
  ])('refuses %s', async (_, args, code, message) => {
    const { exitCode, stderr } = await run(...args, '-o', 'out');
    expect(stderr).toMatch(message);
    expect(exitCode).toBe(code);
    await expect(access(join(folder, 'out'))).rejects.toThrow();
  });
});
