/** An ONNX network of the user's as a `VideoModel`: opened with its card, cut where the card or the graph says. */
import { createHash } from 'node:crypto';
import { basename, dirname, extname } from 'node:path';
import { L2cafError, throwIfAborted } from '../../base/errors.ts';
import type { FrameBatch, GridShape } from '../../base/types.ts';
import type { MapTail } from '../../l2caf/tail.ts';
import { type Card, labelsOf, preprocessingOf, questionsIn } from '../card.ts';
import { lastFrameNote, ofLastFrame, sizePerFrame } from '../each-frame.ts';
import { parseLayout } from '../layout.ts';
import { type Preprocessing, preprocessed } from '../preprocessing.ts';
import {
  describedSize,
  type FeatureMaps,
  type ImportedDescription,
  type ModelInput,
  type ModelOutput,
  outputNamed,
  type Unlearning,
  type VideoModel,
  type VideoTail,
} from '../video-model.ts';
import { attentionRollout, attentionTensors } from './attention.ts';
import { withOutputs } from './cut.ts';
import { CutNetwork, type Feeds, type FilterSpan } from './cut-network.ts';
import type { CutEvent } from './cut-run.ts';
import { declared, kindOf } from './pictures.ts';
import { NOTHING } from './places.ts';
import {
  layerOf,
  type NetworkLayer,
  type OnnxOptions,
  pictureTensor,
  probeOf,
  type ReadNetwork,
  readNetwork,
} from './read.ts';
import { modelOutput } from './resolve.ts';
import { type OnnxSession, openSession } from './runtime.ts';
import { unlearnt, weightPartsOf } from './unlearn.ts';

/** See the head of the file. Dispose of it when done. */
export class OnnxNetwork implements VideoModel {
  readonly id: string;
  readonly sha256: string;
  readonly input: ModelInput;
  readonly outputs: readonly ModelOutput[];
  readonly grid: GridShape;
  /** What was guessed, and what a person should know. */
  readonly notes: readonly string[];
  readonly filter: FilterSpan;
  /** Where filters act. @internal */
  readonly layer: NetworkLayer;
  /** What was read of its file and its card. @internal */
  readonly read: ReadNetwork;
  /** Of a network of single pictures. */
  readonly joined?: (maps: readonly FeatureMaps[]) => FeatureMaps;
  readonly #cut: CutNetwork;
  readonly #preprocessing: Preprocessing;
  readonly #events = new WeakMap<FeatureMaps, readonly CutEvent[]>();
  /** What events were fed: their attention is computed when it is asked for. */
  readonly #feeds = new WeakMap<CutEvent, Feeds>();
  /** Names of the attention matrices. */
  readonly #attention: readonly string[];
  #attending: Promise<OnnxSession> | undefined;

