/** The table of events on a real LanceDB: what it finds is what an exhaustive search finds. */
import { access, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from '@lancedb/lancedb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXCLUSIONS, mayAnswer } from '../../src/retrieval/evaluate.ts';
import { EventTable } from '../../src/retrieval/event-table.ts';
import { unitVectors } from '../../src/retrieval/metrics.ts';
import { squaredDistance } from '../../src/retrieval/vector.ts';
import { MODEL, OTHER_MODEL, someRecords } from './records.ts';

let folder: string;
let table: EventTable;
const records = someRecords(60);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-table-'));
  const made = await EventTable.openOrCreate(join(folder, 'db'));
  await made.put(MODEL, records);
  table = await EventTable.open(join(folder, 'db'));
});
afterAll(() => rm(folder, { recursive: true }));

it('writes nothing into a folder that is no database', async () => {
  const other = join(folder, 'results');
  await mkdir(other);
  await writeFile(join(other, 'results.csv'), 'id\n');
  await expect(EventTable.open(other)).rejects.toThrow(/no indexed events in/);
  expect((await EventTable.openOrCreate(other)).model).toBeUndefined();
  expect(await readdir(other)).toEqual(['results.csv']);
});

describe('a search', () => {
  it.each(EXCLUSIONS)('without %s finds what an exhaustive search finds', async (exclude) => {
    const units = unitVectors(records.map(({ embedding }) => embedding));
    for (const q of [0, 17, 59]) {
      const query = records[q]!;
      const expected = records
        .map((record, i) => ({ record, i, distance: squaredDistance(units[q]!, units[i]!) }))
        .filter(({ record, i }) => i !== q && mayAnswer(query, record, exclude))
        .sort((a, b) => a.distance - b.distance)
        .slice(0, 6);
      const found = await table.nearest(query, query.embedding, { k: 6, exclude });
      expect(found.map(({ id }) => id)).toEqual(expected.map(({ record }) => record.id));
      for (const [i, { distance }] of found.entries()) expect(distance).toBeCloseTo(expected[i]!.distance, 5);
    }
  });

  it('gives back what was put in', async () => {
    const { embedding, ...own } = records[3]!;
    const [nearest] = await table.nearest(records[4]!, embedding, { k: 1, exclude: 'self' });
    expect(nearest).toMatchObject(own);
    const [stored] = await table.withId('event-3');
    expect(Math.hypot(...stored!.embedding)).toBeCloseTo(1, 6);
  });

  it('answers where a condition holds', async () => {
    const where = "label = 'y' AND start < 4 AND end > 3";
    const found = await table.nearest(records[0]!, records[0]!.embedding, { k: 100, exclude: 'self', where });
    const ids = records.filter(({ label, span }) => label === 'y' && span.startSec < 4).map(({ id }) => id);
    expect(found.map(({ id }) => id).sort()).toEqual(ids.sort());
  });

  it.each([
    ['a column that is not there', "labl = 'y'", /"labl = 'y'" cannot be used: .*No field named labl/],
    ['what is no condition', 'label like', /cannot be used: .*Expected: an expression/],
    ['a number', '1', /cannot be used: .*boolean/],
  ])('refuses %s in one line', async (_, where, message) => {
    const search = table.nearest(records[0]!, records[0]!.embedding, { k: 1, exclude: 'self', where });
    await expect(search).rejects.toMatchObject({ code: 'usage', message: expect.stringMatching(message) });
    await expect(search).rejects.not.toThrow(/\n|\.rs:/);
  });
});

it('keeps ids with quotes, and events without label or split', async () => {
  const { label: _, split: __, ...bare } = someRecords(1)[0]!;
  const quoted = await EventTable.openOrCreate(join(folder, 'quoted'));
  await quoted.put(MODEL, [{ ...bare, id: "it's" }]);
  expect(await quoted.withId("it's")).toMatchObject([{ id: "it's", span: bare.span }]);
  expect((await quoted.select())[0]).not.toHaveProperty('label');
});

it('names both models when they differ', async () => {
  expect(() => table.expectModel(OTHER_MODEL)).toThrow(/model one, 3 frames of 64x64 \(1+\), not two, .* \(2+\)/);
  expect(() => table.expectModel(MODEL)).not.toThrow();
});

it('does not make a folder where there is no table', async () => {
  await expect(EventTable.open(join(folder, 'none'))).rejects.toThrow(/no indexed events in .*none/);
  expect((await EventTable.openOrCreate(join(folder, 'none'))).model).toBeUndefined();
  await expect(access(join(folder, 'none'))).rejects.toThrow();
});

it('refuses a table that something else wrote', async () => {
  const db = await connect(join(folder, 'foreign'));
  await db.createTable('events', [{ id: 'a', vector: [1, 2] }]);
  await expect(EventTable.open(join(folder, 'foreign'))).rejects.toMatchObject({
    code: 'input-unreadable',
    message: expect.stringMatching(/cannot read the indexed events in .*foreign/),
  });
});
