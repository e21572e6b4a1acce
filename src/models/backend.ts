/**
 * The one place that knows about TensorFlow.js backends: chooses, loads and checks the one that will run the network.
 * `wasm` ships with the package and works everywhere; `tensorflow` (native, faster) is used when the user installed it;
 * `webgpu` runs the networks on a GPU of any vendor when it is asked for; onnxruntime, installed or pulled into the cache, runs
 * the trunk of event networks.
 */
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { assertNever, L2cafError, messageOf } from '../base/errors.ts';
import { installCommand, missingPackages, WEBGPU_PACKAGES } from '../base/optional.ts';
import * as tf from '../base/tensorflow.ts';
import { type BackendChoice, type Device, deviceWanted, type EngineChoice } from './choices.ts';
import { locateOnnxruntime } from './onnx/locate.ts';
import type { Fetching } from './onnx/pull-engine.ts';
import { onnxVersion } from './onnx/runtime.ts';
import { speedUpWasmConvGradients } from './wasm-conv-gradient.ts';
import { avoidTransposedWasmMatMul } from './wasm-matmul.ts';
import { mendWasmStrides } from './wasm-strides.ts';

/** The backend that runs, and why it was chosen. */
export interface BackendInfo {
  readonly name: Exclude<BackendChoice, 'auto'>;
  /** Where it came from, e.g. `@tensorflow/tfjs-node 4.22.0 (libtensorflow 2.9.1)`. */
  readonly detail: string;
  /** Why this one. */
  readonly reason: string;
}

/** What runs a network: a backend of TensorFlow.js, or onnxruntime, which runs ONNX files. */
export interface EngineInfo extends Omit<BackendInfo, 'name'> {
  readonly name: BackendInfo['name'] | 'onnxruntime';
  /** What the user should know: that a faster one is there, but does not work. */
  readonly warning?: string;
}

/** Where tensor work runs: names that {@link useEngine} has made ready in this process. */
export type EngineName = EngineInfo['name'];

/**
 * Runs the tensor work of a network on the backend that the network was given, whichever one is current: several networks may
 * be open on several backends. What iterates over small tensors stays outside, on the current backend, because every
 * operation on a GPU costs the same however small it is: an iteration of the filters takes 58 ms there. Tensors that `work`
 * makes live where it ran, and are read with `await tensor.data()`.
 *
 * @param engine one that is ready; undefined, or `onnxruntime`, which runs no tensors, for the current backend
 */
export function onBackend<T>(engine: EngineName | undefined, work: () => T): T {
  const current = tf.getBackend();
  if (engine === undefined || engine === 'onnxruntime' || engine === current) return work();
  void tf.setBackend(engine); // at once, since both are initialised
  try {
    return work();
  } finally {
    void tf.setBackend(current);
  }
}

/** The backend that is current: what a network without one of its own stays on. */
export function currentBackend(): EngineName {
  return tf.getBackend() as EngineName;
}

/** The numbers of the tensor that `work` makes on a backend (see {@link onBackend}); tensors made along the way are freed. */
export async function computed(engine: EngineName | undefined, work: () => tf.Tensor): Promise<Float32Array> {
  const result = onBackend(engine, () => tf.tidy(work));
  try {
    return await result.data<'float32'>();
  } finally {
    result.dispose();
  }
}

/** Native packages, in the order in which they are tried. */
const NATIVE_PACKAGES = ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'] as const;

/**
 * Makes a backend ready, and the current one: that on which filters iterate (wasm, where `webgpu` runs the networks). Networks
 * that were opened on another stay there ({@link onBackend}).
 *
 * @throws L2cafError `backend-unavailable` when it was asked for by name and cannot be had; never falls back from a
 *   named backend to another one.
 */
export async function useBackend(choice: BackendChoice): Promise<BackendInfo> {
  tf.enableProdMode(); // no banner that recommends another package, no NaN check after every kernel
  switch (choice) {
    case 'auto': {
      const native = await findNativePackage();
      if (native !== undefined) return useTensorflow(native, `auto: ${native.name} is installed`);
      return useWasm('auto: no @tensorflow/tfjs-node or tfjs-node-gpu is installed');
    }
    case 'tensorflow': {
      const native = await findNativePackage();
      if (native === undefined) {
        throw new L2cafError('backend-unavailable', 'the tensorflow backend is not installed', {
          hint: `${installCommand(['@tensorflow/tfjs-node'])} (or tfjs-node-gpu), or use --backend wasm`,
        });
      }
      return useTensorflow(native, 'asked for');
    }
    case 'webgpu':
      return useWebgpu('asked for');
    case 'wasm':
      return useWasm('asked for');
    case 'cpu':
      await activate('cpu');
      return { name: 'cpu', detail: `plain JavaScript, tfjs ${tf.version_core}`, reason: 'asked for' };
    default:
      return assertNever(choice);
  }
}

