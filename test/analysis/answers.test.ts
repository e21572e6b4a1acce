import { expect, test } from 'vitest';
import { answersOf } from '../../src/analysis/answers.ts';
import type { Analysis } from '../../src/analysis/document.ts';
import { exampleAnalysis } from '../support/example-analysis.ts';

const labels = ['left', 'right', 'stop'];
/** Two sampled frames, at 0.5 and 1.5 s, with these probabilities. */
const withClasses = (rows: readonly number[][], more: Partial<Analysis> = {}): Analysis => {
  const analysis = exampleAnalysis();
  const frames = analysis.frames.map((frame, i) => ({ ...frame, probabilities: rows[i]! }));
  return { ...analysis, labels, frames, ...more };
};

/** A text whose values may be parted from their names. */
const spaced = (text: string | undefined): string | undefined => text?.replaceAll('\u00a0', ' ');

test('the likeliest class stands from its frame to the next', () => {
  const answerAt = answersOf(
    withClasses([
      [0.7, 0.2, 0.1],
      [0.02, 0.9, 0.08],
    ]),
  );
  expect([0, 0.49, 0.5, 1.49, 1.5, 9].map(answerAt).map(spaced)).toEqual([
    ...[undefined, undefined],
    ...['left 70 %', 'left 70 %', 'right 90 %', 'right 90 %'],
  ]);
});

test('a class that was asked for is beside it', () => {
  const { options } = exampleAnalysis();
  const rows = [
    [0.7, 0.2, 0.1],
    [0.02, 0.08, 0.9],
  ];
  const answerAt = answersOf(withClasses(rows, { options: { ...options, target: 'class:left' } }));
  expect([0.5, 1.5].map(answerAt).map(spaced)).toEqual(['left 70 %', 'stop 90 % · left 2.0 %']);
});

test('an event that is unlike the training events has none', () => {
  const rows = [
    [1, 0, 0],
    [1, 0, 0],
  ];
  const answerAt = answersOf(
    withClasses(rows, { familiarity: { distance: 9, limit: 4 } as Analysis['familiarity'] & object }),
  );
  expect(answerAt(1)).toBe('unlike training: no class');
});

test('numbers stand beside or instead of classes; without either there is nothing', () => {
  const numbers = { names: ['angle'], values: [-0.125] };
  expect([1, 2].map(answersOf({ ...exampleAnalysis(), numbers })).map(spaced)).toEqual([undefined, 'angle -0.13']);
  expect(answersOf(exampleAnalysis())(2)).toBeUndefined();
});

test('lines break between answers only', () => {
  const { options } = exampleAnalysis();
  const rows = [
    [0.7, 0.2, 0.1],
    [0.1, 0.1, 0.8],
  ];
  const answerAt = answersOf(withClasses(rows, { options: { ...options, target: 'class:left' } }));
  expect(answerAt(1.5)!.split(' ')).toEqual(['stop\u00a080\u00a0%', '·', 'left\u00a010\u00a0%']);
});
