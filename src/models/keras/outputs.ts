/** What of a Keras network is explained. */

import { L2cafError } from '../../base/errors.ts';
import { sizePerFrame } from '../each-frame.ts';
import type { Question } from '../questions.ts';
import type { ModelOutput } from '../video-model.ts';
import { nodeNamed } from './cut-layers.ts';
import type { OutputNode } from './keras-tail.ts';
import { sizeOf } from './layer-config.ts';
import type { Graph } from './unfolded.ts';

/** What is to be explained of a Keras network. */
export interface KerasOutput {
  /** A layer, unless `layers` says which. */
  readonly name: string;
  /** Layers whose outputs stand one after another. */
  readonly layers?: readonly string[];
  /** Default: `scores` of a layer that ends in a softmax, else `numbers`. Scores are explained before the softmax. */
  readonly kind?: ModelOutput['kind'];
  readonly labels?: readonly string[];
  /** What classes answer, where not all of them exclude each other. */
  readonly questions?: readonly Question[];
}

/** The network's outputs; a single number has its name for a label, and several of them are one output, too. */
export function defaultOutputs({ outputs }: Graph): KerasOutput[] {
  const each = [...new Set(outputs)].map(({ name, shape }) => ({
    name,
    ...(sizeOf(shape) === 1 && { labels: [name] }),
  }));
  const areNumbers = outputs.length > 1 && outputs.every(({ shape }) => sizeOf(shape) === 1);
  const names = each.map(({ name }) => name);
  return areNumbers ? [{ name: 'outputs', layers: names, labels: names }, ...each] : each;
}

/**
 * The nodes of an output, side by side.
 *
 * @throws L2cafError `usage` when a layer is not there
 */
export function outputNodes({ nodes }: Graph, { name, layers = [name], kind }: KerasOutput): OutputNode[] {
  return layers.map((asked) => {
    const node = nodeNamed(nodes, asked);
    if (node?.layer === undefined)
      throw new L2cafError('usage', `the network has no layer ${asked} whose output could be explained`);
    const isScores = kind === undefined || kind === 'scores';
    return { node, layer: (isScores ? node.beforeSoftmax : undefined) ?? node.layer };
  });
}

/**
 * An output as a model tells it: one of each frame is that of the last. Throws as {@link outputNodes}; `usage` for labels of another
 * number.
 */
export function describedOutput(graph: Graph, output: KerasOutput): ModelOutput {
  const { name, labels, questions } = output;
  const nodes = outputNodes(graph, output);
  const all = nodes.reduce((sum, { node }) => sum + sizeOf(node.shape), 0);
  const areScores =
    (output.kind ?? 'scores') === 'scores' && nodes.every(({ node }) => node.beforeSoftmax !== undefined);
  const [{ shape: axes }, { shape: clip }] = [nodes[0]!.node, graph.input];
  const frames = clip.length === 4 ? clip[0]! : 1;
  const isOfFrames = nodes.length === 1 && axes.length === 2 && axes[0] === frames;
  const size =
    (isOfFrames ? sizePerFrame({ size: all, lastAxis: axes[1], frames, areScores, labels }) : undefined) ?? all;
  if (labels !== undefined && labels.length !== size) {
    throw new L2cafError('usage', `the output ${name} is ${size} numbers, but has ${labels.length} labels`);
  }
  const kind = output.kind ?? (areScores ? 'scores' : 'numbers');
  return { name, kind, size, ...(labels && { labels }), ...(questions && { questions }) };
}
