/**
 * How far the published stopping points are from the optimum, on real events: per preset, the correlation of its heatmaps
 * with those of Gauss–Newton, and how much higher its loss is; per frame, because early frames suffer most.
 * `npm run bench -- agreement EVENTS.csv [MODEL]`; videos lie beside the CSV file.
 */

import { openEventNetwork } from '../src/analysis/pipeline.ts';
import { readEvents } from '../src/events/labelled.ts';
import { toHeatmap } from '../src/l2caf/heatmap.ts';
import { PRESET_NAMES, PRESETS } from '../src/l2caf/presets.ts';
import { solveFilters } from '../src/l2caf/solve.ts';
import { correlation } from '../src/l2caf/starts.ts';
import { sampleFrames } from '../src/video/media/sample.ts';
import { writeResults } from './results.ts';
import { median } from './support.ts';

const EVENTS = 50;
const FRAMES = 3;

/** Prints a table: medians over the events, per preset and frame. */
export async function run([path, folder]: readonly string[]): Promise<void> {
  if (path === undefined) throw new Error('usage: npm run bench -- agreement EVENTS.csv [MODEL]');
  const all = await readEvents(path);
  const step = Math.max(1, Math.floor(all.length / EVENTS));
  const events = all.filter((_, i) => i % step === 0).slice(0, EVENTS);
  const model = await openEventNetwork({ backend: 'wasm', ...(folder && { model: folder }) });
  const size = model.network.head.spec.inputSize;
  const found = PRESET_NAMES.map(() =>
    Array.from({ length: FRAMES }, () => ({ correlations: [] as number[], excess: [] as number[] })),
  );
  for (const { clip, span } of events) {
    const tail = model.network.tail(
      await model.network.features(await sampleFrames(clip, { span, count: FRAMES, size })),
    );
    const best = (await solveFilters(tail)).filters; // loss: sum of squares
    for (const [p, preset] of PRESET_NAMES.entries()) {
      const { filters } = await solveFilters(tail, { solver: 'gd', preset });
      const scale = PRESETS[preset].reduction === 'mean' ? tail.outputSize : 1;
      for (const [t, filter] of filters.entries()) {
        const shown = (values: typeof filter): Float32Array => toHeatmap(values, { height: 56, width: 96 }).values;
        found[p]![t]!.correlations.push(correlation(shown(filter), shown(best[t]!)));
        found[p]![t]!.excess.push((filter.loss * scale) / best[t]!.loss - 1);
      }
    }
    tail.dispose();
  }
  model.network.dispose();
  const rows = PRESET_NAMES.flatMap((preset, p) =>
    found[p]!.map(({ correlations, excess }, t) => [
      preset,
      String(t + 1),
      median(correlations).toFixed(3),
      Math.min(...correlations).toFixed(3),
      `${(100 * median(excess)).toFixed(2)} %`,
      `${(100 * Math.max(...excess)).toFixed(1)} %`,
    ]),
  );
  await writeResults({
    name: 'agreement',
    command: `npm run bench -- agreement CAMVID/events.csv${folder === undefined ? '' : ' MODEL'}`,
    tables: [
      {
        columns: ['preset', 'frame', 'correlation, median', 'lowest', 'loss above the optimum, median', 'highest'],
        rows,
        notes: [`${events.length} events, ${FRAMES} frames each.`],
      },
    ],
  });
}
