/**
 * The library: analyze driving events with `openModel`, `openClip` and `analyzeEvent`, draw them with `renderVideo` and
 * `renderStrip`; or bring your own network as a `Tail` and find its filters with `solveFilters`.
 */
export type { Analysis, AnalysisFrame, AnalysisWindow } from './analysis.ts';
export { parseAnalysis, readAnalysis, writeAnalysis } from './analysis.ts';
export type { DenseOptions } from './dense.ts';
export { analyzeDense } from './dense.ts';
export type { ErrorCode } from './errors.ts';
export { L2cafError } from './errors.ts';
export * from './l2caf/index.ts';
export { useBackend } from './models/backend.ts';
export type { EventOptions, ModelOptions, OpenModel } from './pipeline.ts';
export { analyzeEvent, openClip, openModel } from './pipeline.ts';
export { renderStrip, renderVideo } from './rendering.ts';
export type { IndexRow, ReportOptions } from './report/index.ts';
export { writeIndex, writeReport } from './report/index.ts';
export type * from './types.ts';
