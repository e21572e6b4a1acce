/** What `l2caf analyze` prints of an analysis. */
import { classesByQuestion } from '../analysis/classes.ts';
import type { Analysis, AnalysisFrame, AnalysisWindow, ObjectSummary } from '../analysis/document.ts';
import { liftOf, rankedObjects } from '../analysis/object-words.ts';
import { predictionsOf } from '../analysis/predictions.ts';
import { isUnlike, notJudged, percent, verdictReasons, verdictSentence } from '../analysis/verdicts.ts';
import { groupBy } from '../base/group-by.ts';
import { formatTable } from './terminal.ts';

/** The frames or windows of an analysis as a table, and what is known of the event below it. */
export function analysisTable(analysis: Analysis): string {
  const { numbers, options, windows, targetProbability, familiarity, events = [] } = analysis;
  const lines = [windows ? describeWindows(analysis, windows) : describeFrames(analysis)];
  lines.push(...describeVerdicts(analysis));
  lines.push(`filters: ${options.solver} (${options.solverReason})`);
  lines.push(...classLines(analysis));
  if (targetProbability !== undefined) lines.push(`${options.target}: ${percent(targetProbability)}`);
  if (familiarity) {
    const { distance, limit } = familiarity;
    lines.push(`distance from what it was trained on: ${distance.toFixed(1)} (up to ${limit.toFixed(1)} is alike)`);
  }
  if (numbers) lines.push(numbers.names.map((name, i) => `${name} ${numbers.values[i]!.toPrecision(3)}`).join(', '));
  for (const { name, recorded, agreement } of predictionsOf(analysis)) {
    if (recorded === undefined || agreement === undefined) continue;
    const { correlation, meanAbsoluteError, n } = agreement;
    const fit = correlation === undefined ? '' : `correlation ${correlation.toFixed(3)}, `;
    lines.push(
      `${name} against ${recorded.name}: ${fit}mean error ${meanAbsoluteError.toPrecision(3)} over ${n} moments`,
    );
  }
  if (events.length > 0) {
    const counts = [...groupBy(events, ({ label }) => label)].map(([label, { length }]) => `${label} (${length})`);
    lines.push(`labelled events: ${counts.join(', ')}`);
  }
  lines.push(...describeObjects(analysis));
  return lines.join('\n');
}

/** The three likeliest classes, of each question where not all of them exclude each other. */
function classLines(analysis: Analysis): string[] {
  const questions = classesByQuestion(analysis);
  if (questions.length > 0 && isUnlike(analysis)) return ['classes: none to be believed, see above'];
  return questions.map(({ name, classes }) => {
    const best = classes.slice(0, 3).map(({ label, probability }) => `${label} ${percent(probability)}`);
    return `classes${name === undefined ? '' : ` (${name})`}: ${best.join(', ')}`;
  });
}

/** The objects that most of the attention lies on. */
function describeObjects(analysis: Analysis): string[] {
  const { objects, frames } = analysis;
  if (objects === undefined) return [];
  const ranked = rankedObjects(analysis);
  const isEmptied = ranked.some(({ lost }) => lost !== undefined);
  const figures = ({ share, area, lost, lostElsewhere }: ObjectFigures): string[] => {
    const lift = liftOf({ share, area });
    const without = lost === undefined ? '-' : lossWords(lost, lostElsewhere!);
    return [percent(share), percent(area), lift === undefined ? '-' : lift.toFixed(2), ...(isEmptied ? [without] : [])];
  };
  const rows = ranked
    .slice(0, OBJECTS_SHOWN)
    .map((object) => [object.name, `${object.frames} of ${frames.length}`, ...figures(object)]);
  const heading = ['object', 'frames', 'attention', 'area', 'lift', ...(isEmptied ? ['lost without (elsewhere)'] : [])];
  const any = [
    'any object',
    `${frames.filter((frame) => (frame.objects?.each.length ?? 0) > 0).length} of ${frames.length}`,
  ];
  const more = ranked.length - rows.length;
  return [
    '',
    formatTable([heading, ...rows, [...any, ...figures(objects)]]),
    ...(more > 0 ? [`and ${more} more objects in analysis.json`] : []),
  ];
}

