/**
 * Still pictures: where the maps of ResNet-50 and SqueezeNet lie, and whether the optimum localises better than the
 * published stopping points. `npm run bench -- study-stills TINY-IMAGENET SQUEEZENET [PICTURES [DESCENTS]]`; the descents are
 * measured on the first network and on DESCENTS pictures, since they take a hundred times as long.
 */
import { evenlyChosen } from '../src/base/evenly.ts';
import { DEFAULT_STILL_METHODS, STILL_METHODS } from '../src/evaluation/choices.ts';
import { readStills } from '../src/evaluation/still-datasets.ts';
import { studyStills } from '../src/evaluation/stills-study.ts';
import { RESNET50_IMAGENET } from '../src/models/pretrained.ts';
import { openStillModel } from '../src/stills/analyze.ts';
import { stillNetwork } from '../src/stills/still-network.ts';
import { type ResultTable, writeResults } from './results.ts';
import { report, resultTable } from './study.ts';

/** Measures, and writes bench/results/study-stills.json. */
export async function run([data, squeezenet, count = '300', descents = '60']: readonly string[]): Promise<void> {
  if (data === undefined || squeezenet === undefined) {
    throw new Error('usage: npm run bench -- study-stills TINY-IMAGENET SQUEEZENET [PICTURES [DESCENTS]]');
  }
  const stills = await readStills(data, 'tiny-imagenet');
  const exact = STILL_METHODS.filter((method) =>
    /^l2caf-(class|oblivious)(-(paper|tf1|tf1-fast|pytorch))?$/.test(method),
  );
  const studies = [
    { model: RESNET50_IMAGENET.id, methods: DEFAULT_STILL_METHODS, pictures: count },
    { model: squeezenet, methods: DEFAULT_STILL_METHODS, pictures: count, layer: 'conv10' }, // its last: the tail is linear
    { model: RESNET50_IMAGENET.id, methods: exact, pictures: descents },
  ];
  const models = new Map<string, Awaited<ReturnType<typeof openStillModel>>>();
  for (const { model } of studies) {
    if (!models.has(model)) models.set(model, await openStillModel({ model, backend: 'auto' }));
  }
  const tables: ResultTable[] = [];
  for (const { model: name, methods, pictures, layer } of studies) {
    const model = models.get(name)!;
    const chosen = evenlyChosen(stills, Number(pictures), 'starts');
    const { table } = await studyStills(stillNetwork(model, { layer }), chosen, {
      methods,
      level: LEVEL,
      seed: 0,
      onProgress: report(),
    });
    const title = `${model.network.id}, ${chosen.length} of ${stills.length} pictures`;
    tables.push({ ...resultTable(table), title });
  }
  await writeResults({
    name: 'study-stills',
    command: `npm run bench -- study-stills TINY-IMAGENET SQUEEZENET ${count} ${descents}`,
    tables,
  });
}

/** Of the fixed-level measures. */
const LEVEL = 0.2;
