/** onnxruntime, which computes ONNX graphs: not among the packages that l2caf installs, so its types stay in here. */
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { L2cafError, messageOf } from '../../base/errors.ts';
import { fromOptional, installCommand, ONNX_PACKAGES } from '../../base/optional.ts';
import { DEVICES, type Device, deviceWanted } from '../choices.ts';
import { fromFloat16, toFloat16 } from '../float16.ts';
import { locateOnnxruntime } from './locate.ts';

/** A tensor in plain values. */
export interface OnnxTensor {
  readonly type: OrtTensor.Type;
  readonly dims: readonly number[];
  readonly data: Float32Array | Float64Array | BigInt64Array | Int32Array | Uint8Array | Uint16Array;
}

/** A graph that is ready to run. */
export interface OnnxSession {
  /** Computes the outputs that are named, or all. */
  run(feeds: Readonly<Record<string, OnnxTensor>>, outputs?: readonly string[]): Promise<Record<string, OnnxTensor>>;
  /** Frees it. */
  release(): void;
}

/** A file that weights of a graph lie in. */
export interface ExternalData {
  readonly path: string;
  readonly data: Uint8Array;
}

type Runtime = typeof import('onnxruntime-node');

let loaded: Promise<Runtime> | undefined;

/** Loads it, once. */
function runtime(): Promise<Runtime> {
  loaded ??= load()
    .then(quiet)
    .catch((error: unknown) => {
      loaded = undefined; // it may have been installed or pulled by the next time
      throw error;
    });
  return loaded;
}

/** What goes wrong is thrown; it need not be written to the terminal as well. */
function quiet(ort: Runtime): Runtime {
  ort.env.logLevel = 'fatal';
  return ort;
}

async function load(): Promise<Runtime> {
  const found = await locateOnnxruntime();
  if (found === undefined) {
    throw new L2cafError('package-missing', 'onnxruntime is not there', {
      hint: `l2caf models pull --engine, or ${installCommand(ONNX_PACKAGES)}`,
    });
  }
  if (found.from === 'installed') {
    return fromOptional('an ONNX network', ONNX_PACKAGES, async () => {
      const { default: module, ...named } = (await import('onnxruntime-node')) as Runtime & { default?: Runtime };
      return module ?? (named as Runtime);
    });
  }
  try {
    return createRequire(import.meta.url)(found.path) as Runtime;
  } catch (cause) {
    throw new L2cafError(
      'package-missing',
      `onnxruntime, as it is in the cache, cannot be loaded: ${messageOf(cause)}`,
      {
        hint: 'use --backend wasm, or, for systems that it was not built for, install a build that was',
        cause,
      },
    );
  }
}

/**
 * The version of onnxruntime, which is loaded.
 *
 * @throws L2cafError `package-missing` where it is not there or cannot be loaded
 */
export async function onnxVersion(): Promise<string> {
  return (await runtime()).env.versions.node ?? '';
}

let threads = availableParallelism();

/** Threads of every graph that is made ready from now on in this process, at least 1; without it as many as there are cores. */
export function useOnnxThreads(count: number): void {
  threads = Math.max(1, count);
}

/** @throws L2cafError `backend-unavailable` when this build of onnxruntime does not know the device at all */
function checkDevice(ort: Runtime, device: Device): void {
  const known = ort.listSupportedBackends().map(({ name }) => name);
  if (known.includes(device)) return;
  throw new L2cafError('backend-unavailable', `this build of onnxruntime does not compute on ${device}`, {
    hint: `--device ${known.filter((name) => DEVICES.some((own) => own === name)).join(' or ')}, or another build of onnxruntime-node`,
  });
}

/**
 * Makes a graph ready, on the device that is wanted (`choices.ts`).
 *
 * @param name what it is, for messages
 * @throws L2cafError `package-missing` without onnxruntime; `backend-unavailable` when the device cannot be had; `model-invalid` when it cannot run the graph, with what it says
 */
