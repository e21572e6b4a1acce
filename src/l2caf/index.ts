/** L2-CAF: attention filters for any network that has a {@link Tail}, and the baselines they are compared with. */

export type { ExclusiveClasses } from '../base/matrix.ts';
export {
  CONSTRAINTS,
  type Constraint,
  METHODS,
  type Method,
  SOLVER_CHOICES,
  type SolverChoice,
  VERDICTS,
  type Verdict,
} from './choices.ts';
export type { InitialFilter } from './constraint.ts';
export type { EmptiedLoss, EmptiedPart } from './emptied.ts';
export { type GradCamTarget, type GradCamVariant, gradCam } from './gradcam.ts';
export { type AttentionMap, type FilterPart, type HeatmapOptions, toHeatmap } from './heatmap.ts';
export {
  type Endpoints,
  type LayersLayer,
  type LayersNetwork,
  type LayersSymbol,
  tailFromLayersModel,
} from './layers-tail.ts';
export { type PooledDenseParts, pooledDenseTail } from './linear-tail.ts';
export { type Attention, findAttention } from './method.ts';
export type { Objective, OutputLoss, Reduction } from './objective.ts';
export { type DescentOptions, PRESET_NAMES, PRESETS, type PresetName, type PresetRow, presetTable } from './presets.ts';
export { type FilterSolution, type SolveOptions, type SolverName, solveFilters } from './solve.ts';
export type {
  FeatureTail,
  FrameSets,
  ImmediateResponse,
  LinearProjection,
  MapTail,
  SmoothResponse,
  Tail,
  TensorTail,
} from './tail.ts';
export { featureTail, tensorTail } from './tensor-tail.ts';
export { type VerdictFigures, verdictOf } from './verdict.ts';
