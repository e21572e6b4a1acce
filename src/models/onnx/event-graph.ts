/**
 * The event network as one ONNX graph: trunk, shallow CNN, LSTM, embedding and scores, of any number of events and frames; of as many
 * frames as it was trained on where the LSTM's state chooses what is read.
 */

import { transposeInto } from '../../base/matrix.ts';
import type { GridShape } from '../../base/types.ts';
import { attentionWeights, placesTimes } from '../attention.ts';
import type { Card } from '../card.ts';
import { featureMapShape, type Head } from '../head.ts';
import { poolingWeights } from '../pooling.ts';
import { namedQuestions } from '../questions.ts';
import type { ResNetSpec } from '../resnet.ts';
import type { NamedArray } from '../safetensors.ts';
import { GraphBuilder } from './builder.ts';
import { addResNet, addShallowCnn, type Weights } from './convolutions.ts';

/** What exported event networks call their input and outputs. */
export const EVENT_TENSORS = { frames: 'frames', embedding: 'embedding', logits: 'logits' } as const;

/** A graph, and the layer of it that filters act on, `(b t) c h w`. */
export interface EventGraph {
  readonly bytes: Uint8Array;
  readonly layer: string;
}

/**
 * Preprocessed frames `b t c h w`, b as it comes and t too where it is free ({@link framesOf}), → `embedding` `[b, d]` and, with a
 * classifier, `logits` `[b, n]`.
 *
 * @param count frames of an event
 * @param spec of the trunk, trimmed where the head stands on it
 */
export function eventGraph({ spec: head, weights }: Head, count: number, spec: ResNetSpec, trunk: Weights): EventGraph {
  const graph = new GraphBuilder();
  const { width, height } = head.inputSize;
  const frames = graph.input(EVENT_TENSORS.frames, ['b', framesOf(head, count), 3, height, width]);
  const fold = graph.integers('fold/shape', [-1, 3, height, width]);
  const pictures = graph.node('Reshape', [frames, fold], 'fold');
  const layer = addHead(graph, addResNet(graph, pictures, spec, trunk), { spec: head, weights }, count);
  return { bytes: graph.bytes(), layer };
}

/** How many frames a network with such a head takes, as an input says it: `t` for any number. */
export function framesOf({ attention }: Head['spec'], count: number): number | string {
  return attention ? count : 't';
}

/**
 * A head on a trunk's features `(b t) c h w`, with its outputs; returns the layer that filters act on. Its operators are
 * those of version 11 and all later ones.
 *
 * The network's input begins with `b t` and is called as {@link EVENT_TENSORS} says.
 *
 * @param count frames of an event, where {@link framesOf} says that it is fixed
 */
export function addHead(
  graph: GraphBuilder,
  features: string,
  { spec, weights }: Pick<Head, 'spec' | 'weights'>,
  count: number,
): string {
  const { embedding, logits } = EVENT_TENSORS;
  const layer = addShallowCnn(graph, features, spec, weights);
  const state = spec.attention
    ? addAttentiveLstm(graph, layer, spec, weights, count)
    : addLstm(graph, addSequence(graph, layer, spec), spec, weights);
  addDense(graph, state, embedding, weights);
  graph.output(embedding, ['b', spec.embeddingSize]);
  if (spec.labels) {
    addDense(graph, embedding, logits, weights);
    graph.output(logits, ['b', spec.labels.length]);
  }
  return layer;
}

/**
 * The card of a network that {@link addHead} has ended.
 *
 * @param input how it wants its frames, beside its name
 * @param layer what filters act on
 */
export function eventCard(
  input: NonNullable<Card['input']>,
  layer: string,
  { labels, questions, eventSec }: Head['spec'],
): Card {
  const { frames, embedding, logits } = EVENT_TENSORS;
  return {
    input: { name: frames, ...input, ...(eventSec !== undefined && { eventSec }) },
    layer: { tensor: layer, layout: '(b t) c h w' },
    output: { tensor: embedding, kind: 'embedding' },
    ...(labels && {
      scores: {
        ...{ tensor: logits, labels: [...labels] },
        ...(questions && { questions: namedQuestions(labels, questions) }),
      },
    }),
  };
}

