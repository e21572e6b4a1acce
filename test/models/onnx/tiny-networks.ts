/** Tiny networks as ONNX files, made in memory: seeded weights, operators as exporters write them. */
import { create } from '@bufbuild/protobuf';
import {
  StringStringEntryProtoSchema,
  TensorProto_DataLocation,
  TensorProto_DataType,
  TensorProtoSchema,
} from 'onnx-buf';
import { createRandom } from '../../../src/base/random.ts';
import { toFloat16 } from '../../../src/models/float16.ts';
import { type ElementType, GraphBuilder, integerTensor, type Size } from '../../../src/models/onnx/builder.ts';

/** How weights are kept. */
export interface TinyOptions {
  readonly float16?: boolean;
  /** Name of the file beside the network that its weights are to lie in. */
  readonly external?: string;
}

/** An ONNX file and, where there is one, the file of weights beside it. */
export interface TinyFiles {
  readonly bytes: Uint8Array;
  readonly external: Uint8Array;
}

/** A graph with seeded weights. */
export class TinyGraph extends GraphBuilder {
  readonly #options: TinyOptions;
  readonly #type: TensorProto_DataType;
  #external: Uint8Array = new Uint8Array(0);

  constructor(options: TinyOptions = {}) {
    super();
    this.#options = options;
    this.#type = options.float16 ? TensorProto_DataType.FLOAT16 : TensorProto_DataType.FLOAT;
  }

  override input(name: string, sizes: readonly Size[], type: ElementType = this.#type): string {
    return super.input(name, sizes, type);
  }

  override output(name: string, sizes: readonly Size[], type: ElementType = this.#type): void {
    super.output(name, sizes, type);
  }

  /** Normal weights of standard deviation `scale`; the same name has the same ones. */
  weights(name: string, dims: readonly number[], scale = 0.4): string {
    return this.values(name, dims, tinyWeights(name, product(dims), scale));
  }