  private constructor(
    read: ReadNetwork,
    cut: CutNetwork,
    preprocessing: Preprocessing,
    outputs: readonly ModelOutput[],
    id: string | undefined,
  ) {
    const { pictures, card, graph } = read;
    const { t, h, w } = cut.sizes;
    this.id = id ?? basename(read.path, extname(read.path));
    const { frames: usual = 3, eventSec } = card.input ?? {};
    this.input = {
      ...(pictures.frames === 1 ? { usualFrames: usual } : { frames: pictures.frames }),
      ...{ size: pictures.size, ...(eventSec !== undefined && { eventSec }) },
    };
    if (pictures.frames === 1) this.joined = (maps) => this.#mapsOf(maps.flatMap((one) => this.#eventsOf(one)));
    this.outputs = outputs;
    this.grid = { height: h, width: w };
    this.layer = { tensor: cut.cut.layer, layout: cut.layout.text, grid: [t, h, w] };
    this.filter = card.filter ?? 'slice';
    const { frames } = pictures;
    const isShared = t === 1 && frames > 1;
    const shared = `the layer does not tell the ${frames} frames apart: they share one map`;
    const { name, size: each } = outputs[0]!;
    const isOfEach = each !== cut.outputSizes.get(name);
    this.notes = [...read.notes, ...(isShared ? [shared] : []), ...(isOfEach ? [lastFrameNote(name, each)] : [])];
    [this.read, this.#cut, this.#preprocessing] = [read, cut, preprocessing];
    this.#attention = attentionTensors(graph, outputs[0]!.name);
    const { layout, size } = pictures;
    const constants = Object.entries(read.constants).map(([name, { type, dims, data }]) => {
      return [name, type, dims, createHash('sha256').update(data).digest('hex')];
    });
    const said = [preprocessing, pictures.name, layout.text, frames, size, constants, cut.cut.layer, cut.layout.text];
    this.sha256 = createHash('sha256')
      .update(JSON.stringify([graph.file.sha256, said, this.filter, ...outputs]))
      .digest('hex');
  }

  /**
   * Opens a network: reads it and its card, finds the layer where none is named, and makes both parts ready.
   *
   * @throws L2cafError as {@link readNetwork}, `surveyNetwork` and `CutNetwork.open`; `usage` when there is no layer to
   *   filter, or nothing says how pictures are given
   */
  static async open(path: string, options: OnnxOptions = {}): Promise<OnnxNetwork> {
    const read = await readNetwork(path, options);
    const preprocessing = preprocessingOf(read.card, path, kindOf(read.pictures));
    const named = await layerOf(read, options);
    const chosen = named.why ? [`filters act on ${named.tensor} (${named.layout}): ${named.why}`] : [];
    return OnnxNetwork.#cutAt({ ...read, notes: [...read.notes, ...chosen] }, named, preprocessing, options);
  }

  static async #cutAt(
    read: ReadNetwork,
    named: NetworkLayer,
    preprocessing: Preprocessing,
    options: Pick<OnnxOptions, 'id' | 'isSteady' | 'signal'>,
  ): Promise<OnnxNetwork> {
    const { path, graph, card, pictures, output, scores } = read;
    const { layer = {} } = card;
    const grid = layer.grid && { height: layer.grid.at(-2)!, width: layer.grid.at(-1)! };
    const slices = layer.grid?.length === 3 ? layer.grid[0] : named.grid?.[0];
    const isOther = grid !== undefined || scores !== undefined || options.signal?.aborted; // than the search has opened
    if (isOther) named.network?.dispose();
    throwIfAborted(options.signal);
    const cut =
      (isOther ? undefined : named.network) ??
      (await CutNetwork.open(graph, {
        layer: named.tensor,
        layout: parseLayout(named.layout),
        outputs: [output.tensor, ...(scores ? [scores.tensor] : [])],
        example: (events) => probeOf(read, NOTHING, events),
        known: { t: slices ?? pictures.frames, grid, aspect: pictures.size.width / pictures.size.height },
        ...(options.isSteady && { isSteady: true }),
      }));
    try {
      if (cut.sizes.t > pictures.frames) {
        throw new L2cafError(
          'usage',
          `the layer ${named.tensor} has ${cut.sizes.t} slices of time for ${pictures.frames} frames`,
          {
            hint: 'choose another layer (l2caf models inspect)',
          },
        );
      }
      const described = async (one: typeof output, said: Card['output']): Promise<ModelOutput> => {
        const labels = await labelsOf({ output: said }, dirname(path));
        const all = cut.outputSizes.get(one.tensor)!;
        const areScores = (said?.kind ?? (labels || one.isSquashed ? 'scores' : 'embedding')) === 'scores';
        const info = graph.file.graph.output.find(({ name }) => name === (said?.tensor ?? graph.outputs[0]));
        const dims = (info && declared(info)?.dims) ?? [];
        const lastAxis = dims.length > 1 && dims.at(-1)! > 0 ? dims.at(-1) : undefined;
        const each = sizePerFrame({ size: all, lastAxis, frames: pictures.frames, areScores, labels });
        const found = modelOutput(path, one.tensor, each ?? all, one.isSquashed, { output: said }, labels);
        return { ...found, ...questionsIn(said ?? {}, labels, path) };
      };
      const outputs = [await described(output, card.output)];
      if (scores) outputs.push(await described(scores, { ...card.scores, kind: 'scores' }));
      return new OnnxNetwork(read, cut, preprocessing, outputs, options.id);
    } catch (error) {
      cut.dispose();
      throw error;
    }
  }

