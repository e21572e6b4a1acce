/** From the frames of events to a trunk's features, through a cache: what training, retrieval and studies share. */

export type { CachePlace, FeatureReader, FeatureSource, FrameVariant } from './cache.ts';
export { FeatureCache } from './cache.ts';
export type { Domain, FeatureSummary, PlannedFrame, PlannedView, PlanOptions } from './dataset.ts';
export { ensureFeatures, type PlannedEvent, planEvents } from './dataset.ts';
export type { ExtractionJob, Extractor } from './extractor.ts';
export { type FeatureOptions, openFeatureCache, prepareFeatures, preparePictures, type TrunkSide } from './features.ts';
export { type LabelledPicture, type PictureWork, type PlannedPicture, planPictures } from './pictures.ts';
export type { EventView } from './views.ts';
