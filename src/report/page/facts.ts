/** What was analyzed, with which model and options. */
import { type AnsweredQuestion, classesByQuestion } from '../../analysis/classes.ts';
import type { Analysis } from '../../analysis/document.ts';
import { gridWords, sharingNote, targetName } from '../../analysis/model-words.ts';
import { liftOf, objectColor, rankedObjects } from '../../analysis/object-words.ts';
import { isUnlike, notJudged, percent, targetClass, verdictReasons, verdictSentence } from '../../analysis/verdicts.ts';
import type { GridShape } from '../../base/types.ts';
import { classColor } from '../../video/drawing/palette.ts';
import { element, formatNumber, formatTime } from './dom.ts';

function modelFacts(model: Analysis['model'], shown: GridShape): (readonly [string, string])[] {
  const { grid, inputSize } = model;
  const input = `${inputSize.width}x${inputSize.height}, ${gridWords(grid, shown)}`;
  if (model.kind === 'imported') {
    return [
      ['network', `${model.id} (${model.format})`],
      ['layer', `${model.layer}, ${model.layout}`],
      ['output', model.output],
      ['input', model.resize ? `${input} (${model.resize})` : input],
      ['SHA-256', model.sha256],
    ];
  }
  const { head } = model;
  return [
    ['head', head.kind === 'trained' ? head.id : `untrained, seed ${head.seed}`],
    ['trunk', `${model.trunk}, after ${model.stage}`],
    ['input', input],
    ['head SHA-256', head.sha256],
    ['trunk SHA-256', model.trunkSha256],
  ];
}

/** Tables of the clip, the model and the method. */
export function factTables({ source, span, model, options, frames, timingsSec, l2cafVersion }: Analysis): HTMLElement {
  const { numerator, denominator } = source.frameRate;
  const { dense } = options;
  return element(
    'div',
    { class: 'facts' },
    table('Clip', [
      ['file', source.path],
      ['span', `${formatTime(span.startSec)} – ${formatTime(span.endSec)} of ${formatTime(source.durationSec)}`],
      ['picture', `${source.width} × ${source.height}, ${formatNumber(numerator / denominator)} frames/s`],
      ...(source.rotationDeg === 0 ? [] : [['rotation', `${source.rotationDeg}° clockwise`] as const]),
      ['SHA-256', source.sha256],
    ]),
    table('Model', modelFacts(model, frames[0]!.filter)),
    table('Method', [
      ['method', options.method],
      ['explains', targetName(options.target)],
      ['solver', `${options.solver} (${options.solverReason})`],
      ['preset', options.preset],
      ['constraint', options.constraint],
      ['seed', String(options.seed)],
      ['backend', options.backend],
      ['frames', [frames.length, sharingNote({ frames })].filter(Boolean).join(', ')],
      ...(dense
        ? [
            [
              'windows',
              `${dense.framesPerWindow} frames in ${formatTime(dense.windowSec)}, every ${formatTime(dense.strideSec)}`,
            ] as const,
          ]
        : []),
      ...Object.entries(timingsSec ?? {}).map(([what, seconds = 0]) => [`time: ${what}`, formatTime(seconds)] as const),
      ['l2caf', l2cafVersion],
    ]),
  );
}

/** Whether the maps are to be believed, and what that goes by; nothing where an earlier document does not say. */
export function verdictPanel({ verdict, windows = [] }: Analysis): HTMLElement[] {
  if (verdict === undefined) return [];
  const alike = windows.filter((window) => window.verdict?.words === verdict.words).length;
  const missing = notJudged(verdict);
  const reasons = [
    ...(windows.length > 0 ? [`${alike} of ${windows.length} windows by themselves`] : []),
    ...verdictReasons(verdict),
    ...(missing.length > 0 ? [`not judged: ${missing.join(', ')}`] : []),
  ];
  return [
    element(
      'section',
      { class: 'verdict', 'aria-label': 'Verdict' },
      element('h2', {}, 'Verdict'),
      element('p', {}, capitalized(verdictSentence(verdict.words))),
      element('ul', { class: 'quiet-text' }, ...reasons.map((reason) => element('li', {}, reason))),
    ),
  ];
}

function capitalized(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
}