  /** A network of single pictures takes any number of frames, one after another. */
  async features(frames: FrameBatch): Promise<FeatureMaps> {
    const { pictures } = this.read;
    const [count, rows, columns] = frames.shape;
    const { size } = pictures;
    const isSingle = pictures.frames === 1;
    if ((!isSingle && count !== pictures.frames) || rows !== size.height || columns !== size.width) {
      throw new L2cafError(
        'shape-mismatch',
        `the network takes ${pictures.frames} frames of ${size.width}x${size.height}, got ${count} of ${columns}x${rows}`,
        { hint: `use --frames ${pictures.frames}` },
      );
    }
    const events: CutEvent[] = [];
    const bytes = pictures.frames * rows * columns * 3;
    for (let first = 0; first < frames.rgb.length; first += bytes) {
      events.push(await this.#run(frames.rgb.subarray(first, first + bytes)));
    }
    return this.#mapsOf(events);
  }

  /** The maps of an event, or of pictures that are one. */
  #mapsOf(events: readonly CutEvent[]): FeatureMaps {
    const { t, h, w, c } = this.#cut.sizes;
    const data = new Float32Array(events.length * t * h * w * c);
    for (const [i, event] of events.entries()) data.set(this.#cut.mapsOf(event), i * t * h * w * c);
    const slices = events.length * t;
    const frames = events.length * this.read.pictures.frames;
    const maps: FeatureMaps = { data, shape: [slices, h, w, c], frames };
    this.#events.set(maps, events);
    return maps;
  }

  #eventsOf(maps: FeatureMaps): readonly CutEvent[] {
    const events = this.#events.get(maps);
    if (events !== undefined) return events;
    throw new L2cafError(
      'shape-mismatch',
      `these maps are not of ${this.id}: an imported network needs all that it saw`,
    );
  }

