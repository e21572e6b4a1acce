/** What stands beside the video of the moment shown: the verdict, the classes and the attention on objects. */
import { type AnsweredQuestion, classesByQuestion } from '../../analysis/classes.ts';
import type { Analysis } from '../../analysis/document.ts';
import { liftOf, objectColor, rankedObjects } from '../../analysis/object-words.ts';
import { isUnlike, notJudged, percent, targetClass, verdictReasons, verdictSentence } from '../../analysis/verdicts.ts';
import { classColor } from '../../video/drawing/palette.ts';
import { element, formatNumber, formatTime } from './dom.ts';

/** A section of the panel. */
export interface PanelSection {
  readonly element: HTMLElement;
  /** Tells it which sampled frame stands for the moment shown; undefined where none was analyzed. */
  show(sample: number | undefined): void;
}

/** The sections for which there is something to show. */
export function panelSections(analysis: Analysis): PanelSection[] {
  return [...verdictSection(analysis), ...classSection(analysis), ...objectSection(analysis)];
}

/** Whether the maps are to be believed, and what that goes by; nothing where an earlier document does not say. */
function verdictSection({ verdict, frames, windows = [] }: Analysis): PanelSection[] {
  if (verdict === undefined) return [];
  const alike = windows.filter((window) => window.verdict?.words === verdict.words).length;
  const missing = notJudged(verdict);
  const reasons = [
    ...(windows.length > 0 ? [`${alike} of ${windows.length} windows by themselves`] : []),
    ...verdictReasons(verdict),
    ...(missing.length > 0 ? [`not judged: ${missing.join(', ')}`] : []),
  ];
  const here = element('p', { class: 'quiet-text' });
  return [
    {
      element: element(
        'section',
        { class: 'verdict', 'aria-label': 'Verdict' },
        element('h2', {}, 'Verdict'),
        element('p', {}, capitalized(verdictSentence(verdict.words))),
        ...(frames.some((frame) => frame.verdict) ? [here] : []),
        element('ul', { class: 'quiet-text' }, ...reasons.map((reason) => element('li', {}, reason))),
      ),
      show: (sample) => {
        const own = sample === undefined ? undefined : frames[sample]!.verdict;
        here.textContent = `${momentOf({ frames }, sample)}: ${own?.words ?? 'not judged'}`;
      },
    },
  ];
}

function capitalized(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
}

/** The frame that stands for the moment shown, as a heading names it. */
function momentOf({ frames }: Pick<Analysis, 'frames'>, sample: number | undefined): string {
  return sample === undefined ? 'here' : `at ${formatTime(frames[sample]!.timestampSec)}`;
}

/** The classes at the moment shown, the likeliest first, and those of the whole event; nothing for a model without classes. */
function classSection(analysis: Analysis): PanelSection[] {
  const { classes = [], frames, labels = [] } = analysis;
  if (classes.length === 0) return [];
  const whole = classesByQuestion(analysis);
  if (isUnlike(analysis)) return [unlikeSection(analysis, whole)];
  const title = element('h2', {}, 'Classes');
  const lists = element('div');
  const overall = element('p', { class: 'quiet-text' }, `Of the whole event: ${likeliestOf(whole)}`);
  const isOverTime = frames.every(({ probabilities }) => probabilities?.length === labels.length);
  overall.hidden = !isOverTime;
  const show = (sample: number | undefined): void => {
    const list = (questions: readonly AnsweredQuestion[]): void =>
      lists.replaceChildren(...questions.flatMap((question) => classRows(analysis, question)));
    if (!isOverTime) {
      list(whole);
      return;
    }
    title.textContent = `Classes ${momentOf(analysis, sample)}`;
    const frame = sample === undefined ? undefined : frames[sample]!;
    if (frame === undefined || isUnlike(analysis, frame)) {
      const why = frame ? 'unlike what the network was trained on: none to be believed' : 'not analyzed';
      lists.replaceChildren(element('p', {}, capitalized(why)));
      return;
    }
    const ranked = labels.map((label, k) => ({ label, probability: frame.probabilities![k]! }));
    ranked.sort((a, b) => b.probability - a.probability);
    list(classesByQuestion({ ...analysis, classes: ranked }));
  };
  return [{ element: element('section', { class: 'classes' }, title, lists, overall), show }];
}

/** The likeliest class of each question in words. */
function likeliestOf(questions: readonly AnsweredQuestion[]): string {
  return questions
    .flatMap(({ classes: [best] }) => (best ? [`${best.label} ${percent(best.probability)}`] : []))
    .join(', ');
}

