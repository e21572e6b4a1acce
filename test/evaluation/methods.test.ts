/** The maps that are compared, temporal hits, faithfulness, and one whole event, on toy tails with known answers. */

import { beforeAll, describe, expect, it } from 'vitest';
import * as tf from '../../src/base/tensorflow.ts';
import { centredGaussian, type MapSubject, mapsOf, randomMap } from '../../src/evaluation/baseline-maps.ts';
import { DEFAULT_METHODS } from '../../src/evaluation/choices.ts';
import { faithfulness, randomFaithfulness } from '../../src/evaluation/faithfulness.ts';
import { type EventScores, localizationTables, measureEvent } from '../../src/evaluation/localization-study.ts';
import { temporalOutcome } from '../../src/evaluation/temporal.ts';
import type { PlannedEvent } from '../../src/features/dataset.ts';
import { PLAIN_VIEW } from '../../src/features/views.ts';
import { activationNorm } from '../../src/l2caf/activation-norm.ts';
import { pooledDenseTail } from '../../src/l2caf/linear-tail.ts';
import { solveFilters } from '../../src/l2caf/solve.ts';
import { useBackend } from '../../src/models/backend.ts';
import { untrainedHead } from '../../src/models/head.ts';
import { forgetfulHead } from '../../src/models/head-tails.ts';
import { additiveTail, toyMaps, toyRecurrent } from '../l2caf/toys.ts';
import { TOY_SPEC, toyEvent, toyFrame } from '../training/toy.ts';

beforeAll(async () => {
  await useBackend('cpu');
});

/** Runs with a toy event's subject; its other head has other weights. */
async function withSubject<T>(work: (subject: MapSubject) => Promise<T>): Promise<T> {
  const [own, other] = [toyRecurrent(), toyRecurrent({ outputs: 7 })];
  try {
    return await work({ tail: own.tail, reinitialised: () => other.tail, objective: { kind: 'oblivious' } });
  } finally {
    for (const { head, tail } of [own, other]) {
      tail.dispose();
      head.dispose();
    }
  }
}

const OPTIONS = { slots: [2, 0], seed: 3, eventIndex: 1 };

describe('mapsOf', () => {
  it('gives one map without negative values per method and slot, and keeps no tensor', async () => {
    const before = tf.memory().numTensors;
    const maps = await withSubject((subject) => mapsOf(subject, DEFAULT_METHODS, OPTIONS));
    expect([...maps.keys()]).toEqual(DEFAULT_METHODS);
    for (const own of maps.values()) {
      expect(own.map(({ height, width, values }) => [height, width, values.length])).toEqual([
        [3, 4, 12],
        [3, 4, 12],
      ]);
      for (const { values } of own) expect(values.every((value) => value >= 0)).toBe(true);
    }
    expect(tf.memory().numTensors).toBe(before);
  });

  it('splits one filter into its size and its positive part', async () => {
    const { maps, filters } = await withSubject(async (subject) => ({
      maps: await mapsOf(subject, ['l2caf', 'l2caf-positive'], OPTIONS),
      filters: (await solveFilters(subject.tail, { slots: [2, 0], seed: 3 })).filters,
    }));
    const [filter] = filters;
    expect(maps.get('l2caf')![0]!.values).toEqual(filter!.values.map(Math.abs));
    expect(maps.get('l2caf-positive')![0]!.values).toEqual(filter!.values.map((value) => Math.max(0, value)));
  });

  it('takes the re-initialised maps from the other tail', async () => {
    const { maps, filters } = await withSubject(async (subject) => ({
      maps: await mapsOf(subject, ['l2caf-reinit'], OPTIONS),
      filters: (await solveFilters(await subject.reinitialised(), { slots: [2, 0], seed: 3 })).filters,
    }));
    expect(maps.get('l2caf-reinit')!.map(({ values }) => values)).toEqual(
      filters.map(({ values }) => values.map(Math.abs)),
    );
  });
});

describe('baseline maps', () => {
  it('centre is symmetric and highest in the middle, with a standard deviation of a quarter of each side', () => {
    const { values } = centredGaussian({ height: 4, width: 8 });
    expect([...values]).toEqual([...values].reverse());
    expect(values.indexOf(Math.max(...values))).toBe(8 + 3);
    // Rows 0 and 1 are 1.5 and 0.5 cells from the middle, the standard deviation is 1 cell.
    expect(values[3]! / values[8 + 3]!).toBeCloseTo(Math.exp((0.5 ** 2 - 1.5 ** 2) / 2), 6);
  });

  it('random depends on the keys alone', () => {
    const grid = { height: 3, width: 3 };
    expect(randomMap(grid, 1, 2)).toEqual(randomMap(grid, 1, 2));
    expect(randomMap(grid, 1, 2)).not.toEqual(randomMap(grid, 2, 1));
  });

  it('activation norm is the length of each feature vector', async () => {
    await withSubject(async ({ tail }) => {
      const { data } = toyMaps();
      const { values } = activationNorm(tail, 1);
      expect(values[2]).toBeCloseTo(Math.hypot(...data.slice(60 + 10, 60 + 15)), 5);
    });
  });

  it('a forgetful head keeps its shallow CNN and nothing else', () => {
    const head = untrainedHead(TOY_SPEC, 1);
    const { weights, origin } = forgetfulHead(head, 9);
    expect(origin).toEqual({ kind: 'untrained', seed: 9 });
    for (const [name, { data }] of weights) {
      const isKept = name.startsWith('cnn');
      const isConstant = head.weights.get(name)!.data.every((value, _, all) => value === all[0]);
      expect([name, data.every((value, i) => value === head.weights.get(name)!.data[i])]).toEqual([
        name,
        isKept || isConstant,
      ]);
    }
  });
});

