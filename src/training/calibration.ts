/**
 * Class probabilities that keep what they promise: a temperature for each question, found on validation events (Guo et al. 2017,
 * https://arxiv.org/abs/1706.04599, Sec. 4.2), and how far confidence and accuracy lie apart before and after (Sec. 2).
 */
import { groupBy } from '../base/group-by.ts';
import { softmax } from '../base/matrix.ts';
import type { PlannedEvent } from '../features/dataset.ts';
import { type EmbedOptions, type HeadRun, outputsOfFrames } from '../features/embed.ts';
import type { Head } from '../models/head.ts';
import { runHead } from '../models/head-network.ts';
import { type Calibration, type Calibrations, calibrationInWords } from '../models/model-directory.ts';
import { type Question, questionsOf } from '../models/questions.ts';

/** Bins of confidence, of equal width. */
const BINS = 15;
/** Fewer validation events tell too little: what is fitted on twenty windows of a drive makes the next twenty worse. */
export const LEAST_EVENTS = 50;
/** Temperatures beyond mean that there is nothing to find. */
const MOST = 20;
const STEPS = 60;

/** The scores of an event among classes that exclude each other, and which of them it is. */
export interface ScoredEvent {
  readonly scores: readonly number[];
  readonly truth: number;
}

/** Questions with their temperatures, and what these change. */
export interface CalibratedQuestions {
  readonly questions: readonly Question[];
  readonly calibration: Calibrations;
}

/**
 * What the classes of a trained head answer, the question of each domain, calibrated on its validation events. None where all classes
 * exclude each other and nothing is known of their probabilities.
 *
 * @throws L2cafError as `outputsOfFrames`
 */
export async function askedOf(
  head: Head,
  planned: readonly PlannedEvent[],
  { onNote, ...options }: EmbedOptions & { readonly onNote?: ((note: string) => void) | undefined },
): Promise<CalibratedQuestions> {
  const { labels } = head.spec;
  if (labels === undefined) return { questions: [], calibration: new Map() };
  const domains = [...groupBy(planned, ({ domain }) => domain)].map(([name, own]) => {
    return { name, labels: new Set(own.map(({ event }) => event.label)) };
  });
  const questions = questionsOf(labels, domains);
  const split = (name: string): PlannedEvent[] => planned.filter(({ event }) => event.split === name);
  const validation = split('val');
  if (validation.length > 0) {
    const found = await calibrated(head, questions, { validation, others: split('test') }, options);
    for (const { name, temperature = 1 } of found.questions) {
      const own = found.calibration.get(name);
      if (own) onNote?.(`class probabilities of ${name}: ${calibrationInWords(temperature, own)}`);
    }
    return found;
  }
  onNote?.('no validation events: class probabilities are not calibrated');
  return { questions: questions.length > 1 ? questions : [], calibration: new Map() };
}

/**
 * A temperature for each question that validation events ask: those of the domain of its name.
 *
 * @param events validation events, and others on which the change is measured; without those, it is measured on the former
 * @throws L2cafError as `outputsOfFrames`
 */
export async function calibrated(
  { spec, weights }: Pick<Head, 'spec' | 'weights'>,
  questions: readonly Question[],
  events: Readonly<Record<'validation' | 'others', readonly PlannedEvent[]>>,
  options: EmbedOptions,
): Promise<CalibratedQuestions> {
  const run: HeadRun = (tensors, features, frames) => runHead(spec, tensors, features, frames).logits!;
  const all = [...events.validation, ...events.others];
  const frames = all.map(({ views }) => views[0]!.frames);
  const scores = await outputsOfFrames({ spec, weights, run }, frames, {
    ...options,
    stage: 'embedding',
    unit: 'events',
  });
  const calibration = new Map<string, Calibration>();
  const found = questions.map((question) => {
    const classes = [...question.answers, ...(question.others ?? [])];
    const scored = all.flatMap(({ event, domain }, i): (ScoredEvent & { readonly isValidation: boolean })[] => {
      if (domain !== question.name) return [];
      const truth = classes.indexOf(spec.labels!.indexOf(event.label));
      const own = classes.map((place) => scores[i]![place]!);
      return truth < 0 ? [] : [{ scores: own, truth, isValidation: i < events.validation.length }];
    });
    const validation = scored.filter(({ isValidation }) => isValidation);
    if (validation.length === 0) return question;
    const others = scored.filter(({ isValidation }) => !isValidation);
    const measured = others.length > 0 ? others : validation;
    const temperature = Number(fitTemperature(validation).toPrecision(4));
    calibration.set(question.name, {
      ...{ events: validation.length, measuredOn: measured.length },
      before: rounded(calibrationError(measured, 1)),
      after: rounded(calibrationError(measured, temperature)),
    });
    return { ...question, temperature };
  });
  return { questions: found, calibration };
}

/** Four decimals are more than a few hundred events can support. */
function rounded(value: number): number {
  return Number(value.toFixed(4));
}

/**
 * The temperature of the lowest mean cross-entropy. 1 for fewer than {@link LEAST_EVENTS}, and where that has no minimum between 1/20
 * and 20: where all events are recognised, ever lower ones are better, and nothing is to be learnt from that.
 */
export function fitTemperature(events: readonly ScoredEvent[]): number {
  // The cross-entropy is convex in 1/T. Its derivative: by how much the expected score exceeds that of the true class.
  const slope = (inverse: number): number =>
    events.reduce((sum, { scores, truth }) => {
      const expected = atTemperature(scores, 1 / inverse).reduce((mean, p, k) => mean + p * scores[k]!, 0);
      return sum + expected - scores[truth]!;
    }, 0);
  let [low, high] = [1 / MOST, MOST];
  if (events.length < LEAST_EVENTS || !(slope(low) < 0 && slope(high) > 0)) return 1;
  for (let step = 0; step < STEPS; step++) {
    const middle = Math.sqrt(low * high);
    if (slope(middle) < 0) low = middle;
    else high = middle;
  }
  return 1 / Math.sqrt(low * high);
}

/** Mean distance of accuracy and confidence over bins of confidence, weighted by their events: expected calibration error, in [0, 1]. */
export function calibrationError(events: readonly ScoredEvent[], temperature: number): number {
  const bins = Array.from({ length: BINS }, () => ({ right: 0, confidence: 0 }));
  for (const { scores, truth } of events) {
    const probabilities = atTemperature(scores, temperature);
    const confidence = Math.max(...probabilities);
    const bin = bins[Math.min(BINS - 1, Math.floor(confidence * BINS))]!;
    bin.confidence += confidence;
    if (probabilities.indexOf(confidence) === truth) bin.right++;
  }
  return bins.reduce((sum, { right, confidence }) => sum + Math.abs(right - confidence), 0) / events.length;
}

function atTemperature(scores: readonly number[], temperature: number): number[] {
  return softmax(scores.map((score) => score / temperature));
}
