/**
 * The library: analyze driving events with `openModel`, `openClip` and `analyzeEvent`, draw them with `renderVideo` and
 * `renderStrip`; or bring your own network as a `Tail` and find its filters with `solveFilters`.
 */

export type { DenseOptions } from './analysis/dense.ts';
export { analyzeDense } from './analysis/dense.ts';
export type { Analysis, AnalysisFrame, AnalysisWindow, ObjectOnFrame, ObjectSummary } from './analysis/document.ts';
export { analysisJsonSchema, parseAnalysis, readAnalysis, writeAnalysis } from './analysis/document.ts';
export type {
  BoundTarget,
  EventMaps,
  ExplainModel,
  ExplainOptions,
  Explanation,
  TimedAnalysis,
} from './analysis/explain.ts';
export { explainEvent, explainMaps } from './analysis/explain.ts';
export type { ObjectLosses, ObjectPart } from './analysis/objects.ts';
export type { EventOptions, ModelOptions, OpenModel, Target, WorkOptions } from './analysis/pipeline.ts';
export { analyzeEvent, openClip, openModel } from './analysis/pipeline.ts';
export { type Agreement, agreement, type Prediction, predictionsOf } from './analysis/predictions.ts';
export { readSignals, withSignals } from './analysis/signals.ts';
export type { SlideOptions, SlideWish } from './analysis/windows.ts';
export type { ErrorCode } from './base/errors.ts';
export { L2cafError } from './base/errors.ts';
export { type FittedSize, RESIZES, type Resize, type View } from './base/fit.ts';
export type * from './base/types.ts';
export * from './l2caf/index.ts';
export { type BackendInfo, type EngineInfo, useBackend, useEngine } from './models/backend.ts';
export { BACKEND_CHOICES, type BackendChoice, ENGINE_CHOICES, type EngineChoice } from './models/choices.ts';
export type { Question } from './models/questions.ts';
export type * from './models/video-model.ts';
export type { ObjectBox, ObjectList, Rectangle } from './objects/boxes.ts';
export type { NamedObject } from './objects/fitted.ts';
export {
  type BoxOnFrame,
  type PlacedObjects,
  type PlaceOptions,
  placeObjects,
} from './objects/place.ts';
export { readObjects } from './objects/read.ts';
export * from './rendering/index.ts';
export type { IndexRow, ReportOptions } from './report/index.ts';
export { writeIndex, writeReport } from './report/index.ts';
export type { CropWish, HideWish, PictureWish } from './video/media/crop.ts';
