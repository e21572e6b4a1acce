/** What survives of a journal. */
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Journal, type JournalEntry } from '../../src/batch/journal.ts';

let path: string;
beforeEach(async () => {
  path = join(await mkdtemp(join(tmpdir(), 'l2caf-journal-')), 'journal.jsonl');
});
afterEach(() => rm(join(path, '..'), { recursive: true }));

const failed = (event: string): JournalEntry => ({ kind: 'failed', event, error: 'why', attempts: 2 });

it('gives back what was appended, and forgets a line that was torn off', async () => {
  const { journal } = await Journal.open(path);
  await Promise.all(['a', 'b', 'c'].map((event) => journal.append(failed(event))));
  await journal.close();
  await appendFile(path, '{"kind":"failed","eve');
  const second = await Journal.open(path);
  expect(second.entries.slice(1)).toEqual(['a', 'b', 'c'].map(failed));
  await second.journal.append(failed('d'));
  await second.journal.close();
  const { journal: third, entries } = await Journal.open(path);
  await third.close();
  expect(entries.slice(1)).toEqual(['a', 'b', 'c', 'd'].map(failed));
});

it('has an entry on the disk when it says so', async () => {
  const { journal } = await Journal.open(path);
  await journal.append(failed('a'));
  expect(await readFile(path, 'utf8')).toContain('"event":"a"');
  await journal.close();
});

it.each(['not JSON', '{"kind":"unknown"}', '{"kind":"batch","schema":"l2caf-batch/9"}'])(
  'refuses a line that it does not know: %s',
  async (line) => {
    await writeFile(path, `${line}\n`);
    await expect(Journal.open(path)).rejects.toMatchObject({ code: 'input-unreadable', message: /line 1/ });
  },
);
