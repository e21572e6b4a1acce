/** The lists that lie beside the checkout, each of a kind that once was read wrongly. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readBatchEvents } from '../../src/batch/events.ts';
import { Videos } from '../../src/batch/videos.ts';
import { dataFolder } from '../support/data.ts';

const folder = dataFolder && join(dataFolder, 'cases');

/** What each list says: events as `start–end label`, or what is wrong. */
const EXPECTED: Readonly<Record<string, readonly string[] | RegExp>> = {
  '10alias.csv': ['1–2 turn'],
  '12quotespace.csv': ['0–1 turn, left'],
  '14mmss.csv': ['1–2.5 turn'],
  '18blatin1.csv': /^line 2: .*not UTF-8.*Windows-1252.*Fußgänger/,
  '30array.json': ['0–1 turn', '1–2 turn'],
  '33jsonlbom.jsonl': ['0–1 turn'],
  '05two.eaf': ['0.5–1.5 left turn'],
  '10subdiv.eaf': ['0–1.5 turn', '0–0.5 phase 1', '0.5–1 phase 2', '1–1.5 phase 3'],
  '19entities.eaf': ['0.5–1.5 Straße <b> 007'],
};

describe.skipIf(!folder)('the list', () => {
  it.each(Object.entries(EXPECTED))('%s is read right', async (name, expected) => {
    const { events, problems } = await readBatchEvents(join(folder!, name), new Videos());
    if (expected instanceof RegExp) {
      expect(events).toEqual([]);
      expect(problems).toEqual([expect.stringMatching(expected)]);
      return;
    }
    expect(problems).toEqual([]);
    expect(events.map(({ span, label }) => `${span.startSec}–${span.endSec} ${label}`)).toEqual(expected);
  });
});
