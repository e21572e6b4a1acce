/**
 * A user's network as the frozen trunk of a recurrent head: everything before one of its layers, a picture at a time. A head
 * that was trained on it becomes one network file with it (`withHead`), which needs nothing beside it.
 */
import { createHash } from 'node:crypto';
import { basename, extname } from 'node:path';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { type ModelProtoSchema, type NodeProto, NodeProtoSchema, TensorProtoSchema } from 'onnx-buf';
import { L2cafError } from '../../base/errors.ts';
import { createRandom } from '../../base/random.ts';
import type { GridShape, PictureSize } from '../../base/types.ts';
import { type Card, preprocessingOf } from '../card.ts';
import { picturesToChannelsLast } from '../channels-last.ts';
import type { Head } from '../head.ts';
import { hasTime, parseLayout } from '../layout.ts';
import { type Preprocessing, preprocessed } from '../preprocessing.ts';
import { GraphBuilder } from './builder.ts';
import { inlined, tensorNamed } from './cut.ts';
import { addHead, EVENT_TENSORS, eventCard, framesOf } from './event-graph.ts';
import { opsetOf } from './file.ts';
import { ancestors } from './graph.ts';
import { kindOf } from './pictures.ts';
import { layerOf, type OnnxOptions, pictureTensor, type ReadNetwork, readNetwork } from './read.ts';
import { floatsOf, type OnnxSession, openSession } from './runtime.ts';

/** Layouts whose frames are apart, and whether their channels come last. */
const LAYOUTS: Readonly<Record<string, boolean>> = {
  'b c h w': false,
  '(b t) c h w': false,
  'b h w c': true,
  '(b t) h w c': true,
};
/** Orders of the input that begin with events and frames, or with pictures. */
const INPUTS = ['b t c h w', 'b t h w c', 'b c h w', 'b h w c'];

/** Before them the operators of a head do other things. */
const OLDEST_OPERATORS = 11;
/** By how much a frame's features may differ in other company, of the largest. */
const COMPANY = 1e-4;
/** Frames that are tried together. */
const TRIED = 3;

/** See the head of the file. Dispose of it when done. */
export class OnnxTrunk {
  /** The file's name. */
  readonly id: string;
  /** Of everything that features depend on. */
  readonly sha256: string;
  /** Of the file. */
  readonly fileSha256: string;
  /** The layer whose output the features are. */
  readonly layer: string;
  readonly size: PictureSize;
  /** Frames of an event, where the file was exported for a fixed number. */
  readonly frames?: number;
  readonly grid: GridShape;
  readonly channels: number;
  /** What was guessed. */
  readonly notes: readonly string[];
  readonly #parts: TrunkParts;
  readonly #session: OnnxSession;