  values(name: string, dims: readonly number[], values: Float32Array): string {
    const data = this.#options.float16 ? toFloat16(values) : values;
    const rawData = Uint8Array.from(new Uint8Array(data.buffer));
    const { external } = this.#options;
    const shape = { name, dims: dims.map(BigInt), dataType: this.#type };
    if (external === undefined) this.tensor(create(TensorProtoSchema, { ...shape, rawData }));
    else {
      const entries = { location: external, offset: String(this.#external.length), length: String(rawData.length) };
      const externalData = Object.entries(entries).map(([key, value]) =>
        create(StringStringEntryProtoSchema, { key, value }),
      );
      const dataLocation = TensorProto_DataLocation.EXTERNAL;
      this.tensor(create(TensorProtoSchema, { ...shape, dataLocation, externalData }));
      this.#external = Uint8Array.from([...this.#external, ...rawData]);
    }
    return name;
  }

  /** A whole number as a constant without axes. */
  number(name: string, value: number): string {
    return this.tensor(create(TensorProtoSchema, { ...integerTensor(name, [value]), dims: [] }));
  }

  /** A convolution with bias and a ReLU behind it, which is called `name`. Kernel `[out, in, ...]`. */
  convolution(input: string, name: string, kernel: readonly number[], strides: readonly number[]): string {
    const pads = kernel.slice(2).map((n) => (n - 1) >> 1);
    const weights = [this.weights(`${name}.weight`, kernel), this.weights(`${name}.bias`, kernel.slice(0, 1), 0.2)];
    const attributes = { kernel_shape: kernel.slice(2), strides, pads: [...pads, ...pads] };
    return this.node('Relu', [this.node('Conv', [input, ...weights], `${name}/conv`, attributes)], name);
  }

  /** `[n, in]` → `[n, out]`. */
  dense(input: string, name: string, sizes: readonly [number, number]): string {
    const weights = [this.weights(`${name}.weight`, sizes), this.weights(`${name}.bias`, [sizes[1]], 0.2)];
    return this.node('Gemm', [input, ...weights], name);
  }

  /** Mean over the cells: `[n, c, ...]` → `[n, c]`. */
  pooled(input: string): string {
    return this.node('Flatten', [this.node('GlobalAveragePool', [input], 'pooled')], 'flat');
  }

  files(): TinyFiles {
    return { bytes: this.bytes(), external: this.#external };
  }
}

/** The weights that a name has in all tiny networks. */
export function tinyWeights(name: string, count: number, scale = 0.4): Float32Array {
  const random = createRandom(7, ...Buffer.from(name));
  return Float32Array.from({ length: count }, () => scale * random.normal());
}

function product(dims: readonly number[]): number {
  return dims.reduce((all, n) => all * n, 1);
}

/** Pictures 16×16 → `features` 4×4×8 → mean → 5 `scores`: affine behind the layer. */
export function pictureCnn(options: TinyOptions = {}): TinyFiles {
  const graph = new TinyGraph(options);
  const early = graph.convolution(graph.input('pictures', ['batch', 3, 16, 16]), 'early', [6, 3, 3, 3], [2, 2]);
  const features = graph.convolution(early, 'features', [8, 6, 3, 3], [2, 2]);
  graph.dense(graph.pooled(features), 'scores', [8, 5]);
  graph.output('scores', ['batch', 5]);
  return graph.files();
}

/** As {@link pictureCnn}, with a LayerNorm behind the mean: how large `features` are is not seen, `early` is. */
export function hiddenScaleCnn(): TinyFiles {
  const graph = new TinyGraph();
  const early = graph.convolution(graph.input('pictures', [1, 3, 16, 16]), 'early', [6, 3, 3, 3], [2, 2]);
  const features = graph.convolution(early, 'features', [8, 6, 3, 3], [2, 2]);
  const norm = [graph.weights('norm.weight', [8]), graph.weights('norm.bias', [8])];
  const normed = graph.node('LayerNormalization', [graph.pooled(features), ...norm], 'normed', { epsilon: 1e-12 });
  graph.dense(normed, 'scores', [8, 5]);
  graph.output('scores', [1, 5]);
  return graph.files();
}

/** What the LSTM's exports differ in. */
export interface CnnLstmOptions extends TinyOptions {
  /** Whether any number of events may be given; else the export is for one, as the Reshapes and the states say. */
  readonly dynamic?: boolean;
  /** Rows before columns before channels, as Keras has it. */
  readonly channelsLast?: boolean;
  /** How its three frames come in, where not as a clip `b t c h w` of colours. */
  readonly input?: keyof typeof INPUTS;
}

/** From 0 to 255, made numbers within the network. */
function wholeNumbers(graph: TinyGraph, type: 'uint8' | 'int64'): string {
  const numbers = graph.cast(graph.input('frames', [1, 3, 3, 16, 16], type), 'numbers', 'float32');
  const scaled = graph.node('Div', [numbers, graph.values('most', [1], Float32Array.of(255))], 'scaled');
  return graph.node('Reshape', [scaled, graph.integers('fold', [3, 3, 16, 16])], 'pictures');
}

/** Inputs that the pictures `(b t) c h w` are made of. */
const INPUTS = {
  /** `t c h w` */
  pictures: (graph: TinyGraph) => graph.node('Identity', [graph.input('frames', [3, 3, 16, 16])], 'pictures'),
  /** `c t h w` */
  volume: (graph: TinyGraph) =>
    graph.node('Transpose', [graph.input('frames', [3, 3, 16, 16])], 'pictures', { perm: [1, 0, 2, 3] }),
  /** `b t c h w`, bytes */
  bytes: (graph: TinyGraph) => wholeNumbers(graph, 'uint8'),
  /** `b t c h w`, as many have them that never were numbers */
  integers: (graph: TinyGraph) => wholeNumbers(graph, 'int64'),
  /** `b t c h w`, one channel */
  grey: (graph: TinyGraph) => {
    const grey = graph.node(
      'Reshape',
      [graph.input('frames', [1, 3, 1, 16, 16]), graph.integers('fold', [3, 1, 16, 16])],
      'one',
    );
    return graph.node('Concat', [grey, grey, grey], 'pictures', { axis: 1 });
  },
  /** `b (t c) h w` */
  stacked: (graph: TinyGraph) =>
    graph.node('Reshape', [graph.input('frames', [1, 9, 16, 16]), graph.integers('fold', [3, 3, 16, 16])], 'pictures'),
};

/** Three frames 16×16 → `features` 4×4×8 of each → LSTM of 6 → `logits` of 4 → `probabilities`. */
export function cnnLstm({ dynamic = false, channelsLast = false, input, ...options }: CnnLstmOptions = {}): TinyFiles {
  const graph = new TinyGraph(options);
  const events = dynamic ? 'batch' : 1;
  const picture = channelsLast ? [16, 16, 3] : [3, 16, 16];
  const clip = (): string => {
    const frames = graph.input('frames', [events, 3, ...picture]);
    return graph.node('Reshape', [frames, graph.integers('fold', [dynamic ? -1 : 3, ...picture])], 'pictures');
  };
  let pictures = input ? INPUTS[input](graph) : clip();
  if (channelsLast) pictures = graph.node('Transpose', [pictures], 'channels first', { perm: [0, 3, 1, 2] });
  const early = graph.convolution(pictures, 'early', [6, 3, 3, 3], [2, 2]);
  let features = graph.convolution(early, channelsLast ? 'late' : 'features', [8, 6, 3, 3], [2, 2]);
  if (channelsLast) features = graph.node('Transpose', [features], 'features', { perm: [0, 2, 3, 1] });
  const unfold = graph.integers('unfold', [dynamic ? -1 : 1, 3, 128]);
  const steps = graph.node('Transpose', [graph.node('Reshape', [features, unfold], 'flat')], 'steps', {
    perm: [1, 0, 2],
  });
  return lstmOver(graph, steps, { dynamic, events });
}

/** An LSTM over `[t, b, 128]`, and its end. */
function lstmOver(
  graph: TinyGraph,
  steps: string,
  { dynamic, events }: { readonly dynamic: boolean; readonly events: Size },
): TinyFiles {
  const lstm = [graph.weights('lstm.W', [1, 24, 128], 0.05), graph.weights('lstm.R', [1, 24, 6]), 'lstm.B', ''];
  graph.weights('lstm.B', [1, 48]);
  const states = dynamic ? [] : ['h0', 'c0'].map((name) => graph.values(name, [1, 1, 6], new Float32Array(6)));
  graph.node('LSTM', [steps, ...lstm, ...states], 'all steps', { hidden_size: 6 }, ['all steps', 'last step']);
  const last = graph.node('Squeeze', ['last step', graph.integers('axis 0', [0])], 'last');
  graph.node('Softmax', [graph.dense(last, 'logits', [6, 4])], 'probabilities', { axis: -1 });
  graph.output('probabilities', [events, 4]);
  return graph.files();
}

/** How a network is called in a loop over the frames of a clip. */
export interface LoopOptions {
  /** How a frame is taken out of the clip; default `gather`. */
  readonly take?: 'gather' | 'slice' | 'split' | 'list';
  /** Frames in the order in which they are called; default `[0, 1, 2]`. */
  readonly order?: readonly number[];
  /** Whether each call has weights of its own, of the same values; default false. */
  readonly isCopied?: boolean;
  /** Whether each call has other weights; default false. */
  readonly isOther?: boolean;
  /** Whether a cell of a recurrent network follows each call; default false: an LSTM follows all. */
  readonly hasCell?: boolean;
  readonly dynamic?: boolean;
}

/** {@link cnnLstm} called in a loop: `features 0`, `features 1` and `features 2` 4×4×8, by frame. */
export function looped(options: LoopOptions = {}): TinyFiles {
  const { order = [0, 1, 2], isCopied = false, isOther = false, hasCell = false, dynamic = false } = options;
  const graph = new TinyGraph();
  const events = dynamic ? 'batch' : 1;
  const picture = pictureOf(graph, graph.input('frames', [events, 3, 3, 16, 16]), options.take ?? 'gather');
  const weights = (name: string, dims: readonly number[], scale: number, t: number): string => {
    const isOwn = isCopied || isOther;
    if (!isOwn && t !== order[0]) return name;
    const own = isOwn ? `${name} ${t}` : name;
    return graph.values(
      own,
      dims,
      tinyWeights(
        isOther ? own : name,
        dims.reduce((all, n) => all * n, 1),
        scale,
      ),
    );
  };
  const convolution = (input: string, name: string, kernel: readonly number[], t: number): string => {
    const values = [weights(`${name}.weight`, kernel, 0.4, t), weights(`${name}.bias`, kernel.slice(0, 1), 0.2, t)];
    const attributes = { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] };
    return graph.node(
      'Relu',
      [graph.node('Conv', [input, ...values], `${name}/conv ${t}`, attributes)],
      `${name} ${t}`,
    );
  };
  const first = graph.integers('first axis', [0]);
  const [own, recurrent] = [graph.weights('W', [128, 6], 0.05), graph.weights('U', [6, 6])];
  const rows: string[] = [];
  let state: string | undefined;
  for (const t of order) {
    const features = convolution(convolution(picture(t), 'early', [6, 3, 3, 3], t), 'features', [8, 6, 3, 3], t);
    const flat = graph.node('Flatten', [features], `flat ${t}`);
    rows.push(graph.node('Unsqueeze', [flat, first], `row ${t}`));
    const moved = graph.node('MatMul', [flat, own], `moved ${t}`);
    const pulled = state && graph.node('MatMul', [state, recurrent], `pulled ${t}`);
    const sum = pulled ? graph.node('Add', [moved, pulled], `sum ${t}`) : moved;
    state = graph.node('Tanh', [sum], `state ${t}`);
  }
  if (!hasCell) return lstmOver(graph, graph.node('Concat', rows, 'steps', { axis: 0 }), { dynamic, events });
  graph.dense(state!, 'logits', [6, 4]);
  graph.output('logits', [events, 4]);
  return graph.files();
}

/** Frames `b c h w` of a clip. */
function pictureOf(graph: TinyGraph, clip: string, take: NonNullable<LoopOptions['take']>): (t: number) => string {
  const axis = graph.integers('frames axis', [1]);
  const pieces = ['piece 0', 'piece 1', 'piece 2'];
  if (take === 'split') graph.node('Split', [clip], 'pieces', { axis: 1 }, pieces);
  if (take === 'list') graph.node('SplitToSequence', [clip], 'list', { axis: 1, keepdims: 1 });
  return (t) => {
    if (take === 'gather') return graph.node('Gather', [clip, graph.number(`at ${t}`, t)], `frame ${t}`, { axis: 1 });
    if (take === 'list') graph.node('SequenceAt', ['list', graph.number(`at ${t}`, t)], `piece ${t}`);
    if (take === 'slice') {
      const ends = [graph.integers(`from ${t}`, [t - 3]), graph.integers(`to ${t}`, [t === 2 ? 2 ** 31 : t - 2])];
      graph.node('Slice', [clip, ...ends, axis], `piece ${t}`);
    }
    return graph.node('Squeeze', [`piece ${t}`, axis], `frame ${t}`);
  };
}

/** Four frames 16×16 → `features` 2×4×4×8, in `b c t h w` → a ReLU convolution → mean → 3 `scores`. */
export function conv3d(): TinyFiles {
  const graph = new TinyGraph();
  const clip = graph.input('clip', [1, 3, 4, 16, 16]);
  const early = graph.convolution(clip, 'early', [6, 3, 3, 3, 3], [2, 2, 2]);
  const features = graph.convolution(early, 'features', [8, 6, 1, 3, 3], [1, 2, 2]);
  const late = graph.convolution(features, 'late', [8, 8, 1, 1, 1], [1, 1, 1]);
  graph.dense(graph.pooled(late), 'scores', [8, 3]);
  graph.output('scores', [1, 3]);
  return graph.files();
}

/**
 * Two frames 16×16, a class token and 4×4 patches of each: `stream` = patches and what attention adds, whose size a LayerNorm
 * hides, `normed` is behind it; the mean of the tokens and frames makes 3 `scores`.
 */
export function transformer(): TinyFiles {
  const graph = new TinyGraph();
  const frames = graph.input('frames', [1, 2, 3, 16, 16]);
  const pictures = graph.node('Reshape', [frames, graph.integers('fold', [2, 3, 16, 16])], 'pictures');
  const patch = { kernel_shape: [4, 4], strides: [4, 4] };
  const patches = graph.node('Conv', [pictures, graph.weights('patch', [8, 3, 4, 4])], 'patches', patch);
  const flat = graph.node('Reshape', [patches, graph.integers('cells', [2, 8, 16])], 'flat');
  const cells = graph.node('Transpose', [flat], 'cells by channels', { perm: [0, 2, 1] });
  const tokens = graph.node('Concat', [graph.weights('class', [2, 1, 8]), cells], 'tokens', { axis: 1 });
  const placed = graph.node('Add', [tokens, graph.weights('places', [1, 17, 8])], 'placed');
  const [q, k, v] = ['q', 'k', 'v'].map((name) =>
    graph.node('MatMul', [placed, graph.weights(`${name}.weight`, [8, 8])], name),
  ) as [string, string, string];
  const scores = graph.node('MatMul', [q, graph.node('Transpose', [k], 'k turned', { perm: [0, 2, 1] })], 'similar');
  const attention = graph.node('Softmax', [scores], 'attention', { axis: -1 });
  const stream = graph.node('Add', [placed, graph.node('MatMul', [attention, v], 'attended')], 'stream');
  const norm = [graph.values('norm.weight', [8], new Float32Array(8).fill(1)), graph.weights('norm.bias', [8])];
  const normed = graph.node('LayerNormalization', [stream, ...norm], 'normed', { epsilon: 1e-12 });
  const mean = graph.node('ReduceMean', [normed], 'mean', { axes: [0, 1], keepdims: 0 });
  const row = graph.node('Reshape', [mean, graph.integers('row', [1, 8])], 'mean as a row');
  graph.dense(row, 'head', [8, 3]);
  graph.output('head', [1, 3]);
  return graph.files();
}

/**
 * Four frames 16×16 → tokens of two frames and 4×4 pixels each, `b (t h w) c`, through a ReLU: `mixed` → mean → 3 `scores`.
 */
export function tubelets(): TinyFiles {
  const graph = new TinyGraph();
  const clip = graph.input('clip', [1, 3, 4, 16, 16]);
  const patches = graph.convolution(clip, 'patches', [8, 3, 2, 4, 4], [2, 4, 4]);
  const flat = graph.node('Reshape', [patches, graph.integers('cells', [1, 8, 32])], 'flat');
  const tokens = graph.node('Transpose', [flat], 'tokens', { perm: [0, 2, 1] });
  const mixed = graph.node('Relu', [graph.node('MatMul', [tokens, graph.weights('mix', [8, 8])], 'linear')], 'mixed');
  graph.dense(graph.node('ReduceMean', [mixed], 'mean', { axes: [1], keepdims: 0 }), 'scores', [8, 3]);
  graph.output('scores', [1, 3]);
  return graph.files();
}

/**
 * Three frames 16×16 → `features` 4×4×8 of each, whose cells are weighted by a softmax over them: `weighted`, `(b t) c (h w)`
 * → sums → `all steps` of a GRU of 12 → 3 `scores` of its last one.
 */
export function attentionPooled(): TinyFiles {
  const graph = new TinyGraph();
  const frames = graph.input('frames', [1, 3, 3, 16, 16]);
  const pictures = graph.node('Reshape', [frames, graph.integers('fold', [3, 3, 16, 16])], 'pictures');
  const early = graph.convolution(pictures, 'early', [6, 3, 3, 3], [2, 2]);
  const features = graph.convolution(early, 'features', [8, 6, 3, 3], [2, 2]);
  const query = graph.node('Conv', [features, graph.weights('query', [1, 8, 1, 1])], 'asked', { kernel_shape: [1, 1] });
  const places = graph.node('Reshape', [query, graph.integers('places', [3, 1, 16])], 'asked of places');
  const weights = graph.node('Softmax', [places], 'attention', { axis: -1 });
  const flat = graph.node('Reshape', [features, graph.integers('cells', [3, 8, 16])], 'flat');
  const weighted = graph.node('Mul', [flat, weights], 'weighted');
  const sums = graph.node('ReduceSum', [weighted, graph.integers('axis 2', [2])], 'sums', { keepdims: 0 });
  const steps = graph.node('Reshape', [sums, graph.integers('steps of one event', [3, 1, 8])], 'means of frames');
  const gru = [
    graph.weights('gru.W', [1, 36, 8]),
    graph.weights('gru.R', [1, 36, 12]),
    graph.weights('gru.B', [1, 72]),
  ];
  graph.node('GRU', [steps, ...gru], 'all steps', { hidden_size: 12 }, ['all steps', 'last step']);
  const rows = graph.node('Reshape', ['all steps', graph.integers('rows of 12', [3, 12])], 'rows');
  const last = graph.node('Gather', [rows, graph.integers('at', [2])], 'last', { axis: 0 });
  graph.dense(last, 'scores', [12, 3]);
  graph.output('scores', [1, 3]);
  return graph.files();
}

/** Pictures 16×16 → `features` 4×4×8; a second stream, `flow`, joins behind the layer; 5 `scores`. */
export function twoStreams(): TinyFiles {
  const graph = new TinyGraph();
  const early = graph.convolution(graph.input('pictures', ['batch', 3, 16, 16]), 'early', [6, 3, 3, 3], [2, 2]);
  const features = graph.convolution(early, 'features', [8, 6, 3, 3], [2, 2]);
  const flow = graph.convolution(graph.input('flow', ['batch', 2, 4, 4]), 'motion', [8, 2, 1, 1], [1, 1]);
  const both = graph.node('Concat', [features, flow], 'both', { axis: 1 });
  graph.dense(graph.pooled(both), 'scores', [16, 5]);
  graph.output('scores', ['batch', 5]);
  return graph.files();
}

/** Pictures 32×32 → `features` 8×8×1, how bright each part is → mean → 1 score: its filters are as bright as the picture. */
export function brightness(): TinyFiles {
  const graph = new TinyGraph();
  const kernel = graph.values('kernel', [1, 3, 4, 4], new Float32Array(48).fill(1 / 48));
  const features = graph.node('Conv', [graph.input('pictures', [1, 3, 32, 32]), kernel], 'features', {
    ...{ kernel_shape: [4, 4], strides: [4, 4] },
  });
  const one = graph.values('one', [1, 1], Float32Array.of(1));
  graph.node('MatMul', [graph.pooled(features), one], 'score');
  graph.output('score', [1, 1]);
  return graph.files();
}

/** Three frames, of whose mean `features` each value is the largest among the frames: most of them do not count. */
export function largestOfFrames(): TinyFiles {
  const graph = new TinyGraph();
  const early = graph.convolution(graph.input('frames', [3, 3, 16, 16]), 'early', [6, 3, 3, 3], [2, 2]);
  const means = graph.pooled(graph.convolution(early, 'features', [8, 6, 3, 3], [2, 2]));
  graph.dense(graph.node('ReduceMax', [means], 'largest', { axes: [0], keepdims: 1 }), 'scores', [8, 5]);
  graph.output('scores', [1, 5]);
  return graph.files();
}

/** Four frames, of which one is read, or the mean of all. */
export function withoutTime(how: 'last' | 'first' | 'mean'): TinyFiles {
  const graph = new TinyGraph();
  const frames = graph.input('frames', [1, 4, 3, 16, 16]);
  const picture =
    how === 'mean'
      ? graph.node('ReduceMean', [frames], 'picture', { axes: [1], keepdims: 0 })
      : graph.node(
          'ReduceMean',
          [graph.node('Gather', [frames, graph.integers('which', [how === 'last' ? 3 : 0])], 'one', { axis: 1 })],
          'picture',
          { axes: [1], keepdims: 0 },
        );
  const early = graph.convolution(picture, 'early', [6, 3, 3, 3], [2, 2]);
  graph.dense(graph.pooled(graph.convolution(early, 'features', [8, 6, 3, 3], [2, 2])), 'scores', [8, 5]);
  graph.output('scores', [1, 5]);
  return graph.files();
}

/** Frames, channels first, that go two ways, of which neither sees all: `slow` takes every other one. */
export function twoPaths(): TinyFiles {
  const graph = new TinyGraph();
  const turned = graph.node('Transpose', [graph.input('frames', [1, 4, 3, 16, 16])], 'turned', {
    perm: [0, 2, 1, 3, 4],
  });
  const bounds = ['from', 'to', 'axis', 'step'].map((name, i) => graph.integers(name, [[0, 4, 2, 2][i]!]));
  const paths = [
    graph.convolution(graph.node('Slice', [turned, ...bounds], 'some'), 'slow', [6, 3, 1, 3, 3], [1, 2, 2]),
    graph.convolution(turned, 'fast', [8, 3, 1, 3, 3], [1, 2, 2]),
  ];
  const both = graph.node(
    'Concat',
    paths.map((path) => graph.node('ReduceMean', [path], `mean of ${path}`, { axes: [2, 3, 4], keepdims: 0 })),
    'both',
    { axis: 1 },
  );
  graph.dense(both, 'scores', [14, 5]);
  graph.output('scores', [1, 5]);
  return graph.files();
}

/** Of pictures and a speed that is given beside them. */
export function withSpeed(): TinyFiles {
  const graph = new TinyGraph();
  const early = graph.convolution(graph.input('pictures', [1, 3, 16, 16]), 'early', [6, 3, 3, 3], [2, 2]);
  const features = graph.convolution(early, 'features', [8, 6, 3, 3], [2, 2]);
  const all = graph.node('Concat', [graph.pooled(features), graph.input('speed', [1, 2])], 'all', { axis: 1 });
  graph.dense(all, 'steering', [10, 1]);
  graph.output('steering', [1, 1]);
  return graph.files();
}

/** Three frames, of each of which 4 classes are scored. */
export function eachFrame(): TinyFiles {
  const graph = new TinyGraph();
  const pictures = graph.node(
    'Reshape',
    [graph.input('frames', [1, 3, 3, 16, 16]), graph.integers('fold', [3, 3, 16, 16])],
    'pictures',
  );
  const early = graph.convolution(pictures, 'early', [6, 3, 3, 3], [2, 2]);
  const scores = graph.dense(
    graph.pooled(graph.convolution(early, 'features', [8, 6, 3, 3], [2, 2])),
    'scores',
    [8, 4],
  );
  graph.node(
    'Softmax',
    [graph.node('Reshape', [scores, graph.integers('unfold', [1, 3, 4])], 'logits')],
    'probabilities',
    { axis: -1 },
  );
  graph.output('probabilities', [1, 3, 4]);
  return graph.files();
}
