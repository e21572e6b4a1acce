/** Lists of events: CSV, JSON, ELAN, BDD-X and folders, all read into the same rows (docs/events.md). */

export { type LabelledEvent, type LabelledOptions, readEvents } from './labelled.ts';
export type { ListedEvent } from './labels.ts';
export { type EventList, type EventListOptions, readEventList, type SpanEvent } from './list.ts';
export { type EventRow, type Need, SPLITS, type Split, type VideoName } from './row.ts';
