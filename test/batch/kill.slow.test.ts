/** A batch that is killed at many random moments. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it, vi } from 'vitest';
import { createRandom } from '../../src/base/random.ts';
import { makeClip } from '../support/clips.ts';
import { contentOf, killAndCompare } from './killing.ts';
import { runTinyBatch } from './tiny-batch.ts';

const KILLS = 22;
const EVENTS = 40;

it('ends the same after being killed at 22 random moments', { tags: ['nightly'], timeout: 900_000 }, async () => {
  const root = await mkdtemp(join(tmpdir(), 'l2caf-kill-'));
  // Two caches, so that the batch that is killed computes its features as well.
  vi.stubEnv('L2CAF_CACHE', join(root, 'cache'));
  await makeClip(join(root, 'drive.mp4'), { frames: 200, rate: '10' });
  const rows = Array.from({ length: EVENTS }, (_, i) => `e${i},drive.mp4,${i / 10},${i / 10 + 3}`);
  const list = join(root, 'events.csv');
  await writeFile(list, `id,video,start,end\n${rows.join('\n')}\n`);
  const undisturbed = join(root, 'undisturbed', 'out');
  await runTinyBatch(list, undisturbed, { jobs: 2, outputs: ['strip'] });
  const random = createRandom(7, 0);
  const batch = { list, jobs: 2, cache: join(root, 'other-cache') };
  await killAndCompare(batch, join(root, 'killed'), KILLS, () => random.uniform(), await contentOf(undisturbed));
  vi.unstubAllEnvs();
  await rm(root, { recursive: true });
});
