/** What the page of a map tells of events, and where it finds their reports. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { writeAnalysis } from '../../src/analysis/document.ts';
import { classesOf, mapPoints } from '../../src/cli/project-page.ts';
import type { EmbeddedRecord } from '../../src/retrieval/event-table.ts';
import { exampleAnalysis } from '../support/example-analysis.ts';

const CLASSES = ['left_turn', 'stop'];
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-map-points-'));
  const batch = join(folder, 'batch');
  await writeAnalysis(join(batch, 'events', 'a', 'analysis.json'), exampleAnalysis());
  await writeAnalysis(join(folder, 'lone', 'analysis.json'), { ...exampleAnalysis(), labels: CLASSES });
  for (const file of ['batch/events/a/report.html', 'batch/events/a/thumbnail.jpg', 'lone/strip.png']) {
    await writeFile(join(folder, file), '');
  }
  const heading = 'id,video,start,end,label,split,status,folder,class,class_probability,loss,driver';
  await writeFile(join(batch, 'results.csv'), `${heading}\na,a.mp4,0,3,x,test,done,events/a,turn,0.5,"[1,2]",Ann\n`);
});
afterAll(() => rm(folder, { recursive: true }));

it('takes the columns of a batch from its table, of other events from their analyses, and of a database none', async () => {
  const event: EmbeddedRecord = {
    ...{ id: 'a', label: 'x', video: '/a.mp4', videoSha256: 'a'.repeat(64), span: { startSec: 0, endSec: 3 } },
    embedding: Float32Array.of(1),
  };
  const [listed, lone, stored] = await mapPoints(
    join(folder, 'map.html'),
    [
      { event, path: join(folder, 'batch', 'events', 'a', 'analysis.json') },
      { event: { ...event, id: 'lone' }, path: join(folder, 'lone', 'analysis.json') },
      { event: { ...event, id: 'stored' } },
    ],
    [
      [1, 2],
      [3, 4],
      [5, 6],
    ],
  );
  expect(listed).toMatchObject({
    ...{ id: 'a', label: 'x', x: 1, y: 2, startSec: 0, endSec: 3, report: 'batch/events/a/report.html' },
    ...{ thumbnail: 'batch/events/a/thumbnail.jpg', extra: { class: 'turn', class_probability: 0.5, driver: 'Ann' } },
  });
  expect(await classesOf([{ event }, { event, path: join(folder, 'lone', 'analysis.json') }])).toEqual(CLASSES);
  expect(await classesOf([{ event }])).toEqual([]);
  expect(Object.keys(listed!.extra!)).not.toContain('loss'); // a list
  expect(lone).toMatchObject({ id: 'lone', thumbnail: 'lone/strip.png', loss: 0.125, extra: { method: 'l2caf' } });
  expect(lone).not.toHaveProperty('report');
  expect(stored).toEqual({
    id: 'stored',
    status: 'done',
    label: 'x',
    video: '/a.mp4',
    startSec: 0,
    endSec: 3,
    x: 5,
    y: 6,
  });
});