  /** Bytes of one event's frames through the first part. */
  async #run(rgb: Uint8Array): Promise<CutEvent> {
    const { pictures, constants } = this.read;
    const clip = pictureTensor(pictures, preprocessed(rgb, this.#preprocessing, pictures.channels));
    const feeds = { ...constants, [pictures.name]: clip };
    const event = await this.#cut.run(feeds);
    if (this.#attention.length > 0) this.#feeds.set(event, feeds);
    return event;
  }

  /** Attention rollout of an event, `[t, h, w]`. */
  async #rollout(event: CutEvent): Promise<Float32Array> {
    const { graph } = this.read;
    const { path, externalData } = graph.file;
    const names = this.#attention;
    this.#attending ??= openSession(path, withOutputs(graph, names), externalData);
    const matrices = await (await this.#attending).run(this.#feeds.get(event)!, names);
    const { layout, sizes } = this.#cut;
    const values = attentionRollout(
      names.map((name) => matrices[name]!),
      layout,
      sizes,
    );
    if (values !== undefined) return values;
    const { h, w } = sizes;
    throw new L2cafError(
      'usage',
      `rollout needs attention over the ${h}x${w} places of the layer, which ${this.id} has not`,
      {
        hint: 'its attention is over other things, such as time, or windows; use l2caf or gradcam',
      },
    );
  }

  /** A tail that offers the rollout of its event. */
  #attended(event: CutEvent, tail: MapTail): MapTail {
    if (this.#attention.length === 0) return tail;
    const cells = tail.grid.height * tail.grid.width;
    let all: Promise<Float32Array> | undefined;
    return {
      ...tail,
      rollout: async (slot) => {
        all ??= this.#rollout(event);
        return (await all).slice(slot * cells, (slot + 1) * cells);
      },
    };
  }

  /** Of a network of single pictures, several frames have the mean of their outputs. */
  tail(maps: FeatureMaps, output: string = this.outputs[0]!.name): VideoTail {
    const events = this.#eventsOf(maps);
    if (outputNamed(this.outputs, output) === undefined) {
      const has = this.outputs.map(({ name }) => name).join(', ');
      throw new L2cafError('usage', `the model has no output ${output}`, { hint: `it has ${has}` });
    }
    const tails = events.map((event) => this.#attended(event, this.#cut.tail(event, output, this.filter)));
    if (tails.length > 1) return meanTail(tails);
    const [wanted, [tail]] = [outputNamed(this.outputs, output)!, tails as [MapTail]];
    return wanted.size === tail.outputSize ? tail : ofLastFrame(tail, wanted);
  }

  /** See {@link VideoModel.unlearning}. */
  unlearning(): Unlearning {
    const read = this.read;
    const { behind, before } = weightPartsOf(read.graph, this.layer.tensor, this.outputs[0]!.name);
    const parts = [...behind, ...before];
    if (parts.length === 0) {
      throw new L2cafError('usage', `${read.path} holds no weights that could be drawn anew`, {
        hint: 'they may lie inside a loop: export the network without one',
      });
    }
    const named = this.layer;
    return {
      parts: parts.map(({ name }) => name),
      behind: behind.length,
      without: async (count, seed) => {
        const graph = unlearnt(read.graph, parts.slice(0, count), seed);
        return OnnxNetwork.#cutAt({ ...read, graph }, named, this.#preprocessing, { id: this.id });
      },
    };
  }

  describe(): ImportedDescription {
    const { tensor, layout } = this.layer;
    return {
      kind: 'imported',
      id: this.id,
      sha256: this.sha256,
      format: 'onnx',
      layer: tensor,
      layout,
      output: this.outputs[0]!.name,
      ...describedSize(this.input.size),
      grid: this.grid,
      ...(this.read.card.licences && { licences: this.read.card.licences }),
    };
  }

  dispose(): void {
    this.#attending?.then((session) => session.release()).catch(() => {});
    this.#cut.dispose();
  }
}

/** Several pictures, each a tail of one slot, whose output is the mean of theirs. */
function meanTail(tails: readonly MapTail[]): MapTail {
  const count = tails.length;
  const { grid, outputSize } = tails[0]!;
  const reference = new Float32Array(outputSize);
  for (const tail of tails) for (let k = 0; k < outputSize; k++) reference[k]! += tail.reference[k]! / count;
  /** Rows of one slot after another, put back in the order of the rows. */
  const evaluate = async (
    rows: Float32Array,
    slots: readonly number[],
    of: (tail: MapTail, rows: Float32Array, slots: readonly number[]) => Promise<Float32Array>,
  ): Promise<Float32Array> => {
    const size = rows.length / slots.length;
    const results = new Float32Array(slots.length * outputSize);
    for (const slot of new Set(slots)) {
      const places = slots.flatMap((other, row) => (other === slot ? [row] : []));
      const own = new Float32Array(places.length * size);
      for (const [i, row] of places.entries()) own.set(rows.subarray(row * size, (row + 1) * size), i * size);
      const tail = tails[slot]!;
      const outputs = await of(tail, own, new Array<number>(places.length).fill(0));
      for (const [i, row] of places.entries()) {
        for (let k = 0; k < outputSize; k++) {
          const moved = outputs[i * outputSize + k]! - tail.reference[k]!;
          results[row * outputSize + k] = reference[k]! + moved / count;
        }
      }
    }
    return results;
  };
  return {
    ...{ slots: count, grid, outputSize, reference },
    evaluate: (filters, slots) => evaluate(filters, slots, (tail, rows, own) => tail.evaluate(rows, own)),
    ...(tails[0]!.rollout && { rollout: (slot: number) => tails[slot]!.rollout!(0) }),
    mapOf: (slot) => tails[slot]!.mapOf(0),
    evaluateMaps: (maps, slots) => evaluate(maps, slots, (tail, rows, own) => tail.evaluateMaps(rows, own)),
    ...(count > 1 && {
      subsets: {
        absent: 'left-out',
        evaluate: (present) => Promise.resolve(meansOf(tails, present)),
      },
    }),
    dispose: () => {},
  };
}

/** Of sets of pictures, the mean of their outputs, `[n, d]`; zero for that of none. */
function meansOf(tails: readonly MapTail[], present: Uint8Array): Float32Array {
  const size = tails[0]!.outputSize;
  const means = new Float32Array((present.length / tails.length) * size);
  for (let row = 0; row < present.length / tails.length; row++) {
    const members = tails.filter((_, slot) => present[row * tails.length + slot] === 1);
    for (const { reference } of members) {
      for (let k = 0; k < size; k++) means[row * size + k]! += reference[k]! / members.length;
    }
  }
  return means;
}
