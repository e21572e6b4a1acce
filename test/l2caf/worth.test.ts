import { describe, expect, it } from 'vitest';
import { bindObjective } from '../../src/l2caf/objective.ts';
import { bindWorth } from '../../src/l2caf/worth.ts';

const REFERENCE = Float32Array.of(0, 0, 0, 0);
/** Classes 1 and 3 exclude each other; the others may be so as well. */
const AMONG = { classes: [1, 3], temperature: 2 };

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
