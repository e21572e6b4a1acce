/**
 * Time of a dense analysis as a multiple of what the trunk alone needs for the same frames, and whether its memory grows.
 * `npm run bench -- dense [MINUTES [BACKEND]]`.
 */
import { join } from 'node:path';
import { analyzeDense } from '../src/analysis/dense.ts';
import { featuresOf, type OpenModel, openClip, openEventNetwork } from '../src/analysis/pipeline.ts';
import type { FrameBatch } from '../src/base/types.ts';
import type { BackendChoice } from '../src/models/choices.ts';
import { sampleFrames } from '../src/video/media/sample.ts';
import { writeResults } from './results.ts';
import { longClip, median, temporaryFolder } from './support.ts';

/** Frames of a batch of the trunk alone, and batches before and after the analysis. */
const BATCH = 4;
const BATCHES = 6;

/** Writes the table for a clip of so many minutes, 2 windows per second. */
export async function run([minutes = '10', backend = 'wasm']: readonly string[]): Promise<void> {
  const path = join(temporaryFolder(), 'drive.mp4');
  await longClip(path, 60 * Number(minutes), 640, 360);
  const { clip, span } = await openClip(path, {});
  const model = await openEventNetwork({ backend: backend as BackendChoice });
  const size = model.network.head.spec.inputSize;
  const batch = await sampleFrames(clip, { span: { startSec: 0, endSec: 4 }, count: BATCH, size });
  await featuresOf(model, batch); // the first call compiles
  const before = await trunkTimes(model, batch);
  const memory = watchMemory();
  const startMs = performance.now();
  const slide = { frames: 3, windowSec: 3, strideSec: 0.5 };
  const analysis = await analyzeDense(model, { clip, span, seed: 0, ...slide });
  const seconds = (performance.now() - startMs) / 1000;
  const [first, peak] = [memory.peakOf(0, 0.25), memory.peakOf(0, 1)];
  memory.stop();
  const after = await trunkTimes(model, batch);
  const trunkMs = median([...before, ...after]);
  model.network.dispose();
  const { frames, windows, timingsSec } = analysis;
  const trunkSec = (frames.length * trunkMs) / 1000;
  await writeResults({
    name: `dense-${backend}`,
    command: `npm run bench -- dense ${minutes} ${backend}`,
    tables: [
      {
        columns: ['measure', 'value'],
        rows: [
          ['frames, windows', `${frames.length}, ${windows!.length}`],
          ['analysis, s', seconds.toFixed(1)],
          ['trunk alone, the same number of frames, s', trunkSec.toFixed(1)],
          ['analysis / trunk alone', (seconds / trunkSec).toFixed(2)],
          ['trunk within the analysis, s', timingsSec.trunk.toFixed(1)],
          ['analysis / trunk within it', (seconds / timingsSec.trunk).toFixed(2)],
          ['waiting for frames, s', timingsSec.decode.toFixed(1)],
          ['filters, in a thread beside, s', timingsSec.filters.toFixed(1)],
          ['peak memory in the first quarter, MB', first.toFixed(0)],
          ['peak memory, MB', peak.toFixed(0)],
        ],
        notes: [
          `Trunk alone, per frame: ${median(before).toFixed(0)} ms before, ${median(after).toFixed(0)} ms after; the ratio to it means something only where these agree.`,

          `${minutes} min of 640x360, 30 frames/s; a window of 3 s every 0.5 s; ${backend}; trunk alone: batches of ${BATCH}.`,
        ],
      },
    ],
  });
}

/** Milliseconds per frame of the trunk alone, one number per batch. */
async function trunkTimes(model: OpenModel, batch: FrameBatch): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < BATCHES; i++) {
    const startMs = performance.now();
    await featuresOf(model, batch);
    times.push((performance.now() - startMs) / BATCH);
  }
  return times;
}

/** Notes the resident memory of this process, its threads included, as often as its event loop turns. */
function watchMemory(): { peakOf(from: number, to: number): number; stop(): void } {
  const megabytes: number[] = [];
  const timer = setInterval(() => megabytes.push(process.memoryUsage.rss() / 1e6), 200);
  return {
    peakOf: (from, to) => Math.max(...megabytes.slice(from * megabytes.length, Math.ceil(to * megabytes.length))),
    stop: () => clearInterval(timer),
  };
}
