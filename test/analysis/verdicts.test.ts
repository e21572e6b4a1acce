/** What tables, captions and pages say of events and classes that are not to be believed. */
import { expect, it } from 'vitest';
import type { Analysis } from '../../src/analysis/document.ts';
import { parseAnalysis } from '../../src/analysis/document.ts';
import { ribbonOf } from '../../src/analysis/timeline.ts';
import {
  describeVerdict,
  isUnlike,
  notJudged,
  verdictReasons,
  verdictSentence,
  withVerdicts,
} from '../../src/analysis/verdicts.ts';
import { classColor } from '../../src/video/drawing/palette.ts';
import { exampleAnalysis } from '../support/example-analysis.ts';

const EXAMPLE = exampleAnalysis();
const CLASSES = [
  { label: 'turn', probability: 0.97 },
  { label: 'stop', probability: 0.03 },
];

function judged(parts: Partial<Analysis>): Analysis {
  return withVerdicts({ ...EXAMPLE, warnings: [], classes: CLASSES, ...parts });
}
const target = (label: string): Analysis['options'] => ({ ...EXAMPLE.options, target: `class:${label}` });

it('says the probability of a target class, and when it is not what the network sees', () => {
  const seen = judged({ options: target('turn') });
  expect(seen).toMatchObject({ targetProbability: 0.97, warnings: [] });
  const unseen = judged({ options: target('stop') });
  expect(unseen.targetProbability).toBe(0.03);
  expect(unseen.warnings).toEqual(['the class stop has a probability of 3.0 %: it is not what the network sees']);
  expect(judged({}).targetProbability).toBeUndefined();
  expect(parseAnalysis(unseen, 'x')).toEqual(unseen);
});

it('says that an event is unlike what the network was trained on', () => {
  const familiar = judged({ familiarity: { distance: 9, limit: 10 } });
  expect([isUnlike(familiar), familiar.warnings]).toEqual([false, []]);
  const far = judged({ familiarity: { distance: 31.25, limit: 10 } });
  expect(isUnlike(far)).toBe(true);
  expect(far.warnings[0]).toMatch(/^unlike what .* was trained on \(distance 31\.3, up to 10\.0 is alike\)/);
  expect(parseAnalysis(far, 'x')).toEqual(far);
});

it('says of which frames any map would do', () => {
  const idle = (count: number): Analysis =>
    judged({
      frames: Array.from({ length: 10 }, (_, i) => {
        return { ...EXAMPLE.frames[0]!, ...(i >= 1 && i < 1 + count && { status: 'no-effect' as const }) };
      }),
    });
  expect(idle(0).warnings).toEqual([]);
  expect(idle(2).warnings).toEqual([
    'no filter of frame 2, 3 changes the output, as where its features are all 0, or the largest of the frames counts and another one is: the map there has equal cells, and says nothing',
  ]);
  expect(idle(9).warnings[0]).toMatch(/^no filter of 9 of 10 frames changes the output/);
  expect(parseAnalysis(idle(2), 'x').frames[2]!.status).toBe('no-effect');
});

it('puts the figures of a verdict into words, and says what was not judged', () => {
  const verdict = describeVerdict({ moved: 0.31, top: 0.861, random: 0.22, redrawn: 0.99 });
  expect(verdict.words).toBe('shows what the first layers see');
  expect(verdictSentence(verdict.words)).toBe('the map shows what the first layers see');
  expect(verdictReasons(verdict).join('; ')).toBe(
    'its top fifth of the cells carries 0.86, a random fifth 0.22; correlation 0.99 with random weights; without a frame the output moves by 31 %',
  );
  expect(notJudged(verdict)).toEqual(['the moments beside it']);
  expect(notJudged({ moved: 1, top: 1, random: 0, steady: 1 })).toEqual(['random weights']);
  const document = { ...EXAMPLE, verdict };
  expect(parseAnalysis(document, 'x')).toEqual(document);
});

it('counts the windows of a dense analysis', () => {
  const window = { startSec: 0, endSec: 1, frames: [0], losses: [1], embedding: [1] };
  const windows = [5, 20, 30].map((distance) => ({ ...window, distance }));
  const { warnings } = judged({ windows, familiarity: { distance: 20, limit: 10 } });
  expect(warnings).toEqual([expect.stringMatching(/^2 of 3 windows are unlike what/)]);
});

it('shows no class where it is not to be believed, and the target in any case', () => {
  const frames = EXAMPLE.frames.map((frame, i) => ({ ...frame, probabilities: [0.97, 0.03], distance: [5, 20][i]! }));
  const familiarity = { distance: 20, limit: 10 };
  const shown = ribbonOf(judged({ frames, familiarity, labels: ['turn', 'stop'], options: target('stop') })).classes!;
  expect(shown.lines).toEqual([
    { name: 'stop', color: classColor(1), shares: [0.03, null] },
    { name: 'turn', color: classColor(0), shares: [0.97, null] },
  ]);
  expect(shown.notes).toEqual(['1 of 2 unlike training', 'target: 3.0 %, not seen']);
  const none = frames.map((frame) => ({ ...frame, distance: 20 }));
  const nothing = ribbonOf(judged({ frames: none, familiarity, labels: ['turn', 'stop'] })).classes!;
  expect(nothing).toMatchObject({ lines: [], hidden: 0, notes: ['no class shown', 'all unlike training'] });
});
