/**
 * What the classes of the packaged heads answer, each data set a question of its own, and how well their probabilities are calibrated.
 * `npm run bench -- calibrate DATA CLIPS`: DATA holds `donkey`, `clips`, `camvid` and `sim-track`; CLIPS is what
 * `npm run fixtures -- --events 1200 --seed 7` draws. No event was trained on: of the generated test events the first 120 measure and
 * the others are fitted on; of every video that was left out of a training the first half is fitted on, and the second measures.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { groupBy } from '../src/base/group-by.ts';

import { type LabelledEvent, readEvents } from '../src/events/labelled.ts';
import { type PlannedEvent, planEvents } from '../src/features/dataset.ts';
import { openFeatureCache, prepareFeatures } from '../src/features/features.ts';
import { useBackend } from '../src/models/backend.ts';
import { loadModel, saveQuestions } from '../src/models/model-directory.ts';
import { DEFAULT_MODEL, findModel } from '../src/models/packaged.ts';
import { questionsOf } from '../src/models/questions.ts';
import { calibrated, LEAST_EVENTS } from '../src/training/calibration.ts';
import { steeringEvents } from './driving.ts';
import { TEST_EVENTS } from './generated.ts';
import { type ResultTable, writeResults } from './results.ts';
import { root, STUDIED_MODEL } from './support.ts';

const OUT = join(root, 'out', 'calibrate');
/** What is asked of each data set. */
const ASKED: Readonly<Record<string, string>> = {
  fixtures: 'event',
  steering: 'steering',
  camvid: 'scene',
  'sim-track': 'turn',
};

/** Writes `questions` of models/driving and models/driving-camvid, and the table. */
export async function run([data, clips]: readonly string[]): Promise<void> {
  if (data === undefined || clips === undefined) throw new Error('usage: npm run bench -- calibrate DATA CLIPS');
  await mkdir(OUT, { recursive: true });
  await useBackend('wasm');
  const steering = join(OUT, 'steering.csv');
  await writeFile(steering, await steeringEvents(resolve(data)));
  const lists: Readonly<Record<string, string>> = {
    fixtures: resolve(clips, 'events.csv'),
    steering,
    camvid: resolve(data, 'camvid', 'events.csv'),
    'sim-track': resolve(data, 'sim-track', 'events.csv'),
  };
  const rows: string[][] = [];
  for (const name of [DEFAULT_MODEL, STUDIED_MODEL]) rows.push(...(await calibrate(name, lists)));
  const table: ResultTable = {
    columns: ['head', 'question', 'classes', 'fitted on', 'measured on', 'temperature', 'error before', 'error after'],
    rows,
    notes: [
      `Expected calibration error (Guo et al. 2017), 15 bins of confidence. Fewer than ${LEAST_EVENTS} events leave the scores as they are.`,
    ],
  };
  await writeResults({ name: 'calibrate', command: 'npm run bench -- calibrate DATA CLIPS', tables: [table] });
}

async function calibrate(name: string, lists: Readonly<Record<string, string>>): Promise<string[][]> {
  const folder = await findModel(name);
  const { head, manifest } = await loadModel(folder);
  const { labels = [] } = head.spec;
  const domains = manifest.training.domains.map(({ name: domain, events }) => {
    return { name: domain, labels: new Set(Object.values(events).flatMap((counts) => Object.keys(counts))) };
  });
  const events = await Promise.all(
    domains.map(async ({ name: domain }) => ({ name: domain, events: await heldOut(domain, lists[domain]!) })),
  );
  const planned = await planEvents(events, { frames: manifest.preprocessing.frames, views: 1, seed: 0 });
  const cache = openFeatureCache(head.spec);
  await prepareFeatures(planned, head.spec, cache, { backend: 'onnxruntime' });
  const split = (wanted: string): PlannedEvent[] => planned.filter(({ event }) => event.split === wanted);
  const found = await calibrated(
    head,
    questionsOf(labels, domains),
    { validation: split('val'), others: split('test') },
    { cache },
  );
  const questions = found.questions.map((question) => ({ ...question, name: ASKED[question.name]! }));
  const calibration = new Map([...found.calibration].map(([domain, own]) => [ASKED[domain]!, own]));
  await saveQuestions(folder, questions, calibration);
  return questions.map(({ name: question, answers, temperature = 1 }) => {
    const { events: fitted, measuredOn, before, after } = calibration.get(question)!;
    const figures = [temperature.toFixed(2), before.toFixed(3), after.toFixed(3)];
    return [basename(folder), question, String(answers.length), String(fitted), String(measuredOn), ...figures];
  });
}

/** Events that no head was trained on, halved: `val` to fit, `test` to measure. */
async function heldOut(domain: string, list: string): Promise<readonly LabelledEvent[]> {
  const events = (await readEvents(list)).filter(({ split }) => split === 'test');
  if (domain === 'fixtures') {
    return events.map((event, i) => ({ ...event, split: i < TEST_EVENTS ? ('test' as const) : ('val' as const) }));
  }
  return [...groupBy(events, ({ video }) => video).values()].flatMap((own) => {
    const starts = own.map(({ span }) => span.startSec);
    const middleSec = (Math.min(...starts) + Math.max(...own.map(({ span }) => span.endSec))) / 2;
    return own.flatMap((event): LabelledEvent[] => {
      if (event.span.endSec <= middleSec) return [{ ...event, split: 'val' }];
      return event.span.startSec >= middleSec ? [{ ...event, split: 'test' }] : [];
    });
  });
}
