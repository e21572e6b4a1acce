/** Shapley values of frames against games whose values are known by hand. */
import { describe, expect, it } from 'vitest';
import { frameImportance } from '../../src/l2caf/importance.ts';
import type { Objective } from '../../src/l2caf/objective.ts';
import type { FrameSets, Tail } from '../../src/l2caf/tail.ts';

const VALUE: Objective = { kind: 'custom', loss: (output) => ({ loss: -output[0]!, gradient: Float64Array.of(-1) }) };

/** A tail whose only output is what a set of slots is worth. */
function game(slots: number, worth: (members: readonly number[]) => number): Tail {
  const everyone = Array.from({ length: slots }, (_, slot) => slot);
  return {
    slots,
    grid: { height: 1, width: 1 },
    outputSize: 1,
    reference: Float32Array.of(worth(everyone)),
    evaluate: () => Promise.reject(new Error('not asked for')),
    subsets: {
      absent: 'emptied',
      evaluate: async (present) =>
        Float32Array.from({ length: present.length / slots }, (_, row) =>
          worth(everyone.filter((slot) => present[row * slots + slot] === 1)),
        ),
    },
    dispose: () => {},
  };
}

const sum = (values: Iterable<number>): number => [...values].reduce((total, value) => total + value, 0);

describe('frameImportance', () => {
  it('shares what a glove game is worth: one left glove, two right ones', async () => {
    const pairs = (members: readonly number[]): number => Number(members.includes(0) && members.length > 1);
    const found = (await frameImportance(game(3, pairs), VALUE, 0))!;
    const [left, ...rights] = [...found.values];
    expect(left).toBeCloseTo(2 / 3, 6);
    for (const right of rights) expect(right).toBeCloseTo(1 / 6, 6);
    expect(found.absent).toBe('emptied');
    expect(found.errors).toBeUndefined();
  });

  it('counts an answer of zeros, which points nowhere, as like nothing', async () => {
    const like: Objective = { kind: 'similarity', other: Float32Array.of(2) };
    const found = await frameImportance(
      game(2, (members) => members.length),
      like,
      0,
    );
    expect([...found!.values]).toEqual([0.5, 0.5]);
  });

  it('is what a frame adds where frames add up, less than nothing where it takes away, nothing of what nobody adds', async () => {
    const each = [3, -1, 0, 0.5];
    const found = (await frameImportance(
      game(4, (members) => 7 + sum(members.map((slot) => each[slot]!))),
      VALUE,
      0,
    ))!;
    for (const [slot, value] of found.values.entries()) expect(value).toBeCloseTo(each[slot]!, 5);
  });

  it('evaluates every set of eight frames, and says of no error', async () => {
    const each = [1, 2, 3, 4, 5, 6, 7, 8];
    const rows: number[] = [];
    const of = game(8, (members) => sum(members.map((slot) => each[slot]!)) ** 2);
    const subsets: FrameSets = {
      absent: 'left-out',
      evaluate: (present) => {
        rows.push(present.length / 8);
        return of.subsets!.evaluate(present);
      },
    };
    const found = (await frameImportance({ ...of, subsets }, VALUE, 0))!;
    expect(rows).toEqual([2 ** 8]);
    expect([...found.values]).toEqual(each.map((own) => expect.closeTo(36 * own, 6)));
    expect(found).toEqual({ values: found.values, absent: 'left-out' });
  });

  it('draws sets of more than eight frames, and says how far it may be off', async () => {
    const each = Array.from({ length: 11 }, (_, slot) => slot / 10);
    const squared = (members: readonly number[]): number => sum(members.map((slot) => each[slot]!)) ** 2;
    const exact = each.map((own) => own * sum(each)); // of (Σ a)², a_i Σ a
    const found = (await frameImportance(game(11, squared), VALUE, 4))!;
    expect(sum(found.values)).toBeCloseTo(sum(each) ** 2, 3);
    for (const [slot, value] of found.values.entries()) {
      expect(Math.abs(value - exact[slot]!)).toBeLessThan(4 * found.errors![slot]! + 1e-4);
    }
    expect((await frameImportance(game(11, squared), VALUE, 4))!.values).toEqual(found.values);
    // An order and its reverse err in opposite ways where frames act in pairs.
    expect(Math.max(...found.errors!)).toBeLessThan(1e-4);
    const cubed = (members: readonly number[]): number => sum(members.map((slot) => each[slot]!)) ** 3;
    const rougher = (await frameImportance(game(11, cubed), VALUE, 4))!;
    expect(Math.max(...rougher.errors!)).toBeGreaterThan(0.01);
    expect((await frameImportance(game(11, cubed), VALUE, 5))!.values).not.toEqual(rougher.values);
  });

  it('may be off by as much as it says: as it varies from seed to seed', async () => {
    const cubed = (members: readonly number[]): number => sum(members.map((slot) => slot / 10)) ** 3;
    const seeds = Array.from({ length: 30 }, (_, seed) => seed);
    const found = await Promise.all(seeds.map(async (seed) => (await frameImportance(game(11, cubed), VALUE, seed))!));
    const last = found.map(({ values }) => values[10]!);
    const mean = sum(last) / seeds.length;
    const spread = Math.sqrt(sum(last.map((value) => (value - mean) ** 2)) / (seeds.length - 1));
    const told = Math.sqrt(sum(found.map(({ errors }) => errors![10]! ** 2)) / seeds.length);
    expect(told / spread).toBeGreaterThan(0.6);
    expect(told / spread).toBeLessThan(1.6);
  });

  it('is none of a single frame, or of a network that needs them all', async () => {
    expect(
      await frameImportance(
        game(1, () => 1),
        VALUE,
        0,
      ),
    ).toBeUndefined();
    const { subsets: _, ...needy } = game(3, () => 1);
    expect(await frameImportance(needy, VALUE, 0)).toBeUndefined();
  });

  it('of an embedding is shares that add up to one; of a class, probability', async () => {
    const two = (members: readonly number[]): [number, number] => [members.length, members.includes(1) ? 2 : 0];
    const tail: Tail = {
      ...game(2, () => 0),
      outputSize: 2,
      reference: Float32Array.from(two([0, 1])),
      subsets: {
        absent: 'left-out',
        evaluate: async (present) =>
          Float32Array.from(
            [...present.keys()]
              .filter((at) => at % 2 === 0)
              .flatMap((at) => two([0, 1].filter((slot) => present[at + slot]))),
          ),
      },
    };
    const embedding = (await frameImportance(tail, { kind: 'oblivious' }, 0))!;
    // Worth: 0 of none, 1 − √5/√8 of frame 0, 1 − 1/√8 of frame 1, 1 of both.
    const [zero, one] = [1 - Math.sqrt(5 / 8), 1 - Math.sqrt(1 / 8)];
    expect(embedding.values[0]).toBeCloseTo((zero + 1 - one) / 2, 6);
    expect(sum(embedding.values)).toBeCloseTo(1, 6);
    const logistic = (x: number): number => 1 / (1 + Math.exp(-x));
    const named = (await frameImportance(tail, { kind: 'class', index: 0 }, 0))!;
    expect(sum(named.values)).toBeCloseTo(logistic(2 - 2) - logistic(0), 6);
    expect(named.values[1]).toBeCloseTo((logistic(1 - 2) - logistic(0) + logistic(0) - logistic(1)) / 2, 6);
  });
});
