/** `l2caf evaluate retrieval`: do events with the same label find each other? */
import { mean } from '../base/matrix.ts';
import type { Estimate } from '../evaluation/bootstrap.ts';
import {
  type FigureRow,
  type FigureTable,
  figureRows,
  type Measure,
  measuresOf,
  type Statistic,
} from '../evaluation/figure-table.ts';
import { type PlannedEvent, planEvents } from '../features/dataset.ts';
import { type EmbedOptions, embedViews, pooledFeatures } from '../features/embed.ts';
import { openFeatureCache, prepareFeatures } from '../features/features.ts';
import { type Head, untrainedHead } from '../models/head.ts';
import { type Exclusion, evaluateRetrieval, type RetrievalReport } from '../retrieval/evaluate.ts';
import { type ConfusionTable, type QueryFigures, RECALL_RANKS } from '../retrieval/metrics.ts';
import { describe } from '../training/domain-figures.ts';
import type { EventFlags } from './evaluate-options.ts';
import { headOf, type OpenEvents, readSplit, runEventStudy, type StudyResult } from './evaluate-study.ts';
import { formatTable } from './terminal.ts';

/** Runs the study on the events of a list. */
export async function studyRetrieval(events: string, flags: RetrievalFlags, signal: AbortSignal): Promise<void> {
  await runEventStudy('retrieval', events, flags, signal, (open) => measure(open, events, flags));
}

/** What commander hands over. */
export interface RetrievalFlags extends EventFlags {
  readonly exclude: Exclusion;
}

async function measure(open: OpenEvents, eventsPath: string, flags: RetrievalFlags): Promise<StudyResult> {
  const { split, seed, exclude, videos } = flags;
  const head = headOf(open, 'retrieval');
  const { frames } = open;
  const { signal } = open.work;
  const isApart = split === 'val' || split === 'test'; // the events that are measured are not trained on
  const training = isApart ? await readSplit(eventsPath, 'train', { videos, signal }) : [];
  const neighbours = await planEvents([{ name: 'training', events: training }], { frames, views: 1, seed, signal });
  const reports = await compare(open, head, neighbours, flags);
  const own = reports[0]!.report;
  if (own.knn && !flags.json) open.terminal.result(`${confusionText(own.knn)}\n`);
  return {
    options: { exclude },
    used: { events: open.planned.length, queries: own.perQuery.length, trainingEvents: training.length },
    tables: [await tableOf(reports, flags, signal)],
    ...(own.knn && { details: { knn: own.knn } }),
  };
}

interface NamedReport {
  readonly features: string;
  readonly report: RetrievalReport;
}

/** The model's figures and, beside it, those of what it has to beat. */
async function compare(
  { planned, context, work }: OpenEvents,
  head: Head,
  training: readonly PlannedEvent[],
  { exclude, seed }: RetrievalFlags,
): Promise<NamedReport[]> {
  const { backend, onWarning } = await context();
  const all = [...planned, ...training];
  const cache = openFeatureCache(head.spec);
  await prepareFeatures(all, head.spec, cache, { backend: backend!, onWarning, ...work });
  const views = all.map((event) => event.views[0]!);
  const options: EmbedOptions = { cache, backend, ...work };
  const report = async (features: string, embeddings: readonly Float32Array[]): Promise<NamedReport> => {
    const embedded = all.map(({ event }, i) => describe(event, embeddings[i]!));
    const [searched, references] = [embedded.slice(0, planned.length), embedded.slice(planned.length)];
    return { features, report: await evaluateRetrieval(searched, references, { exclude, seed, ...work }) };
  };
  return [
    await report('model', await embedViews(head, views, options)),
    await report('random head', await embedViews(untrainedHead(head.spec, seed), views, options)),
    await report('pooled trunk', await pooledFeatures(views, head.spec.trunkChannels, options)),
  ];
}

const STATISTICS: readonly Statistic<QueryFigures>[] = [
  ...RECALL_RANKS.map((k, i) => ({
    key: `recallAt${k}`,
    title: `R@${k}`,
    digits: 3,
    of: (queries: readonly QueryFigures[]) => mean(queries.map(({ recallAt }) => recallAt[i]!)),
  })),
  { key: 'mapAtR', title: 'MAP@R', digits: 3, of: (queries) => mean(queries.map(({ mapAtR }) => mapAtR)) },
];

/** Figures of all events together. */
const WHOLE: readonly Measure[] = [
  { key: 'nmi', title: 'NMI', digits: 3 },
  { key: 'knn', title: 'kNN', digits: 3 },
];

async function tableOf(
  reports: readonly NamedReport[],
  { exclude, seed }: RetrievalFlags,
  signal: AbortSignal,
): Promise<FigureTable> {
  const rows: FigureRow[] = [];
  for (const { features, report } of reports) {
    const [row] = await figureRows(
      report.perQuery.map((query) => ({ rows: new Map([[features, query]]) })),
      STATISTICS,
      { seed, signal },
    );
    rows.push({
      name: features,
      counts: { queries: report.perQuery.length },
      figures: { ...NO_QUERIES, ...row?.figures, nmi: single(report.nmi), knn: single(report.knn?.balancedAccuracy) },
    });
  }
  return {
    title: `Events that find each other, without ${exclude}`,
    rowTitle: 'features',
    measures: [...measuresOf(STATISTICS), ...WHOLE],
    rows,
    highlighted: ['model'],
    notes: ['kNN: label of the 5 nearest training events, mean over labels.'],
  };
}

/** Where no event has another one to find. */
const NO_QUERIES = Object.fromEntries(STATISTICS.map(({ key }) => [key, single()]));

/** A figure of all events together, without an interval. */
function single(value = Number.NaN): Estimate {
  return { value, low: Number.NaN, high: Number.NaN };
}

/** Rows truth, columns the label of the 5 nearest training events. */
function confusionText({ labels, counts }: ConfusionTable): string {
  return formatTable([['true \\ kNN', ...labels], ...counts.map((row, i) => [labels[i]!, ...row.map(String)])]);
}
