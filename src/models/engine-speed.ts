/** How fast each engine that is at hand runs the trunk on this machine. */
import { messageOf, throwIfAborted } from '../base/errors.ts';
import type { PictureSize } from '../base/types.ts';
import { type EngineInfo, useEngine } from './backend.ts';
import { loadFrameTrunk } from './frame-trunk.ts';
import { RESNET50_IMAGENET } from './pretrained.ts';

/** The size of the frames that are measured, pixels: that of the packaged head. */
export const MEASURED_SIZE: PictureSize = { width: 384, height: 224 };

/** Engines that are measured, as far as they are there; plain JavaScript, which takes minutes, is not. */
const MEASURED = ['onnxruntime', 'tensorflow', 'webgpu', 'wasm'] as const;

/** What was measured of an engine, or why it was not. */
export type EngineSpeed =
  | { readonly engine: EngineInfo; readonly msPerFrame: number }
  | { readonly name: EngineInfo['name']; readonly why: string };

/** Frames of which the median is taken, after one to warm up. */
const FRAMES = 5;

/**
 * Milliseconds for a frame of {@link MEASURED_SIZE}, one at a time, preprocessing included, through the trunk as far as the
 * packaged head uses it: the median, engine by engine. Takes some seconds.
 *
 * @param lacking engines that are known not to be there, and why
 * @throws L2cafError `weights-invalid` when the trunk's weights are not in the cache; `aborted`
 */
export async function measureEngines(
  lacking: Readonly<Partial<Record<EngineInfo['name'], string>>> = {},
  signal?: AbortSignal,
): Promise<EngineSpeed[]> {
  const speeds: EngineSpeed[] = [];
  for (const name of MEASURED) {
    throwIfAborted(signal);
    const engine = lacking[name] ?? (await useEngine(name).catch(messageOf));
    if (typeof engine === 'string') speeds.push({ name, why: engine });
    else speeds.push({ engine, msPerFrame: await msPerFrame(engine) });
  }
  return speeds;
}

async function msPerFrame({ name }: EngineInfo): Promise<number> {
  const { width, height } = MEASURED_SIZE;
  const trunk = await loadFrameTrunk(RESNET50_IMAGENET, 'conv4', { engine: name });
  const frame = {
    rgb: new Uint8Array(height * width * 3).map((_, i) => (i * 7919) % 251),
    shape: [1, height, width, 3],
  } as const;
  try {
    await trunk.features(frame);
    const times: number[] = [];
    for (let i = 0; i < FRAMES; i++) {
      const start = performance.now();
      await trunk.features(frame);
      times.push(performance.now() - start);
    }
    return times.sort((a, b) => a - b)[FRAMES >> 1]!;
  } finally {
    trunk.dispose();
  }
}