/** The classes of the event with their probabilities, the likeliest first; nothing for a model without a classifier. */
export function classList(analysis: Analysis): HTMLElement[] {
  const { classes = [] } = analysis;
  if (classes.length === 0) return [];
  const lists = classesByQuestion(analysis).flatMap((question) => classRows(analysis, question));
  if (!isUnlike(analysis)) return [element('section', { class: 'classes' }, element('h2', {}, 'Classes'), ...lists)];
  const { distance, limit } = analysis.familiarity!;
  const text = `Its distance is ${formatNumber(distance)}; up to ${formatNumber(limit)} is alike.`;
  return [
    element(
      'section',
      { class: 'classes' },
      element('h2', {}, 'Unlike what it was trained on'),
      element('p', {}, text),
      element('details', {}, element('summary', {}, 'Its classes all the same'), ...lists),
    ),
  ];
}

/** The likeliest classes of a question, and that which was asked for. */
function classRows(analysis: Analysis, { name, classes }: AnsweredQuestion): HTMLElement[] {
  const { labels = classes.map(({ label }) => label) } = analysis;
  const asked = targetClass(analysis);
  const shown = classes.filter(({ label }, i) => i < MAX_CLASSES || label === asked);
  const rows = shown.map(({ label, probability }) => {
    const bar = element('span', { class: 'bar', 'aria-hidden': 'true' });
    bar.style.width = `${100 * probability}%`;
    bar.style.background = classColor(Math.max(0, labels.indexOf(label)));
    return element(
      'li',
      {},
      element('span', { class: 'class-name', title: label }, label === asked ? `${label} (target)` : label),
      element('span', { class: 'bar-room' }, bar),
      element('span', { class: 'number' }, percent(probability)),
    );
  });
  const of = classes.length > rows.length ? `the ${rows.length} likeliest of ${classes.length}` : '';
  const title = [name ?? '', of].filter(Boolean).join(': ');
  return [...(title === '' ? [] : [element('h3', {}, title)]), element('ul', {}, ...rows)];
}

/** The objects that most of the attention lies on; nothing where none were given. */
export function objectList(analysis: Analysis): HTMLElement[] {
  const ranked = rankedObjects(analysis);
  if (analysis.objects === undefined || ranked.length === 0) return [];
  const count = analysis.frames.length;
  const rows = ranked.slice(0, MAX_OBJECTS).map(({ name, place, frames, share, area, lost, lostElsewhere }) => {
    const lift = liftOf({ share, area });
    const bar = element('span', { class: 'bar', 'aria-hidden': 'true' });
    bar.style.width = `${100 * share}%`;
    bar.style.background = objectColor(place);
    const details = [
      `${frames} of ${count} frames`,
      ...(lift === undefined ? ['not in what the network sees'] : [`${lift.toFixed(1)} times its area`]),
      ...(lost === undefined ? [] : [`lost without ${formatNumber(lost)}, elsewhere ${formatNumber(lostElsewhere!)}`]),
    ];
    return element(
      'li',
      {},
      element('span', { class: 'class-name', title: name }, name),
      element('span', { class: 'bar-room' }, bar),
      element('span', { class: 'number' }, percent(share)),
      element('span', { class: 'quiet-text details' }, details.join(' · ')),
    );
  });
  const { share, area } = analysis.objects;
  const more = ranked.length > rows.length ? `, and ${ranked.length - rows.length} more` : '';
  const any = `On any object ${percent(share)}, which cover ${percent(area)} of the picture${more}`;
  return [
    element(
      'section',
      { class: 'classes objects' },
      element('h2', {}, 'Objects'),
      element('ul', {}, ...rows),
      element('p', { class: 'quiet-text' }, any),
    ),
  ];
}

const MAX_OBJECTS = 8;
const MAX_CLASSES = 5;

function table(title: string, rows: readonly (readonly [name: string, value: string])[]): HTMLElement {
  const entries = rows.flatMap(([name, value]) => {
    const isHash = /^[0-9a-f]{64}$/.test(value);
    const shown = isHash ? `${value.slice(0, 16)}…` : value;
    return [element('dt', {}, name), element('dd', { title: isHash && value }, shown)];
  });
  return element('section', {}, element('h3', {}, title), element('dl', {}, ...entries));
}