/** Maps `(b t) c h w` → what the LSTM reads, `t b (c cells)`, pooled where the head pools. */
function addSequence(graph: GraphBuilder, maps: string, head: Head['spec']): string {
  const { height, width, channels } = featureMapShape(head);
  const cells = height * width;
  let flat = maps;
  if (head.pool) {
    const shape = graph.integers('cells/shape', [-1, channels, cells]);
    const pooled = head.pool.height * head.pool.width;
    const matrix = new Float64Array(cells * pooled);
    transposeInto(poolingWeights({ height, width }, head.pool), matrix, pooled, cells);
    const pooling = graph.floats('pooling', { shape: [cells, pooled], data: Float32Array.from(matrix) });
    flat = graph.node('MatMul', [graph.node('Reshape', [maps, shape], 'cells'), pooling], 'pooled');
  }
  const places = [graph.integers('counts/from', [0]), graph.integers('counts/to', [2])];
  const counts = graph.node(
    'Slice',
    [graph.node('Shape', [EVENT_TENSORS.frames], 'frames/shape'), ...places],
    'counts',
  );
  const size = graph.integers('unfold/size', [channels * cellsOf(head.pool ?? { height, width })]);
  const unfold = graph.node('Concat', [counts, size], 'unfold/shape', { axis: 0 });
  return graph.node('Transpose', [graph.node('Reshape', [flat, unfold], 'unfold')], 'sequence', { perm: [1, 0, 2] });
}

function cellsOf({ height, width }: GridShape): number {
  return height * width;
}

/** The last state of the LSTM, `[b, H]`. */
function addLstm(graph: GraphBuilder, sequence: string, head: Head['spec'], weights: Weights): string {
  const units = head.lstmUnits;
  const cells = cellsOf(head.pool ?? featureMapShape(head));
  const kernels = lstmKernels(graph, channelsFirst(weights.get('lstm/input_kernel')!, cells), units, weights);
  graph.node('LSTM', [sequence, ...kernels], 'lstm', { hidden_size: units }, ['', 'lstm']);
  return graph.node('Reshape', ['lstm', graph.integers('state/shape', [-1, units])], 'state');
}

/** W, R and B as ONNX has them. */
function lstmKernels(graph: GraphBuilder, input: NamedArray, units: number, weights: Weights): string[] {
  const kernels = [
    graph.floats('lstm/W', gates(input, units)),
    graph.floats('lstm/R', gates(weights.get('lstm/recurrent_kernel')!, units)),
  ];
  const { data } = gates({ ...weights.get('lstm/bias')!, shape: [1, 4 * units] }, units);
  const both = new Float32Array(8 * units); // ONNX has a second bias, of the recurrent kernel
  both.set(data);
  return [...kernels, graph.floats('lstm/B', { shape: [1, 8 * units], data: both })];
}

