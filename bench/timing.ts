/**
 * Figure 12 of the paper: seconds per map with vanilla and with fast endpoints, with every solver, for every backbone.
 * `npm run bench -- timing [SQUEEZENET]`: the packaged head and ResNet-50 as they are pulled, SqueezeNet from the folder of
 * its weights, and the other ResNets with random weights, which take as long as trained ones.
 */

import { openEventNetwork } from '../src/analysis/pipeline.ts';
import { createRandom } from '../src/base/random.ts';
import type { FigureTable } from '../src/evaluation/figure-table.ts';
import { measureTimes, type TimedNetwork, timedClassifier, timedEvents } from '../src/evaluation/timing.ts';
import { PRESET_NAMES } from '../src/l2caf/presets.ts';
import { autoBackend } from '../src/models/backend.ts';
import type { ClassificationNetwork } from '../src/models/classification-network.ts';
import { preprocess, RESNET50_IMAGENET } from '../src/models/pretrained.ts';
import { createResNet, featureShape, RESNET_DEPTHS, type ResNetDepth, type ResNetSpec } from '../src/models/resnet.ts';
import { openStillModel } from '../src/stills/analyze.ts';
import { randomWeights } from '../test/models/random-weights.ts';
import { writeResults } from './results.ts';
import { report, resultTable } from './study.ts';

/** Of noise, starting points and random weights. */
const SEED = 0;
/** Maps per row. */
const REPEATS = 5;
/** Iterations of each vanilla descent that are timed. */
const VANILLA_ITERATIONS = 5;

/** Measures on the backend of TensorFlow.js that `auto` chooses, one network in memory at a time, and writes bench/results/timing.json. */
export async function run([squeezenet]: readonly string[]): Promise<void> {
  const backend = await autoBackend(); // vanilla endpoints differentiate the trunk, which TensorFlow.js alone does
  const names = [RESNET50_IMAGENET.id, ...(squeezenet === undefined ? [] : [squeezenet])];
  const depths = RESNET_DEPTHS.filter((depth) => depth !== RESNET50_IMAGENET.spec.depth);
  const model = await openEventNetwork({ backend });
  const tables = [await times(timedEvents(model.network, 3, SEED))];
  model.network.dispose();
  const openers = [
    ...names.map((name) => async () => (await openStillModel({ model: name, backend })).network),
    ...depths.map((depth) => async () => randomResNet(depth)),
  ];
  for (const open of openers) {
    const network = await open();
    tables.push(await times(timedClassifier(network, SEED)));
    network.dispose();
  }
  const table = resultTable({ ...tables[0]!, rows: tables.flatMap(({ rows }) => rows) }, 'network');
  await writeResults({
    name: 'timing',
    command: 'npm run bench -- timing SQUEEZENET',
    tables: [{ ...table, notes: [...(table.notes ?? []), `Backend: ${model.backend.detail}.`] }],
  });
}

function times(network: TimedNetwork): Promise<FigureTable> {
  const options = { repeats: REPEATS, vanillaIterations: VANILLA_ITERATIONS, presets: PRESET_NAMES, seed: SEED };
  return measureTimes([network], { ...options, onProgress: report() });
}

/** A network with random weights: its times are those of a trained one, its number of iterations is not. */
function randomResNet(depth: ResNetDepth): ClassificationNetwork {
  const spec: ResNetSpec = { depth, strideIn: '3x3', padding: 'symmetric', upTo: 'conv5' };
  const trunk = createResNet(spec, randomWeights(spec));
  const { inputSize } = RESNET50_IMAGENET;
  const classes = 1000;
  const { channels } = featureShape(spec, inputSize);
  const random = createRandom(SEED);
  const kernel = Float32Array.from({ length: channels * classes }, () => random.normal() / Math.sqrt(channels));
  return {
    id: `resnet${depth}, random weights`,
    inputSize,
    steps: trunk.steps,
    defaultLayer: trunk.steps.at(-1)!.name,
    dense: { kernel, bias: new Float32Array(classes) },
    classes,
    preprocess: (pictures) => preprocess(RESNET50_IMAGENET, pictures),
    dispose: trunk.dispose,
  };
}
