/** Analyses beside each other: what tells them apart, and one video of all. No network is run. */
import { basename } from 'node:path';
import type { Analysis } from '../analysis/document.ts';
import { isUntrained, layerName, modelName, targetName, weightsSha256 } from '../analysis/model-words.ts';
import { L2cafError } from '../base/errors.ts';
import type { Method } from '../l2caf/choices.ts';
import { fitPictures, rowsFor } from '../video/drawing/scene.ts';
import type { SceneLayout } from '../video/drawing/style.ts';
import { type RenderedVideo, renderScene } from '../video/media/encode.ts';
import { panelOf, type VideoOptions, videoOutputOf } from './rendering.ts';

/** How analyses are compared. */
export interface ComparisonOptions extends VideoOptions {
  /** One per analysis; default: what tells them apart. */
  readonly titles?: readonly string[];
  /** By default rows with which the whole comes closest to the shape of a screen. */
  readonly layout?: SceneLayout;
}

/**
 * One video of several analyses, all starting with the first frame of their events. Every frame of every clip is shown;
 * an event that ends first keeps its last frame, darkened. The sound is that of the first.
 *
 * @throws L2cafError `usage` for fewer than two analyses or another number of titles; else as `renderVideo`
 */
export async function renderComparison(
  analyses: readonly Analysis[],
  out: string,
  options: ComparisonOptions = {},
): Promise<RenderedVideo> {
  const { titles = describeDifferences(analyses) } = options;
  expectSeveral(analyses);
  if (titles.length !== analyses.length) {
    throw new L2cafError('usage', `${analyses.length} analyses need as many titles, not ${titles.length}`);
  }
  const panels = [];
  for (const analysis of analyses) panels.push(await panelOf(analysis, options));
  const pictures = panels.map(({ clip, size = clip }) => size);
  const rows = rowsFor(pictures, options.layout);
  const sizes = fitPictures(pictures, rows);
  return renderScene({
    panels: panels.map((panel, k) => ({ ...panel, size: sizes[k]!, heading: titles[k]! })),
    rows,
    ...videoOutputOf(options),
    out,
  });
}

/** A title per analysis: of the method, model, event, target and so on those that are not the same for all. */
export function describeDifferences(analyses: readonly Analysis[]): string[] {
  const differs = (trait: Trait): boolean => new Set(analyses.map(trait)).size > 1;
  const differing = TRAITS.filter(differs);
  // Only L2-CAF has a constraint and a solver.
  if (!differs(describeMethod)) differing.push(...FILTER_TRAITS.filter(differs));
  if (differing.length === 0) differing.push(differs(describeWeights) ? describeWeights : describeEvent);
  return analyses.map((analysis) => differing.map((trait) => trait(analysis)).join(' · '));
}

/** The clip and span, `drive.mp4 62.00–65.00 s`. */
export function describeEvent({ source, span }: Analysis): string {
  return `${basename(source.path)} ${span.startSec.toFixed(2)}–${span.endSec.toFixed(2)} s`;
}

/** The method by its usual name. */
export function describeMethod({ options }: Analysis): string {
  return METHOD_NAMES[options.method as Method] ?? options.method;
}

/** What the attention explains, in words. */
export function describeTarget({ options }: Analysis): string {
  return targetName(options.target);
}

const METHOD_NAMES: Readonly<Record<Method, string>> = {
  l2caf: 'L2-CAF',
  gradcam: 'Grad-CAM',
  'gradcam-abs': 'Grad-CAM-abs',
  cam: 'CAM',
  rollout: 'Attention rollout',
  acol: 'ACoL',
};

/** Something that may tell analyses apart, in a few words. */
type Trait = (analysis: Analysis) => string;

const TRAITS: readonly Trait[] = [
  describeMethod,
  ({ model }) => (isUntrained(model) ? modelName(model) : `model ${modelName(model)}`),
  ({ model }) => layerName(model),
  describeEvent,
  describeTarget,
  ({ model: { inputSize } }) => `input ${inputSize.width}x${inputSize.height}`,
  ({ frames }) => `${frames.length} frames`,
];

const FILTER_TRAITS: readonly Trait[] = [
  ({ options: { constraint } }) => `constraint ${constraint}`,
  ({ options: { solver, preset } }) => (solver === 'gd' ? `gradient descent, ${preset}` : solver),
];

/** Two heads may share a name. */
function describeWeights({ model }: Analysis): string {
  return `weights ${weightsSha256(model).slice(0, 8)}`;
}

/** Each reads a clip of its own at the same time. */
const MOST_COMPARED = 36;

/** @throws L2cafError `usage` for fewer than two, and for more than anybody could look at */
export function expectSeveral(compared: readonly unknown[]): void {
  if (compared.length < 2) throw new L2cafError('usage', 'to compare, give at least two analyses');
  if (compared.length > MOST_COMPARED) {
    throw new L2cafError('usage', `one video cannot show ${compared.length} analyses, at most ${MOST_COMPARED}`);
  }
}