/** Maps `(b t) c h w` of so many frames → the last state of an LSTM that reads them by attention, `[b, H]`: step by step. */
function addAttentiveLstm(
  graph: GraphBuilder,
  maps: string,
  head: Head['spec'],
  weights: Weights,
  count: number,
): string {
  const { height, width, channels } = featureMapShape(head);
  const [cells, units, { heads, keys }] = [height * width, head.lstmUnits, head.attention!];
  const kernel = (name: string): string => graph.floats(name, weights.get(name)!);
  const own = attentionWeights((name) => name);
  const ofPlaces = (name: string, base: number): NamedArray => {
    const { data, columns } = placesTimes({ height, width }, weights.get(name)!, base);
    return { shape: [cells, columns], data: Float32Array.from(data) };
  };
  const [featureKernel, queryKernel, scoreKernel] = [own.featureKernel, own.queryKernel, own.scoreKernel].map(kernel);
  const apart = graph.node('Reshape', [maps, graph.integers('cells/shape', [-1, count, channels, cells])], 'cells');
  const byCell = graph.node('Transpose', [apart], 'cells last', { perm: [0, 1, 3, 2] }); // b t cells c
  const allKeys = graph.node(
    'Add',
    [
      graph.node('MatMul', [byCell, featureKernel!], 'keys of features'),
      graph.floats('keys of places', ofPlaces(own.placeKernel, 0)),
    ],
    'keys',
  );
  const allValues = graph.node(
    'Mul',
    [byCell, graph.floats('factors of places', ofPlaces(own.valueKernel, 1))],
    'values',
  );
  const shapes = {
    keys: graph.integers('step/keys', [-1, cells, keys]),
    values: graph.integers('step/values', [-1, cells, channels]),
    query: graph.integers('step/query', [-1, 1, keys]),
    reads: graph.integers('step/reads', [1, -1, heads * channels]),
  };
  const lstm = lstmKernels(graph, weights.get('lstm/input_kernel')!, units, weights);
  const stateShape = graph.integers('state/shape', [-1, units]);
  let state: readonly string[] = [];
  for (let t = 0; t < count; t++) {
    const step = (operator: string, inputs: readonly string[], name: string, attributes = {}): string =>
      graph.node(operator, inputs, `${name} ${t}`, attributes);
    const place = graph.integers(`step ${t}`, [t]);
    const frame = (all: string, shape: string): string =>
      step('Reshape', [step('Gather', [all, place], `${all} of`, { axis: 1 }), shape], `${all} at`);
    let sum = frame(allKeys, shapes.keys);
    if (t > 0) {
      const before = step('Reshape', [state[0]!, stateShape], 'before');
      const query = step('Reshape', [step('MatMul', [before, queryKernel!], 'query of'), shapes.query], 'query');
      sum = step('Add', [sum, query], 'sum');
    }
    const scores = step('MatMul', [step('Tanh', [sum], 'activated'), scoreKernel!], 'scores');
    const shares = step('Softmax', [step('Transpose', [scores], 'scores of heads', { perm: [0, 2, 1] })], 'shares', {
      axis: 2,
    });
    const reads = step('MatMul', [shares, frame(allValues, shapes.values)], 'reads of heads');
    const input = step('Reshape', [reads, shapes.reads], 'reads');
    const after = [`hidden ${t}`, `cell ${t}`] as const;
    const start = t > 0 ? ['', ...state] : [];
    graph.node('LSTM', [input, ...lstm, ...start], `lstm ${t}`, { hidden_size: units }, ['', ...after]);
    state = after;
  }
  return graph.node('Reshape', [state[0]!, stateShape], 'state');
}

/** A kernel whose rows go by cells, then channels, `[cells·c, 4H]`, for rows that go by channels, then cells. */
function channelsFirst({ shape, data }: NamedArray, cells: number): NamedArray {
  const [rows, columns] = shape as [number, number];
  const channels = rows / cells;
  const out = new Float32Array(data.length);
  for (let cell = 0; cell < cells; cell++) {
    for (let c = 0; c < channels; c++) {
      const from = (cell * channels + c) * columns;
      out.set(data.subarray(from, from + columns), (c * cells + cell) * columns);
    }
  }
  return { shape, data: out };
}

/** A kernel `[n, 4H]` with gates input, forget, cell, output as ONNX has it: `[1, 4H, n]`, input, output, forget, cell. */
function gates({ shape, data }: NamedArray, units: number): NamedArray {
  const [rows] = shape as [number, number];
  const out = new Float32Array(data.length);
  for (const [to, from] of [0, 3, 1, 2].entries()) {
    for (let unit = 0; unit < units; unit++) {
      for (let row = 0; row < rows; row++) {
        out[(to * units + unit) * rows + row] = data[row * 4 * units + from * units + unit]!;
      }
    }
  }
  return { shape: [1, 4 * units, rows], data: out };
}

/** A dense layer, `[b, in]` → `[b, out]`. */
function addDense(graph: GraphBuilder, input: string, name: string, weights: Weights): void {
  const own = ['kernel', 'bias'].map((part) => graph.floats(`${name}/${part}`, weights.get(`${name}/${part}`)!));
  graph.node('Gemm', [input, ...own], name);
}
