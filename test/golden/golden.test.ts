/** Numbers of other implementations: a few small files of this folder, and many beside the checkout, where they are. */
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { useBackend } from '../../src/models/backend.ts';
import { goldenFolder } from '../support/data.ts';
import { GOLDEN_CASES, listGolden, runGolden } from './golden.ts';

/** Made by `data/make.py`. */
const own = join(import.meta.dirname, 'data');

for (const folder of [own, goldenFolder ?? 'the golden folder, which is absent']) {
  const runnable = (await listGolden(folder)).filter(
    (name) => typeof GOLDEN_CASES.find(({ pattern }) => pattern.test(name))?.run === 'function',
  );
  describe.skipIf(runnable.length === 0)(`golden numbers in ${folder}`, () => {
    beforeAll(async () => {
      await useBackend('wasm');
    });

    it.each(runnable)('%s', async (name) => {
      const checks = await runGolden(folder, name);
      expect(checks).not.toHaveLength(0);
      expect((checks as readonly { pass: boolean }[]).filter(({ pass }) => !pass)).toEqual([]);
    });
  });
}

it('the small golden files are there', async () => {
  expect(await listGolden(own)).toEqual(['caf-gap-3x4', 'caf-recurrent-t2-2x3']);
});
