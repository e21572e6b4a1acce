/** A table of the paper from what networks did on pictures: a group per network, a row per method. */
import type { WorkOptions } from '../../analysis/pipeline.ts';
import {
  type FigureRow,
  type FigureTable,
  figureRows,
  type Measure,
  measuresOf,
  type Statistic,
} from '../figure-table.ts';
import { type Answer, answersOf, share } from '../still-measure.ts';
import type { PaperTable } from './choices.ts';
import type { Outcomes } from './outcomes.ts';

/** A network and what it did. */
export interface NetworkOutcomes extends Outcomes {
  readonly network: string;
}

/** How the table is made. */
export interface PaperTableOptions extends WorkOptions {
  readonly seed: number;
  /** As in the study of stills. */
  readonly level: number;
  /** What was measured on, in words. */
  readonly data: string;
}

/** The table. Throws L2cafError `aborted`. */
export async function paperTable(
  { title, kind }: PaperTable,
  networks: readonly NetworkOutcomes[],
  { data, level, ...work }: PaperTableOptions,
): Promise<FigureTable> {
  const statistics = kind === 'scores' ? CLASS_STATISTICS : RETRIEVAL_STATISTICS;
  const rows: FigureRow[] = [];
  const notes = [kind === 'scores' ? classNote(level) : retrievalNote(level)];
  for (const { network, methods, outcomes, refused } of networks) {
    const records = outcomes.map(({ fits, ...answer }) => ({
      rows: new Map(methods.map((method, i) => [method, { ...answer, isFit: fits[i]! }])),
    }));
    const own = await figureRows(records, statistics, { ...work, unit: 'pictures' });
    const { top1, top5, recallAt1 } = answersOf(outcomes);
    const extra: Record<string, number | undefined> = { top1Class: top1, top5Class: top5, recall: recallAt1 };
    for (const row of own) {
      const figures = { ...row.figures };
      for (const { key } of ANSWERS[kind]) {
        figures[key] = { value: extra[key] ?? Number.NaN, low: Number.NaN, high: Number.NaN };
      }
      rows.push({ ...row, group: network, figures });
    }
    notes.push(...refused.map((why) => `Left out: ${why}.`));
  }
  return {
    title: `${title} (${data})`,
    rowTitle: 'method',
    measures: [...measuresOf(statistics), ...ANSWERS[kind]],
    rows,
    highlighted: ['l2caf-class', 'l2caf-oblivious'],
    notes,
  };
}

interface PictureFit extends Answer {
  readonly isFit: boolean;
}

const answered = (key: keyof Answer) => (all: readonly PictureFit[]) =>
  share(
    all.filter((one) => one[key] !== undefined),
    (one) => one[key] === true && one.isFit,
  );
const fitting = (all: readonly PictureFit[]): number => share(all, ({ isFit }) => isFit);

const CLASS_STATISTICS: readonly Statistic<PictureFit>[] = [
  { key: 'top1', title: 'top-1', digits: 3, of: answered('isTop1') },
  { key: 'top5', title: 'top-5', digits: 3, of: answered('isTop5') },
  { key: 'gtKnown', title: 'GT-known', digits: 3, of: fitting },
];

const RETRIEVAL_STATISTICS: readonly Statistic<PictureFit>[] = [
  { key: 'recallAt1', title: 'R@1 and box', digits: 3, of: answered('isNearestRight') },
  { key: 'box', title: 'box', digits: 3, of: fitting },
];

/** What a network answers, whatever its maps. */
const ANSWERS: Readonly<Record<PaperTable['kind'], readonly Measure[]>> = {
  scores: [
    { key: 'top1Class', title: 'class top-1', digits: 3 },
    { key: 'top5Class', title: 'class top-5', digits: 3 },
  ],
  embedding: [{ key: 'recall', title: 'R@1', digits: 3 }],
};

function classNote(level: number): string {
  return `Top-1, top-5: the network names the class first, or among its first five, and the box around the largest region of that class's map above ${level} of its range overlaps a true one by half; GT-known: the box alone. Where a network does not know the class, the map is that of its most probable one, and only GT-known counts.`;
}

function retrievalNote(level: number): string {
  return `R@1 and box: the nearest other picture by the cosine of the embeddings is of the same class, and the box around the largest region of the map above ${level} of its range overlaps a true one by half. Maps explain the raw embedding.`;
}
