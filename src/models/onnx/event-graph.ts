/** The event network as one ONNX graph: trunk, shallow CNN, LSTM, embedding and scores, any number of events and frames. */

import { transposeInto } from '../../base/matrix.ts';
import type { GridShape } from '../../base/types.ts';
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
 * Preprocessed frames `b t c h w`, b and t as they come, → `embedding` `[b, d]` and, with a classifier, `logits` `[b, n]`.
 *
 * @param spec of the trunk, trimmed where the head stands on it
 */
export function eventGraph({ spec: head, weights }: Head, spec: ResNetSpec, trunk: Weights): EventGraph {
  const graph = new GraphBuilder();
  const { width, height } = head.inputSize;
  const frames = graph.input(EVENT_TENSORS.frames, ['b', 't', 3, height, width]);
  const fold = graph.integers('fold/shape', [-1, 3, height, width]);
  const pictures = graph.node('Reshape', [frames, fold], 'fold');
  const layer = addHead(graph, addResNet(graph, pictures, spec, trunk), frames, { spec: head, weights });
  return { bytes: graph.bytes(), layer };
}

/**
 * A head on a trunk's features `(b t) c h w`, with its outputs; returns the layer that filters act on. Its operators are
 * those of version 11 and all later ones.
 *
 * @param frames the network's input, which begins with `b t`
 */
export function addHead(
  graph: GraphBuilder,
  features: string,
  frames: string,
  { spec, weights }: Pick<Head, 'spec' | 'weights'>,
): string {
  const { embedding, logits } = EVENT_TENSORS;
  const layer = addShallowCnn(graph, features, spec, weights);
  addDense(graph, addLstm(graph, addSequence(graph, layer, frames, spec), spec, weights), embedding, weights);
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
function addSequence(graph: GraphBuilder, maps: string, frames: string, head: Head['spec']): string {
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
  const counts = graph.node('Slice', [graph.node('Shape', [frames], 'frames/shape'), ...places], 'counts');
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
  const input = channelsFirst(weights.get('lstm/input_kernel')!, cells);
  const kernels = [
    graph.floats('lstm/W', gates(input, units)),
    graph.floats('lstm/R', gates(weights.get('lstm/recurrent_kernel')!, units)),
  ];
  const { data } = gates({ ...weights.get('lstm/bias')!, shape: [1, 4 * units] }, units);
  const both = new Float32Array(8 * units); // ONNX has a second bias, of the recurrent kernel
  both.set(data);
  const bias = graph.floats('lstm/B', { shape: [1, 8 * units], data: both });
  graph.node('LSTM', [sequence, ...kernels, bias], 'lstm', { hidden_size: units }, ['', 'lstm']);
  return graph.node('Reshape', ['lstm', graph.integers('state/shape', [-1, units])], 'state');
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
