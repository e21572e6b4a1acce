/** `l2caf train`: fits a head to labelled events and writes a model directory. */
import { basename, dirname, extname, join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { DEFAULT_CACHE_BYTES } from '../base/cache-folder.ts';
import { L2cafError } from '../base/errors.ts';
import { withFolder } from '../base/files.ts';
import { checkOutputFolder, checkOutputs } from '../base/output.ts';
import type { GridShape, PictureSize } from '../base/types.ts';
import { useEngine } from '../models/backend.ts';
import { cardWith } from '../models/card.ts';
import {
  DEFAULT_HEAD,
  ENGINE_CHOICES,
  type EngineChoice,
  NORMS,
  type Norm,
  STAGES,
  type Stage,
} from '../models/choices.ts';
import { trunkSide } from '../models/event-network.ts';
import type { HeadSpec } from '../models/head.ts';
import { importedPath, isImported } from '../models/imported.ts';
import type { ModelManifest } from '../models/model-directory.ts';
import type { OnnxTrunk } from '../models/onnx/trunk.ts';
import { findPretrained, RESNET50_IMAGENET } from '../models/pretrained.ts';
import type { ShallowCnnSpec } from '../models/shallow-cnn.ts';
import type { StepRecord } from '../training/checkpoint.ts';
import { METRIC_LOSSES, type MetricLoss, MININGS, type Mining } from '../training/choices.ts';
import type { DenseSource } from '../training/dense-labels.ts';
import {
  type DomainFile,
  TRAINING_FILES,
  type TrainedModel,
  type TrainingPlan,
  trainModel,
} from '../training/train-model.ts';
import { freeName, isOfOther } from './default-folder.ts';
import { cardOf } from './network-options.ts';
import { choiceOption, examples, LIST_FORMS, parseCount, parseNumber, parseSize, videosOption } from './options.ts';
import { interruptible } from './run.ts';
import { createTerminal, formatTable, type Terminal } from './terminal.ts';

interface TrainFlags {
  readonly videos?: string;
  readonly domain: readonly DomainFile[];
  readonly dense: readonly DomainFile[];
  readonly denseClasses: readonly DomainFile[];
  readonly output?: string;
  readonly name?: string;
  readonly trunk: string;
  readonly stage: Stage;
  readonly layer?: string;
  readonly layout?: string;
  readonly norm?: Norm;
  readonly bgr?: boolean;
  readonly card?: string;
  readonly size?: PictureSize;
  readonly frames: number;
  readonly grid: 'half' | 'full';
  readonly pool?: PictureSize;
  readonly channels: readonly [number, number];
  readonly units: number;
  readonly embedding: number;
  readonly components?: number;
  readonly loss: MetricLoss;
  readonly mining: Mining;
  readonly margin: number;
  readonly classifier: boolean;
  readonly classifierWeight: number;
  readonly denseWeight: number;
  readonly sparsity: number;
  readonly selection: number;
  readonly relation: readonly (readonly [string, number])[];
  readonly steps: number;
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly dropout: number;
  readonly classes: number;
  readonly perClass: number;
  readonly views: number;
  readonly swap: readonly (readonly [string, string])[];
  readonly validate: readonly string[];
  readonly seed: number;
  readonly cacheLimit: number;
  readonly backend: EngineChoice;
  readonly resume: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** The `train` command. */
export function trainCommand(): Command {
  const command = new Command('train')
    .description('train the shallow CNN and the LSTM on labelled events')
    .argument('[events...]', `lists of events with labels and splits: ${LIST_FORMS}`)
    .option('--domain <name=events.csv>', 'a list with labels of its own (repeatable)', collectFiles, [])
    .addOption(videosOption())
    .option('--dense <name=folder>', 'masks or boxes of a domain: trains the shallow CNN on them too', collectFiles, [])
    .option(
      '--dense-classes <name=a,b>',
      'the classes of its masks or boxes that count (default: all)',
      collectFiles,
      [],
    )
    .option('-o, --output <folder>', 'where the model goes (default: model)')
    .option('--name <id>', "the model's name (default: the name of its folder)")
    .option(
      '--validate <video...>',
      'watch the training on the events of these videos instead of training on them',
      [],
    );
  addArchitecture(command);
  addObjective(command);
  return command
    .option('--views <count>', 'ways each event is shown: as it is, mirrored, then at random', parseCount(1), 2)
    .option('--swap <label=label>', 'labels that mirroring exchanges (repeatable)', collectSwaps, [])
    .option('--seed <number>', 'seed of everything that is drawn at random', parseCount(0), 0)
    .option('--cache-limit <GB>', 'bound on the cache of features', parseNumber(0.1, 1e5), DEFAULT_CACHE_BYTES / 1e9)
    .addOption(choiceOption('--backend <name>', 'what runs the network', ENGINE_CHOICES, 'auto'))
    .option('--resume', 'continue an interrupted training from its checkpoint', false)
    .option('--json', 'print model.json instead of the table')
    .option('-q, --quiet', 'no progress')
    .addHelpText(
      'after',
      examples(
        'l2caf train events.csv -o models/mine --classifier',
        'l2caf train --domain city=city/events.csv --dense city=city/masks --domain sim=sim/events.csv --pool 4x2',
        'l2caf train events.csv -o models/mine --validate drive-3.mp4 --resume',
        'l2caf train events.csv -o models/mine --trunk backbone.onnx --layer layer3 --norm imagenet',
      ),
    )
    .action((events: string[], flags: TrainFlags) => interruptible((signal) => run(events, flags, signal)));
}

const OF_FILE = 'with --trunk FILE: ';

function addArchitecture(command: Command): void {
  command
    .option('--trunk <id>', 'the frozen, pre-trained network: a name, or an ONNX file', RESNET50_IMAGENET.id)
    .option('--layer <name>', `${OF_FILE}tensor or node that the head stands on (default: found)`)
    .option('--layout <axes>', `${OF_FILE}order of the layer's axes, such as "(b t) c h w"`)
    .addOption(new Option('--norm <name>', `${OF_FILE}how it wants its pictures`).choices(NORMS))
    .option('--bgr', `${OF_FILE}it wants blue first`)
    .option('--card <file>', `${OF_FILE}its card (default: the .json of its name beside it)`)
    .addOption(choiceOption('--stage <name>', 'the stage after which it is trimmed', STAGES, 'conv4'))
    .addOption(
      new Option(
        '--size <WxH>',
        'size at which it sees frames, multiples of 32 (default: 384x224, or as the file says)',
      ).argParser(parseSize),
    )
    .option('--frames <count>', 'frames per event', parseCount(1), 3)
    .addOption(
      choiceOption('--grid <which>', "grid of the filters: half or all of the trunk's", ['half', 'full'], 'half'),
    )
    .option('--pool <WxH>', 'average feature maps to this grid before the LSTM (default: not)', parseSize)
    .addOption(
      new Option('--channels <a,b>', 'channels of the two layers of the shallow CNN').argParser(parseChannels).default(
        DEFAULT_HEAD.shallowCnn.map(({ channels }) => channels),
        '64,32',
      ),
    )
    .option('--units <count>', 'units of the LSTM', parseCount(1), DEFAULT_HEAD.lstmUnits)
    .option('--embedding <count>', 'length of the embedding', parseCount(2), DEFAULT_HEAD.embeddingSize)
    .option(
      '--components <count>',
      "train on this many principal components of the trunk's features; 0: on the features (default: 128, or all)",
      parseCount(0),
    );
}

function addObjective(command: Command): void {
  command
    .addOption(choiceOption('--loss <name>', 'metric loss', METRIC_LOSSES, 'triplet'))
    .addOption(choiceOption('--mining <name>', 'which triplets count', MININGS, 'semi-hard'))
    .option('--margin <distance>', 'margin of the triplet loss', parseNumber(0, 2), 0.2)
    .option('--classifier', 'train a classifier on the embedding too', false)
    .option('--classifier-weight <factor>', 'weight of its loss', parseNumber(0, 100), 1)
    .option('--dense-weight <factor>', 'weight of the loss on masks and boxes', parseNumber(0, 100), 1)
    .option('--sparsity <factor>', "weight of the feature map's mean activation", parseNumber(0, 100), 0.02)
    .option(
      '--selection <factor>',
      "weight of the LSTM's input weights by channel (group lasso)",
      parseNumber(0, 100),
      0,
    )
    .option(
      '--relation <name=factor>',
      "keep the distances that the trunk's features have between events of a domain, with this weight (repeatable)",
      collectWeights,
      [],
    )
    .option('--steps <count>', 'batches to train on', parseCount(1), 120)
    .option('--learning-rate <rate>', 'highest learning rate', parseNumber(1e-8, 10), 1e-3)
    .option('--weight-decay <share>', 'decay of the kernels', parseNumber(0, 10), 0.1)
    .option('--dropout <share>', 'share of the inputs of LSTM and embedding that is dropped', parseNumber(0, 0.9), 0.3)
    .option('--classes <count>', 'different classes per batch', parseCount(2), 8)
    .option('--per-class <count>', 'events per class and batch', parseCount(2), 8);
}

async function run(events: readonly string[], flags: TrainFlags, signal: AbortSignal): Promise<void> {
  const terminal = createTerminal(flags);
  const domains = domainsOf(events, flags);
  const output = flags.output ?? (await defaultFolder(domains));
  const trunk = await openTrunk(flags, signal);
  try {
    for (const note of trunk?.notes ?? []) terminal.info(note);
    const plan = planOf(domains, output, flags, trunk);
    await checkOutputFolder(output);
    await checkOutputs(TRAINING_FILES.map((name) => join(output, name)));
    const backend = await useEngine(flags.backend);
    if (backend.warning !== undefined) terminal.warn(backend.warning);
    terminal.info(`backend: ${backend.name} (${backend.reason})`);
    const model = await withFolder(output, () =>
      trainModel(plan, {
        backend: backend.name,
        cacheBytes: flags.cacheLimit * 1e9,
        videos: flags.videos,
        outputFolder: output,
        resume: flags.resume,
        signal,
        onProgress: terminal.onProgress,
        onNote: (text) => terminal.info(text),
        onWarning: (text) => terminal.warn(text),
        onStep: (record) => showStep(terminal, record, flags.steps),
      }),
    );
    if (flags.json) terminal.result(JSON.stringify(model, null, 2));
    else {
      terminal.result(figuresTable(model));
      terminal.result(output);
    }
  } finally {
    trunk?.dispose();
  }
}

/**
 * The trunk, where it is a network file.
 *
 * @throws L2cafError `usage` for what is said of a file where there is none; else as `OnnxTrunk.open`
 */
async function openTrunk(flags: TrainFlags, signal: AbortSignal): Promise<OnnxTrunk | undefined> {
  const { trunk: file, size } = flags;
  const said = await cardOf(flags);
  if (!(await isImported(file))) {
    if (said === undefined) return undefined;
    throw new L2cafError('usage', `${file} knows itself how it wants its frames`, {
      hint: '--norm, --layer and the like are for --trunk FILE.onnx',
    });
  }
  const card = cardWith(said ?? {}, size ? { input: { size: [size.height, size.width] } } : {});
  const { OnnxTrunk: Trunk } = await import('../models/onnx/trunk.ts');
  const trunk = await Trunk.open(await importedPath(file), { card, signal });
  if (trunk.frames === undefined || trunk.frames === flags.frames) return trunk;
  trunk.dispose();
  throw new L2cafError('usage', `${file} was exported for ${trunk.frames} frames`, {
    hint: `use --frames ${trunk.frames}, or export it with that axis dynamic`,
  });
}

/** `model`, unless the model there was trained on other lists. */
function defaultFolder(domains: readonly DomainFile[]): Promise<string> {
  const names = domains.map(({ name }) => name).join();
  return freeName('model', (folder) =>
    isOfOther(join(folder, 'model.json'), (document) => {
      const { training } = document as Pick<ModelManifest, 'training'>;
      return training.domains.map(({ name }) => name).join() === names;
    }),
  );
}

function domainsOf(events: readonly string[], flags: TrainFlags): DomainFile[] {
  const domains = [...events.map((path) => ({ name: stem(path), path })), ...flags.domain];
  const names = domains.map(({ name }) => name);
  if (domains.length === 0) throw new L2cafError('usage', 'no events to train on', { hint: 'l2caf train EVENTS.csv' });
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) {
    throw new L2cafError('usage', `two lists are named ${twice}`, {
      hint: 'name them: --domain NAME=EVENTS.csv',
    });
  }
  return domains;
}

function planOf(
  domains: readonly DomainFile[],
  output: string,
  flags: TrainFlags,
  trunk: OnnxTrunk | undefined,
): TrainingPlan {
  const names = domains.map(({ name }) => name);
  const { classes, perClass, seed, swap, steps } = flags;
  const spec = specOf(flags, trunk);
  return {
    id: flags.name ?? basename(output),
    domains,
    trunk,
    spec,
    classifier: flags.classifier,
    dense: denseSources(flags, names),
    validationVideos: flags.validate,
    views: flags.views,
    components: flags.components ?? Math.min(USUAL_COMPONENTS, spec.trunkChannels),
    trainer: {
      loss: flags.loss,
      mining: flags.mining,
      margin: flags.margin,
      classifierWeight: flags.classifierWeight,
      denseWeight: flags.denseWeight,
      sparsityWeight: flags.sparsity,
      selectionWeight: flags.selection,
      relationWeights: relationWeights(flags, names),
      learningRate: flags.learningRate,
      weightDecay: flags.weightDecay,
      warmUpSteps: Math.min(10, steps),
      steps,
      seed,
      frames: flags.frames,
      dropout: flags.dropout,
      maxGradientNorm: 5,
      checkpointEvery: Math.max(1, Math.min(40, Math.ceil(steps / 4))),
    },
    sampler: { classesPerBatch: classes, eventsPerClass: perClass, mirroredLabels: mirroredLabels(swap) },
  };
}

function denseSources({ dense, denseClasses }: TrainFlags, domains: readonly string[]): Map<string, DenseSource> {
  const unknown = dense.find(({ name }) => !domains.includes(name));
  if (unknown) throw new L2cafError('usage', `--dense ${unknown.name}: the domains are ${domains.join(', ')}`);
  const stray = denseClasses.find(({ name }) => !dense.some((source) => source.name === name));
  if (stray) throw new L2cafError('usage', `--dense-classes ${stray.name}: there is no --dense ${stray.name}`);
  return new Map(
    dense.map(({ name, path: folder }) => {
      const classes = denseClasses.find((entry) => entry.name === name)?.path.split(',');
      return [name, { folder, ...(classes && { classes }) }];
    }),
  );
}

function specOf(
  { trunk, stage, size = USUAL_SIZE, grid, pool, channels, units, embedding }: TrainFlags,
  own: OnnxTrunk | undefined,
): HeadSpec {
  const shallowCnn: ShallowCnnSpec = [
    { kernelSize: 1, stride: 1, channels: channels[0] },
    { kernelSize: 3, stride: grid === 'half' ? 2 : 1, channels: channels[1] },
  ];
  const pooling: { pool?: GridShape } = pool ? { pool: { height: pool.height, width: pool.width } } : {};
  const sizes = { lstmUnits: units, embeddingSize: embedding };
  const front = own
    ? { trunk: own.id, stage: own.layer, trunkGrid: own.grid, trunkChannels: own.channels, inputSize: own.size }
    : trunkSide(findPretrained(trunk), stage, size);
  return { ...front, shallowCnn, ...sizes, ...pooling };
}

const USUAL_COMPONENTS = 128;
const USUAL_SIZE: PictureSize = { width: 384, height: 224 };

function relationWeights({ relation }: TrainFlags, domains: readonly string[]): Record<string, number> {
  const unknown = relation.find(([name]) => !domains.includes(name));
  if (unknown) throw new L2cafError('usage', `--relation ${unknown[0]}: the domains are ${domains.join(', ')}`);
  return Object.fromEntries(relation);
}

/** Both ways; left and right turns are exchanged unless something else is asked for. */
function mirroredLabels(swaps: TrainFlags['swap']): Map<string, string> {
  const pairs = swaps.length > 0 ? swaps : [['left_turn', 'right_turn'] as const];
  return new Map(pairs.flatMap(([a, b]) => [[a, b] as const, [b, a] as const]));
}

function showStep(terminal: Terminal, { step, loss }: StepRecord, total: number): void {
  terminal.onProgress({ stage: 'training', done: step, total, unit: 'steps' });
  if (step % LOSS_EVERY === 0) terminal.info(`step ${step}: loss ${loss.toFixed(4)}`);
}

/** Steps from one line with the loss to the next. */
const LOSS_EVERY = 20;

function figuresTable({ figures }: TrainedModel): string {
  const names = ['events', 'recallAt1', 'recallAt1NoOverlap', 'mapAtRNoOverlap', 'nmi', 'knn'];
  const heading = ['domain', 'events', 'R@1', 'R@1 no overlap', 'MAP@R no overlap', 'NMI', 'kNN'];
  const rows = Object.entries(figures).map(([domain, own]) => [domain, ...names.map((name) => String(own[name]))]);
  return formatTable([heading, ...rows]);
}

function collectFiles(text: string, earlier: readonly DomainFile[]): DomainFile[] {
  const at = text.indexOf('=');
  if (at < 1 || at === text.length - 1) throw new InvalidArgumentError('expected NAME=PATH.');
  return [...earlier, { name: text.slice(0, at), path: text.slice(at + 1) }];
}

function parseChannels(text: string): [number, number] {
  const [first, second, ...rest] = text.split(',').map(parseCount(1));
  if (first === undefined || second === undefined || rest.length > 0) throw new InvalidArgumentError('expected A,B.');
  return [first, second];
}

function collectWeights(text: string, earlier: TrainFlags['relation']): TrainFlags['relation'] {
  const at = text.lastIndexOf('=');
  if (at < 1) throw new InvalidArgumentError('expected NAME=FACTOR.');
  return [...earlier, [text.slice(0, at), parseNumber(0, 1000)(text.slice(at + 1))]];
}

function collectSwaps(text: string, earlier: TrainFlags['swap']): TrainFlags['swap'] {
  const [a, b, ...rest] = text.split('=');
  if (!a || !b || rest.length > 0) throw new InvalidArgumentError('expected LABEL=LABEL.');
  return [...earlier, [a, b]];
}

/** The name of a list; of one that is called `events.csv`, the name of its folder. */
function stem(path: string): string {
  const own = basename(path, extname(path));
  return own === 'events' ? basename(dirname(path)) : own;
}
