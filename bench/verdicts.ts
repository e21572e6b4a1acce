/**
 * Verdicts on maps: how well they tell what blurring cells in the picture does, where their limits come from, and what they cost.
 * `npm run bench -- verdicts EVENTS TEST.csv VALIDATION.csv`: EVENTS of the test list, evenly spread, and all of the other, which holds
 * real drives, at their own frame rates, that the packaged head was not trained on and that are not in the first list.
 */
import { explainMaps } from '../src/analysis/explain.ts';
import { evenlyChosen } from '../src/base/evenly.ts';
import { createRandom } from '../src/base/random.ts';
import { studyVerdicts } from '../src/evaluation/verdict-study.ts';
import { readEvents } from '../src/events/labelled.ts';
import { planEvents } from '../src/features/dataset.ts';
import { useBackend, useEngine } from '../src/models/backend.ts';
import { featureMapShape, type Head } from '../src/models/head.ts';
import { createRecurrentHead, ForgetfulHeads } from '../src/models/head-tails.ts';
import { loadModel } from '../src/models/model-directory.ts';
import { findModel } from '../src/models/packaged.ts';
import type { FeatureMaps } from '../src/models/video-model.ts';
import { type ResultTable, writeResults } from './results.ts';
import { report, resultTable } from './study.ts';
import { median, STUDIED_MODEL } from './support.ts';

const SEED = 0;
const FRAMES = 3;
const REPEATS = 20;

/** Measures, and writes bench/results/verdicts.json. */
export async function run([count, test, validation]: readonly string[]): Promise<void> {
  if (count === undefined || test === undefined || validation === undefined) {
    throw new Error('usage: npm run bench -- verdicts EVENTS TEST.csv VALIDATION.csv');
  }
  const { head } = await loadModel(await findModel(STUDIED_MODEL));
  const { name: backend } = await useEngine('auto');
  const context = { target: 'oblivious', seed: SEED, backend, onProgress: report() } as const;
  const tablesOf = async (path: string, limit?: number) => {
    const events = evenlyChosen(await readEvents(path, { needs: ['label'] }), limit, 'starts');
    const planned = await planEvents([{ name: 'events', events }], { frames: FRAMES, views: 1, seed: SEED });
    return studyVerdicts(head, planned, context);
  };
  const [prediction, words] = await tablesOf(test, Number(count));
  const [, , limits] = await tablesOf(validation);
  await writeResults({
    name: 'verdicts',
    command: `npm run bench -- verdicts ${count} TEST.csv VALIDATION.csv`,
    tables: [resultTable(prediction!), resultTable(words!), resultTable(limits!), await costTable(head)],
  });
}

/** Milliseconds per event of the filters and of the verdicts on them, on maps of noise. */
async function costTable(head: Head): Promise<ResultTable> {
  await useBackend('wasm');
  const { height, width, channels } = featureMapShape(head.spec);
  const recurrent = createRecurrentHead(head);
  const forgetful = new ForgetfulHeads(head);
  const network = {
    outputs: [{ name: 'embedding', kind: 'embedding', size: head.spec.embeddingSize }] as const,
    tail: (maps: FeatureMaps) => recurrent.tail(maps),
    redrawn: (maps: FeatureMaps) => forgetful.tails(maps),
  };
  const seconds: { readonly filters: number; readonly verdict: number }[] = [];
  for (let i = 0; i <= REPEATS; i++) {
    const random = createRandom(SEED, i);
    const data = Float32Array.from({ length: FRAMES * height * width * channels }, () => Math.max(0, random.normal()));
    const maps: FeatureMaps = { data, shape: [FRAMES, height, width, channels] };
    const target = { objective: { kind: 'oblivious' }, name: 'oblivious' } as const;
    seconds.push((await explainMaps(network, maps, { target, seed: SEED })).seconds);
  }
  recurrent.dispose();
  forgetful.dispose();
  const ms = (key: 'filters' | 'verdict'): string =>
    (1000 * median(seconds.slice(1).map((one) => one[key]))).toFixed(0);
  return {
    title: 'What a verdict costs, milliseconds per event',
    columns: ['filters', 'verdict and importance'],
    rows: [[ms('filters'), ms('verdict')]],
    notes: [`${FRAMES} frames, the packaged head, median of ${REPEATS} events of noise; without decoding and trunk.`],
  };
}
