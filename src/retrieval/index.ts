/** Which events find each other: embedding, indexing, searching (docs/retrieval.md). */
export { type Embedder, type EmbedderOptions, type EventFeatures, openEmbedder } from './embedder.ts';
export type { EmbeddingModel } from './embedding-model.ts';
export {
  type EmbeddedRecord,
  type EventContent,
  type EventRecord,
  EventTable,
  type Neighbour,
  type SearchOptions,
} from './event-table.ts';
export { type EventSource, type IndexOptions, type IndexSummary, indexEvents } from './index-events.ts';
export { findQuery, type QueryOptions, type QueryText } from './search.ts';
