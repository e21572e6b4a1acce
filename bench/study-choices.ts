/**
 * Which choices of the method matter, on planted evidence: the norm of the constraint, the direction of the embedding only,
 * the early endpoint V', the target, and the part of the filter that is shown.
 * `npm run bench -- study-choices EVENTS CLIPS/events.csv…`: sets of `npm run fixtures` of another seed than those that
 * the head was trained on; EVENTS of each are measured, evenly spread.
 */

import { norm } from '../src/base/matrix.ts';
import * as tf from '../src/base/tensorflow.ts';
import { type EventScores, localizationTables, scoreMaps } from '../src/evaluation/localization-study.ts';
import { type HeadSubject, measureOnHead } from '../src/evaluation/subjects.ts';
import { objectsOf } from '../src/evaluation/truth.ts';
import { activationNorm } from '../src/l2caf/activation-norm.ts';
import { exactOblivious } from '../src/l2caf/exact.ts';
import type { AttentionMap } from '../src/l2caf/heatmap.ts';
import { solveFilters } from '../src/l2caf/solve.ts';
import type { ImmediateResponse, Tail } from '../src/l2caf/tail.ts';
import { tensorTail } from '../src/l2caf/tensor-tail.ts';
import type { RecurrentTail } from '../src/models/event-tail.ts';
import { writeResults } from './results.ts';
import { openStudy, resultTable } from './study.ts';

/** Measures, and writes bench/results/study-choices.json. */
export async function run([count, ...paths]: readonly string[]): Promise<void> {
  if (count === undefined || paths.length === 0) {
    throw new Error('usage: npm run bench -- study-choices EVENTS CLIPS/events.csv…');
  }
  const scores: EventScores[] = [];
  let seed = 0;
  for (const { head, visible, truth, context } of await openStudy(paths, { limit: Number(count), areUnseen: true })) {
    ({ seed } = context);
    const planned = visible.map((event) => event.planned);
    const measured = await measureOnHead(head, planned, context, async (subject) => {
      const event = visible[subject.index]!;
      const slots = event.hasEvidence.flatMap((has, slot) => (has ? [slot] : []));
      const maps = new Map<string, AttentionMap[]>();
      for (const [name, choose] of CHOICES) maps.set(name, await choose(subject, slots));
      return { label: event.planned.event.label, maps: scoreMaps(maps, await objectsOf(event, truth)) };
    });
    scores.push(...measured);
  }
  const [table] = await localizationTables(scores, { seed });
  const { events, maps } = table!.rows[0]!.counts;
  await writeResults({
    name: 'study-choices',
    command: `npm run bench -- study-choices ${count} CLIPS/events.csv…`,
    tables: [
      {
        ...resultTable({ ...table!, title: 'One choice changed at a time', rowTitle: 'choice' }),
        notes: [
          `${events} events, ${maps} frames. κ: the length of the filter; ones without a filter have √${GRID_CELLS} on a grid of ${GRID_CELLS} cells.`,
        ],
      },
    ],
  });
}

/** Of the packaged head. */
const GRID_CELLS = 84;

type Choice = (subject: HeadSubject, slots: readonly number[]) => Promise<AttentionMap[]>;

const size: (value: number) => number = Math.abs;
const positive = (value: number): number => Math.max(0, value);

/** Gauss–Newton on a changed tail, and what of the filter is shown. */
function solved(change: (tail: RecurrentTail) => Tail, part: (value: number) => number = size): Choice {
  return async ({ tail }, slots) => {
    const { filters } = await solveFilters(change(tail), { slots });
    return filters.map(({ height, width, values }) => ({ height, width, values: values.map(part) }));
  };
}