/** In place of classes that are not to be believed. */
function unlikeSection(analysis: Analysis, questions: readonly AnsweredQuestion[]): PanelSection {
  const { distance, limit } = analysis.familiarity!;
  const text = `Its distance is ${formatNumber(distance)}; up to ${formatNumber(limit)} is alike.`;
  const lists = questions.flatMap((question) => classRows(analysis, question));
  return {
    element: element(
      'section',
      { class: 'classes' },
      element('h2', {}, 'Unlike what it was trained on'),
      element('p', {}, text),
      element('details', {}, element('summary', {}, 'Its classes all the same'), ...lists),
    ),
    show: () => {},
  };
}

/** The likeliest classes of a question, and that which was asked for. */
function classRows(analysis: Analysis, { name, classes }: AnsweredQuestion): HTMLElement[] {
  const { labels = classes.map(({ label }) => label) } = analysis;
  const asked = targetClass(analysis);
  const shown = classes.filter(({ label }, i) => i < MAX_CLASSES || label === asked);
  const rows = shown.map(({ label, probability }) => {
    const text = label === asked ? `${label} (target)` : label;
    return element('li', {}, ...new ShareRow(text, classColor(Math.max(0, labels.indexOf(label)))).set(probability));
  });
  const of = classes.length > rows.length ? `the ${rows.length} likeliest of ${classes.length}` : '';
  const title = [name ?? '', of].filter(Boolean).join(': ');
  return [...(title === '' ? [] : [element('h3', {}, title)]), element('ul', {}, ...rows)];
}

const MAX_CLASSES = 5;

/** A name, a share as a bar, and the share. */
class ShareRow {
  readonly #name: HTMLElement;
  readonly #bar = element('span', { class: 'bar', 'aria-hidden': 'true' });
  readonly #number = element('span', { class: 'number' });

  constructor(name: string, color: string) {
    this.#name = element('span', { class: 'class-name', title: name }, name);
    this.#bar.style.background = color;
  }

  /** States a share, or that there is none; returns what the row consists of. */
  set(share: number | undefined): HTMLElement[] {
    this.#bar.style.width = `${100 * (share ?? 0)}%`;
    this.#number.textContent = share === undefined ? '–' : percent(share);
    return [this.#name, element('span', { class: 'bar-room' }, this.#bar), this.#number];
  }
}

/** The objects that most of the attention lies on, with their shares at the moment shown; nothing where none were given. */
function objectSection(analysis: Analysis): PanelSection[] {
  const { objects, frames } = analysis;
  const ranked = rankedObjects(analysis);
  if (objects === undefined || ranked.length === 0) return [];
  const shown = ranked.slice(0, MAX_OBJECTS).map((object) => ({
    place: object.place,
    row: new ShareRow(object.name, objectColor(object.place)),
    details: element('span', { class: 'quiet-text details' }, objectDetails(object, frames.length)),
    item: element('li'),
  }));
  const more = ranked.length > shown.length ? `, and ${ranked.length - shown.length} more` : '';
  const any = `On any object ${percent(objects.share)} over all frames, which cover ${percent(objects.area)} of the picture${more}`;
  const title = element('h2', {}, 'Objects');
  return [
    {
      element: element(
        'section',
        { class: 'classes objects' },
        title,
        element('ul', {}, ...shown.map(({ item }) => item)),
        element('p', { class: 'quiet-text' }, any),
      ),
      show: (sample) => {
        title.textContent = `Objects ${momentOf(analysis, sample)}`;
        const each = sample === undefined ? [] : (frames[sample]!.objects?.each ?? []);
        for (const { place, row, details, item } of shown) {
          const own = each.find(({ object }) => object === place);
          item.replaceChildren(...row.set(own?.share), details);
        }
      },
    },
  ];
}

const MAX_OBJECTS = 8;

/** What is said of an object over all frames. */
function objectDetails(
  { frames, share, area, lost, lostElsewhere }: ReturnType<typeof rankedObjects>[number],
  count: number,
): string {
  const lift = liftOf({ share, area });
  return [
    `${percent(share)} in ${frames} of ${count} frames`,
    ...(lift === undefined ? ['not in what the network sees'] : [`${lift.toFixed(1)} times its area`]),
    ...(lost === undefined ? [] : [`lost without ${formatNumber(lost)}, elsewhere ${formatNumber(lostElsewhere!)}`]),
  ].join(' · ');
}
