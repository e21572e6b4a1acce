/**
 * How long the whole of `l2caf reproduce` takes on drawn pictures, item by item.
 * `npm run bench -- reproduce STILLS HEADS [FOLDER]`: STILLS as `npm run fixtures -- --stills 1000` writes them, HEADS a folder of heads that
 * `l2caf train-stills` trained on them, FOLDER for what is made.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { networkFiles } from '../src/cli/reproduce-networks.ts';
import { readStills, readUnseen } from '../src/evaluation/still-datasets.ts';
import { writeResults } from './results.ts';
import { measureCli, temporaryFolder } from './support.ts';

/** Measures, and writes bench/results/reproduce.json. */
export async function run([stills, heads, folder = join(temporaryFolder(), 'out')]: readonly string[]): Promise<void> {
  if (stills === undefined || heads === undefined) {
    throw new Error('usage: npm run bench -- reproduce STILLS HEADS [FOLDER]');
  }
  const list = join(stills, 'stills.csv');
  const [tested, unseen] = [await readStills(list, 'boxes'), await readUnseen(list, 'boxes')];
  const networks = await networkFiles(heads);
  const args = ['reproduce', 'all', '--data', stills, '--networks', heads, '-o', folder, '-q'];
  const { seconds, processorSec, peakMb } = measureCli(args);
  const { items } = JSON.parse(await readFile(join(folder, 'reproduce.json'), 'utf8')) as {
    items: Readonly<Record<string, number>>;
  };
  const minutes = (sec: number): string => (sec / 60).toFixed(1);
  await writeResults({
    name: 'reproduce',
    command: 'npm run bench -- reproduce STILLS HEADS',
    tables: [
      {
        title: `l2caf reproduce all, on ${tested.length} drawn pictures (${unseen.length} of unseen classes), the ResNet-50 and ${networks.length} heads`,
        columns: ['item', 'minutes'],
        rows: [
          ...Object.entries(items).map(([item, sec]) => [item, minutes(sec)]),
          ['all of them', minutes(seconds)],
          ['processor, both cores together', minutes(processorSec)],
          ['memory, MB', peakMb.toFixed(0)],
        ],
        notes: [
          'One process, after another; minutes of the clock on two cores that other work shared, but for the processor.',
        ],
      },
    ],
  });
}
