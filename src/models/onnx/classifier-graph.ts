/** The classification networks as ONNX graphs, for any number of pictures of their size. */
import { CLASSIFIER_LAYER } from '../keras-resnet.ts';
import type { PretrainedTrunk } from '../pretrained.ts';
import { GraphBuilder } from './builder.ts';
import { addResNet, addSqueezeNet, type Weights } from './convolutions.ts';

/** What exported classification networks call their input and output. */
export const CLASSIFIER_TENSORS = { pictures: 'pictures', scores: 'scores' } as const;

/** Width and height of SqueezeNet's pictures. */
const SQUEEZENET_SIDE = 224;

/** The whole ResNet: preprocessed pictures `b c h w` → `scores` `[b, n]`. */
export function resnetGraph({ spec, inputSize }: PretrainedTrunk, weights: Weights): Uint8Array {
  const graph = new GraphBuilder();
  const { pictures, scores } = CLASSIFIER_TENSORS;
  const { height, width } = inputSize;
  const maps = addResNet(graph, graph.input(pictures, ['b', 3, height, width]), spec, weights);
  const dense = ['kernel', 'bias'].map((part) => {
    return graph.floats(`${CLASSIFIER_LAYER}/${part}`, weights.get(`${CLASSIFIER_LAYER}/${part}`)!);
  });
  graph.node('Gemm', [addMean(graph, maps, 'mean'), ...dense], scores);
  graph.output(scores, ['b', weights.get(`${CLASSIFIER_LAYER}/bias`)!.data.length]);
  return graph.bytes();
}

/** SqueezeNet 1.1: preprocessed pictures `b c h w` → `scores` `[b, 1000]`. */
export function squeezenetGraph(weights: Weights): Uint8Array {
  const graph = new GraphBuilder();
  const { pictures, scores } = CLASSIFIER_TENSORS;
  const maps = addSqueezeNet(graph, graph.input(pictures, ['b', 3, SQUEEZENET_SIDE, SQUEEZENET_SIDE]), weights);
  addMean(graph, maps, scores);
  graph.output(scores, ['b', 1000]);
  return graph.bytes();
}

/** Mean over the cells, `n c h w` → `[n, c]`. */
function addMean(graph: GraphBuilder, maps: string, name: string): string {
  return graph.node('Flatten', [graph.node('GlobalAveragePool', [maps], `${name}/cells`)], name);
}
