/** What survives of a journal. */
import { appendFile, mkdir, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Journal, type JournalEntry } from '../../src/batch/journal.ts';

let path: string;
beforeEach(async () => {
  path = join(await mkdtemp(join(tmpdir(), 'l2caf-journal-')), 'journal.jsonl');
});
afterEach(() => rm(join(path, '..'), { recursive: true }));

const failed = (event: string): JournalEntry => ({ kind: 'failed', event, error: 'why', attempts: 2 });

async function write(...entries: readonly JournalEntry[]): Promise<void> {
  const { journal } = await Journal.open(path);
  for (const entry of entries) await journal.append(entry);
  await journal.close();
}

/** Its entries but for the heading, and its damaged lines. */
async function read(): Promise<readonly [readonly JournalEntry[], readonly number[]]> {
  const { journal, entries, damagedLines } = await Journal.open(path);
  await journal.close();
  return [entries.filter(({ kind }) => kind !== 'batch'), damagedLines];
}

describe('a journal', () => {
  it('gives back what was appended, and forgets a line that was torn off', async () => {
    const { journal } = await Journal.open(path);
    await Promise.all(['a', 'b', 'c'].map((event) => journal.append(failed(event))));
    await journal.close();
    await appendFile(path, '{"kind":"failed","eve');
    expect(await read()).toEqual([['a', 'b', 'c'].map(failed), []]);
    await write(failed('d'));
    expect(await read()).toEqual([['a', 'b', 'c', 'd'].map(failed), []]);
  });

  it('gives back any text, in lines longer than what is read at once', async () => {
    const odd = ['\u2028 \u2029 \r \n', 'ü'.repeat(300_000), '\0', '😀'.repeat(70_000)].map(failed);
    await write(...odd);
    expect(await read()).toEqual([odd, []]);
  });

  it('has an entry on the disk when it says so', async () => {
    const { journal } = await Journal.open(path);
    await journal.append(failed('a'));
    expect(await readFile(path, 'utf8')).toContain('"event":"a"');
    await journal.close();
  });

  it.each(['not JSON', '', '\0\0\0\0', '{"kind":"unknown"}', '{"kind":"failed","event":7}', 'null', '[]'])(
    'loses a damaged line and nothing else: %j',
    async (line) => {
      await write(failed('a'));
      await appendFile(path, `${line}\n`);
      await write(failed('b'));
      expect(await read()).toEqual([['a', 'b'].map(failed), [3]]);
    },
  );

  it.each([
    ['a letter', 'why', 'who'],
    ['a number', '"attempts":2', '"attempts":3'],
    ['its checksum', '"check":"', '"check":"0'],
  ])('loses a line in which something else stands than was written: %s', async (_, before, after) => {
    await write(failed('a'), failed('b'));
    const [heading, first, second] = (await readFile(path, 'utf8')).trimEnd().split('\n') as [string, string, string];
    await writeFile(path, `${[heading, first.replace(before, after), second].join('\n')}\n`);
    expect(await read()).toEqual([[failed('b')], [2]]);
  });

  it('still reads lines without a checksum, as earlier versions wrote them', async () => {
    await write(failed('a'));
    await appendFile(path, `${JSON.stringify(failed('b'))}\n`);
    expect(await read()).toEqual([['a', 'b'].map(failed), []]);
  });

  it('takes no analysis without its figures: its row would be empty', async () => {
    const files = { json: { key: 'k', bytes: 1 } };
    const made = { kind: 'made', event: 'a', files, timingsSec: {}, attempts: 1 };
    await appendFile(path, `${JSON.stringify(failed('a'))}\n${JSON.stringify(made)}\n`);
    expect(await read()).toEqual([[failed('a')], [2]]);
  });

  it('loses a damaged first line and nothing else', async () => {
    await write(failed('a'));
    const file = await open(path, 'r+');
    await file.write('####', 0);
    await file.close();
    expect(await read()).toEqual([[failed('a')], [1]]);
  });

  it.each([
    ['another version', '{"kind":"batch","schema":"l2caf-batch/9"}\n', /another version/],
    ['something else', 'a diary\nof mine\n', /no journal of a batch/],
  ])('of %s is left alone', async (_, text, message) => {
    await writeFile(path, text);
    await expect(Journal.open(path)).rejects.toMatchObject({ code: 'input-unreadable', message });
    expect(await readFile(path, 'utf8')).toBe(text);
  });

  it('that cannot be read is not begun anew', async () => {
    await mkdir(path);
    await expect(Journal.open(path)).rejects.toMatchObject({ code: 'input-unreadable', message: /it is a folder/ });
  });

  it('does not take what could not be read again', async () => {
    const { journal } = await Journal.open(path);
    const entry: JournalEntry = { kind: 'made', event: 'a', files: {}, timingsSec: { trunk: Number.NaN }, attempts: 1 };
    expect(() => journal.append(entry)).toThrow(/timingsSec\.trunk/);
    await journal.append(failed('b'));
    await journal.close();
    expect(await read()).toEqual([[failed('b')], []]);
  });
});
