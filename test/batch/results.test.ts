/** The tables of a batch: further columns of the list, whatever they are called. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { expect, it } from 'vitest';
import { Batch, type EventMaker } from '../../src/batch/batch.ts';
import type { Output } from '../../src/batch/choices.ts';
import { readBatchEvents } from '../../src/batch/events.ts';
import { writeResults } from '../../src/batch/results.ts';
import { readIndex } from '../../src/report/index-page.ts';
import { makeClip } from '../support/clips.ts';
import { tinyBatchModel } from './tiny-batch.ts';

it('columns that only some rows have are empty in the others, also those that every object inherits', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'l2caf-results-'));
  await makeClip(join(folder, 'a.mp4'), { frames: 20, rate: '10' });
  const list = join(folder, 'list.jsonl');
  await writeFile(
    list,
    '{"video":"a.mp4","constructor":"c","toString":"t","__proto__":"p","status":"wet"}\n{"video":"a.mp4"}\n',
  );
  const batch = await Batch.open(join(folder, 'out'));
  try {
    const { events, problems } = await readBatchEvents(list, batch.videos);
    expect(problems).toEqual([]);
    const analysis = { frames: 3, seed: 0, target: { kind: 'oblivious' } } as const;
    const settings = { model: await tinyBatchModel(), analysis, draw: {}, outputs: [] };
    await writeResults(batch, await batch.plan(events, settings));
  } finally {
    await batch.close();
  }
  const [heading, ...rows] = (await readFile(join(folder, 'out', 'results.csv'), 'utf8')).trimEnd().split('\n');
  expect(heading).toMatch(/,embedding,constructor,toString,__proto__,list_status$/);
  expect(rows.map((row) => row.split(',').slice(-4))).toEqual([
    ['c', 't', 'p', 'wet'],
    ['', '', '', ''],
  ]);
  const file = await asyncBufferFromFile(join(folder, 'out', 'results.parquet'));
  const read = await parquetReadObjects({ file, columns: ['id', 'constructor', 'toString', 'list_status'] });
  expect(read.map((row) => Object.values(row))).toEqual([
    ['event-00001', 'c', 't', 'wet'],
    ['event-00002', null, null, null],
  ]);
  await rm(folder, { recursive: true });
});

it('the index leads to every file that was made, and to none of other options', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'l2caf-results-'));
  await makeClip(join(folder, 'a.mp4'), { frames: 20, rate: '10' });
  await writeFile(join(folder, 'list.csv'), 'id,video\nfirst #1,a.mp4\n');
  const batch = await Batch.open(join(folder, 'out'));
  const maker: EventMaker = {
    eventsAtOnce: 1,
    run: async (_event, _folder, outputs) => ({
      ...{ bytes: Object.fromEntries(outputs.map((name) => [name, 1])), timingsSec: {}, attempts: 1 },
      figures: { embedding: [1], frames: [] },
    }),
    close: async () => {},
  };
  const indexed = async (ribbon: boolean, outputs: readonly Output[], isRun: boolean) => {
    const { events } = await readBatchEvents(join(folder, 'list.csv'), batch.videos);
    const analysis = { frames: 3, seed: 0, target: { kind: 'oblivious' } } as const;
    const plans = await batch.plan(events, { model: await tinyBatchModel(), analysis, draw: { ribbon }, outputs });
    if (isRun) await batch.run(plans, maker);
    await writeResults(batch, plans);
    return (await readIndex(join(folder, 'out', 'index.html')))[0]!;
  };
  try {
    const all = await indexed(false, ['strip', 'mp4', 'report'], true);
    const inFolder = (name: string): string => `${all.report!.replace('report.html', '')}${name}`;
    expect(all.files).toEqual(['analysis.json', 'strip.jpg', 'overlay.mp4'].map(inFolder));
    expect((await indexed(true, [], false)).files).not.toContain(inFolder('overlay.mp4'));
  } finally {
    await batch.close();
    await rm(folder, { recursive: true });
  }
});
