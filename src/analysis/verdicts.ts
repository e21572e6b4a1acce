/**
 * What to know before a class or a map is believed, in the words of tables, captions and pages: that an event is unlike what
 * the network was trained on, and that a class which the maps explain is not what the network sees.
 */

import type { Verdict } from '../l2caf/choices.ts';
import { type VerdictFigures, verdictOf } from '../l2caf/verdict.ts';
import type { Analysis } from './document.ts';
import { modelName } from './model-words.ts';

/** A target class that is less probable than this is not what the network sees. */
export const SEEN_PROBABILITY = 0.05;

/** The document with the probability of its target class, and with warnings of what must not be believed. */
export function withVerdicts<Document extends Analysis>(analysis: Document): Document {
  const label = targetClass(analysis);
  const target = analysis.classes?.find((one) => one.label === label);
  const judged = { ...analysis, ...(target && { targetProbability: target.probability }) };
  return { ...judged, warnings: [...analysis.warnings, ...verdictsOf(judged)] };
}

/** Figures and the words for them, as documents state them. */
export function describeVerdict(figures: VerdictFigures): NonNullable<Analysis['verdict']> {
  return { words: verdictOf(figures), ...figures };
}

/** The words of a verdict as a sentence. */
export function verdictSentence(words: Verdict): string {
  const subjects: Readonly<Record<Verdict, string>> = {
    'says what the network uses': 'the map ',
    'shows what the first layers see': 'the map ',
    unstable: 'the map is ',
    'nothing here matters': '',
  };
  return `${subjects[words]}${words}`;
}

/** What a verdict could not go by, in words. */
export function notJudged({ redrawn, steady }: VerdictFigures): string[] {
  return [
    ...(redrawn === undefined ? ['random weights'] : []),
    ...(steady === undefined ? ['the moments beside it'] : []),
  ];
}

/** What a verdict goes by, in words: how much it is about, what carries it, what it was compared with. */
export function verdictReasons({ moved, top, random, strongest, redrawn, steady }: VerdictFigures): string[] {
  const share = (value: number): string => String(Number(value.toPrecision(2)));
  const others = strongest === undefined ? '' : `, the strongest features ${share(strongest)}`;
  return [
    `its top fifth of the cells carries ${share(top)}, a random fifth ${share(random)}${others}`,
    ...(redrawn === undefined ? [] : [`correlation ${redrawn.toFixed(2)} with random weights`]),
    ...(steady === undefined ? [] : [`${steady.toFixed(2)} with the moments beside it`]),
    `without a frame the output moves by ${percent(moved)}`,
  ];
}

/** What must not be believed; nothing where there is no reason for doubt. */
export function verdictsOf(analysis: Analysis): string[] {
  return [unlikeNote(analysis), unseenNote(analysis), idleNote(analysis)].flatMap((note) => note ?? []);
}

/** The class that the maps explain; undefined where they explain something else. */
export function targetClass({ options: { target } }: Pick<Analysis, 'options'>): string | undefined {
  return /^class:(.+)$/s.exec(target)?.[1];
}

/**
 * Whether an event, or a frame or window of a dense analysis that has a distance of its own, is so far from what the network
 * was trained on that its classes mean little.
 */
export function isUnlike(
  { familiarity }: Pick<Analysis, 'familiarity'>,
  { distance = familiarity?.distance }: { readonly distance?: number | undefined } = {},
): boolean {
  return familiarity !== undefined && distance !== undefined && distance > familiarity.limit;
}

function unlikeNote({ familiarity, windows, model }: Analysis): string | undefined {
  if (familiarity === undefined) return undefined;
  const { distance, limit } = familiarity;
  const trained = `unlike what ${modelName(model)} was trained on`;
  const meaning = 'its classes mean nothing there';
  if (windows === undefined) {
    if (!isUnlike({ familiarity })) return undefined;
    return `${trained} (distance ${distance.toFixed(1)}, up to ${limit.toFixed(1)} is alike): ${meaning}`;
  }
  const unlike = windows.filter((window) => (window.distance ?? 0) > limit).length;
  return unlike === 0 ? undefined : `${unlike} of ${windows.length} windows are ${trained}: ${meaning}`;
}

/** That frames have maps of which any would do. */
function idleNote({ frames }: Analysis): string | undefined {
  const idle = frames.flatMap(({ status }, i) => (status === 'no-effect' ? [i + 1] : []));
  if (idle.length === 0) return undefined;
  const which = idle.length > NAMED_FRAMES ? `${idle.length} of ${frames.length} frames` : `frame ${idle.join(', ')}`;
  return (
    `no filter of ${which} changes the output, as where its features are all 0, or the largest of the frames counts and another one is: ` +
    'the map there has equal cells, and says nothing'
  );
}

const NAMED_FRAMES = 8;

function unseenNote(analysis: Analysis): string | undefined {
  const { targetProbability } = analysis;
  if (targetProbability === undefined || targetProbability >= SEEN_PROBABILITY) return undefined;
  const probability = percent(targetProbability);
  return `the class ${targetClass(analysis)} has a probability of ${probability}: it is not what the network sees`;
}

/** Such as `37 %`; small ones with a digit more. */
export function percent(probability: number): string {
  return `${(100 * probability).toFixed(probability < 0.1 ? 1 : 0)} %`;
}