export async function openSession(
  name: string,
  bytes: Uint8Array,
  externalData: readonly ExternalData[] = [],
): Promise<OnnxSession> {
  const ort = await runtime();
  const device = deviceWanted();
  if (device !== 'cpu') checkDevice(ort, device);
  let session: InferenceSession;
  try {
    session = await ort.InferenceSession.create(bytes, {
      executionProviders: device === 'cpu' ? [device] : [device, 'cpu'],
      intraOpNumThreads: threads,
      logSeverityLevel: 4,
      // All but what it does to weights in half precision, which ends the process where a transposed tensor is multiplied (1.30).
      graphOptimizationLevel: 'layout',
      extra: { session: { intra_op: { allow_spinning: '0' } } },
      ...(externalData.length > 0 && { externalData: externalData.map(({ path, data }) => ({ path, data })) }),
    });
  } catch (cause) {
    if (device !== 'cpu') {
      throw new L2cafError('backend-unavailable', `${name} cannot be run on ${device}: ${inWords(cause)}`, {
        hint: `install what onnxruntime-node needs for ${device}, or use --device cpu`,
        cause,
      });
    }
    throw new L2cafError('model-invalid', `${name} cannot be run: ${inWords(cause)}`, {
      hint: /bfloat16/.test(messageOf(cause))
        ? 'it computes in bfloat16, which onnxruntime does not on a CPU: export it in single precision, model.float()'
        : 'export it again with operators that onnxruntime knows',
      cause,
    });
  }
  return {
    run: async (feeds, outputs = session.outputNames) => {
      const inputs = Object.fromEntries(
        Object.entries(feeds).map(([key, { type, data, dims }]) => [
          key,
          // On Nodes that have arrays of halves the constructor makes one of these, which onnxruntime itself cannot read.
          type === 'float16'
            ? ({ type, data, dims, location: 'cpu' } as unknown as OrtTensor)
            : new ort.Tensor(type as 'float32', data as Float32Array, dims),
        ]),
      );
      try {
        const results = await session.run(inputs, outputs);
        return Object.fromEntries(outputs.map((key) => [key, valuesOf(results[key]!)]));
      } catch (cause) {
        throw new L2cafError('model-invalid', `${name} cannot be run on this input: ${inWords(cause)}`, { cause });
      }
    },
    release: () => void session.release().catch(() => {}),
  };
}

function valuesOf({ type, dims, data }: OrtTensor): OnnxTensor {
  if (type !== 'float16') return { type, dims, data: data as OnnxTensor['data'] };
  const { buffer, byteOffset, length } = data as Uint16Array; // or an array of halves, on Nodes that have them
  return { type, dims, data: new Uint16Array(buffer, byteOffset, length) };
}

/** What onnxruntime says, without the places in its own sources, and which of its functions said so. */
function inWords(error: unknown): string {
  return messageOf(error)
    .replace(/\S+\.(cc|h):\d+\s*/g, '')
    .replace(/^.*?Status Message:\s*/, '')
    .replace(/^\[ONNXRuntimeError\][\s:\d]*/, '')
    .replace(/^[\w:<>*&,~ ]*::\w+\((?:[^()]|\([^()]*\))*\)\s*(?:const\s+)?/, '');
}

/** Whether numbers can be made of it without loss of meaning. */
export function isFloating({ type }: OnnxTensor): boolean {
  return type === 'float32' || type === 'float16' || type === 'float64';
}

/** A tensor of real numbers in single precision. */
export function floatsOf({ type, data }: OnnxTensor): Float32Array {
  if (type === 'float32') return data as Float32Array;
  if (type === 'float16') return fromFloat16(data as Uint16Array);
  return Float32Array.from(data as Float64Array);
}

/** Numbers as a tensor of a type; as bytes and other whole numbers, the nearest ones. */
export function tensorOf(type: OrtTensor.Type, values: Float32Array, dims: readonly number[]): OnnxTensor {
  if (type === 'float16') return { type, dims, data: toFloat16(values) };
  if (type === 'float64') return { type, dims, data: Float64Array.from(values) };
  if (type === 'uint8') return { type, dims, data: new Uint8Array(Uint8ClampedArray.from(values).buffer) };
  if (type === 'int32') return { type, dims, data: Int32Array.from(values, Math.round) };
  if (type === 'int64') return { type, dims, data: BigInt64Array.from(values, (value) => BigInt(Math.round(value))) };
  return { type, dims, data: values };
}
