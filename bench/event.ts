/** Seconds per event of `l2caf analyze`, split into decoding, trunk, filters and rendering. */
import { join } from 'node:path';
import { analyzeEvent, openClip, openModel } from '../src/analysis/pipeline.ts';
import { renderStrip, renderVideo } from '../src/rendering/rendering.ts';
import { writeResults } from './results.ts';
import { fixtureClip, median, temporaryFolder } from './support.ts';

const REPEATS = 5;

/** Prints the table for a fixture clip, or for the clip named on the command line. */
export async function run([path = fixtureClip]: readonly string[]): Promise<void> {
  const folder = temporaryFolder();
  const model = await openModel({ backend: 'wasm' });
  const { clip, span } = await openClip(path, {});
  const times: Record<string, number[]> = { decode: [], trunk: [], filters: [], strip: [], overlay: [] };
  for (let i = 0; i <= REPEATS; i++) {
    const analysis = await analyzeEvent(model, { clip, span, frames: 3, solver: 'auto', preset: 'paper', seed: 0 });
    const started = performance.now();
    await renderStrip(analysis, join(folder, 'strip.png'));
    const stripped = performance.now();
    await renderVideo(analysis, join(folder, 'overlay.mp4'));
    const { decode, trunk, filters } = analysis.timingsSec;
    const strip = (stripped - started) / 1000;
    const overlay = (performance.now() - stripped) / 1000;
    if (i > 0)
      for (const [name, value] of Object.entries({ decode, trunk, filters, strip, overlay })) times[name]!.push(value);
  }
  model.network.dispose();
  const what = `${(span.endSec - span.startSec).toFixed(1)} s of ${clip.width}x${clip.height}`;
  await writeResults({
    name: 'event',
    command: `npm run bench -- event${path === fixtureClip ? '' : ' CLIP'}`,
    tables: [
      {
        columns: ['step', 'seconds'],
        rows: Object.entries(times).map(([name, values]) => [name, median(values).toFixed(3)]),
        notes: [`${what}, 3 sampled frames, wasm, median of ${REPEATS}.`],
      },
    ],
  });
}
