/**
 * The classification networks that a user can name: where each comes from, and which of its layers belong together, from
 * the output to the input.
 */
import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { L2cafError } from '../base/errors.ts';
import { sha256OfFile } from '../base/files.ts';
import { STAGES } from './choices.ts';
import type { ClassificationNetwork } from './classification-network.ts';
import { CLASSIFIER_LAYER } from './keras-resnet.ts';
import type { PullOptions } from './npm-package.ts';
import { PRETRAINED_TRUNKS, type PretrainedTrunk } from './pretrained.ts';
import { pullTrunk } from './pull.ts';
import type { NetworkPart, WeightsEdit } from './reinitialise.ts';
import { resnetLayout, stepNames } from './resnet.ts';
import { loadResNetClassifier } from './resnet-classifier.ts';
import { loadSqueezeNet, SQUEEZENET_ID, SQUEEZENET_LAYERS } from './squeezenet.ts';

/** A classification network that can be loaded. */
export interface Classifier {
  readonly id: string;
  /** The names of its steps, each of which can be filtered. */
  readonly layers: readonly string[];
  /** SHA-256 of the weights. */
  readonly weightsSha256: string;
  /** From the output to the input. */
  readonly parts: readonly NetworkPart[];
  /**
   * Builds the network on the current backend, its weights edited if asked for; fetches them first if they are not in the
   * cache. The caller disposes of it. Throws L2cafError `download-failed`, `weights-invalid`.
   */
  load(edit?: WeightsEdit): Promise<ClassificationNetwork>;
}

/**
 * Finds a network by name (`resnet50-imagenet`) or by the folder of its .npy files (SqueezeNet 1.1).
 *
 * @throws L2cafError `model-unknown`
 */
export async function findClassifier(model: string, options: PullOptions = {}): Promise<Classifier> {
  const trunk = PRETRAINED_TRUNKS.find(({ id }) => id === model);
  if (trunk !== undefined) return resnet(trunk, options);
  const files = await readdir(model).catch((): string[] => []);
  const weights = files.filter((name) => name.endsWith('.npy')).sort();
  if (weights.length > 0) return squeezenet(model, weights);
  throw new L2cafError('model-unknown', `there is no classification network ${model}`, {
    hint: `give ${PRETRAINED_TRUNKS.map(({ id }) => id).join(', ')} or the folder with the .npy files of SqueezeNet 1.1`,
  });
}

function resnet(trunk: PretrainedTrunk, options: PullOptions): Classifier {
  const stages = ['conv1', ...STAGES].reverse();
  return {
    id: trunk.id,
    layers: stepNames(resnetLayout(trunk.spec)),
    weightsSha256: trunk.weightsSha256,
    parts: [
      { name: 'classifier', owns: (weight) => weight.startsWith(`${CLASSIFIER_LAYER}/`) },
      ...stages.map((name): NetworkPart => ({ name, owns: (weight) => weight.startsWith(`${name}_`) })),
    ],
    load: async (edit) => {
      await pullTrunk(trunk, options);
      return loadResNetClassifier(trunk, edit);
    },
  };
}

async function squeezenet(folder: string, files: readonly string[]): Promise<Classifier> {
  const hash = createHash('sha256');
  for (const name of files) hash.update(`${name} ${await sha256OfFile(join(folder, name))}\n`);
  const part = (name: string, first: number, last: number): NetworkPart => ({
    name,
    owns: (weight) => {
      const index = Number(/^conv(\d+)\//.exec(weight)?.[1]);
      return index >= first && index <= last;
    },
  });
  return {
    id: SQUEEZENET_ID,
    layers: SQUEEZENET_LAYERS,
    weightsSha256: hash.digest('hex'),
    parts: [
      part('conv10', 25, 25),
      part('fire8–9', 19, 24),
      part('fire6–7', 13, 18),
      part('fire4–5', 7, 12),
      part('fire2–3', 1, 6),
      part('conv1', 0, 0),
    ],
    load: (edit) => loadSqueezeNet(folder, edit),
  };
}
