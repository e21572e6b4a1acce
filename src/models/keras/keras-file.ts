/**
 * Keras's .h5 and .keras files, and TensorFlow.js's model.json: what each says of the network's build, and where its weights
 * are. What a file is, is told by its content. Nothing in a file is run, and nothing is fetched.
 */
import { createHash } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import { dirname, isAbsolute, relative, resolve, sep } from 'node:path';
import { unzipSync } from 'fflate';
import { L2cafError, messageOf } from '../../base/errors.ts';
import { jsonIn, readInput } from '../../base/input-files.ts';
import { fromFloat16 } from '../float16.ts';
import { type H5File, openH5 } from './h5-file.ts';
import { isObject, type Json, type JsonObject, shapeText, sizeOf } from './layer-config.ts';
import { type ModelSpec, readModel } from './topology.ts';
import type { StoredWeight, StoredWeights } from './weights.ts';

/** A network as its file has it. Close it when its weights are read. */
export interface KerasFile {
  readonly format: 'keras-h5' | 'keras' | 'tfjs-layers';
  readonly model: ModelSpec;
  /** Major version of the Keras that wrote it; 2 for TensorFlow.js, which computes like it. */
  readonly kerasMajor: number;
  readonly weights: StoredWeights;
  /** Of the file, and of those it names, hexadecimal. */
  readonly sha256: string;
  /** Frees the memory that it takes. */
  close(): void;
}

const MOST_BYTES = 2 ** 31 - 1;

/**
 * Opens a network's file.
 *
 * @throws L2cafError `input-not-found`, `input-unreadable`; `package-missing` without h5wasm; `model-invalid` or
 *   `weights-invalid` when it is none, or damaged
 */
export async function openKerasFile(path: string): Promise<KerasFile> {
  const bytes = await readInput(path, { maxBytes: MOST_BYTES });
  if (bytes.subarray(0, 8).equals(HDF5_START)) return await fromH5(path, bytes);
  if (bytes.subarray(0, 4).equals(ZIP_START)) return await fromArchive(path, bytes);
  const json = bytes.length <= MOST_JSON_BYTES ? jsonIn(bytes) : undefined;
  if (isObject(json as Json)) return await fromModelJson(path, bytes, json as JsonObject);
  throw new L2cafError(
    'model-invalid',
    `${path} is neither a Keras file (.h5, .keras) nor a model.json of TensorFlow.js`,
    {
      hint: bytes.length === 0 ? 'it is empty' : 'if it is one, it is damaged: copy or save it again',
    },
  );
}

const HDF5_START = Buffer.from('\x89HDF\r\n\x1a\n', 'latin1');
const ZIP_START = Buffer.from('PK\x03\x04', 'latin1');
const MOST_JSON_BYTES = 2 ** 26;

async function fromH5(path: string, bytes: Buffer): Promise<KerasFile> {
  const file = await openH5(bytes, path);
  try {
    const config = file.text('model_config');
    if (config === undefined) {
      throw new L2cafError('model-invalid', `${path} has weights only: it does not say how the network is built`, {
        hint: 'build the network in Keras, load_weights into it, and save all of it: model.save("net.keras")',
      });
    }
    const root = file.has('model_weights') ? 'model_weights' : '';
    return {
      format: 'keras-h5',
      model: readModel(config),
      kerasMajor: majorOf(file.text('keras_version')),
      weights: { kind: 'by-layer', of: (layer) => listed(file, `${root}/${layer}`) },
      sha256: hashOf(bytes),
      close: () => file.close(),
    };
  } catch (error) {
    file.close();
    throw error;
  }
}

/** The weights that a group lists. */
function listed(file: H5File, group: string): StoredWeight[] {
  return (file.names(group, 'weight_names') ?? [])
    .filter((name) => !isSeed(name))
    .map((name) => file.weight(group, name));
}

/** Keras keeps the state of random numbers among the weights. */
function isSeed(name: string): boolean {
  return name.includes('seed_generator');
}

function majorOf(version: string | undefined): number {
  return Number.parseInt(version ?? '2', 10);
}

/** Parts of a .keras archive, and how large each may be when unpacked. */
const PARTS: Readonly<Record<string, number>> = {
  'config.json': MOST_JSON_BYTES,
  'metadata.json': 2 ** 20,
  'model.weights.h5': MOST_BYTES,
};
/** Weights are hardly ever packed to less than a tenth. */
const MOST_PACKING = 200;

