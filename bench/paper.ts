/**
 * Tables 1 and 3 of the paper on what is at hand: the ResNet-50 on pictures of tiny-imagenet, and its pooled features on the
 * unseen classes of drawn pictures. `npm run bench -- paper TINY-IMAGENET STILLS [PICTURES]`, STILLS as `npm run fixtures --
 * --stills` writes them.
 */
import { join } from 'node:path';
import { evenlyChosen } from '../src/base/evenly.ts';
import { PAPER_TABLES } from '../src/evaluation/reproduce/choices.ts';
import { outcomesOf } from '../src/evaluation/reproduce/outcomes.ts';
import { paperTable } from '../src/evaluation/reproduce/paper-table.ts';
import { readStills, readUnseen } from '../src/evaluation/still-datasets.ts';
import { RESNET50_IMAGENET } from '../src/models/pretrained.ts';
import { openStillModel } from '../src/stills/analyze.ts';
import { stillNetwork } from '../src/stills/still-network.ts';
import { type ResultTable, writeResults } from './results.ts';
import { report, resultTable } from './study.ts';
import { temporaryFolder } from './support.ts';

const SEED = 0;
/** Of the boxes. */
const LEVEL = 0.2;

/** Measures, and writes bench/results/paper.json. */
export async function run([data, drawn, count = '200']: readonly string[]): Promise<void> {
  if (data === undefined || drawn === undefined) {
    throw new Error('usage: npm run bench -- paper TINY-IMAGENET STILLS [PICTURES]');
  }
  const model = await openStillModel({ model: RESNET50_IMAGENET.id, backend: 'auto' });
  const folder = temporaryFolder();
  const sets = [
    { key: 'table1', name: 'tiny-imagenet', all: await readStills(data, 'tiny-imagenet') },
    { key: 'table3', name: 'drawn pictures', all: await readUnseen(join(drawn, 'stills.csv'), 'boxes') },
  ] as const;
  const tables: ResultTable[] = [];
  for (const { key, name, all } of sets) {
    const table = PAPER_TABLES[key];
    const stills = evenlyChosen(all, Number(count), 'starts');
    const network = stillNetwork(model, { asEmbedding: table.kind === 'embedding' });
    const path = join(folder, `${key}.json`);
    const options = { methods: table.methods, level: LEVEL, seed: SEED, path, onProgress: report() };
    const found = await outcomesOf(network, stills, options);
    const made = await paperTable(table, [{ network: model.network.id, ...found }], {
      ...{ seed: SEED, level: LEVEL },
      data: `${name}, ${stills.length} of ${all.length} pictures`,
    });
    tables.push(resultTable(made, 'network'));
  }
  model.network.dispose();
  await writeResults({ name: 'paper', command: `npm run bench -- paper TINY-IMAGENET STILLS ${count}`, tables });
}
