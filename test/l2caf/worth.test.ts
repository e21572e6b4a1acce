import { describe, expect, it } from 'vitest';
import { bindObjective, type Objective } from '../../src/l2caf/objective.ts';
import { bindWorth } from '../../src/l2caf/worth.ts';

const REFERENCE = Float32Array.of(0, 0, 0, 0);
/** Classes 1 and 3 exclude each other; the others may be so as well. */
const AMONG = { classes: [1, 3], temperature: 2 };

describe('what an output is worth', () => {
  const [reference, nothing] = [
    [3, -4],
    [0, 0],
  ];
  it.each<[string, Objective, readonly (readonly [readonly number[], number])[]]>([
    [
      'all of it: how near it is, of the way from nothing',
      { kind: 'oblivious' },
      [
        [[3, -4], 1],
        [[0, 0], 0],
        [[3, 0], 0.2],
        [[3, 6], -1],
      ],
    ],
    ['a number above zero: its value', { kind: 'output', index: 0 }, [[[2, 5], 2]]],
    ['a number below zero: its value the other way', { kind: 'output', index: 1 }, [[[2, 5], -5]]],
    [
      'a similarity: the cosine',
      { kind: 'similarity', other: Float32Array.of(0, 2) },
      [
        [[3, 4], 0.8],
        [[0, 0], 0],
      ],
    ],
    [
      'a loss of the user: less of it',
      { kind: 'custom', loss: (output) => ({ loss: output[0]! - output[1]!, gradient: Float64Array.of(1, -1) }) },
      [[[1, 5], 4]],
    ],
  ])('%s', (_, objective, cases) => {
    const worth = bindWorth(objective, reference!, nothing!);
    for (const [output, expected] of cases) expect(worth(output)).toBeCloseTo(expected, 9);
  });

  it('is all of it where nothing changes the output', () => {
    expect(bindWorth({ kind: 'oblivious' }, [1, 2], [1, 2])([5, 5])).toBe(1);
  });

  it('of a number at zero is its value', () => {
    expect(bindWorth({ kind: 'output', index: 0 }, [0], [0])([2])).toBe(2);
  });
});

describe('a class that only some of the others exclude', () => {
  it('is worth its probability among those, at their temperature', () => {
    const worth = bindWorth({ kind: 'class', index: 3, excluded: AMONG }, REFERENCE, REFERENCE);
    expect(worth([100, 0, 100, 2 * Math.log(3)])).toBeCloseTo(3 / 4, 12);
    const plain = bindWorth({ kind: 'class', index: 3 }, REFERENCE, REFERENCE);
    expect(plain([0, 0, 0, Math.log(3)])).toBeCloseTo(1 / 2, 12);
  });

  it('is raised against those alone (paper, Eq. 2)', () => {
    const weightsOf = (excluded?: typeof AMONG) =>
      bindObjective({ kind: 'class', index: 3, excluded }, { reference: REFERENCE, outputSize: 4 }, 'sum').weights;
    expect(weightsOf(AMONG)).toEqual(Float32Array.of(0, 1, 0, -1));
    expect(weightsOf()).toEqual(Float32Array.of(1, 1, 1, -1));
  });
});
