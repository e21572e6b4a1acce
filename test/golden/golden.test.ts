import { beforeAll, describe, expect, it } from 'vitest';
import { useBackend } from '../../src/models/backend.ts';
import { goldenFolder } from '../support/data.ts';
import { GOLDEN_CASES, listGolden, runGolden } from './golden.ts';

const folder = goldenFolder ?? 'the golden folder, which is absent';
const names = await listGolden(folder);
// Networks take minutes: `npm run golden` runs all of them, test/models/onnx some.
const runnable = names.filter(
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
