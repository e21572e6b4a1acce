/**
 * A complete event network small enough for fast tests: a ResNet-18 trimmed after its first stage, on 64×64 frames, with
 * random weights that go through the real cache, hash check and loader. Its maps mean nothing; its plumbing is the real one.
 */

import type { OpenModel } from '../../src/analysis/pipeline.ts';
import { sha256OfFile } from '../../src/base/files.ts';
import { useEngine } from '../../src/models/backend.ts';
import type { EngineChoice } from '../../src/models/choices.ts';
import { EventNetwork, trunkSide } from '../../src/models/event-network.ts';
import { type Head, untrainedHead } from '../../src/models/head.ts';
import { type PretrainedTrunk, RESNET50_IMAGENET, weightsPath } from '../../src/models/pretrained.ts';
import type { ResNetSpec } from '../../src/models/resnet.ts';
import { writeSafetensors } from '../../src/models/safetensors.ts';
import { randomWeights } from '../models/random-weights.ts';

const SPEC: ResNetSpec = { depth: 18, strideIn: '3x3', padding: 'symmetric', upTo: 'conv2' };

/** Writes the trunk's weights to the cache and describes the model. */
export async function tinyHead(): Promise<{ head: Head; pretrained: PretrainedTrunk }> {
  const unhashed: PretrainedTrunk = { ...RESNET50_IMAGENET, id: 'tiny', spec: SPEC };
  await writeSafetensors(weightsPath(unhashed), randomWeights(SPEC));
  const pretrained = { ...unhashed, weightsSha256: await sha256OfFile(weightsPath(unhashed)) };
  const head = untrainedHead(
    {
      ...trunkSide(pretrained, 'conv2', { width: 64, height: 64 }),
      // A 4×4 grid and more outputs than cells, so that each filter is the only best one.
      shallowCnn: [
        { kernelSize: 3, stride: 2, channels: 16 },
        { kernelSize: 3, stride: 2, channels: 8 },
      ],
      lstmUnits: 32,
      embeddingSize: 32,
      labels: ['left', 'right'],
    },
    1,
  );
  return { head, pretrained };
}

/** The model on the given backend, its weights in the cache of this process. The caller disposes of the network. */
export async function tinyNetwork(backend: EngineChoice): Promise<OpenModel<EventNetwork>> {
  const info = await useEngine(backend);
  const { head, pretrained } = await tinyHead();
  const network = await EventNetwork.load(head, pretrained, { engine: info.name });
  return { network, backend: info, warnings: ['a tiny model for tests'] };
}