async function fromArchive(path: string, bytes: Buffer): Promise<KerasFile> {
  const parts = unpacked(path, bytes);
  const [config, weights] = [parts['config.json'], parts['model.weights.h5']];
  if (config === undefined || weights === undefined) {
    throw new L2cafError(
      'model-invalid',
      `${path} lacks ${config === undefined ? 'config.json' : 'model.weights.h5'}`,
      {
        hint: 'a .keras file is an archive of config.json, metadata.json and model.weights.h5',
      },
    );
  }
  const metadata = jsonIn(Buffer.from(parts['metadata.json'] ?? [])) as Json | undefined;
  const version = isObject(metadata) ? metadata['keras_version'] : undefined;
  const file = await openH5(weights, `model.weights.h5 in ${path}`);
  try {
    const root = LAYER_FOLDERS.find((name) => file.has(name)) ?? LAYER_FOLDERS[0]!;
    return {
      format: 'keras',
      model: readModel(Buffer.from(config).toString()),
      kerasMajor: majorOf(typeof version === 'string' ? version : '3'),
      weights: {
        kind: 'by-folder',
        in: (folder) => inFolder(file, folder.map((name) => name ?? root).join('/')),
      },
      sha256: hashOf(bytes),
      close: () => file.close(),
    };
  } catch (error) {
    file.close();
    throw error;
  }
}

/** Where a .keras file has the layers of a network; the second name is that of Keras 2.12. */
const LAYER_FOLDERS = ['layers', '_layer_checkpoint_dependencies'];

function unpacked(path: string, bytes: Buffer): Readonly<Record<string, Uint8Array>> {
  try {
    return unzipSync(bytes, {
      filter: ({ name, size, originalSize }) => {
        if (!Object.hasOwn(PARTS, name)) return false;
        if (originalSize > PARTS[name]! || originalSize > MOST_PACKING * size + 2 ** 20) {
          throw new L2cafError('model-invalid', `${path}: ${name} would be unpacked to ${originalSize} bytes`);
        }
        return true;
      },
    });
  } catch (cause) {
    if (cause instanceof L2cafError) throw cause;
    throw new L2cafError('model-invalid', `${path} cannot be unpacked: ${messageOf(cause)}`, {
      hint: 'is it whole? Copy or save it again',
      cause,
    });
  }
}

/** Folders within the folder of a layer, at most: a file may link a folder into itself. */
const DEEPEST_FOLDER = 8;

/** All weights in a folder: its own by number, then those of the layers within; the forward one of two first. */
function inFolder(file: H5File, folder: string, depth = 0): StoredWeight[] {
  if (depth > DEEPEST_FOLDER) {
    throw new L2cafError('weights-invalid', `the weights in ${folder} lie in folders within folders without end`);
  }
  const { groups, datasets } = file.children(folder);
  if (groups.length + datasets.length > MOST_ENTRIES) {
    throw new L2cafError(
      'weights-invalid',
      `the folder ${folder} of weights has ${groups.length + datasets.length} entries`,
    );
  }
  const own = groups.includes('vars') ? [...file.children(`${folder}/vars`).datasets] : [];
  const inner = groups.filter((name) => name !== 'vars' && !isSeed(name)).sort((a, b) => rank(a) - rank(b));
  return [
    ...own.sort((a, b) => Number(a) - Number(b)).map((name) => file.weight(`${folder}/vars`, name)),
    ...inner.flatMap((name) => inFolder(file, `${folder}/${name}`, depth + 1)),
  ];
}

/** Of a folder of weights within a layer. */
const MOST_ENTRIES = 64;

function rank(name: string): number {
  return ['forward_layer', 'backward_layer'].indexOf(name);
}

/** One file of weights, as model.json names it. */
interface Shard {
  readonly paths: readonly string[];
  readonly weights: readonly { readonly name: string; readonly shape: readonly number[]; readonly dtype: string }[];
}

async function fromModelJson(path: string, bytes: Buffer, json: JsonObject): Promise<KerasFile> {
  const { modelTopology: topology, weightsManifest: manifest, format } = json;
  if (!isObject(topology) || !Array.isArray(manifest)) {
    throw new L2cafError(
      'model-invalid',
      `${path} is not a model.json of TensorFlow.js: it lacks modelTopology or weightsManifest`,
    );
  }
  if (format === 'graph-model' || 'node' in topology) {
    throw new L2cafError('model-invalid', `${path} holds a graph model of TensorFlow.js; only layers models are read`, {
      hint: 'take the Keras file it was made of, or export the network to ONNX',
    });
  }
  const build = topology['model_config'] ?? topology;
  const version = topology['keras_version'];
  const hash = createHash('sha256').update(bytes);
  const all: StoredWeight[] = [];
  for (const shard of manifest as Json[]) all.push(...(await weightsIn(path, shardOf(path, shard), hash)));
  return {
    format: 'tfjs-layers',
    model: readModel(build),
    kerasMajor: majorOf(typeof version === 'string' && /^\d/.test(version) ? version : undefined),
    weights: { kind: 'list', all: all.filter(({ path: name }) => !isSeed(name)) },
    sha256: hash.digest('hex'),
    close: () => {},
  };
}

