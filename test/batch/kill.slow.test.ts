/** A batch that is killed at many random moments. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { createRandom } from '../../src/random.ts';
import { makeClip } from '../video/clips.ts';
import { analysesMade, contentOf, runKilled } from './killing.ts';
import { runTinyBatch } from './tiny-batch.ts';

const KILLS = 22;
const EVENTS = 120;

it('ends the same after being killed at 22 random moments', async () => {
  const root = await mkdtemp(join(tmpdir(), 'l2caf-kill-'));
  // Two caches, so that the batch that is killed computes its features as well.
  vi.stubEnv('L2CAF_CACHE', join(root, 'cache'));
  await makeClip(join(root, 'drive.mp4'), { frames: 200, rate: '10' });
  const rows = Array.from({ length: EVENTS }, (_, i) => `e${i},drive.mp4,${i / 10},${i / 10 + 3}`);
  const list = join(root, 'events.csv');
  await writeFile(list, `id,video,start,end\n${rows.join('\n')}\n`);
  const [undisturbed, killed] = [join(root, 'undisturbed', 'out'), join(root, 'killed', 'out')];
  await runTinyBatch(list, undisturbed, { jobs: 2, outputs: ['strip'] });
  const random = createRandom(7, 0);
  await runKilled([list, killed, '2'], join(root, 'other-cache'), KILLS, () => random.uniform());
  expect(await contentOf(killed)).toEqual(await contentOf(undisturbed));
  const made = await analysesMade(killed);
  expect(Object.keys(made)).toHaveLength(EVENTS);
  expect(Object.values(made).every((times) => times === 1)).toBe(true);
  vi.unstubAllEnvs();
  await rm(root, { recursive: true });
}, 900_000);
