/** Golden case: an LSTM over several frames, one filter per frame; the published descents and the best known minima. */
import { PRESETS } from '../../src/l2caf/presets.ts';
import { type SolveOptions, solveFilters } from '../../src/l2caf/solve.ts';
import { lstmFromTorch } from '../../src/models/lstm.ts';
import { RecurrentHead } from '../../src/models/recurrent-tail.ts';
import type { Check, GoldenData } from './case.ts';
import { checkBest, checkClose, checkPublished, shapeOf, tensorOf } from './checks.ts';

interface RecurrentJson {
  readonly frames: readonly {
    readonly adam?: { readonly final_loss: number };
    readonly sgd?: { readonly final_loss: number };
    readonly best_loss: number;
  }[];
}

/** Settings of the published runs, which the files do not state; `init_*` are their starts. */
const PUBLISHED = {
  adam: PRESETS.paper,
  sgd: { ...PRESETS.paper, optimizer: 'sgd', learningRate: 0.5 },
} as const;

/** Of Gauss–Newton; the best known minima are the best of several runs too. */
const STARTS = 4;

/** Checks one `caf-recurrent-*` pair of files. */
export async function recurrentCase(data: GoldenData): Promise<readonly Check[]> {
  const { frames } = data.json as RecurrentJson;
  const head = recurrentHeadOf(data);
  const tail = head.tail({
    data: tensorOf(data, 'feature_maps_thwc'),
    shape: shapeOf(data, 'feature_maps_thwc') as [number, number, number, number],
  });
  const solve = async (options: SolveOptions) => (await solveFilters(tail, options)).filters;
  try {
    const checks = [checkClose('embedding', tail.reference, tensorOf(data, 'embedding'), 1e-5)];
    const initial = frames.map((_, t) => tensorOf(data, `init_${t}`));
    for (const [name, descent] of Object.entries(PUBLISHED)) {
      const ours = await solve({ solver: 'gd', descent, initial });
      for (const [t, frame] of frames.entries()) {
        const run = frame[name as keyof typeof PUBLISHED];
        if (run)
          checks.push(
            ...checkPublished(`frame ${t} ${name}`, ours[t]!, run.final_loss, tensorOf(data, `${name}_${t}`)),
          );
      }
    }
    const best = await solve({ starts: STARTS });
    for (const [t, { best_loss: loss }] of frames.entries()) {
      checks.push(...checkBest(`frame ${t} best`, best[t]!, loss, tensorOf(data, `best_${t}`)));
    }
    return checks;
  } finally {
    tail.dispose();
    head.dispose();
  }
}

/** The head of a golden file: a PyTorch LSTM over maps flattened as `[h, w, c]`, and one dense layer. */
export function recurrentHeadOf(data: GoldenData): RecurrentHead {
  const [, height, width, channels] = shapeOf(data, 'feature_maps_thwc') as [number, number, number, number];
  return new RecurrentHead({
    grid: { height, width },
    channels,
    lstm: lstmFromTorch({
      weightIh: tensorOf(data, 'lstm_weight_ih'),
      weightHh: tensorOf(data, 'lstm_weight_hh'),
      biasIh: tensorOf(data, 'lstm_bias_ih'),
      biasHh: tensorOf(data, 'lstm_bias_hh'),
    }),
    embedding: { kernel: tensorOf(data, 'dense_kernel_he'), bias: tensorOf(data, 'dense_bias') },
  });
}
