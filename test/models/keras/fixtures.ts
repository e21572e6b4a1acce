/** Networks that Keras made (fixtures/keras), as the files that they could have come in. */
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import h5wasm from 'h5wasm';
import type { FrameBatch } from '../../../src/base/types.ts';
import { fromFloat16 } from '../../../src/models/float16.ts';
import type { KerasOptions } from '../../../src/models/keras/keras-network.ts';
import { isObject, type Json, type JsonObject } from '../../../src/models/keras/layer-config.ts';

export const FIXTURES: string = resolve(import.meta.dirname, '..', '..', '..', 'fixtures', 'keras');

/** A weight as Keras has it. */
export interface FixtureWeight {
  readonly layer: string;
  readonly name: string;
  readonly shape: readonly number[];
  readonly float16: string;
}

/** A network with what Keras makes of {@link framesFor} it. */
export interface FixtureCase {
  readonly name: string;
  readonly input: readonly number[];
  /** Of its pictures' input, where they lie in it in another order. */
  readonly layout?: string;
  /** What its other inputs were given. */
  readonly constants?: Readonly<Record<string, readonly number[]>>;
  readonly topology: JsonObject;
  readonly weights: readonly FixtureWeight[];
  readonly outputs: readonly (readonly number[])[];
}

const archives = await Promise.all(
  ['layers.json.gz', 'channels-first.json.gz'].map(async (name) => {
    return JSON.parse(gunzipSync(await readFile(join(FIXTURES, name))).toString()) as Fixtures;
  }),
);

interface Fixtures {
  readonly keras: string;
  readonly cases: readonly FixtureCase[];
}

/** Every network of the fixtures. */
export const CASES: readonly FixtureCase[] = archives.flatMap(({ cases }) => cases);

export function caseOf(name: string): FixtureCase {
  return CASES.find((one) => one.name === name)!;
}

/** How a network of the fixtures is opened. */
export function optionsOf({ layout, constants = {}, input }: FixtureCase): KerasOptions {
  const isSaid = layout !== undefined && /\(t|^t h w c$/.test(layout); // frames on channels, or in an input each
  return { constants, ...(isSaid && { layout: `b ${layout}`, frames: input[0]! }) };
}

/** The frames that Keras was given, of which a grey network has seen one channel. */
export function framesFor({ input }: Pick<FixtureCase, 'input'>): FrameBatch {
  const [height, width, channels] = input.slice(-3) as [number, number, number];
  const frames = input.length === 4 ? input[0]! : 1;
  const bytes = Uint8Array.from({ length: frames * height * width * channels }, (_, i) => {
    return (7919 * i + 13 * ((i * i) % 97)) % 256;
  });
  const rgb =
    channels === 3 ? bytes : Uint8Array.from({ length: 3 * bytes.length }, (_, i) => bytes[Math.floor(i / 3)]!);
  return { rgb, shape: [frames, height, width, 3], timestampsSec: Array.from({ length: frames }, (_, i) => i) };
}

export function valuesOf({ float16 }: FixtureWeight): Float32Array {
  const bytes = Uint8Array.from(Buffer.from(float16, 'base64'));
  return fromFloat16(new Uint16Array(bytes.buffer));
}

/** A folder of its own. */
export function temporaryFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'l2caf-keras-'));
}

/** As a model.json with its weights beside it; `edit` changes what is written. */
export async function asModelJson(
  { topology, weights }: FixtureCase,
  edit: (json: Record<string, unknown>) => unknown = (json) => json,
): Promise<string> {
  const folder = await temporaryFolder();
  await writeFile(
    join(folder, 'group1-shard1of1.bin'),
    Buffer.concat(weights.map((one) => Buffer.from(valuesOf(one).buffer))),
  );
  const manifest = weights.map(({ name, shape }) => ({ name, shape, dtype: 'float32' }));
  const json = {
    format: 'layers-model',
    modelTopology: { keras_version: archives[0]!.keras, backend: 'tensorflow', model_config: topology },
    weightsManifest: [{ paths: ['group1-shard1of1.bin'], weights: manifest }],
  };
  const path = join(folder, 'model.json');
  await writeFile(path, JSON.stringify(edit(json)));
  return path;
}

/** What an .h5 file is made of. */
export interface H5Parts {
  readonly config: string | undefined;
  readonly version: string;
  readonly weights: readonly {
    readonly layer: string;
    readonly name: string;
    readonly shape: readonly number[];
    readonly data: Float32Array | Int8Array;
  }[];
}

/** As an .h5 file of a version of Keras; `edit` changes what is written. */
export async function asH5(
  { topology, weights }: FixtureCase,
  edit: (parts: H5Parts) => H5Parts = (parts) => parts,
): Promise<string> {
  const path = join(await temporaryFolder(), 'net.h5');
  await writeFile(
    path,
    await h5Bytes(
      edit({
        config: JSON.stringify(topology),
        version: archives[0]!.keras,
        weights: weights.map((one) => ({ ...one, data: valuesOf(one) })),
      }),
    ),
  );
  return path;
}

let files = 0;

async function h5Bytes({ config, version, weights }: H5Parts): Promise<Uint8Array> {
  const { FS } = (await h5wasm.ready) as unknown as {
    FS: { readFile(path: string): Uint8Array; unlink(path: string): void };
  };
  const path = `/fixture-${files++}.h5`;
  const file = new h5wasm.File(path, 'w');
  if (config !== undefined) file.create_attribute('model_config', config);
  file.create_attribute('keras_version', version);
  const root = file.create_group('model_weights');
  const layers = [...new Set(weights.map(({ layer }) => layer))];
  for (const layer of layers) {
    const group = root.create_group(layer);
    const own = weights.filter((one) => one.layer === layer);
    group.create_attribute(
      'weight_names',
      own.map(({ name }) => name),
    );
    for (const { name, shape, data } of own) {
      const folders = name.split('/').slice(0, -1);
      folders.forEach((_, i) => {
        const at = folders.slice(0, i + 1).join('/');
        if (group.get(at) === null) group.create_group(at);
      });
      group.create_dataset({ name, data, shape: [...shape] });
    }
  }
  file.close();
  const bytes = FS.readFile(path);
  FS.unlink(path);
  return bytes;
}

/** The topology in the words of Keras 2: shapes, inputs of layers and dtypes were written otherwise. */
export function inKeras2Words(topology: Json): Json {
  if (Array.isArray(topology)) return topology.map(inKeras2Words);
  if (!isObject(topology)) return topology;
  const words = Object.entries(topology).flatMap(([key, value]): [string, Json][] => {
    if (key === 'module' || key === 'registered_name' || key === 'build_config') return [];
    if (key === 'batch_shape') return [['batch_input_shape', value]];
    if (key === 'dtype') return [['dtype', 'float32']];
    if (key === 'inbound_nodes') return [['inbound_nodes', (value as Json[]).map(nodeInKeras2Words)]];
    return [[key, inKeras2Words(value)]];
  });
  return Object.fromEntries(words);
}

function nodeInKeras2Words(node: Json): Json {
  const refs = (value: Json): Json[] => {
    if (Array.isArray(value)) return value.flatMap(refs);
    const { keras_history: history } = (value as { config: { keras_history: Json[] } }).config;
    return [[...history, {}]];
  };
  return refs((node as { args: Json }).args);
}
