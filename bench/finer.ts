/**
 * Finer maps, of four views of each frame, beside maps of the network's own cells: where they lie, and what they cost.
 * `npm run bench -- finer EVENTS CLIPS/events.csv CAMVID/events.csv TINY-IMAGENET PICTURES`: EVENTS of the test events of each list,
 * evenly spread; the first is what `npm run fixtures -- --events 1200 --seed 7` draws, the second has its masks in `labels` beside it.
 */
import { type ExplainOptions, explainMaps } from '../src/analysis/explain.ts';
import { featuresOfViews } from '../src/analysis/finer.ts';
import { evenlyChosen } from '../src/base/evenly.ts';
import { type EventScores, localizationTables, scoreMaps } from '../src/evaluation/localization-study.ts';
import { readStills } from '../src/evaluation/still-datasets.ts';
import { studyStills } from '../src/evaluation/stills-study.ts';
import { objectsOf } from '../src/evaluation/truth.ts';
import { framesOfEvent } from '../src/features/frames.ts';
import { useEngine } from '../src/models/backend.ts';
import { EventNetwork } from '../src/models/event-network.ts';
import { DEFAULT_MODEL } from '../src/models/packaged.ts';
import { RESNET50_IMAGENET } from '../src/models/pretrained.ts';
import { openStillModel } from '../src/stills/analyze.ts';
import { stillNetwork } from '../src/stills/still-network.ts';
import { type ResultTable, writeResults } from './results.ts';
import { openStudy, report, resultTable, type StudyEvents } from './study.ts';
import { median, STUDIED_MODEL } from './support.ts';

const SEED = 0;
const OWN = "the network's cells";
const FINER = 'four views';

/** Measures, and writes bench/results/finer.json. */
export async function run([count, planted, camvid, stills, pictures]: readonly string[]): Promise<void> {
  if (count === undefined || planted === undefined || camvid === undefined || !stills || !pictures) {
    throw new Error('usage: npm run bench -- finer EVENTS CLIPS/events.csv CAMVID/events.csv TINY-IMAGENET PICTURES');
  }
  const limit = Number(count);
  const { name: engine } = await useEngine('auto');
  const cost: Cost = { own: [], finer: [] };
  const tables: ResultTable[] = [];
  for (const model of [DEFAULT_MODEL, STUDIED_MODEL]) {
    const [generated] = await openStudy([planted], { limit, model });
    const [real] = await openStudy([camvid], { limit, labels: 'labels', model });
    const network = await EventNetwork.load(generated!.head, RESNET50_IMAGENET, { engine });
    tables.push(await tableOf(network, generated!, `${model}: generated test events`, cost));
    tables.push(await tableOf(network, real!, `${model}: real driving`, cost));
    network.dispose();
  }
  await writeResults({
    name: 'finer',
    command: `npm run bench -- finer ${count} CLIPS/events.csv CAMVID/events.csv TINY-IMAGENET ${pictures}`,
    tables: [...tables, await stillsTable(stills, Number(pictures)), costTable(cost, engine)],
  });
}

/** Milliseconds of each event: trunk, filters and verdicts. */
interface Cost {
  readonly own: number[];
  readonly finer: number[];
}

async function tableOf(
  network: EventNetwork,
  { visible, truth, context }: StudyEvents,
  title: string,
  cost: Cost,
): Promise<ResultTable> {
  const options: ExplainOptions = { target: { objective: { kind: 'oblivious' }, name: 'oblivious' }, seed: SEED };
  const scores: EventScores[] = [];
  for (const [done, event] of visible.entries()) {
    context.onProgress?.({ stage: 'measuring', done, total: visible.length, unit: 'events' });
    const frames = await framesOfEvent(event.planned, network.input.size, {});
    const started = performance.now();
    const own = await explainMaps(network, await network.features(frames), options);
    const between = performance.now();
    const finer = await explainMaps(network, await featuresOfViews(network, frames), options);
    cost.own.push(between - started);
    cost.finer.push(performance.now() - between);
    const shown = ({ attention }: typeof own) =>
      attention.filters
        .filter((_, frame) => event.hasEvidence[frame])
        .map((filter) => ({ ...filter, values: filter.values.map(Math.abs) }));
    const maps = new Map([
      [OWN, shown(own)],
      [FINER, shown(finer)],
    ]);
    scores.push({ label: event.planned.event.label, maps: scoreMaps(maps, await objectsOf(event, truth)) });
  }
  const [where] = await localizationTables(scores, { seed: SEED });
  const { events, maps } = where!.rows[0]!.counts;
  return { ...resultTable(where!), title, notes: [`${events} events that one object decides, ${maps} frames.`] };
}

async function stillsTable(path: string, pictures: number): Promise<ResultTable> {
  const stills = await readStills(path, 'tiny-imagenet');
  const chosen = evenlyChosen(stills, pictures, 'starts');
  const model = await openStillModel({ model: RESNET50_IMAGENET.id, backend: 'auto' });
  const methods = ['l2caf-class', 'l2caf-class-fine'];
  const { table } = await studyStills(stillNetwork(model, {}), chosen, {
    ...{ methods, level: LEVEL, seed: SEED },
    onProgress: report(),
  });
  model.network.dispose();
  return { ...resultTable(table), title: `Pictures: ${model.network.id}, ${chosen.length} of ${stills.length}` };
}

/** Of the fixed-level measures. */
const LEVEL = 0.2;

function costTable({ own, finer }: Cost, engine: string): ResultTable {
  const ratio = median(finer.map((ms, i) => ms / own[i]!));
  const row = (name: string, ms: readonly number[], times: number): string[] => [
    ...[name, median(ms).toFixed(0), times.toFixed(1)],
  ];
  return {
    title: `Milliseconds of an event of three frames, features, filters and verdicts, on ${engine}`,
    columns: ['maps', 'ms', 'ratio'],
    rows: [row(OWN, own, 1), row(FINER, finer, ratio)],
    notes: ['Medians; the ratio is that of the same event.'],
  };
}
