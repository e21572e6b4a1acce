/** A thread that runs UMAP: finding the neighbours of thousands of points takes seconds that nothing could interrupt. */
import { UMAP } from 'umap-js';
import { createRandom } from '../base/random.ts';
import { serveThread } from '../base/threads.ts';

/** What the thread is started with. */
export interface UmapData {
  /** `[n, d]` */
  readonly rows: readonly (readonly number[])[];
  readonly seed: number;
  /** How many neighbours are kept together. */
  readonly neighbours: number;
}

/** How far it has come. */
export interface UmapState {
  readonly epoch: number;
  readonly epochs: number;
  /** `[n, 2]` */
  readonly points: readonly (readonly number[])[];
}

await serveThread<UmapData, number, UmapState>(async ({ rows, seed, neighbours }) => {
  const random = createRandom(seed);
  const umap = new UMAP({ nNeighbors: neighbours, random: () => random.uniform() });
  let epochs: number | undefined;
  let epoch = 0;
  return async (steps) => {
    epochs ??= umap.initializeFit(rows.map((row) => [...row]));
    for (let i = 0; i < steps && epoch < epochs; i++) epoch = umap.step();
    return { epoch, epochs, points: umap.getEmbedding() };
  };
});
