/**
 * What a classifier is asked. Classes of different data sets need not exclude each other: a car that turns left may stand before a
 * red light. So each question has a softmax of its own over the classes that answer it.
 */
import { L2cafError } from '../base/errors.ts';
import { type ExclusiveClasses, softmax, softmaxAmong } from '../base/matrix.ts';
import type { NamedQuestion } from './question-schema.ts';

/** A question with its classes, as places among the scores. */
export interface Question {
  /** Such as that of the data set that asks it. */
  readonly name: string;
  /** The classes that answer it, each of one question alone. */
  readonly answers: readonly number[];
  /** Classes that exclude these and answer another question; their probability is that of none of the answers. */
  readonly others?: readonly number[];
  /** The scores are divided by it (Guo et al. 2017, https://arxiv.org/abs/1706.04599, Sec. 4.2); default 1. */
  readonly temperature?: number;
}

/** Probability of each class, `[classes]`: softmax over those that exclude each other, of all where there are no questions. */
export function probabilitiesOf(scores: ArrayLike<number>, questions: readonly Question[] | undefined): number[] {
  if (questions === undefined) return softmax(scores);
  const probabilities = new Array<number>(scores.length).fill(0);
  for (const question of questions) {
    const own = softmaxAmong(scores, exclusionOf(question));
    for (const [k, index] of question.answers.entries()) probabilities[index] = own[k]!;
  }
  return probabilities;
}

/** The classes that exclude a class, itself among them; undefined where all do. */
export function excludedBy(index: number, questions: readonly Question[] | undefined): ExclusiveClasses | undefined {
  const question = questions?.find(({ answers }) => answers.includes(index));
  return question && exclusionOf(question);
}

function exclusionOf({ answers, others = [], temperature = 1 }: Question): ExclusiveClasses {
  return { classes: [...answers, ...others], temperature };
}

/**
 * Questions by names as places among the labels.
 *
 * @throws L2cafError `model-invalid` when a class is not among the labels, or does not answer exactly one question
 */
export function questionsAmong(
  labels: readonly string[],
  named: readonly NamedQuestion[],
  path: string,
): readonly Question[] {
  const places = (names: readonly string[]): number[] =>
    names.map((name) => {
      const place = labels.indexOf(name);
      if (place < 0)
        throw new L2cafError('model-invalid', `${path}: a question names ${name}, which is not among its labels`);
      return place;
    });
  const questions = named.map(({ name, labels: own, others, temperature }) => ({
    ...{ name, answers: places(own) },
    ...(others && { others: places(others) }),
    ...(temperature !== undefined && { temperature }),
  }));
  for (const [place, label] of labels.entries()) {
    const count = questions.filter(({ answers }) => answers.includes(place)).length;
    if (count !== 1) throw new L2cafError('model-invalid', `${path}: ${label} answers ${count} questions, not one`);
  }
  return questions;
}

/** Questions by the names of their classes. */
export function namedQuestions(labels: readonly string[], questions: readonly Question[]): NamedQuestion[] {
  const names = (places: readonly number[]): string[] => places.map((place) => labels[place]!);
  return questions.map(({ name, answers, others, temperature }) => ({
    ...{ name, labels: names(answers) },
    ...(others && { others: names(others) }),
    ...(temperature !== undefined && { temperature }),
  }));
}

/**
 * The questions of data sets that share a classifier, in their order. A class of several is an answer to the first, and excludes the
 * classes of the others all the same.
 */
export function questionsOf(
  labels: readonly string[],
  domains: readonly { readonly name: string; readonly labels: ReadonlySet<string> }[],
): readonly Question[] {
  const taken = new Set<string>();
  return domains.flatMap(({ name, labels: own }): Question[] => {
    const places = labels.flatMap((label, place) => (own.has(label) ? [place] : []));
    const answers = places.filter((place) => !taken.has(labels[place]!));
    const others = places.filter((place) => taken.has(labels[place]!));
    for (const label of own) taken.add(label);
    return answers.length === 0 ? [] : [{ name, answers, ...(others.length > 0 && { others }) }];
  });
}
