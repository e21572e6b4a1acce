/**
 * What a table of the paper needs to know of each picture, and nothing more: whether the network is right about it, and whether
 * the box of each map fits. Fifty thousand pictures take hours, so what is known is kept in a file, from which a run
 * that was interrupted goes on.
 */
import { createHash } from 'node:crypto';
import * as z from '#zod';
import type { WorkOptions } from '../../analysis/pipeline.ts';
import { L2cafError, throwIfAborted } from '../../base/errors.ts';
import { exists, writeFileAtomically } from '../../base/files.ts';
import { readOwn } from '../../base/input-files.ts';
import { toHeatmap } from '../../l2caf/heatmap.ts';
import type { StillNetwork } from '../../stills/still-network.ts';
import { isLocalized } from '../localization.ts';
import { type Answer, type MeasuredStill, measureStill, type StillScore, withNeighbours } from '../still-measure.ts';
import type { StillTruth } from '../still-truth.ts';
import { WSOL_SIDE } from '../wsol.ts';

/** Of one picture. */
export interface Outcome extends Answer {
  /** For each method, in their order, whether the box of its map fits. */
  readonly fits: readonly boolean[];
}

/** What a network did on pictures. */
export interface Outcomes {
  /** Those of the methods that the network has. */
  readonly methods: readonly string[];
  /** Why it has not the others. */
  readonly refused: readonly string[];
  /** One per picture, in their order. */
  readonly outcomes: readonly Outcome[];
}

/** How they are found. */
export interface OutcomesOptions extends WorkOptions {
  readonly methods: readonly string[];
  /** As in the study of stills. */
  readonly level: number;
  readonly seed: number;
  /** The file that keeps what is known. */
  readonly path: string;
}

/** Seconds of work that an interruption may cost. */
const KEEP_EVERY_SEC = 20;

/**
 * Measures a network on all pictures. Of a retrieval network, whose pictures are compared with each other, only all of them
 * together are kept.
 *
 * @throws L2cafError `usage` when it has none of the methods; as `measureStill`; `aborted`
 */
export async function outcomesOf(
  network: StillNetwork,
  stills: readonly StillTruth[],
  options: OutcomesOptions,
): Promise<Outcomes> {
  const { path, level, signal, onProgress } = options;
  const score = fitsAt(level);
  const { methods, refused } = await usableMethods(network, stills[0]!, options, score);
  const key = keyOf(network, stills, { ...options, methods });
  const known = await readKept(path, key);
  if (known.length === stills.length) return { methods, refused, outcomes: known };
  const isScores = network.output.kind === 'scores';
  const measured: MeasuredStill<boolean>[] = [];
  const outcomes = isScores ? [...known] : [];
  let keptAt = performance.now();
  for (let index = outcomes.length; index < stills.length; index++) {
    onProgress?.({ stage: network.description.id, done: index, total: stills.length, unit: 'pictures' });
    if (signal?.aborted && isScores) await keep(path, key, outcomes);
    throwIfAborted(signal);
    const one = await measureStill(network, stills[index]!, { ...options, methods, index }, score);
    measured.push(one);
    if (!isScores) continue;
    outcomes.push(outcomeOf(one));
    if (performance.now() - keptAt < 1000 * KEEP_EVERY_SEC) continue;
    await keep(path, key, outcomes);
    keptAt = performance.now();
  }
  onProgress?.({ stage: network.description.id, done: stills.length, total: stills.length, unit: 'pictures' });
  if (!isScores) outcomes.push(...withNeighbours(measured, stills).map(outcomeOf));
  await keep(path, key, outcomes);
  return { methods, refused, outcomes };
}

function outcomeOf({ rows, answer }: MeasuredStill<boolean>): Outcome {
  return { ...answer, fits: [...rows.values()] };
}

function fitsAt(level: number): StillScore<boolean> {
  return (map, { boxes }, view) => {
    const heatmap = toHeatmap(map, { height: WSOL_SIDE, width: WSOL_SIDE, view });
    return isLocalized({ heatmap, level, boxes, isClassCorrect: true });
  };
}

/**
 * Tries each method on a picture: which of them a network has shows there.
 *
 * @throws L2cafError `usage` when it has none of them; as `measureStill`
 */
export async function usableMethods<T>(
  network: StillNetwork,
  still: StillTruth,
  { methods, seed }: Pick<OutcomesOptions, 'methods' | 'seed'>,
  score: StillScore<T>,
): Promise<Pick<Outcomes, 'methods' | 'refused'>> {
  const usable: string[] = [];
  const refused: string[] = [];
  for (const method of methods) {
    try {
      await measureStill(network, still, { methods: [method], seed, index: 0 }, score);
      usable.push(method);
    } catch (error) {
      if (!(error instanceof L2cafError) || error.code !== 'usage') throw error;
      refused.push(`${network.description.id}: ${error.message}`);
    }
  }
  if (usable.length > 0) return { methods: usable, refused };
  throw new L2cafError('usage', `none of the methods can be had: ${refused.join('; ')}`);
}

/** Of everything that the outcomes depend on. */
function keyOf(
  { description, output }: StillNetwork,
  stills: readonly StillTruth[],
  { methods, level, seed }: OutcomesOptions,
): string {
  const hash = createHash('sha256');
  hash.update(JSON.stringify([description, output.kind, methods, level, seed]));
  for (const { path, boxes, maskPath, label } of stills) hash.update(JSON.stringify([path, boxes, maskPath, label]));
  return hash.digest('hex');
}

const flag = z.boolean().optional();
const keptSchema = z.object({
  schema: z.literal('l2caf-outcomes/1'),
  key: z.string(),
  outcomes: z.array(z.object({ isTop1: flag, isTop5: flag, isNearestRight: flag, fits: z.array(z.boolean()) })),
});

async function keep(path: string, key: string, outcomes: readonly Outcome[]): Promise<void> {
  await writeFileAtomically(path, `${JSON.stringify({ schema: 'l2caf-outcomes/1', key, outcomes })}\n`);
}

/** What an earlier run kept of the same; nothing of another, or of a file that cannot be read. */
async function readKept(path: string, key: string): Promise<Outcome[]> {
  if (!(await exists(path))) return [];
  const text = (await readOwn(path, { maxBytes: MAX_BYTES })).toString('utf8');
  const kept = keptSchema.safeParse(parsed(text));
  return kept.success && kept.data.key === key ? (kept.data.outcomes as Outcome[]) : [];
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // cut off, or somebody's own: it is measured again
  }
}

/** A million pictures have less. */
const MAX_BYTES = 256e6;
