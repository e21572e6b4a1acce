/** What a network answers over time, in a few words: to be written on a video. */
import { likeliest } from './classes.ts';
import type { Analysis } from './document.ts';
import { predictionsOf } from './predictions.ts';
import { isUnlike, percent, targetClass } from './verdicts.ts';

/** A sampled moment, and what the network says then. */
interface Answer {
  readonly timestampSec: number;
  readonly words: string;
}

/**
 * The likeliest class (of each question) and its probability, that of the class that was asked for, and predicted numbers, as they stand from each
 * sampled frame to the next. Where an event is unlike the training events, that is said instead of a class.
 *
 * @returns by the time, seconds from the start of the clip; undefined before the first sampled frame, and where nothing is known
 */
export function answersOf(analysis: Analysis): (timeSec: number) => string | undefined {
  const { frames, labels = [] } = analysis;
  const asked = targetClass(analysis);
  const numbers = predictionsOf(analysis);
  const held = numbers.map((): number | null => null);
  const answers = frames.map((frame, i): Answer => {
    const { timestampSec, probabilities = [] } = frame;
    const of = (k: number): string => withValue(labels[k]!, percent(probabilities[k]!));
    const best = likeliest(analysis, probabilities);
    const wanted = labels.indexOf(asked ?? '');
    const classes = isUnlike(analysis, frame)
      ? ['unlike training: no class']
      : [...best, ...(wanted < 0 || best.length === 0 || best.includes(wanted) ? [] : [wanted])].map(of);
    for (const [k, { values }] of numbers.entries()) held[k] = values[i] ?? held[k]!;
    const values = numbers.flatMap(({ name }, k) => (held[k] === null ? [] : [withValue(name, held[k]!.toFixed(2))]));
    return { timestampSec, words: [...(labels.length > 0 ? classes : []), ...values].join(' · ') };
  });
  return (timeSec) => {
    const last = answers.findLast(({ timestampSec }) => timestampSec <= timeSec + ROUNDING_SEC);
    return last?.words || undefined;
  };
}

/** A name and its value, which no line break parts. */
function withValue(name: string, value: string): string {
  return [name, ...value.split(' ')].join(NO_BREAK_SPACE);
}

const NO_BREAK_SPACE = '\u00a0';

/** More than the rounding of any time, less than the gap between any two frames. */
const ROUNDING_SEC = 0.0005;
