import { expect, it } from 'vitest';
import { shortLabel } from '../../src/models/imagenet.ts';
import type { StillOutput } from '../../src/stills/still-network.ts';
import { objectiveOf, outputsNamed, rankOutputs, resolveTargets, usualTarget } from '../../src/stills/targets.ts';

/** With the probabilities 0.2, 0.7 and 0.1. */
const reference = Float32Array.of(0.2, 0.7, 0.1).map(Math.log);
const CLASSES: StillOutput = { kind: 'scores', size: 3, labelOf: shortLabel, indexOf: () => undefined };
const NUMBERS: StillOutput = {
  ...{ kind: 'numbers', size: 2 },
  labelOf: (index) => ['steering', 'throttle'][index]!,
  indexOf: () => undefined,
};
const EMBEDDING: StillOutput = { kind: 'embedding', size: 3, labelOf: String, indexOf: () => undefined };

it('ranks classes from the most probable to the least, and takes the targets from there', () => {
  const ranked = rankOutputs({ reference }, { labelOf: shortLabel });
  expect(ranked.map(({ index }) => index)).toEqual([1, 0, 2]);
  expect(ranked.map(({ probability }) => probability)).toEqual([0.7, 0.2, 0.1].map((p) => expect.closeTo(p, 5)));
  expect(ranked[0]!.label).toBe('goldfish');
  expect(
    resolveTargets({ kind: 'top', count: 2 }, { reference }, CLASSES).map(
      (target) => target.kind === 'class' && target.index,
    ),
  ).toEqual([1, 0]);
});

it('explains the numbers of a network of numbers, all or by name', () => {
  const of = { reference: Float32Array.of(-0.5, 2) };
  const all = resolveTargets(usualTarget(NUMBERS, 5), of, NUMBERS);
  expect(all).toEqual([
    { kind: 'output', index: 0, label: 'steering', value: -0.5 },
    { kind: 'output', index: 1, label: 'throttle', value: 2 },
  ]);
  expect(objectiveOf(all[1]!, {})).toEqual({ kind: 'output', index: 1 });
  expect(outputsNamed(NUMBERS, 'outputs', ['Throttle'])).toEqual({ kind: 'outputs', indices: [1] });
  expect(() => outputsNamed(NUMBERS, 'outputs', ['brake'])).toThrow('no number named "brake"');
  expect(() => resolveTargets({ kind: 'outputs', indices: [2] }, of, NUMBERS)).toThrow('there is no number 2');
});

it('explains an embedding as a whole, and refuses classes of one in words', () => {
  expect(usualTarget(EMBEDDING, 5)).toEqual({ kind: 'oblivious' });
  expect(() => resolveTargets({ kind: 'top', count: 1 }, { reference }, EMBEDDING)).toThrow('outputs are an embedding');
  expect(() => outputsNamed(NUMBERS, 'classes', ['steering'])).toThrow('outputs are numbers');
});
