import { describe, expect, it } from 'vitest';
import { bestClasses, classesByQuestion, describeClasses, likeliest } from '../../src/analysis/classes.ts';
import type { Analysis } from '../../src/analysis/document.ts';
import type { Question } from '../../src/models/questions.ts';

const LABELS = ['stop', 'left', 'right', 'clear'];
const QUESTIONS: Question[] = [
  { name: 'event', answers: [0, 3] },
  { name: 'turn', answers: [1, 2], temperature: 2 },
];
const PROBABILITIES = [0.3, 0.9, 0.1, 0.7];

function documentOf(questions?: readonly Question[]): Analysis {
  return describeClasses({ labels: LABELS, ...(questions && { questions }) }, PROBABILITIES) as Analysis;
}

describe('describeClasses', () => {
  it('ranks classes from the most probable to the least, each with its own label', () => {
    expect(describeClasses({ labels: ['stop', 'turn', 'merge'] }, [0.2, 0.7, 0.1])).toEqual({
      classes: [
        { label: 'turn', probability: 0.7 },
        { label: 'stop', probability: 0.2 },
        { label: 'merge', probability: 0.1 },
      ],
      labels: ['stop', 'turn', 'merge'],
    });
  });

  it('names the questions by their classes, and says nothing of classes without names', () => {
    expect(documentOf(QUESTIONS).questions).toEqual([
      { name: 'event', labels: ['stop', 'clear'] },
      { name: 'turn', labels: ['left', 'right'], temperature: 2 },
    ]);
    expect(describeClasses({}, [0.5, 0.5])).toEqual({});
  });
});

describe('the likeliest classes', () => {
  it('are one for each question', () => {
    const asked = documentOf(QUESTIONS);
    expect(likeliest(asked, PROBABILITIES)).toEqual([3, 1]);
    expect(bestClasses(asked)).toEqual([
      { label: 'clear', probability: 0.7, place: 3 },
      { label: 'left', probability: 0.9, place: 1 },
    ]);
    expect(classesByQuestion(asked).map(({ name, classes }) => [name, classes.map(({ label }) => label)])).toEqual([
      ['event', ['clear', 'stop']],
      ['turn', ['left', 'right']],
    ]);
  });

  it('are one of all where all classes exclude each other', () => {
    const plain = documentOf();
    expect(likeliest(plain, PROBABILITIES)).toEqual([1]);
    expect(bestClasses(plain).map(({ label }) => label)).toEqual(['left']);
    expect(likeliest(plain, [])).toEqual([]);
  });

  it('are none where the event is unlike what the network was trained on', () => {
    expect(bestClasses({ ...documentOf(QUESTIONS), familiarity: { distance: 3, limit: 2 } })).toEqual([]);
  });
});
