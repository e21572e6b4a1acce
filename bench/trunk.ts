/** Milliseconds per frame of the trimmed trunk, preprocessing included, per engine that is installed, per input size. */
import { availableParallelism } from 'node:os';
import { useBackend } from '../src/models/backend.ts';
import { loadFrameTrunk } from '../src/models/frame-trunk.ts';
import { onnxVersion, useOnnxThreads } from '../src/models/onnx/runtime.ts';
import { type FrameTrunk, RESNET50_IMAGENET } from '../src/models/pretrained.ts';
import { pullTrunk } from '../src/models/pull.ts';
import { writeResults } from './results.ts';
import { medianMs } from './support.ts';

const SIZES = [
  [224, 224],
  [384, 224],
] as const;
const FRAMES = 3;

/** An engine, and how it is opened; undefined where it is not installed. */
type Engine = () => Promise<{ readonly name: string; readonly trunk: FrameTrunk } | undefined>;

const onBackend =
  (backend: 'wasm' | 'tensorflow' | 'webgpu'): Engine =>
  async () => {
    const info = await useBackend(backend).catch(() => undefined);
    return info && { name: info.detail, trunk: await loadFrameTrunk(RESNET50_IMAGENET, 'conv4') };
  };

const onOnnxruntime =
  (threads: number): Engine =>
  async () => {
    const version = await onnxVersion().catch(() => undefined);
    if (version === undefined) return undefined;
    useOnnxThreads(threads);
    const name = `onnxruntime-node ${version}, ${threads === 1 ? '1 thread' : `${threads} threads`}`;
    return { name, trunk: await loadFrameTrunk(RESNET50_IMAGENET, 'conv4', { engine: 'onnxruntime' }) };
  };

/** Prints the table; the ratio is to the wasm backend at the same size. */
export async function run(): Promise<void> {
  await pullTrunk(RESNET50_IMAGENET);
  const cores = availableParallelism();
  const engines = [onBackend('wasm'), onBackend('tensorflow'), onBackend('webgpu'), onOnnxruntime(1)];
  if (cores > 1) engines.push(onOnnxruntime(cores));
  const wasm = new Map<string, number>();
  const rows: string[][] = [];
  for (const open of engines) {
    const engine = await open();
    if (engine === undefined) continue;
    const { name, trunk } = engine;
    for (const [width, height] of SIZES) {
      const frames = { rgb: new Uint8Array(FRAMES * height * width * 3), shape: [FRAMES, height, width, 3] as const };
      const ms = (await medianMs(9, () => trunk.features(frames))) / FRAMES;
      const size = `${width}x${height}`;
      if (!wasm.has(size)) wasm.set(size, ms);
      rows.push([name, size, ms.toFixed(0), (ms / wasm.get(size)!).toFixed(2)]);
    }
    trunk.dispose();
  }
  await writeResults({
    name: 'trunk',
    command: 'npm run bench -- trunk',
    tables: [{ columns: ['engine', 'input', 'ms per frame', 'ratio to wasm'], rows, notes: [`Batches of ${FRAMES}.`] }],
  });
}