/** @throws L2cafError `weights-invalid` when a part of the manifest is malformed, or quantised */
function shardOf(path: string, value: Json): Shard {
  const { paths, weights } = isObject(value) ? value : {};
  const isWeight = (weight: Json): boolean =>
    isObject(weight) &&
    typeof weight['name'] === 'string' &&
    typeof weight['dtype'] === 'string' &&
    Array.isArray(weight['shape']) &&
    weight['shape'].every((length) => Number.isSafeInteger(length) && (length as number) >= 0);
  const isManifest =
    Array.isArray(paths) &&
    paths.every((one) => typeof one === 'string') &&
    Array.isArray(weights) &&
    weights.every(isWeight);
  if (!isManifest) throw new L2cafError('weights-invalid', `${path}: its weightsManifest is malformed`);
  const quantised = weights.find((weight) => {
    const how = (weight as JsonObject)['quantization'];
    return isObject(how) && how['dtype'] !== 'float16';
  }) as JsonObject | undefined;
  if (quantised !== undefined) {
    throw new L2cafError('weights-invalid', `${path}: the weights ${String(quantised['name'])} are quantised`, {
      hint: 'the slopes of a quantised network mean nothing: convert the network without quantisation',
    });
  }
  return {
    paths: paths as string[],
    weights: (weights as JsonObject[]).map((weight) => ({
      name: weight['name'] as string,
      shape: weight['shape'] as number[],
      dtype: isObject(weight['quantization']) ? 'float16' : (weight['dtype'] as string),
    })),
  };
}

const BYTES: Readonly<Record<string, number>> = { float32: 4, int32: 4, float16: 2 };

async function weightsIn(
  model: string,
  { paths, weights }: Shard,
  hash: { update(data: Uint8Array): unknown },
): Promise<StoredWeight[]> {
  const parts: Buffer[] = [];
  for (const name of paths) {
    const part = await readInput(await beside(model, name), { maxBytes: MOST_BYTES });
    hash.update(part);
    parts.push(part);
  }
  const bytes = Buffer.concat(parts);
  let at = 0;
  const stored = weights.map(({ name, shape, dtype }): StoredWeight => {
    const width = Object.hasOwn(BYTES, dtype) ? BYTES[dtype]! : undefined;
    if (width === undefined)
      throw new L2cafError('weights-invalid', `${model}: the weights ${name} are ${dtype}, not float32`);
    const [begin, length] = [at, sizeOf(shape) * width];
    at += length;
    if (at > bytes.length) {
      throw new L2cafError(
        'weights-invalid',
        `${model}: ${paths.join(', ')} end before the weights ${name} ${shapeText(shape)}`,
      );
    }
    return { path: name, shape, read: () => decoded(bytes.subarray(begin, begin + length), dtype) };
  });
  if (at !== bytes.length)
    throw new L2cafError('weights-invalid', `${model}: ${paths.join(', ')} are longer than their weights`);
  return stored;
}

function decoded(bytes: Uint8Array, dtype: string): Float32Array {
  const { buffer } = Uint8Array.from(bytes); // begins where numbers may
  if (dtype === 'float16') return fromFloat16(new Uint16Array(buffer));
  return dtype === 'int32' ? Float32Array.from(new Int32Array(buffer)) : new Float32Array(buffer);
}

/** A file that a model.json names: in its folder or below, links followed. */
async function beside(model: string, name: string): Promise<string> {
  const folder = dirname(resolve(model));
  const path = resolve(folder, name);
  const [realFolder, real] = await Promise.all([folder, path].map((one) => realpath(one).catch(() => one)));
  const isInside = (from: string, to: string): boolean => {
    const way = relative(from, to);
    return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
  };
  if (!name.includes('://') && isInside(folder, path) && isInside(realFolder!, real!)) return path;
  throw new L2cafError('weights-invalid', `${model} names weights outside its folder: ${name}`, {
    hint: 'put the files of weights beside the model.json',
  });
}

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
