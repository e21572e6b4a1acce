/** Worker threads give the features that this process gives, whoever computes which frame. */
import { expect, it } from 'vitest';
import { createRandom } from '../../src/base/random.ts';
import { createExtractor, createExtractorPool, type ExtractionJob } from '../../src/features/extractor.ts';
import { PLAIN_VIEW } from '../../src/features/views.ts';
import { useBackend } from '../../src/models/backend.ts';
import { fromFloat16 } from '../../src/models/float16.ts';

function pictureJob(key: number): ExtractionJob {
  const random = createRandom(key);
  const rgb = Uint8Array.from({ length: 64 * 32 * 3 }, () => Math.floor(256 * random.uniform()));
  return { rgb, width: 64, height: 32, variants: [PLAIN_VIEW, { mirrored: true, gain: 1.2 }] };
}

it('computes the same in two threads as in this process', async () => {
  await useBackend('wasm');
  const choice = { trunk: 'resnet50-imagenet', stage: 'conv4' } as const;
  const here = await createExtractor(choice);
  const pool = await createExtractorPool(choice, 2);
  try {
    const jobs = [1, 2, 3].map(pictureJob);
    const expected = await Promise.all(jobs.map((job) => here.extract(job)));
    expect(await Promise.all(jobs.map((job) => pool.extract(job)))).toEqual(expected);
    expect(expected[0]![0]).toHaveLength(2 * 4 * 1024);
    const [plain, mirrored] = expected[0]!.map((bits) => fromFloat16(bits));
    expect(plain!.some((value) => value > 0)).toBe(true);
    expect(mirrored).not.toEqual(plain);
  } finally {
    await pool.dispose();
    await here.dispose();
  }
});
