/** Milliseconds per frame of the trimmed trunk, per backend that is installed, per input size. */

import * as tf from '../src/base/tensorflow.ts';
import { computed, useBackend } from '../src/models/backend.ts';
import { loadTrunk, RESNET50_IMAGENET } from '../src/models/pretrained.ts';
import { pullTrunk } from '../src/models/pull.ts';
import { writeResults } from './results.ts';
import { medianMs } from './support.ts';

/** Prints the table; the ratio is to the wasm backend at the same size. */
export async function run(): Promise<void> {
  await pullTrunk(RESNET50_IMAGENET);
  const rows: string[][] = [];
  for (const [width, height] of [
    [224, 224],
    [384, 224],
  ] as const) {
    let wasm = Number.NaN;
    for (const backend of ['wasm', 'tensorflow', 'webgpu'] as const) {
      const info = await useBackend(backend).catch(() => undefined);
      if (info === undefined) continue;
      const trunk = await loadTrunk(RESNET50_IMAGENET, 'conv4');
      const pictures = tf.zeros<tf.Rank.R4>([3, height, width, 3]);
      const ms = (await medianMs(9, () => computed(() => trunk.features(pictures)))) / 3;
      if (backend === 'wasm') wasm = ms;
      rows.push([info.detail, `${width}x${height}`, ms.toFixed(0), (ms / wasm).toFixed(2)]);
      pictures.dispose();
      trunk.dispose();
    }
  }
  await writeResults({
    name: 'trunk',
    command: 'npm run bench -- trunk',
    tables: [{ columns: ['backend', 'input', 'ms per frame', 'ratio to wasm'], rows, notes: ['Batches of 3.'] }],
  });
}