const CHOICES: readonly (readonly [string, Choice])[] = [
  ['as published: κ = 1, embedding, |f|', solved((tail) => tail)],
  ['positive part of f', solved((tail) => tail, positive)],
  [
    'f²',
    solved(
      (tail) => tail,
      (value) => value * value,
    ),
  ],
  ['|f| times the length of the features', weighted(size)],
  ['positive part of f times the length of the features', weighted(positive)],
  ...[0.25, 0.5, 2, 4].map((kappa) => [`κ = ${kappa}`, solved((tail) => scaled(tail, kappa))] as const),
  ['direction of the embedding only (cosine)', solved(directionOnly)],
  ['direction only, positive part', solved(directionOnly, positive)],
  ['early endpoint V′: gates before activation', earlyEndpoint(size)],
  ['early endpoint V′, positive part', earlyEndpoint(positive)],
];

/** The filter's parts times what they act on: how much of the map passes. */
function weighted(part: (value: number) => number): Choice {
  return async ({ tail }, slots) => {
    const { filters } = await solveFilters(tail, { slots });
    return filters.map(({ values, ...grid }, i) => {
      const lengths = activationNorm(tail, slots[i]!).values;
      return {
        height: grid.height,
        width: grid.width,
        values: values.map((value, cell) => part(value) * lengths[cell]!),
      };
    });
  };
}

function earlyEndpoint(part: (value: number) => number): Choice {
  return ({ tail }, slots) =>
    Promise.resolve(
      slots.map((slot) => {
        const { matrix, bias } = tail.gates(slot)!; // of a head that pools
        const cells = tail.grid.height * tail.grid.width;
        const reference = Float32Array.from(bias, (value, k) =>
          matrix.subarray(k * cells, (k + 1) * cells).reduce((sum, x) => sum + x, value),
        );
        const { filter } = exactOblivious({ matrix, bias }, reference, 'sum');
        return { ...tail.grid, values: Float32Array.from(filter, part) };
      }),
    );
}

/** The tail under filters of length κ in place of 1. */
function scaled(tail: RecurrentTail, kappa: number): Tail {
  return tensorTail({
    ...fixed(tail),
    filtered: (filters, slots) => tf.tidy(() => tail.filtered(tf.mul(filters, kappa), slots)),
    smooth: (slot) => {
      const response = tail.smooth(slot);
      const longer = (filter: Float64Array): Float64Array => filter.map((value) => value * kappa);
      return {
        output: (filter) => response.output(longer(filter)),
        jacobian: (filter) => response.jacobian(longer(filter)).map((value) => value * kappa),
      } satisfies ImmediateResponse;
    },
  });
}

/** The tail with its output scaled to length 1: half of the squared distance is then 1 less the cosine. */
function directionOnly(tail: RecurrentTail): Tail {
  const length = Math.hypot(...tail.reference);
  return tensorTail({
    ...fixed(tail),
    reference: tail.reference.map((value) => value / length),
    filtered: (filters, slots) =>
      tf.tidy(() => {
        const outputs = tail.filtered(filters, slots);
        return tf.div(outputs, tf.norm(outputs, 2, 1, true)) as tf.Tensor2D;
      }),
    smooth: (slot) => unitResponse(tail.smooth(slot)),
  });
}

function unitResponse(response: ImmediateResponse): ImmediateResponse {
  return {
    output: (filter) => {
      const output = response.output(filter);
      const length = norm(output);
      return output.map((value) => value / length);
    },
    // (I − u uᵀ) J / ‖y‖
    jacobian: (filter) => {
      const output = Float64Array.from(response.output(filter));
      const length = norm(output);
      const jacobian = response.jacobian(filter);
      const cells = jacobian.length / output.length;
      const along = new Float64Array(cells);
      for (const [k, value] of output.entries()) {
        for (let cell = 0; cell < cells; cell++) along[cell]! += (value / length) * jacobian[k * cells + cell]!;
      }
      return jacobian.map(
        (value, i) => (value - (output[Math.floor(i / cells)]! / length) * along[i % cells]!) / length,
      );
    },
  };
}

/** What a changed tail keeps. It owns nothing. */
function fixed({
  slots,
  grid,
  outputSize,
  reference,
}: Tail): Omit<Tail, 'evaluate' | 'filtered' | 'smooth' | 'linear'> {
  return { slots, grid, outputSize, reference, dispose: () => {} };
}