/**
 * Makes ready what runs an event network, and current the backend on which its filters iterate.
 *
 * @param fetching when given, onnxruntime is fetched into the cache where it is wanted and not there: for `onnxruntime`, and for
 *   `auto` unless a native package of TensorFlow.js is installed
 * @throws L2cafError `package-missing` for `onnxruntime` where it is not there and cannot be had, or cannot be loaded;
 *   `aborted`; else as {@link useBackend}
 */
export async function useEngine(choice: EngineChoice, fetching?: Fetching): Promise<EngineInfo> {
  const device = deviceWanted();
  const wanted = onDevice(choice, device);
  const isAuto = wanted === 'auto';
  if (!isAuto && wanted !== 'onnxruntime') return useBackend(wanted);
  const lack = fetching && (await provideFor(wanted, fetching));
  const found = await locateOnnxruntime();
  const rest = await useBackend('auto');
  const without = (why: string): EngineInfo => ({
    ...rest,
    warning: slower(why, rest.name),
  });
  if (isAuto && found === undefined) return lack === undefined ? rest : without(lack);
  let version: string;
  try {
    version = await onnxVersion();
  } catch (error) {
    if (!isAuto) throw error;
    return without(messageOf(error));
  }
  if (device !== 'cpu') await (await import('./onnx/device.ts')).tryDevice();
  return {
    name: 'onnxruntime',
    detail: `onnxruntime-node ${version} on ${DEVICE_NAMES[device]}; filters on ${rest.name}`,
    reason: isAuto
      ? `auto: onnxruntime-node is ${found!.from === 'cache' ? 'in the cache' : 'installed'}`
      : 'asked for',
  };
}

/**
 * A choice where a device of onnxruntime is wanted: nothing else will do.
 *
 * @throws L2cafError `usage` for another engine
 */
function onDevice(choice: EngineChoice, device: Device): EngineChoice {
  if (device === 'cpu' || choice === 'onnxruntime') return choice;
  if (choice === 'auto') return 'onnxruntime';
  throw new L2cafError('usage', `the backend ${choice} knows no device ${device}: that is onnxruntime's`, {
    hint: 'leave --backend or --device out',
  });
}

const DEVICE_NAMES: Readonly<Record<Device, string>> = {
  cpu: 'the CPU',
  cuda: 'CUDA',
  dml: 'DirectML',
  coreml: 'Core ML',
  webgpu: 'WebGPU',
};

function slower(why: string, used: string): string {
  return `${why}; ${used} is used, which is slower`;
}

/** Fetches onnxruntime where a choice wants it; says why `auto` has to do without. */
async function provideFor(choice: EngineChoice, fetching: Fetching): Promise<string | undefined> {
  // Loaded where it is needed: it takes what reads tarballs.
  const pull = () => import('./onnx/pull-engine.ts');
  if (choice === 'onnxruntime') await (await pull()).requireOnnxruntime('--backend onnxruntime', fetching);
  if (choice !== 'auto' || (await locateOnnxruntime()) !== undefined) return undefined;
  // Who has installed another fast one has chosen it.
  if ((await findNativePackage()) !== undefined) return undefined;
  return (await pull()).provideOnnxruntime(fetching);
}

/**
 * The engine that {@link useEngine} would use for a choice, without loading it.
 *
 * @param fetching as there; `onWarning` is told why `auto` has to do without onnxruntime
 * @throws L2cafError as there, of fetching
 */
export async function engineFor(
  choice: EngineChoice,
  fetching?: Fetching & { readonly onWarning?: (text: string) => void },
): Promise<EngineName> {
  const wanted = onDevice(choice, deviceWanted());
  const lack = fetching && (await provideFor(wanted, fetching));
  if (wanted !== 'auto') return wanted;
  if ((await locateOnnxruntime()) !== undefined) return 'onnxruntime';
  const used = await autoBackend();
  if (lack !== undefined) fetching?.onWarning?.(slower(lack, used));
  return used;
}

/** The backend that {@link useBackend} would use for `auto`, without loading it. */
export async function autoBackend(): Promise<'wasm' | 'tensorflow'> {
  return (await findNativePackage()) === undefined ? 'wasm' : 'tensorflow';
}

interface NativePackage {
  readonly name: string;
  readonly entry: string;
  readonly version: string;
}

/**
 * Looks for a native package beside l2caf, or in the `node_modules` of the folder that `L2CAF_TFJS_NODE` names (for
 * machines where its own install step cannot download).
 */
async function findNativePackage(): Promise<NativePackage | undefined> {
  const elsewhere = process.env['L2CAF_TFJS_NODE'];
  const require = createRequire(elsewhere ? pathToFileURL(resolve(elsewhere, 'package.json')) : import.meta.url);
  for (const name of NATIVE_PACKAGES) {
    try {
      const { version } = require(`${name}/package.json`) as { version: string };
      return { name, version, entry: require.resolve(name) };
    } catch {
      // Not installed: try the next one.
    }
  }
  return undefined;
}

