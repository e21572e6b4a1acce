/** Indexing again does nothing twice, and continues what was interrupted. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EmbeddedRecord, EventTable } from '../../src/retrieval/event-table.ts';
import { indexEvents } from '../../src/retrieval/index-events.ts';
import { OTHER_MODEL, someRecords, sourceOf } from './records.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-index-'));
});
afterAll(() => rm(folder, { recursive: true }));

const open = (name: string): Promise<EventTable> => EventTable.openOrCreate(join(folder, name));

describe('indexing', () => {
  it('embeds and counts what is new or has changed, and nothing else', async () => {
    const records = someRecords(20);
    const first = await indexEvents(await open('counts'), sourceOf(records.slice(0, 15)));
    expect(first).toEqual({ added: 15, replaced: 0, unchanged: 0, others: 0, repeated: 0, total: 15 });

    const changed = records.map((record, i) => ({
      ...record,
      ...(i === 2 && { label: 'z' }),
      ...(i === 5 && { video: '/moved/0.mp4' }),
    }));
    const source = sourceOf(changed);
    const second = await indexEvents(await open('counts'), source);
    expect(second).toEqual({ added: 5, replaced: 2, unchanged: 13, others: 0, repeated: 0, total: 20 });
    expect(source.asked.sort()).toEqual(['event-2', 'event-5', ...records.slice(15).map(({ id }) => id)].sort());

    const third = sourceOf(changed);
    expect(await indexEvents(await open('counts'), third)).toMatchObject({ unchanged: 20, total: 20 });
    expect(third.asked).toEqual([]);
    const table = await EventTable.open(join(folder, 'counts'));
    expect((await table.select()).length).toBe(20);
    expect(await table.withId('event-2')).toMatchObject([{ label: 'z' }]);
  });

  it('continues an interrupted run', async () => {
    const records = someRecords(300);
    const whole = sourceOf(records);
    let parts = 0;
    const failing = {
      ...whole,
      embed: (indices: readonly number[]) => {
        if (parts++ === 1) throw new Error('the power went out');
        return whole.embed(indices, () => {});
      },
    };
    await expect(indexEvents(await open('cut'), failing)).rejects.toThrow(/power/);
    const rest = sourceOf(records);
    const { added, unchanged, total } = await indexEvents(await open('cut'), rest);
    expect({ added, total }).toEqual({ added: 300 - unchanged, total: 300 });
    expect(unchanged).toBe(whole.asked.length);
    expect(unchanged).toBeGreaterThan(0);
    expect(rest.asked).not.toContain(whole.asked[0]);
  });

  it('tells of events that the list no longer has, and removes them when asked', async () => {
    const records = someRecords(8);
    await indexEvents(await open('shrunk'), sourceOf(records));
    const rest = records.slice(3);
    const kept = await indexEvents(await open('shrunk'), sourceOf(rest));
    expect(kept).toMatchObject({ unchanged: 5, others: 3, total: 8 });
    const pruned = await indexEvents(await open('shrunk'), sourceOf(rest), { prune: true });
    expect(pruned).toMatchObject({ unchanged: 5, others: 3, total: 5 });
    const left = await (await EventTable.open(join(folder, 'shrunk'))).select();
    expect(left.map(({ id }) => id).sort()).toEqual(rest.map(({ id }) => id).sort());
    expect(await indexEvents(await open('shrunk'), sourceOf(rest))).toMatchObject({ others: 0, total: 5 });
  });

  it('stops at a signal', async () => {
    const signal = AbortSignal.abort();
    await expect(indexEvents(await open('aborted'), sourceOf(someRecords(3)), { signal })).rejects.toMatchObject({
      code: 'aborted',
    });
  });

  it('refuses events of another model', async () => {
    const records = someRecords(2);
    await indexEvents(await open('models'), sourceOf(records));
    await expect(indexEvents(await open('models'), sourceOf(records, OTHER_MODEL))).rejects.toThrow(/one.* not two/);
  });

  it('takes the first of several events that show the same, and says so', async () => {
    const [one, two] = someRecords(2) as [EmbeddedRecord, EmbeddedRecord];
    const copy = { ...one, id: 'copy', video: '/copies/0.mp4' };
    const source = sourceOf([one, { ...one, id: 'twin' }, copy, two]);
    const notes: string[] = [];
    const onNote = (text: string): number => notes.push(text);
    expect(await indexEvents(await open('twins'), source, { onNote })).toMatchObject({
      added: 2,
      repeated: 2,
      total: 2,
    });
    expect(notes).toEqual([
      'twin is left out: 0–3 s of /drives/0.mp4 is event-0 already',
      'copy is left out: 0–3 s of /drives/0.mp4, of which /copies/0.mp4 is a copy, is event-0 already',
    ]);
    const again = await indexEvents(await open('twins'), source);
    expect(again).toMatchObject({ added: 0, replaced: 0, unchanged: 2, repeated: 2, total: 2 });
    const listed = await (await EventTable.open(join(folder, 'twins'))).select();
    expect(listed.map(({ id }) => id).sort()).toEqual(['event-0', 'event-1']);
    const many = sourceOf(Array.from({ length: 9 }, (_, i) => ({ ...one, id: `twin-${i}` })));
    await indexEvents(await open('many twins'), many, { onNote });
    expect(notes.at(-1)).toBe('3 more events are left out likewise');
  });
});
