/** Tiny networks on a disk, opened as a user's are. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRandom } from '../../../src/base/random.ts';
import type { FrameBatch } from '../../../src/base/types.ts';
import type { Card } from '../../../src/models/card.ts';
import { parseLayout } from '../../../src/models/layout.ts';
import { CutNetwork, type Feeds } from '../../../src/models/onnx/cut-network.ts';
import { readOnnx } from '../../../src/models/onnx/file.ts';
import { graphOf } from '../../../src/models/onnx/graph.ts';
import { OnnxNetwork } from '../../../src/models/onnx/network.ts';
import { tensorOf } from '../../../src/models/onnx/runtime.ts';
import type { TinyFiles } from './tiny-networks.ts';

/** What a card must at least say. */
export const RANGE = { input: { range: [0, 1] as [number, number] } } satisfies Card;

/** Where a network is cut, and what it is fed. */
export interface TinyCut {
  readonly layer: string;
  readonly layout: string;
  readonly output: string;
  /** Dimensions of the inputs, of one event. */
  readonly inputs: Readonly<Record<string, readonly number[]>>;
  /** Whether they are in half precision. */
  readonly halves?: boolean;
}

/** A folder that goes away, with networks in it and what has been opened of them. */
export class TinyFolder {
  readonly path: string;
  readonly #opened: { dispose(): void }[] = [];
  #count = 0;

  private constructor(path: string) {
    this.path = path;
  }

  static async make(): Promise<TinyFolder> {
    return new TinyFolder(await mkdtemp(join(tmpdir(), 'l2caf-onnx-')));
  }

  /** Writes a network, and its weights under `external` where they are apart. Returns its path. */
  async write({ bytes, external }: Pick<TinyFiles, 'bytes'> & Partial<TinyFiles>, name?: string): Promise<string> {
    const path = join(this.path, `${name ?? `net${this.#count++}`}.onnx`);
    await writeFile(path, bytes);
    if (external && external.length > 0) await writeFile(join(this.path, 'weights.bin'), external);
    return path;
  }

  /** Opens a network as a user does. */
  async open(files: Pick<TinyFiles, 'bytes'> & Partial<TinyFiles>, card: Card = RANGE): Promise<OnnxNetwork> {
    const network = await OnnxNetwork.open(await this.write(files), { card });
    this.#opened.push(network);
    return network;
  }

  /** Cuts a network where it is said, and runs it on noise. */
  async cut(
    files: TinyFiles,
    { layer, layout, output, inputs, halves = false }: TinyCut,
  ): Promise<{ network: CutNetwork; feeds: Feeds }> {
    const example = (events: number): Feeds => noise(inputs, events, halves ? 'float16' : 'float32');
    const network = await CutNetwork.open(graphOf(await readOnnx(await this.write(files))), {
      ...{ layer, layout: parseLayout(layout), outputs: [output], example },
      known: { t: layout.includes('t') ? 3 : 1, aspect: 1 },
    });
    this.#opened.push(network);
    return { network, feeds: example(1) };
  }

  /** Frees what was opened, and deletes the folder. */
  async remove(): Promise<void> {
    for (const network of this.#opened) network.dispose();
    await rm(this.path, { recursive: true });
  }
}

/** Noise in [-1, 1), the same for every event. */
function noise(inputs: TinyCut['inputs'], events: number, type: 'float16' | 'float32'): Feeds {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, dims]) => {
      const random = createRandom(3, dims.length);
      const one = Float32Array.from(
        { length: dims.reduce((product, n) => product * n, 1) },
        () => 2 * random.uniform() - 1,
      );
      const data = new Float32Array(events * one.length);
      for (let event = 0; event < events; event++) data.set(one, event * one.length);
      return [name, tensorOf(type, data, [dims[0]! * events, ...dims.slice(1)])];
    }),
  );
}

/** Frames of noise. */
export function noiseFrames(t: number, height: number, width: number): FrameBatch {
  const random = createRandom(4, t);
  const rgb = Uint8Array.from({ length: t * height * width * 3 }, () => 256 * random.uniform());
  return { rgb, shape: [t, height, width, 3], timestampsSec: Array.from({ length: t }, (_, i) => i / 10) };
}
