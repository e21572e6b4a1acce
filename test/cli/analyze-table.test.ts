/** What `analyze` prints of an analysis. */
import { expect, it } from 'vitest';
import type { Analysis, AnalysisWindow } from '../../src/analysis/document.ts';
import { analysisTable } from '../../src/cli/analyze-table.ts';
import { exampleAnalysis } from '../support/example-analysis.ts';

type Words = NonNullable<AnalysisWindow['verdict']>['words'];

it('names the solver, and counts the verdicts of windows, the commonest first', () => {
  const verdict = (words: Words) => ({ words, moved: 0.5, top: 0.4, random: 0.1, redrawn: 0.3 });
  const windowOf = (words: Words, i: number): AnalysisWindow => ({
    ...{ startSec: i, endSec: i + 1, embedding: [0], frames: [0], losses: [0] },
    verdict: verdict(words),
  });
  const words: Words[] = ['unstable', 'shows what the first layers see', 'shows what the first layers see', 'unstable'];
  const seen: Words = 'says what the network uses';
  const example = exampleAnalysis();
  const analysis: Analysis = {
    ...example,
    options: { ...example.options, dense: { windowSec: 1, strideSec: 1, framesPerWindow: 1 } },
    windows: [...words, seen, seen, seen].map(windowOf),
    verdict: verdict(seen),
  };
  const lines = analysisTable(analysis).split('\n');
  expect(lines).toContain('filters: gd (asked for)');
  expect(lines.find((line) => line.startsWith('verdict'))).toContain(
    '(of 7 windows: 3 says what the network uses, 2 unstable, 2 shows what the first layers see)',
  );
});