  private constructor(parts: TrunkParts, session: OnnxSession, [, channels, height, width]: readonly number[]) {
    const { read, layer, layout, preprocessing, frames, notes } = parts;
    const { path, graph, pictures } = read;
    this.id = basename(path, extname(path));
    this.fileSha256 = graph.file.sha256;
    this.sha256 = createHash('sha256')
      .update(JSON.stringify([this.fileSha256, layer, layout, preprocessing, pictures.size]))
      .digest('hex');
    [this.layer, this.size, this.notes] = [layer, pictures.size, notes];
    if (frames !== undefined) this.frames = frames;
    [this.grid, this.channels] = [{ height: height!, width: width! }, channels!];
    [this.#parts, this.#session] = [parts, session];
  }

  /**
   * Opens a network file, and finds out whether it sees each frame by itself.
   *
   * @throws L2cafError as `readNetwork` and `layerOf`; `usage` for layers whose frames or cells are not apart, networks with
   *   further inputs, of a fixed batch, or whose pictures are not stretched; `model-invalid` for operators older than version 11
   */
  static async open(path: string, options: OnnxOptions = {}): Promise<OnnxTrunk> {
    const read = await readNetwork(path, options);
    const parts = await partsOf(read, options);
    const session = await openSession(`the part of ${path} before ${parts.layer}`, featuresGraph(parts));
    try {
      const dims = await expectApart(session, parts);
      if (parts.each === undefined) return new OnnxTrunk(parts, session, dims);
      const [first] = parts.each as readonly [string];
      const ofFirst = await openSession(
        `the part of ${path} before ${first}`,
        featuresGraph({ ...parts, each: [first] }),
      );
      session.release();
      return new OnnxTrunk(parts, ofFirst, dims); // of one picture no more than one call is needed
    } catch (error) {
      session.release();
      throw error;
    }
  }

  /** A picture of the network's size, `[h, w, 3]` bytes → its features, `[h', w', c]`. */
  async features(rgb: Uint8Array): Promise<Float32Array> {
    const { frames = 1 } = this.#parts;
    const one = preprocessed(rgb, this.#parts.preprocessing);
    const { values } = await run(
      this.#session,
      this.#parts,
      Array.from({ length: frames }, () => one),
    );
    const { height, width } = this.grid;
    const data = values.subarray(0, this.channels * height * width); // those of the first frame
    return picturesToChannelsLast({ shape: [1, this.channels, height, width], data }).data;
  }

  /** The trunk with a head on it as one network, and its card, which names the trunk's licences. */
  withHead(head: Pick<Head, 'spec' | 'weights'>, frames: number): { readonly bytes: Uint8Array; readonly card: Card } {
    const { graph, features } = trunkGraph(this.#parts, framesOf(head.spec, frames));
    const layer = addHead(graph, features, head, frames);
    const input = this.#inputCard(frames);
    const { licences } = this.#parts.read.card;
    return {
      bytes: graph.bytes(modelOf(this.#parts)),
      card: { ...eventCard(input, layer, head.spec), ...(licences && { licences }) },
    };
  }

  /** The trunk alone, without what lies behind its layer, and its card: opened again, it gives the same features. */
  alone(): { readonly bytes: Uint8Array; readonly card: Card } {
    const { licences } = this.#parts.read.card;
    const [tensor, layout] = [TRUNK_OUTPUT, '(b t) c h w'];
    return {
      bytes: featuresGraph(this.#parts),
      card: { input: this.#inputCard(this.frames), layer: { tensor, layout }, ...(licences && { licences }) },
    };
  }

  /** How a graph of this file wants its clips. */
  #inputCard(frames: number | undefined): NonNullable<Card['input']> {
    const { range, mean, std, channels } = this.#parts.read.card.input ?? {};
    return {
      layout: clipLayout(this.#parts),
      ...(frames !== undefined && { frames }),
      size: [this.size.height, this.size.width],
      ...(channels && { channels }),
      ...(range && { range }),
      ...(mean !== undefined && { mean }),
      ...(std !== undefined && { std }),
    };
  }

  /** Frees the network. */
  dispose(): void {
    this.#session.release();
  }
}

/** What the features are called in a graph that ends with them. */
const TRUNK_OUTPUT = 'result';

/** A network, and where it is cut. */
interface TrunkParts {
  readonly read: ReadNetwork;
  readonly layer: string;
  readonly layout: string;
  readonly preprocessing: Preprocessing;
  /** Frames that it was exported for, where that is fixed. */
  readonly frames?: number;
  /** Of a network that is called for one frame after another: the layer's tensor of each, in order of time. */
  readonly each?: readonly string[];
  readonly notes: readonly string[];
}

async function partsOf(read: ReadNetwork, options: OnnxOptions): Promise<TrunkParts> {
  const { path, graph, card, pictures, constants } = read;
  const preprocessing = preprocessingOf(card, path, kindOf(pictures));
  const named = card.layer?.tensor;
  const isNamed = typeof named === 'string' && named !== 'last';
  const found = isNamed ? undefined : await layerOf(read, options);
  const isLast = pictures.layout.axes.at(-1)!.names[0] === 'c';
  const folded = hasTime(pictures.layout) ? '(b t)' : 'b';
  const said = found?.layout ?? card.layer?.layout ?? `${folded} ${isLast ? 'h w c' : 'c h w'}`;
  const layer = found?.tensor ?? tensorNamed(graph, String(named));
  if (layer === undefined)
    throw refused(path, `it has no tensor or node named ${named}`, 'l2caf models inspect lists them');
  const each = graph.joins.get(layer)?.parts;
  const layout = each ? said.replace('(t b)', '(b t)') : said; // put together event by event
  if (each && each.length !== pictures.frames) {
    const why = `it is called for ${each.length} of ${pictures.frames} frames`;
    throw refused(path, why, 'export what is called in the loop by itself, for pictures');
  }
  if (pictures.channels !== 3)
    throw refused(path, 'it takes grey pictures', 'training gives it those of three colours');
  if (graph.fixed.has(layer))
    throw refused(path, `${layer} does not depend on the pictures`, 'name another layer (--layer)');
  if (!(layout in LAYOUTS)) {
    const why = `its layer ${layer} is ${layout}, which does not keep frames and cells apart`;
    throw refused(path, why, `layers that do: ${Object.keys(LAYOUTS).join(', ')} (l2caf models inspect)`);
  }
  if (!INPUTS.includes(pictures.layout.text)) {
    throw refused(path, `its input is ${pictures.layout.text}`, `export it with one of: ${INPUTS.join(', ')}`);
  }
  if (pictures.size.resize !== undefined) {
    throw refused(path, 'training stretches frames, and its card says otherwise', 'leave input.resize out of the card');
  }
  if (Object.keys(constants).length > 0) {
    throw refused(path, 'it takes further inputs', 'export it with the pictures as its only input');
  }
  const opset = opsetOf(graph.file);
  if (opset < OLDEST_OPERATORS) {
    throw new L2cafError('model-invalid', `${path} cannot be a trunk: its operators are of version ${opset}`, {
      hint: `export it with opset_version=${OLDEST_OPERATORS} or later`,
    });
  }
  const why = found?.why ? [`the head stands on ${layer} (${layout}): ${found.why}`] : [];
  const isFixed = each !== undefined || (hasTime(pictures.layout) && fixedFrames(read));
  return {
    // That any number of frames is taken is as it should be.
    ...{
      read,
      layer,
      layout,
      preprocessing,
      notes: [...(hasTime(pictures.layout) && !isFixed ? [] : read.notes), ...why],
    },
    ...(isFixed && { frames: pictures.frames }),
    ...(each && { each }),
  };
}

/** Whether the file itself says how many frames there are. */
function fixedFrames({ graph, pictures }: ReadNetwork): boolean {
  const { type } = graph.file.graph.input.find(({ name }) => name === pictures.name)!;
  const dims = type?.value.case === 'tensorType' ? (type.value.value.shape?.dim ?? []) : [];
  return dims[pictures.layout.axes.findIndex(({ names }) => names[0] === 't')]?.value.case === 'dimValue';
}

/** Order of a clip's axes: those of the file's pictures, after events and frames. */
function clipLayout({ read }: TrunkParts): string {
  const { text } = read.pictures.layout;
  return hasTime(read.pictures.layout) ? text : text.replace(/^b/, 'b t');
}

/** From clips of so many frames, `t` for any, to features `(b t) c h w`: the file's nodes before the layer, under names of their own. */
function trunkGraph(parts: TrunkParts, count: number | string = 't'): { graph: GraphBuilder; features: string } {
  const { read, layer, layout } = parts;
  const { graph: file, pictures } = read;
  const { height, width } = pictures.size;
  const graph = new GraphBuilder();
  const picture = clipLayout(parts).endsWith('c') ? [height, width, 3] : [3, height, width];
  const frames = graph.input(EVENT_TENSORS.frames, ['b', parts.frames ?? count, ...picture]);
  const folded = hasTime(pictures.layout)
    ? frames
    : graph.node('Reshape', [frames, graph.integers('fold/shape', [-1, ...picture])], 'fold');
  graph.cast(folded, ofTrunk(pictures.name), pictures.type);
  const { each = [layer] } = parts;
  const places = [...ancestors(file, each)].sort((a, b) => a - b);
  for (const place of places) graph.add(renamed(read.path, file.nodes[place]!));
  const wanted = new Set(places.flatMap((place) => file.reads[place]!));
  for (const tensor of file.constants.values()) {
    if (!wanted.has(tensor.name)) continue;
    graph.tensor(create(TensorProtoSchema, { ...inlined(file.file, tensor), name: ofTrunk(tensor.name) }));
  }
  const found = each.map((tensor, i) => {
    const single = graph.cast(ofTrunk(tensor), `trunk features ${i}`, 'float32');
    return LAYOUTS[layout] ? graph.node('Transpose', [single], `features ${i}`, { perm: [0, 3, 1, 2] }) : single;
  });
  return { graph, features: found.length === 1 ? found[0]! : framesTogether(graph, found) };
}

/** Features `b c h w` of each frame → `(b t) c h w`. */
function framesTogether(graph: GraphBuilder, each: readonly string[]): string {
  const beside = graph.node('Concat', each, 'features beside each other', { axis: 1 }); // b (t c) h w
  const [from, to] = [graph.integers('features/from', [1]), graph.integers('features/to', [4])];
  const map = graph.node('Slice', [graph.node('Shape', [each[0]!], 'features/shape'), from, to], 'features/map');
  const shape = graph.node('Concat', [graph.integers('features/frames', [-1]), map], 'features/all', { axis: 0 });
  return graph.node('Reshape', [beside, shape], 'features');
}

/** What a trunk's tensor is called beside a head. */
function ofTrunk(name: string): string {
  return name === '' ? '' : `trunk/${name}`;
}

/** @throws L2cafError `model-invalid` for loops and branches, which name tensors inside */
function renamed(path: string, node: NodeProto): NodeProto {
  if (node.attribute.some(({ g, graphs }) => g !== undefined || graphs.length > 0)) {
    throw new L2cafError('model-invalid', `${path} cannot be a trunk: it has a ${node.opType} before the layer`);
  }
  const { input, output, name } = node;
  return create(NodeProtoSchema, {
    ...{ ...node, name: ofTrunk(name), input: input.map(ofTrunk), output: output.map(ofTrunk) },
  });
}

/** The file's versions and functions. */
function modelOf({ read }: TrunkParts): MessageInitShape<typeof ModelProtoSchema> {
  const { irVersion, opsetImport, functions } = read.graph.file.model;
  return { irVersion, opsetImport, functions };
}

function featuresGraph(parts: TrunkParts): Uint8Array {
  const { graph, features } = trunkGraph(parts);
  graph.output(graph.node('Identity', [features], TRUNK_OUTPUT), [undefined, undefined, undefined, undefined]);
  return graph.bytes(modelOf(parts));
}

/** Frames `[h, w, 3]` each, as one clip → the features of all, `(b t) c h w`. */
async function run(session: OnnxSession, parts: TrunkParts, frames: readonly Float32Array[]) {
  const { size } = parts.read.pictures;
  const clip = new Float32Array(frames.length * frames[0]!.length);
  for (const [t, frame] of frames.entries()) clip.set(frame, t * frame.length);
  const layout = parseLayout(clipLayout(parts));
  const tensor = pictureTensor({ layout, frames: frames.length, channels: 3, size, type: 'float32' }, clip);
  const { [TRUNK_OUTPUT]: result } = await session.run({ [EVENT_TENSORS.frames]: tensor }, [TRUNK_OUTPUT]);
  return { values: floatsOf(result!), dims: result!.dims };
}

/**
 * Tries a clip of different frames, and its first among copies of itself: its features must be the same. Returns the
 * shape of the features, `[t, c, h, w]`.
 *
 * @throws L2cafError `usage`
 */
async function expectApart(session: OnnxSession, parts: TrunkParts): Promise<readonly number[]> {
  const { path, pictures } = parts.read;
  const count = parts.frames ?? TRIED;
  const random = createRandom(0, count);
  const length = pictures.size.height * pictures.size.width * 3;
  const noise = Array.from({ length: count }, () => Float32Array.from({ length }, () => 2 * random.uniform() - 1));
  const alone = parts.frames ? noise.map(() => noise[0]!) : [noise[0]!];
  const dynamic = 'export it with the first axis dynamic: dynamic_axes={"pictures": {0: "b"}}';
  const [together, own] = await Promise.all([run(session, parts, noise), run(session, parts, alone)]).catch(
    (cause: unknown) => {
      throw refused(path, `it takes no ${count} pictures at once`, dynamic, cause);
    },
  );
  const [t, , height, width] = together.dims;
  if (together.dims.length !== 4 || t !== count) {
    const shape = together.dims.join('×');
    throw refused(path, `its layer ${parts.layer} has the shape ${shape} for ${count} frames`, dynamic);
  }
  if (height! * width! === 1) {
    throw refused(path, `its layer ${parts.layer} has one place for the whole picture`, EARLIER);
  }
  const size = together.values.length / count;
  const first = together.values.subarray(0, size);
  const largest = first.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  if (!first.every((value, i) => Math.abs(value - own.values[i]!) <= COMPANY * largest)) {
    throw refused(path, `at ${parts.layer} its frames are mixed already`, EARLIER);
  }
  return together.dims;
}

function refused(path: string, why: string, hint: string, cause?: unknown): L2cafError {
  return new L2cafError('usage', `${path} cannot be a trunk: ${why}`, { hint, ...(cause !== undefined && { cause }) });
}

const EARLIER = 'name an earlier layer: --layer (l2caf models inspect lists them)';