async function useTensorflow(native: NativePackage, reason: string): Promise<BackendInfo> {
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '2';
  // Its oneDNN kernels divide by what a processor says of its caches: some, in virtual machines, say 0, and the process dies.
  process.env['TF_ENABLE_ONEDNN_OPTS'] ??= '0';
  restoreRemovedUtil();
  try {
    // tfjs keeps its engine and kernel registry on globalThis, so the package's own copy of tfjs-core registers here too.
    withoutWarnings(() => createRequire(import.meta.url)(native.entry) as unknown);
    await activate('tensorflow');
  } catch (cause) {
    throw new L2cafError(
      'backend-unavailable',
      `${native.name} is installed but cannot be loaded: ${messageOf(cause)}`,
      {
        hint: `npm rebuild ${native.name}, or use --backend wasm`,
        cause,
      },
    );
  }
  return { name: 'tensorflow', detail: `${native.name} ${native.version}`, reason };
}

/** tfjs-node 4.22 calls two functions that Node 23 removed from its `util`. */
function restoreRemovedUtil(): void {
  const util = createRequire(import.meta.url)('node:util') as Record<string, unknown>;
  util['isArray'] ??= Array.isArray;
  util['isNullOrUndefined'] ??= (value: unknown): boolean => value === null || value === undefined;
}

/** A second copy of tfjs-core warns about every kernel that is registered already: several hundred lines. */
function withoutWarnings(load: () => void): void {
  const { warn } = console;
  console.warn = () => {};
  try {
    load();
  } finally {
    console.warn = warn;
  }
}

async function useWasm(reason: string): Promise<BackendInfo> {
  try {
    createRequire(import.meta.url)('@tensorflow/tfjs-backend-wasm'); // a third of the time of `import`
    await activate('wasm');
  } catch (cause) {
    throw new L2cafError('backend-unavailable', `the wasm backend cannot be loaded: ${messageOf(cause)}`, {
      hint: 'run npm install again, or use --backend cpu',
      cause,
    });
  }
  avoidTransposedWasmMatMul();
  mendWasmStrides();
  speedUpWasmConvGradients();
  return { name: 'wasm', detail: `tfjs-backend-wasm ${tf.version_core}, SIMD, one thread`, reason };
}

/** The GPU for networks, wasm for everything else (see {@link onBackend}). */
async function useWebgpu(reason: string): Promise<BackendInfo> {
  if (missingPackages(WEBGPU_PACKAGES).length > 0) {
    throw new L2cafError('backend-unavailable', 'the webgpu backend is not installed', {
      hint: `${installCommand(WEBGPU_PACKAGES)}, or use --backend wasm`,
    });
  }
  try {
    openedAdapter ??= await openAdapter();
    if (openedAdapter !== undefined) await activate('webgpu');
  } catch (cause) {
    throw new L2cafError('backend-unavailable', `the webgpu backend cannot be loaded: ${messageOf(cause)}`, {
      hint: `install it again (${installCommand(WEBGPU_PACKAGES)}), or use --backend wasm`,
      cause,
    });
  }
  if (openedAdapter === undefined) {
    throw new L2cafError('backend-unavailable', 'the webgpu backend finds no graphics adapter', {
      hint: 'install a driver for the GPU (on Linux: Vulkan, with libvulkan1), or use --backend wasm',
    });
  }
  await useWasm(reason);
  return { name: 'webgpu', detail: `${openedAdapter}; filters on wasm`, reason };
}

/** The adapter's name, once it is open: a process opens it once. */
let openedAdapter: string | undefined;

/** Puts the GPU where the backend looks for it, which is where a browser has it; undefined when there is none. */
async function openAdapter(): Promise<string | undefined> {
  const { create, globals } = await import('webgpu');
  Object.assign(globalThis, globals);
  const gpu = create([]);
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (adapter === null) return undefined;
  const { navigator = {} } = globalThis as { navigator?: object };
  Object.defineProperty(navigator, 'gpu', { value: gpu, configurable: true });
  Object.defineProperty(globalThis, 'navigator', { value: navigator, configurable: true });
  await import('@tensorflow/tfjs-backend-webgpu');
  return describeAdapter(adapter);
}

function describeAdapter({ info }: GPUAdapter): string {
  const { vendor, architecture, device, description } = info;
  return description || [vendor, architecture, device].filter((part) => part !== '').join(' ');
}

async function activate(name: string): Promise<void> {
  const accepted = await tf.setBackend(name);
  await tf.ready();
  if (!accepted || tf.getBackend() !== name) throw new Error(`tfjs did not switch to ${name}`);
}
