/**
 * Real driving with masks: localization per label, faithfulness, sanity and stability of the packaged head.
 * `npm run bench -- study-camvid CAMVID/events.csv EVENTS [CHANGED]`; masks lie in `labels` beside the list. EVENTS of the test
 * events are measured, evenly spread; removed pixels, sanity and stability, which need the trunk again for every change, on CHANGED of them.
 */
import { evenlyChosen } from '../src/base/evenly.ts';
import { DEFAULT_METHODS } from '../src/evaluation/choices.ts';
import { studyFaithfulness } from '../src/evaluation/faithfulness-study.ts';
import { localizationTables, studyLocalization } from '../src/evaluation/localization-study.ts';
import { studySanity } from '../src/evaluation/sanity-study.ts';
import { studyStability } from '../src/evaluation/stability-study.ts';
import { writeResults } from './results.ts';
import { openStudy, resultTable } from './study.ts';

/** Maps by whose order pixels are removed. */
const PIXEL_METHODS = ['l2caf', 'gradcam-abs', 'activation-norm', 'centre', 'random'] as const;

/** Measures, and writes bench/results/study-camvid.json. */
export async function run([path, count, changed = '20']: readonly string[]): Promise<void> {
  if (path === undefined || count === undefined) {
    throw new Error('usage: npm run bench -- study-camvid CAMVID/events.csv EVENTS [CHANGED]');
  }
  const [{ head, planned, visible, truth, context }] = (await openStudy([path], {
    labels: 'labels',
    limit: Number(count),
  })) as [Awaited<ReturnType<typeof openStudy>>[number]];
  const methods = DEFAULT_METHODS;
  const scores = await studyLocalization(head, visible, { ...context, methods, truth });
  const [where, when] = await localizationTables(scores, context);
  const [areas, frames] = await studyFaithfulness(head, planned, { ...context, methods });
  const some = evenlyChosen(planned, Number(changed), 'starts');
  const pixels = await studyFaithfulness(head, some, { ...context, methods: PIXEL_METHODS, withRoad: true });
  const road = pixels.find(({ key }) => key === 'road')!;
  const sanity = await studySanity(head, some, { ...context, methods: ['l2caf', 'gradcam-abs'] });
  const [stability, noise] = await studyStability(head, some, { ...context, methods: ['l2caf', 'gradcam-abs'] });
  const { events, maps } = where!.rows[0]!.counts;
  const measured = `${some.length} events.`;
  await writeResults({
    name: 'study-camvid',
    command: `npm run bench -- study-camvid CAMVID/events.csv ${count} ${changed}`,
    tables: [
      { ...resultTable(where!, 'label'), notes: [`${events} events that one object decides, ${maps} frames.`] },
      ...(when ? [resultTable(when)] : []),
      { ...resultTable(areas!), notes: [...(areas!.notes ?? []), `${planned.length} events.`] },
      ...(frames ? [resultTable(frames)] : []),
      { ...resultTable(road), notes: [...(road.notes ?? []), measured] },
      { ...resultTable(sanity.table, 'method'), notes: [...(sanity.table.notes ?? []), measured] },
      { ...resultTable(stability!, 'method'), notes: [...(stability!.notes ?? []), measured] },
      { ...resultTable(noise!), notes: [...(noise!.notes ?? []), measured] },
    ],
  });
}