describe('temporal hits', () => {
  it('is right when the largest lies on evidence, and cannot be right when all or no frames have it', () => {
    const importance = Float64Array.of(0.1, 0.9, 0.3);
    expect(temporalOutcome(importance, [false, true, false])).toEqual({ isHit: true, chance: 1 / 3 });
    expect(temporalOutcome(importance, [true, false, true])).toEqual({ isHit: false, chance: 2 / 3 });
    expect(temporalOutcome(importance, [true, true, true])).toBeUndefined();
    expect(temporalOutcome(importance, [false, false, false])).toBeUndefined();
  });
});

describe('faithfulness', () => {
  const best = { height: 2, width: 2, values: Float32Array.of(4, 3, 2, 1) };
  const worst = { height: 2, width: 2, values: Float32Array.of(1, 2, 3, 4) };
  const options = { slot: 0, objective: { kind: 'oblivious' } } as const;

  it('has the areas worked out by hand, for the best order and the worst', async () => {
    const tail = additiveTail();
    // Inserted: 0, 4/7, 6/7, 1, 1; deleted: 1, 3/7, 1/7, 0, 0.
    expect((await faithfulness(tail, best, options)).insertion).toBeCloseTo((4 / 7 + 6 / 7 + 1 + 0.5) / 4, 5);
    expect((await faithfulness(tail, best, options)).deletion).toBeCloseTo((0.5 + 3 / 7 + 1 / 7) / 4, 5);
    expect((await faithfulness(tail, worst, options)).insertion).toBeCloseTo((1 / 7 + 3 / 7 + 0.5) / 4, 5);
    tail.dispose();
  });

  it('is one half for random orders of an additive output, on average', async () => {
    const tail = additiveTail();
    const random = await randomFaithfulness(tail, { ...options, seed: 1, orders: 200 });
    expect(random.insertion).toBeCloseTo(0.5, 1);
    expect(random.deletion).toBeCloseTo(0.5, 1);
    tail.dispose();
  });

  it('measures a probability, and keeps no tensor', async () => {
    const before = tf.memory().numTensors;
    const tail = pooledDenseTail({
      grid: { height: 1, width: 2 },
      features: Float32Array.of(2, 0),
      kernel: Float32Array.of(1, 0),
      bias: new Float32Array(2),
    });
    const { insertion } = await faithfulness(
      tail,
      { height: 1, width: 2, values: Float32Array.of(1, 0) },
      { ...options, objective: { kind: 'class', index: 0 } },
    );
    const p = 1 / (1 + Math.exp(-1)); // the mean of 2 and 0 against 0
    expect(insertion).toBeCloseTo((0.5 / 2 + p + p / 2) / 2, 5);
    tail.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('measureEvent and localizationTables', () => {
  const [width, height] = [48, 36];
  /** An object on the left half of the picture. */
  const object = {
    width,
    height,
    pixels: Uint8Array.from({ length: width * height }, (_, i) => Number(i % width < 24)),
  };

  async function scores(label: string, hasEvidence: boolean[], index: number): Promise<EventScores> {
    const frames = hasEvidence.map((_, i) => toyFrame('v', i));
    const planned: PlannedEvent = {
      event: toyEvent(label, 'test', 'v'),
      domain: 'toy',
      views: [{ view: PLAIN_VIEW, frames }],
    };
    const objects = hasEvidence.filter(Boolean).map(() => object);
    return withSubject((subject) =>
      measureEvent(
        subject,
        { event: { planned, hasEvidence }, objects, index },
        { methods: ['l2caf', 'centre'], seed: 0, signal: undefined },
      ),
    );
  }

  it('measures the frames with evidence only', async () => {
    const { maps, temporal } = await scores('a', [false, true, true], 0);
    expect([...maps.keys()]).toEqual(['l2caf', 'centre']);
    for (const own of maps.values()) expect(own.length).toBe(2);
    expect(temporal?.chance).toBeCloseTo(2 / 3, 12);
    const [centre] = maps.get('centre')!;
    expect(centre!.energyLift).toBeCloseTo(1, 5);
    expect(centre!.isHit).toBe(true);
  });

  it('gives figures over all events and per label, each within its interval', async () => {
    const events = [
      await scores('b', [true, true, true], 0),
      await scores('a', [false, true, true], 1),
      await scores('a', [true, false, false], 2),
    ];
    const [spatial, temporal] = await localizationTables(events, { seed: 1 });
    expect(spatial!.rows.map(({ name, group, counts }) => [group, name, counts['events'], counts['maps']])).toEqual([
      [undefined, 'l2caf', 3, 6],
      [undefined, 'centre', 3, 6],
      ['a', 'l2caf', 2, 3],
      ['a', 'centre', 2, 3],
      ['b', 'l2caf', 1, 3],
      ['b', 'centre', 1, 3],
    ]);
    const own = spatial!.rows[0]!.figures;
    for (const { value, low, high } of Object.values(own)) {
      expect(low).toBeLessThanOrEqual(value);
      expect(high).toBeGreaterThanOrEqual(value);
    }
    const lifts = events.flatMap(({ maps }) => maps.get('l2caf')!.map(({ energyLift }) => energyLift));
    expect(own['energyLift']!.value).toBeCloseTo(lifts.reduce((sum, lift) => sum + lift, 0) / 6, 6);
    expect(temporal!.rows[0]!.counts).toEqual({ events: 2 });
    expect(temporal!.rows[0]!.figures['guessing']!.value).toBeCloseTo((2 / 3 + 1 / 3) / 2, 12);
  });
});
