/** What a batch makes of answers that are none. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { writeAnalysis } from '../../src/analysis/document.ts';
import { L2cafError, systemCodeOf } from '../../src/base/errors.ts';
import { checkedOutcome, figuresIn, fromAnswer, toAnswer } from '../../src/batch/answers.ts';
import { Batch, type EventMaker } from '../../src/batch/batch.ts';
import { bestClassOf, figuresOf, figuresSchema } from '../../src/batch/event-figures.ts';
import type { BatchEvent } from '../../src/batch/events.ts';
import { exampleAnalysis } from '../support/example-analysis.ts';

const figures = { embedding: [1, 2], frames: [] };
const made = { figures, bytes: { json: 10, thumbnail: 3 }, timingsSec: { filters: 0.5 }, attempts: 1 };
const outputs = ['json', 'thumbnail'] as const;

const MALFORMED: readonly (readonly [string, unknown, RegExp])[] = [
  ['nothing', undefined, /all of it/],
  ['null', null, /all of it/],
  ['a text', 'done', /all of it/],
  ['a size that is none', { ...made, bytes: { ...made.bytes, json: Number.NaN } }, /bytes\.json/],
  ['an unknown file', { ...made, bytes: { ...made.bytes, exe: 1 } }, /bytes/],
  ['a missing size', { ...made, bytes: { json: 10 } }, /nothing about thumbnail/],
  ['no figures', { ...made, figures: undefined }, /lacks the figures/],
  ['a number that is none', { ...made, figures: { ...figures, embedding: [Number.NaN] } }, /figures\.embedding\.0/],
  ['a time that is none', { ...made, timingsSec: { filters: Number.POSITIVE_INFINITY } }, /timingsSec\.filters/],
  ['no count', { ...made, attempts: 0 }, /attempts/],
  ['an error that is none', { error: 'no', attempts: 1 }, /bytes/],
];

describe('an answer', () => {
  it('passes as it is when it says what it must', () => {
    expect(checkedOutcome(made, outputs)).toEqual(made);
    expect(checkedOutcome({ ...made, figures: undefined }, ['thumbnail'])).toMatchObject({ bytes: made.bytes });
    const failure = { error: new Error('no'), attempts: 2 };
    expect(checkedOutcome(failure, outputs)).toBe(failure);
  });

  it.each(MALFORMED)('is a failure of its event when it is malformed: %s', (_, answer, message) => {
    const expected = { error: { code: 'answer-invalid', message }, attempts: 1 };
    expect(checkedOutcome(answer, outputs)).toMatchObject(expected);
  });

  it.each(MALFORMED.filter(([id]) => id !== 'no figures'))('that came through a queue is one, too: %s', (_, answer) => {
    expect(fromAnswer(JSON.parse(JSON.stringify(answer ?? null)), outputs)).toMatchObject({
      error: { code: 'answer-invalid' },
    });
  });

  it('brings no figures through a queue: they are those of the document that the batch has', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'l2caf-answers-'));
    const path = join(folder, 'analysis.json');
    const analysis = exampleAnalysis();
    const event = { facts: { sha256: analysis.source.sha256 }, span: analysis.span } as BatchEvent;
    expect(fromAnswer(toAnswer(made), outputs)).toEqual({ ...made, figures: undefined });
    await writeAnalysis(path, analysis);
    expect(await figuresIn(folder, event)).toEqual(figuresOf(analysis));
    const another = { ...event, span: { startSec: 0, endSec: 2 } };
    await expect(figuresIn(folder, another)).rejects.toMatchObject({
      code: 'answer-invalid',
      message: /another event/,
    });
    await expect(figuresIn(folder, { ...event, facts: { ...event.facts, sha256: 'f'.repeat(64) } })).rejects.toThrow(
      /another event/,
    );
    await writeFile(path, (await readFile(path, 'utf8')).replace('-0.25', '-0.26'));
    await expect(figuresIn(folder, event)).rejects.toMatchObject({ code: 'answer-invalid', message: /is damaged/ });
    await rm(folder, { recursive: true });
  });

  it('has an error of one line, however long and of what letters', () => {
    const error = { message: `\x1b[31mred\r\n${'line\n'.repeat(1e5)}`, hint: 'a\u2028b' };
    const outcome = fromAnswer({ error, attempts: 1 }, outputs) as unknown as { error: L2cafError };
    expect(outcome.error.message).toMatch(/^\[31mred line line [a-z ]*…$/);
    expect(outcome.error.message.length).toBeLessThan(1100);
    expect(outcome.error.hint).toBe('a b');
  });

  it('keeps errors through a queue, with what decisions are taken on', () => {
    const cause = Object.assign(new Error('full'), { code: 'ENOSPC' });
    const error = new L2cafError('output-unwritable', 'cannot write', { hint: 'make room', cause });
    const outcome = fromAnswer(JSON.parse(JSON.stringify(toAnswer({ error, attempts: 3 }))), outputs);
    expect(outcome).toMatchObject({ error: { code: 'output-unwritable', hint: 'make room' }, attempts: 3 });
    expect(systemCodeOf('error' in outcome && outcome.error)).toBe('ENOSPC');
  });
});

it('costs a batch its event, and leaves the journal readable', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'l2caf-answers-'));
  const batch = await Batch.open(folder);
  const keys = { json: 'k', thumbnail: 'k', strip: 'k', mp4: 'k', report: 'k' };
  const plans = [...MALFORMED, ['right', made] as const].map(([id]) => ({
    event: { id, facts: { clip: { path: join(folder, 'drive.mp4') } } } as BatchEvent,
    keys,
    outputs,
  }));
  const answers = new Map<string, unknown>([
    ...MALFORMED.map(([id, answer]) => [id, answer] as const),
    ['right', made],
  ]);
  answers.set('nothing', {}); // undefined means that it was stopped
  const maker = { eventsAtOnce: 3, run: async ({ id }: BatchEvent) => answers.get(id), close: async () => {} };
  const failures: string[] = [];
  await batch.run(plans, maker as EventMaker, { onEnd: ({ id, error }) => error && failures.push(id) });
  await batch.close();
  expect(failures.sort()).toEqual(MALFORMED.map(([id]) => id).sort());
  const again = await Batch.open(folder);
  expect(again.warnings).toEqual([]);
  expect(again.record('right')).toMatchObject({ figures, attempts: 1 });
  expect(again.record('a missing size')?.error).toMatch(/nothing about thumbnail/);
  await again.close();
  expect((await readFile(join(folder, 'journal.jsonl'), 'utf8')).trimEnd().split('\n')).toHaveLength(
    2 + MALFORMED.length,
  );
  await rm(folder, { recursive: true });
});

describe('the class in the tables of a batch', () => {
  const classes = [
    { label: 'left', probability: 0.9 },
    { label: 'stop', probability: 0.6 },
    { label: 'clear', probability: 0.4 },
    { label: 'right', probability: 0.1 },
  ];
  const labels = ['clear', 'left', 'right', 'stop'];
  const questions = [
    { name: 'event', labels: ['clear', 'stop'] },
    { name: 'turn', labels: ['left', 'right'] },
  ];

  it('is the likeliest answer to the question that the label answers, else to the first', () => {
    const found = figuresOf({ ...exampleAnalysis(), frames: [], classes, labels, questions });
    expect(figuresSchema.parse(found)).toEqual(found); // as it comes out of the journal
    expect(bestClassOf(found, 'right')).toEqual({ label: 'left', probability: 0.9, place: 1 });
    expect(bestClassOf(found, 'clear')).toEqual({ label: 'stop', probability: 0.6, place: 3 });
    expect(bestClassOf(found, 'something else')?.label).toBe('stop');
    expect(bestClassOf(found, null)?.label).toBe('stop');
  });

  it('is the likeliest of all where all exclude each other', () => {
    const found = figuresOf({ ...exampleAnalysis(), frames: [], classes, labels });
    expect(found.further).toBeUndefined();
    expect(bestClassOf(found, 'clear')?.label).toBe('left');
  });
});
