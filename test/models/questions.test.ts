import { describe, expect, it } from 'vitest';
import {
  excludedBy,
  namedQuestions,
  probabilitiesOf,
  type Question,
  questionsAmong,
  questionsOf,
} from '../../src/models/questions.ts';

const LABELS = ['cyclist', 'left', 'open', 'right', 'stop'];
/** Cyclists are among the scenes, and among the generated events. */
const QUESTIONS: Question[] = [
  { name: 'scene', answers: [0, 2] },
  { name: 'turn', answers: [1, 3], temperature: 2 },
  { name: 'event', answers: [4], others: [0] },
];

describe('probabilitiesOf', () => {
  it('is a softmax over all classes where there are no questions', () => {
    expect(probabilitiesOf([0, Math.log(3)], undefined).map((p) => Number(p.toFixed(12)))).toEqual([0.25, 0.75]);
  });

  it('is a softmax for each question, at its temperature, and leaves out what excludes its answers', () => {
    const scores = [Math.log(3), Math.log(16), 0, 0, Math.log(9)];
    const expected = [3 / 4, 4 / 5, 1 / 4, 1 / 5, 9 / 12];
    for (const [k, p] of probabilitiesOf(scores, QUESTIONS).entries()) expect(p).toBeCloseTo(expected[k]!, 12);
  });
});

it('knows what excludes a class', () => {
  expect(excludedBy(3, QUESTIONS)).toEqual({ classes: [1, 3], temperature: 2 });
  expect(excludedBy(4, QUESTIONS)).toEqual({ classes: [4, 0], temperature: 1 });
  expect(excludedBy(4, undefined)).toBeUndefined();
});

describe('questions in files', () => {
  it('are by names, and read back as they were', () => {
    const named = namedQuestions(LABELS, QUESTIONS);
    expect(named[2]).toEqual({ name: 'event', labels: ['stop'], others: ['cyclist'] });
    expect(questionsAmong(LABELS, named, 'model.json')).toEqual(QUESTIONS);
  });

  it.each([
    [
      'a class that is not there',
      [{ name: 'turn', labels: [...LABELS, 'up'] }],
      /names up, which is not among its labels/,
    ],
    ['a class of no question', [{ name: 'turn', labels: LABELS.slice(1) }], /cyclist answers 0 questions/],
    [
      'a class of two questions',
      [
        { name: 'all', labels: LABELS },
        { name: 'turn', labels: ['left'] },
      ],
      /left answers 2 questions/,
    ],
  ])('are refused with %s', (_, named, message) => {
    expect(() => questionsAmong(LABELS, named, 'model.json')).toThrow(message);
  });
});

it('makes a question of each data set; a class of two belongs to the first and excludes those of the second', () => {
  const domains = [
    { name: 'scene', labels: new Set(['open', 'cyclist']) },
    { name: 'turn', labels: new Set(['left', 'right']) },
    { name: 'event', labels: new Set(['cyclist', 'stop']) },
  ];
  expect(questionsOf(LABELS, domains)).toEqual(QUESTIONS.map(({ temperature: _, ...question }) => question));
  expect(questionsOf(['a'], [domains[1]!, { name: 'copy', labels: new Set(['a']) }])).toEqual([
    { name: 'copy', answers: [0] },
  ]);
});
