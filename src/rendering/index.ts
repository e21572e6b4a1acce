/** Pictures and videos of analyses; no network is run. */
export { type ComparisonOptions, renderComparison } from './comparison.ts';
export { type FigureOptions, renderFigure } from './figure.ts';
export {
  drawAnalysisThumbnail,
  type FilmOptions,
  type RenderOptions,
  renderFilm,
  renderStrip,
  renderVideo,
  type StripOptions,
  stripFrames,
  type VideoOptions,
} from './rendering.ts';
export { isSequence, renderSequence } from './sequence.ts';
