import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { useBackend } from '../../src/models/backend.ts';
import { listGolden, runGolden } from './golden.ts';

/** Small cases made by `data/make.py`. Larger ones are of other folders, and `npm run golden -- DIR` checks those. */
const own = join(import.meta.dirname, 'data');
const names = await listGolden(own);

describe('golden numbers', () => {
  beforeAll(async () => {
    await useBackend('wasm');
  });

  it.each(names)('%s', async (name) => {
    const checks = await runGolden(own, name);
    expect(checks).not.toHaveLength(0);
    expect((checks as readonly { pass: boolean }[]).filter(({ pass }) => !pass)).toEqual([]);
  });
});
