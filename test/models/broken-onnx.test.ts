/** onnxruntime is installed, but cannot be loaded, as on a system that it has no build for. */
import { expect, it, vi } from 'vitest';
import { useEngine } from '../../src/models/backend.ts';

vi.mock('onnxruntime-node', () => {
  throw new Error('no build for this system');
});

it('is said, and another engine is used, unless it was asked for', async () => {
  const { name, warning } = await useEngine('auto');
  expect(['wasm', 'tensorflow']).toContain(name);
  expect(warning).toMatch(/^onnxruntime-node cannot be loaded: .*; (wasm|tensorflow) is used, which is slower$/);
  await expect(useEngine('onnxruntime')).rejects.toMatchObject({ code: 'package-missing' });
});
