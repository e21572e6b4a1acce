/** `l2caf reproduce --networks` with heads that were trained for still pictures, beside the real ResNet-50. */
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StudyReport } from '../../src/evaluation/study-report.ts';
import { writeSpots } from '../evaluation/tiny-stills.ts';
import { writeStillHeads } from '../support/still-heads.ts';
import { runCli } from './run-cli.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-reproduce-heads-'));
  const labels = ['class 0', 'class 1', 'class 2'];
  await writeStillHeads(join(folder, 'heads'), [
    { kind: 'gap', outputs: 3, labels },
    { kind: 'acol', outputs: 3, labels, erase: 0.6 },
    { kind: 'retrieval', outputs: 4 },
  ]);
  await mkdir(join(folder, 'stills'));
  const stills = await writeSpots(join(folder, 'stills'));
  const rows = stills.map(({ boxes, label }, i) => {
    const [left, top, right, bottom] = boxes[0]!;
    return `${i}.png,${left},${top},${right - left},${bottom - top},${label},test,0`;
  });
  await writeFile(join(folder, 'stills', 'stills.csv'), `file,x,y,w,h,class,split,seen\n${rows.join('\n')}\n`);
});
afterAll(() => rm(folder, { recursive: true }));

async function reproduce(item: string): Promise<StudyReport> {
  const args = ['reproduce', item, '--data', 'stills', '--networks', 'heads', '--json', '-q', '-o', item];
  const { exitCode, stdout, stderr } = await runCli(args, { cwd: folder });
  expect([exitCode, stderr.match(/^\s+at /m)]).toEqual([0, null]);
  return JSON.parse(stdout) as StudyReport;
}

/** The methods of each network. */
function methodsIn({ tables: [table] }: StudyReport): Record<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const { group = '', name } of table!.rows) groups.set(group, [...(groups.get(group) ?? []), name]);
  return Object.fromEntries(groups);
}

const CLASS_MAPS = ['cam', 'gradcam', 'gradcam-abs', 'l2caf-class', 'l2caf-oblivious'];
const RETRIEVAL_MAPS = ['gradcam', 'gradcam-abs', 'l2caf-oblivious'];

describe('reproduce with heads', () => {
  it('table2: classes, and the fused map of ACoL', async () => {
    const report = await reproduce('table2');
    expect(methodsIn(report)).toEqual({
      'resnet50-imagenet': CLASS_MAPS,
      'my-acol': [...CLASS_MAPS, 'acol'],
      'my-gap': CLASS_MAPS,
    });
    for (const { figures, group } of report.tables[0]!.rows) {
      expect(Number.isFinite(figures['gtKnown']!.value)).toBe(true);
      expect(Number.isFinite(figures['top1']!.value)).toBe(group !== 'resnet50-imagenet'); // which knows none of these
    }
  });

  it('table3: embeddings', async () => {
    expect(methodsIn(await reproduce('table3'))).toEqual({
      'resnet50-imagenet': RETRIEVAL_MAPS,
      'my-retrieval': RETRIEVAL_MAPS,
    });
  });

  it('fig6 and fig7: their maps over pictures', async () => {
    expect(methodsIn(await reproduce('fig6'))['my-acol']).toEqual([...CLASS_MAPS, 'acol']);
    expect(methodsIn(await reproduce('fig7'))['my-retrieval']).toEqual(RETRIEVAL_MAPS);
    const drawn = async (item: string) => (await readdir(join(folder, item))).filter((name) => /-.*\.png$/.test(name));
    expect((await drawn('fig6')).sort()).toEqual(['fig6-my-acol.png', 'fig6-my-gap.png', 'fig6-resnet50-imagenet.png']);
    expect((await drawn('fig7')).sort()).toEqual(['fig7-my-retrieval.png', 'fig7-resnet50-imagenet.png']);
  });

  it('fig12: seconds per map', { timeout: 300_000, tags: 'nightly' }, async () => {
    const groups = Object.keys(methodsIn(await reproduce('fig12')));
    expect(groups).toEqual(['resnet50-imagenet', 'my-acol', 'my-gap', 'my-retrieval']);
  });
});
