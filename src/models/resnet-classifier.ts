/** The whole pre-trained ResNet as a classification network: trunk, global average pooling, dense layer. */
import type { ClassificationNetwork } from './classification-network.ts';
import { CLASSIFIER_LAYER } from './keras-resnet.ts';
import { loadWeights, type PretrainedTrunk, preprocess } from './pretrained.ts';
import type { WeightsEdit } from './reinitialise.ts';
import { createResNet } from './resnet.ts';

/** Loads it from the cache, its weights edited if asked for. The caller disposes of it. Throws as {@link loadWeights}. */
export async function loadResNetClassifier(
  trunk: PretrainedTrunk,
  edit: WeightsEdit = (weights) => weights,
): Promise<ClassificationNetwork> {
  const weights = edit(await loadWeights(trunk, 'conv5', true));
  const network = createResNet(trunk.spec, weights);
  const bias = weights.get(`${CLASSIFIER_LAYER}/bias`)!.data;
  return {
    id: trunk.id,
    inputSize: trunk.inputSize,
    steps: network.steps,
    defaultLayer: network.steps.at(-1)!.name,
    dense: { kernel: weights.get(`${CLASSIFIER_LAYER}/kernel`)!.data, bias },
    classes: bias.length,
    preprocess: (pictures) => preprocess(trunk, pictures),
    dispose: network.dispose,
  };
}
