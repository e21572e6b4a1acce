/** The classes of an analysis as they are shown: by the question that they answer, where not all of them exclude each other. */
import { namedQuestions } from '../models/questions.ts';
import type { ModelOutput } from '../models/video-model.ts';
import type { Analysis } from './document.ts';
import { isUnlike } from './verdicts.ts';

/** What a document says of classes; nothing of a network whose classes have no names. */
export function describeClasses(
  scored: Pick<ModelOutput, 'labels' | 'questions'> | undefined,
  probabilities: readonly number[],
): Pick<Analysis, 'classes' | 'labels' | 'questions'> {
  const { labels, questions } = scored ?? {};
  if (labels === undefined) return {};
  const ranked = labels.map((label, i) => ({ label, probability: probabilities[i]! }));
  return {
    classes: ranked.sort((a, b) => b.probability - a.probability),
    labels: [...labels],
    ...(questions && { questions: namedQuestions(labels, questions) }),
  };
}

/** Classes that exclude each other. */
export interface AnsweredQuestion {
  /** Absent where all classes exclude each other: then there is one question. */
  readonly name?: string;
  /** Most probable first. */
  readonly classes: NonNullable<Analysis['classes']>;
}

/** A class, and where it is among the labels of the network, which gives its colour. */
export interface BestClass {
  readonly label: string;
  readonly probability: number;
  readonly place?: number;
}

/** The classes of an event by the question that they answer; none for a network without classes. */
export function classesByQuestion({ classes, questions }: Pick<Analysis, 'classes' | 'questions'>): AnsweredQuestion[] {
  if (classes === undefined) return [];
  if (questions === undefined) return [{ classes }];
  return questions.map(({ name, labels }) => ({
    name,
    classes: classes.filter(({ label }) => labels.includes(label)),
  }));
}

/**
 * Places among the labels of the likeliest class of each question, by probabilities in the order of the labels; none where there are no
 * probabilities.
 */
export function likeliest({ labels = [], questions }: Analysis, probabilities: readonly number[]): number[] {
  const asked = questions?.map((question) => question.labels.map((label) => labels.indexOf(label))) ?? [
    [...probabilities.keys()],
  ];
  if (probabilities.length === 0) return [];
  return asked.map((places) =>
    places.reduce((best, place) => (probabilities[place]! > probabilities[best]! ? place : best)),
  );
}

/** The likeliest class of an event for each question, in their order; none where classes are not to be believed. */
export function bestClasses(analysis: Analysis): BestClass[] {
  if (isUnlike(analysis)) return [];
  return classesByQuestion(analysis).map(({ classes: [best] }) => {
    const { label, probability } = best!;
    const place = analysis.labels?.indexOf(label) ?? -1;
    return { label, probability, ...(place >= 0 && { place }) };
  });
}
