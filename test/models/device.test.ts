import { createRequire } from 'node:module';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { engineFor, useEngine } from '../../src/models/backend.ts';
import { DEVICE_VARIABLE, DEVICES, deviceWanted } from '../../src/models/choices.ts';
import { tryDevice } from '../../src/models/onnx/device.ts';

afterEach(() => vi.unstubAllEnvs());

describe('the device of onnxruntime', () => {
  it('is the CPU unless another one is named', () => {
    expect(deviceWanted()).toBe('cpu');
    vi.stubEnv(DEVICE_VARIABLE, 'cuda');
    expect(deviceWanted()).toBe('cuda');
    vi.stubEnv(DEVICE_VARIABLE, 'gpu');
    expect(() => deviceWanted()).toThrow(/L2CAF_DEVICE names gpu/);
  });

  it('is refused where this build does not know it, with those that it knows', async () => {
    const { listSupportedBackends } = createRequire(import.meta.url)('onnxruntime-node') as {
      listSupportedBackends(): { readonly name: string }[];
    };
    const known = listSupportedBackends().map(({ name }) => name);
    const unknown = DEVICES.find((name) => !known.includes(name))!; // no build knows both DirectML and Core ML
    vi.stubEnv(DEVICE_VARIABLE, unknown);
    await expect(tryDevice()).rejects.toMatchObject({
      code: 'backend-unavailable',
      message: `this build of onnxruntime does not compute on ${unknown}`,
      hint: expect.stringContaining('--device cpu'),
    });
  });

  it('is of onnxruntime alone, which auto then means', async () => {
    vi.stubEnv(DEVICE_VARIABLE, 'cuda');
    await expect(useEngine('wasm')).rejects.toMatchObject({ code: 'usage', message: expect.stringContaining('wasm') });
    await expect(engineFor('wasm')).rejects.toMatchObject({ code: 'usage' });
    expect(await engineFor('auto')).toBe('onnxruntime'); // as a batch asks for its workers
    const engine = await useEngine('auto').catch((error: unknown) => error);
    const without = { code: 'backend-unavailable', message: expect.stringMatching(/ cuda/) };
    const used = { name: 'onnxruntime', detail: expect.stringContaining('on CUDA'), reason: 'asked for' };
    expect(engine).toMatchObject(engine instanceof Error ? without : used);
  });
});
