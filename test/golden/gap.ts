/** Golden case: global average pooling and one dense layer; the published descents, the exact filters, a heatmap. */

import type { AttentionFilter } from '../../src/base/types.ts';
import { toHeatmap } from '../../src/l2caf/heatmap.ts';
import { pooledDenseTail } from '../../src/l2caf/linear-tail.ts';
import { type DescentOptions, PRESETS } from '../../src/l2caf/presets.ts';
import { type SolveOptions, solveFilters } from '../../src/l2caf/solve.ts';
import type { Tail } from '../../src/l2caf/tail.ts';
import type { Check, GoldenData } from './case.ts';
import { checkClose, checkPublished, shapeOf, tensorOf } from './checks.ts';

interface PublishedRun {
  readonly final_loss: number;
  readonly optimizer: DescentOptions['optimizer'];
  readonly lr: number;
  readonly end_lr: number;
  readonly tol: number;
  /** Steps at most; default 1000. */
  readonly max_iter?: number;
  readonly loss: DescentOptions['reduction'];
}

interface GapJson {
  readonly oblivious: Readonly<Record<string, PublishedRun | number>>;
  readonly class_specific: Readonly<Record<string, { readonly pytorch?: { readonly final_loss: number } }>>;
  readonly heatmap?: {
    readonly from: string;
    readonly resized_to: readonly [number, number];
    readonly kept_every: number;
  };
}

/** Checks one `caf-gap-*` pair of files. */
export async function gapCase(data: GoldenData): Promise<readonly Check[]> {
  const json = data.json as GapJson;
  const [height, width] = shapeOf(data, 'feature_map_hwc') as [number, number, number];
  const tail = pooledDenseTail({
    grid: { height, width },
    features: tensorOf(data, 'feature_map_hwc'),
    kernel: tensorOf(data, 'dense_kernel_ck'),
    bias: tensorOf(data, 'dense_bias'),
  });
  try {
    const checks = [checkClose('logits', tail.reference, tensorOf(data, 'logits'), 1e-4)];
    for (const [name, run] of Object.entries(json.oblivious)) {
      if (typeof run === 'number') continue;
      const ours = await solveOne(tail, publishedOptions(data, name, run));
      checks.push(...checkPublished(`oblivious ${name}`, ours, run.final_loss, tensorOf(data, `oblivious_${name}`)));
    }
    for (const [key, { pytorch }] of Object.entries(json.class_specific)) {
      const objective = { kind: 'class', index: Number(key) } as const;
      if (pytorch) {
        const ours = await solveOne(tail, { objective, solver: 'gd', preset: 'pytorch' });
        checks.push(...checkPublished(`class ${key}`, ours, pytorch.final_loss, tensorOf(data, `class${key}_pytorch`)));
      }
      const exact = await solveOne(tail, { objective });
      checks.push(checkClose(`class ${key} exact`, exact.values, tensorOf(data, `class${key}_exact`), 1e-5));
    }
    const exact = await solveOne(tail, {});
    checks.push(checkClose('oblivious exact', exact.values, tensorOf(data, 'oblivious_exact'), 1e-5));
    if (json.heatmap) checks.push(heatmapCheck(data, json.heatmap, { height, width }));
    return checks;
  } finally {
    tail.dispose();
  }
}

async function solveOne(tail: Tail, options: SolveOptions): Promise<AttentionFilter> {
  return (await solveFilters(tail, options)).filters[0]!;
}

/** The entry's own settings; the start is the one its name ends in, or its preset's. */
function publishedOptions(data: GoldenData, name: string, run: PublishedRun): SolveOptions {
  const start = /_(uniform|normal|ones)$/.exec(name)?.[1] ?? (name === 'tf1' ? 'normal' : 'ones');
  const initial = data.tensors.get(`init_${start}`)?.data;
  return {
    solver: 'gd',
    descent: {
      ...PRESETS.pytorch,
      optimizer: run.optimizer,
      learningRate: run.lr,
      endLearningRate: run.end_lr,
      tolerance: run.tol,
      maxIterations: run.max_iter ?? PRESETS.pytorch.maxIterations,
      reduction: run.loss,
      initial: 'ones',
    },
    ...(initial && { initial: [initial] }),
  };
}

function heatmapCheck(
  data: GoldenData,
  { from, resized_to: [rows, columns], kept_every: step }: NonNullable<GapJson['heatmap']>,
  grid: { readonly height: number; readonly width: number },
): Check {
  const ours = toHeatmap({ ...grid, values: tensorOf(data, from) }, { height: rows, width: columns });
  const kept: number[] = [];
  for (let y = 0; y < rows; y += step) for (let x = 0; x < columns; x += step) kept.push(ours.values[y * columns + x]!);
  return checkClose('heatmap', kept, tensorOf(data, `heatmap_${from.split('_').at(-1)}`), 1e-5);
}
