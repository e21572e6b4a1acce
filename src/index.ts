/**
 * The library: analyze driving events with `openModel`, `openClip` and `analyzeEvent`, draw them with `renderVideo` and
 * `renderStrip`; or bring your own network as a `Tail` and find its filters with `solveFilters`.
 */

export type { DenseOptions } from './analysis/dense.ts';
export { analyzeDense } from './analysis/dense.ts';
export type { Analysis, AnalysisFrame, AnalysisWindow } from './analysis/document.ts';
export { parseAnalysis, readAnalysis, writeAnalysis } from './analysis/document.ts';
export type { EventOptions, ModelOptions, OpenModel } from './analysis/pipeline.ts';
export { analyzeEvent, openClip, openModel } from './analysis/pipeline.ts';
export type { ErrorCode } from './base/errors.ts';
export { L2cafError } from './base/errors.ts';
export type * from './base/types.ts';
export * from './l2caf/index.ts';
export { useBackend } from './models/backend.ts';
export { renderStrip, renderVideo } from './rendering/rendering.ts';
export type { IndexRow, ReportOptions } from './report/index.ts';
export { writeIndex, writeReport } from './report/index.ts';
