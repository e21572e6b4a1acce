/** Still pictures on classification networks (docs/stills.md). */
export type { ClassifierBackend } from '../models/choices.ts';
export {
  analyzePicture,
  type ClassifierOptions,
  openImportedStill,
  openStillModel,
  type StillOptions,
} from './analyze.ts';
export {
  type PictureAnalysis,
  type PictureMap,
  parsePictureAnalysis,
  pictureJsonSchema,
  writePictureAnalysis,
} from './document.ts';
export { drawMapsFigure, type StillStyle } from './drawing.ts';
export type { StillObjects } from './objects.ts';
export type { OpenClassifier, OpenStill } from './still-network.ts';
export type { MapTarget, StillTarget } from './targets.ts';
