/**
 * The one place that knows about TensorFlow.js backends: chooses, loads and checks the one that will run the network.
 * `wasm` ships with the package and works everywhere; `tensorflow` (native, faster) is used when the user installed it.
 */
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { assertNever, L2cafError, messageOf } from '../errors.ts';
import { speedUpWasmConvGradients } from './wasm-conv-gradient.ts';
import { avoidTransposedWasmMatMul } from './wasm-matmul.ts';

/** Backends a user can ask for; `auto` is `tensorflow` where installed, else `wasm`. */
export const BACKEND_CHOICES = ['auto', 'tensorflow', 'wasm', 'cpu'] as const;
/** See {@link BACKEND_CHOICES}. */
export type BackendChoice = (typeof BACKEND_CHOICES)[number];

/** The backend that runs, and why it was chosen. */
export interface BackendInfo {
  readonly name: Exclude<BackendChoice, 'auto'>;
  /** Where it came from, e.g. `@tensorflow/tfjs-node 4.22.0 (libtensorflow 2.9.1)`. */
  readonly detail: string;
  /** Why this one. */
  readonly reason: string;
}

/** Native packages, in the order in which they are tried. */
const NATIVE_PACKAGES = ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'] as const;

/**
 * Makes `choice` the backend of this process.
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
          hint: 'npm install @tensorflow/tfjs-node@4.22.0 (or tfjs-node-gpu), or use --backend wasm',
        });
      }
      return useTensorflow(native, 'asked for');
    }
    case 'wasm':
      return useWasm('asked for');
    case 'cpu':
      await activate('cpu');
      return { name: 'cpu', detail: `plain JavaScript, tfjs ${tf.version.tfjs}`, reason: 'asked for' };
    default:
      return assertNever(choice);
  }
}

/** The backend that {@link useBackend} would use for a choice, without loading it. */
export async function backendFor(choice: BackendChoice): Promise<BackendInfo['name']> {
  if (choice !== 'auto') return choice;
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
    await import('@tensorflow/tfjs-backend-wasm');
    await activate('wasm');
  } catch (cause) {
    throw new L2cafError('backend-unavailable', `the wasm backend cannot be loaded: ${messageOf(cause)}`, {
      hint: 'run npm install again, or use --backend cpu',
      cause,
    });
  }
  avoidTransposedWasmMatMul();
  speedUpWasmConvGradients();
  return { name: 'wasm', detail: `tfjs-backend-wasm ${tf.version.tfjs}, SIMD, one thread`, reason };
}

async function activate(name: string): Promise<void> {
  const accepted = await tf.setBackend(name);
  await tf.ready();
  if (!accepted || tf.getBackend() !== name) throw new Error(`tfjs did not switch to ${name}`);
}