type ObjectFigures = Pick<ObjectSummary, 'share' | 'area' | 'lost' | 'lostElsewhere'>;

/** Rows of the table; the document has all. */
const OBJECTS_SHOWN = 8;

/** `0.93 (0.31)`: what is lost without an object, and with as much emptied elsewhere. */
export function lossWords(lost: number, elsewhere: number): string {
  return `${short(lost)} (${short(elsewhere)})`;
}

function short(value: number): string {
  return String(Number(value.toPrecision(2)));
}

/** The verdict on the event, and what it goes by; of a dense analysis, on its windows. */
function describeVerdicts({ verdict, windows = [] }: Analysis): string[] {
  if (verdict === undefined) return [];
  const byWords = [...groupBy(windows, (window) => window.verdict?.words)].sort(([, a], [, b]) => b.length - a.length);
  const counts = byWords.map(([words, { length }]) => `${length} ${words}`);
  const missing = notJudged(verdict);
  return [
    `verdict: ${verdictSentence(verdict.words)}${counts.length > 0 ? ` (of ${windows.length} windows: ${counts.join(', ')})` : ''}`,
    `  ${verdictReasons(verdict).join('; ')}`,
    ...(missing.length > 0 ? [`  not judged: ${missing.join(', ')}`] : []),
  ];
}

/** A dense analysis has too many frames for a table. */
function describeWindows({ frames, options: { dense } }: Analysis, windows: readonly AnalysisWindow[]): string {
  const losses = frames.map(({ loss }) => loss).sort((a, b) => a - b);
  const [lowest, median, highest] = [0, 0.5, 1].map((q) => losses[Math.round(q * (losses.length - 1))]!.toPrecision(3));
  return [
    `${windows.length} windows of ${dense!.windowSec.toFixed(2)} s, one every ${dense!.strideSec.toFixed(2)} s`,
    `${frames.length} frames, loss ${lowest} to ${highest}, median ${median}`,
  ].join('\n');
}

function describeFrames(analysis: Analysis): string {
  const { frames, importance: known } = analysis;
  const hasStarts = frames.some(({ starts }) => starts !== undefined);
  const heading = [
    'frame',
    'time',
    'loss',
    'iterations',
    'status',
    'peak cell',
    ...(known ? ['importance'] : []),
    ...(analysis.verdict ? ['verdict'] : []),
    ...(hasStarts ? ['starts agree'] : []),
  ];
  const rows = frames.map(
    ({ timestep, timestampSec, loss, iterations, status, peakCell, starts, damaged, ...frame }) => [
      String(timestep + 1),
      `${timestampSec.toFixed(2)} s`,
      loss.toPrecision(4),
      String(iterations),
      damaged ? `${status}, damaged` : status,
      `row ${peakCell.row}, column ${peakCell.column}`,
      ...(known ? [describeImportance(frame)] : []),
      ...(analysis.verdict ? [frame.verdict?.words ?? '-'] : []),
      ...(starts ? [describeStarts(starts)] : []),
    ],
  );
  return formatTable([heading, ...rows]);
}

/** `0.42`, or `0.42 ± 0.03` where it was sampled. */
function describeImportance({ importance, importanceError }: Partial<AnalysisFrame>): string {
  if (importance === undefined) return '-';
  return importanceError ? `${importance.toFixed(2)} ± ${importanceError.toFixed(2)}` : importance.toFixed(2);
}

/** How many starts found the best minimum, and the worst agreement of a map with the best one's. */
function describeStarts(starts: NonNullable<AnalysisFrame['starts']>): string {
  const best = Math.min(...starts.map(({ loss }) => loss));
  const same = starts.filter(({ loss }) => loss <= best * (1 + 1e-3) + 1e-8).length;
  const worst = Math.min(...starts.map(({ correlation }) => correlation));
  return `${same} of ${starts.length}, correlation ${worst.toFixed(3)}`;
}
