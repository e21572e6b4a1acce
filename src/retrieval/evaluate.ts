/**
 * The figures of a set of embedded events (METHOD §6, "Retrieval"). Windows of one drive show the same street, so an event
 * finds its neighbours in time with any features at all: say what may answer a query, and trust the strict figures.
 */
import { assertNever } from '../base/errors.ts';
import type { TimeSpan } from '../base/types.ts';
import { kMeans } from './k-means.ts';
import {
  type ConfusionTable,
  confusionTable,
  nearestNeighbourLabels,
  normalizedMutualInformation,
  type RetrievalFigures,
  retrievalFigures,
  type SearchWork,
  unitVectors,
} from './metrics.ts';
import type { Vector } from './vector.ts';

/** What may not answer a query: itself; also what overlaps it in time; or its whole video. */
export const EXCLUSIONS = ['self', 'overlap', 'video'] as const;
/** See {@link EXCLUSIONS}. */
export type Exclusion = (typeof EXCLUSIONS)[number];

/** An event with its embedding (of any length: only the direction counts). */
export interface EmbeddedEvent {
  /** Identifies the video. */
  readonly video: string;
  readonly span: TimeSpan;
  readonly label: string;
  readonly embedding: Vector;
}

/** Figures of one space of embeddings. */
export interface RetrievalReport extends RetrievalFigures {
  /** NMI of the labels and of k-means clusters, k the number of labels. */
  readonly nmi: number;
  /** Labels given by the 5 nearest training events; absent without training events. */
  readonly knn?: ConfusionTable;
}

/** Whether `b` may answer the query `a`, another event. */
export function mayAnswer(
  a: Pick<EmbeddedEvent, 'video' | 'span'>,
  b: Pick<EmbeddedEvent, 'video' | 'span'>,
  exclude: Exclusion,
): boolean {
  switch (exclude) {
    case 'self':
      return true;
    case 'overlap':
      return a.video !== b.video || a.span.endSec <= b.span.startSec || b.span.endSec <= a.span.startSec;
    case 'video':
      return a.video !== b.video;
    default:
      return assertNever(exclude);
  }
}

/** Searches the events among each other, and names them by the nearest of `training`. Throws L2cafError `aborted`. */
export async function evaluateRetrieval(
  events: readonly EmbeddedEvent[],
  training: readonly EmbeddedEvent[],
  { exclude, seed, ...work }: SearchWork & { readonly exclude: Exclusion; readonly seed: number },
): Promise<RetrievalReport> {
  const { signal } = work;
  const labels = events.map(({ label }) => label);
  const units = unitVectors(events.map(({ embedding }) => embedding));
  const references = {
    embeddings: unitVectors(training.map(({ embedding }) => embedding)),
    labels: training.map(({ label }) => label),
  };
  const figures = await retrievalFigures(units, labels, (a, b) => mayAnswer(events[a]!, events[b]!, exclude), work);
  const clusters = await kMeans(units, { clusters: new Set(labels).size, seed, signal });
  const isNamed = training.length > 0;
  return {
    ...figures,
    nmi: normalizedMutualInformation(labels, clusters),
    ...(isNamed && { knn: confusionTable(labels, await nearestNeighbourLabels(units, references, { signal })) }),
  };
}
