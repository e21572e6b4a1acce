/** Seconds per event of `l2caf analyze`, split into decoding, trunk, filters and rendering, per engine of the trunk. */
import { join } from 'node:path';
import { analyzeEvent, openClip, openModel } from '../src/analysis/pipeline.ts';
import type { EngineChoice } from '../src/models/choices.ts';
import { renderStrip, renderVideo, stripFrames } from '../src/rendering/rendering.ts';
import { findFfmpeg } from '../src/video/media/binaries.ts';
import { writeResults } from './results.ts';
import { fixtureClip, median, temporaryFolder } from './support.ts';

const REPEATS = 5;

/** Prints the table for a fixture clip, or for the clip named on the command line. */
export async function run([path = fixtureClip]: readonly string[]): Promise<void> {
  const folder = temporaryFolder();
  const { clip, span } = await openClip(path, {});
  const engines = ['wasm', 'onnxruntime'] as const;
  const columns: Record<string, number>[] = [];
  for (const engine of engines) columns.push(await measure(engine, { clip, span }, folder));
  const steps = Object.keys(columns[0]!);
  const total = (column: Record<string, number>): number =>
    Object.values(column).reduce((sum, value) => sum + value, 0);
  const what = `${(span.endSec - span.startSec).toFixed(1)} s of ${clip.width}x${clip.height}`;
  await writeResults({
    name: 'event',
    command: `npm run bench -- event${path === fixtureClip ? '' : ' CLIP'}`,
    tables: [
      {
        columns: ['seconds', ...engines],
        rows: [
          ...steps.map((step) => [step, ...columns.map((column) => column[step]!.toFixed(3))]),
          ['all', ...columns.map((column) => total(column).toFixed(3))],
        ],
        notes: [
          `${what}, 3 sampled frames, median of ${REPEATS}; ffmpeg ${(await findFfmpeg()).version}; another may take longer to start.`,
        ],
      },
    ],
  });
}

/** Median seconds of each step. */
async function measure(
  backend: EngineChoice,
  { clip, span }: Awaited<ReturnType<typeof openClip>>,
  folder: string,
): Promise<Record<string, number>> {
  const model = await openModel({ backend });
  const times: Record<string, number[]> = { decode: [], trunk: [], filters: [], strip: [], overlay: [] };
  for (let i = 0; i <= REPEATS; i++) {
    const analysis = await analyzeEvent(model, { clip, span, frames: 3, solver: 'auto', preset: 'paper', seed: 0 });
    const started = performance.now();
    const frames = await stripFrames(analysis);
    await renderStrip(analysis, join(folder, 'strip.png'), { frames });
    const stripped = performance.now();
    await renderVideo(analysis, join(folder, 'overlay.mp4'), { frames });
    const { decode, trunk, filters } = analysis.timingsSec;
    const strip = (stripped - started) / 1000;
    const overlay = (performance.now() - stripped) / 1000;
    if (i > 0)
      for (const [name, value] of Object.entries({ decode, trunk, filters, strip, overlay })) times[name]!.push(value);
  }
  model.network.dispose();
  return Object.fromEntries(Object.entries(times).map(([step, values]) => [step, median(values)]));
}
