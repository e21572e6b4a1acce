/**
 * What the maps of a still picture explain: its most probable classes, classes of one's choice, what drives its numbers, or all
 * outputs at once.
 */

import { L2cafError } from '../base/errors.ts';
import type { Objective } from '../l2caf/objective.ts';
import type { Tail } from '../l2caf/tail.ts';
import { labelIndex } from '../models/imagenet.ts';
import { excludedBy, probabilitiesOf } from '../models/questions.ts';
import type { PictureAnalysis, PictureMap } from './document.ts';
import type { StillOutput } from './still-network.ts';

/** What one map explains. */
export type MapTarget = PictureMap['target'];
/** A class and how probable it is. */
export type ClassPrediction = PictureAnalysis['predictions'][number];

/**
 * What a picture's maps explain: its most probable classes (of a network of numbers: the first of them), classes or numbers of
 * one's choice, or all outputs (paper, Eq. 1).
 */
export type StillTarget =
  | { readonly kind: 'top'; readonly count: number }
  | { readonly kind: 'classes'; readonly indices: readonly number[] }
  | { readonly kind: 'outputs'; readonly indices: readonly number[] }
  | { readonly kind: 'oblivious' };

/** All classes, most probable first. */
export function rankOutputs(
  { reference }: Pick<Tail, 'reference'>,
  { labelOf, questions }: Pick<StillOutput, 'labelOf' | 'questions'>,
): ClassPrediction[] {
  return probabilitiesOf(reference, questions)
    .map((probability, index) => ({ index, label: labelOf(index), probability }))
    .sort((a, b) => b.probability - a.probability);
}

/**
 * The targets one by one.
 *
 * @throws L2cafError `usage` when there is no such class or number
 */
export function resolveTargets(
  target: StillTarget,
  { reference }: Pick<Tail, 'reference'>,
  output: StillOutput,
): MapTarget[] {
  if (target.kind === 'oblivious') return [{ kind: 'oblivious' }];
  if (target.kind === 'outputs' || (target.kind === 'top' && output.kind === 'numbers')) {
    checkKind(output, 'numbers', 'a number');
    const indices = target.kind === 'top' ? [...reference.keys()].slice(0, target.count) : target.indices;
    return indices.map((index) => ({ kind: 'output', ...numberOf(index, reference, output) }));
  }
  checkKind(output, 'scores', 'a class');
  const ranked = rankOutputs({ reference }, output);
  const chosen =
    target.kind === 'top' ? ranked.slice(0, target.count) : target.indices.map((index) => predictionOf(index, ranked));
  return chosen.map((prediction) => ({ kind: 'class', ...prediction }));
}

/** The objective of a target: the paper's Eq. 1 or 2, or what drives a number (METHOD §2). */
export function objectiveOf(target: MapTarget, { questions }: Pick<StillOutput, 'questions'>): Objective {
  if (target.kind === 'oblivious') return { kind: 'oblivious' };
  const { kind, index } = target;
  return kind === 'class' ? { kind, index, excluded: excludedBy(index, questions) } : { kind, index };
}

/** What is explained unless something is asked for, at most `count` maps. */
export function usualTarget({ kind }: StillOutput, count: number): StillTarget {
  return kind === 'embedding' ? { kind: 'oblivious' } : { kind: 'top', count };
}

/**
 * The outputs that are called so, by their labels or numbers from 0.
 *
 * @throws L2cafError `usage` when none is, or the outputs have other uses
 */
export function outputsNamed(output: StillOutput, kind: 'classes' | 'outputs', names: readonly string[]): StillTarget {
  const what = kind === 'classes' ? 'class' : 'number';
  checkKind(output, kind === 'classes' ? 'scores' : 'numbers', `a ${what}`);
  const labels = Array.from({ length: output.size }, (_, index) => output.labelOf(index));
  const otherwise = `there are ${output.size}: ${labels.slice(0, 8).join(', ')}${output.size > 8 ? ', …' : ''}`;
  return { kind, indices: names.map((name) => labelIndex(labels, name, { what, otherwise })) };
}

/** @throws L2cafError `usage` when outputs are of another kind than a target needs */
function checkKind({ kind }: StillOutput, wanted: StillOutput['kind'], what: string): void {
  if (kind === wanted) return;
  const own = { embedding: 'an embedding', numbers: 'numbers', scores: 'classes' }[kind];
  throw new L2cafError('usage', `the network's outputs are ${own}: there is nothing to explain ${what} by`, {
    hint: `if they are ${wanted === 'scores' ? 'scores of classes' : 'numbers'}, say so: --kind ${wanted}, or their names: --labels`,
  });
}

function numberOf(index: number, reference: Float32Array, { labelOf }: StillOutput) {
  const value = reference[index];
  if (value !== undefined) return { index, label: labelOf(index), value };
  throw new L2cafError(
    'usage',
    `there is no number ${index}: the network has the numbers 0 to ${reference.length - 1}`,
  );
}

function predictionOf(index: number, ranked: readonly ClassPrediction[]): ClassPrediction {
  const found = ranked.find((prediction) => prediction.index === index);
  if (found !== undefined) return found;
  throw new L2cafError('usage', `there is no class ${index}: the network has the classes 0 to ${ranked.length - 1}`);
}
