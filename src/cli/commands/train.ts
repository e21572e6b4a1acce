/** `l2caf train`, as it is asked for. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { DEFAULT_CACHE_BYTES } from '../../base/cache-folder.ts';
import { DEFAULT_HEAD, ENGINE_CHOICES } from '../../models/choices.ts';
import { METRIC_LOSSES, MININGS } from '../../training/choices.ts';
import type { DomainFile } from '../../training/train-model.ts';
import {
  choiceOption,
  deviceOption,
  examples,
  LIST_FORMS,
  parseChannels,
  parseCount,
  parseNumber,
  parseSize,
  videosOption,
} from '../options.ts';
import { interruptible } from '../run.ts';
import type { TrainFlags } from '../train.ts';
import { addTrunkOptions } from '../trunk-options.ts';

/** The `train` command. */
export function trainCommand(): Command {
  const command = new Command('train')
    .argument('[events...]', `lists of events with labels and splits: ${LIST_FORMS}`)
    .option('--domain <name=events.csv>', 'a list with labels of its own (repeatable)', collectFiles, [])
    .option(
      '--unlabelled <name=events.csv>',
      'events without labels, of a camera like yours: two views of each should have alike embeddings (repeatable)',
      collectFiles,
      [],
    )
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
    .option(
      '--licence <name=licence>',
      "licence of a domain's videos and labels, or of the trained `weights` (repeatable): part of the model, told wherever it is used",
      collectLicences,
      [],
    )
    .option('--seed <number>', 'seed of everything that is drawn at random', parseCount(0), 0)
    .option('--cache-limit <GB>', 'bound on the cache of features', parseNumber(0.1, 1e5), DEFAULT_CACHE_BYTES / 1e9)
    .addOption(choiceOption('--backend <name>', 'what runs the network', ENGINE_CHOICES, 'auto'))
    .addOption(deviceOption())
    .option('--resume', 'continue an interrupted training from its checkpoint', false)
    .option('--json', 'print model.json instead of the table')
    .option('-q, --quiet', 'no progress')
    .addHelpText(
      'after',
      examples(
        'l2caf train events.csv -o models/mine --classifier',
        'l2caf train --domain city=city/events.csv --dense city=city/masks --domain sim=sim/events.csv --pool 4x2',
        'l2caf train events.csv -o models/mine --validate drive-3.mp4 --resume',
        'l2caf train events.csv -o models/mine --unlabelled own=drives.csv --attention 4',
        'l2caf train events.csv -o models/mine --trunk backbone.onnx --layer layer3 --norm imagenet',
      ),
    )
    .action((events: string[], flags: TrainFlags) =>
      interruptible(async (signal) => (await import('../train.ts')).trainOnLists(events, flags, signal)),
    );
}

function addArchitecture(command: Command): void {
  addTrunkOptions(command, 'frames', '384x224')
    .option('--frames <count>', 'frames per event', parseCount(1), 3)
    .addOption(
      choiceOption('--grid <which>', "grid of the filters: half or all of the trunk's", ['half', 'full'], 'half'),
    )
    .option('--pool <WxH>', 'average feature maps to this grid before the LSTM (default: not)', parseSize)
    .addOption(
      new Option(
        '--attention <heads>',
        "the LSTM's state chooses which cells are read, with so many heads, in place of all cells",
      )
        .argParser(parseCount(1))
        .conflicts('pool'),
    )
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
    .option('--agreement <factor>', 'weight of the loss on unlabelled events', parseNumber(0, 100), 0.3)
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

function collectFiles(text: string, earlier: readonly DomainFile[]): DomainFile[] {
  const at = text.indexOf('=');
  if (at < 1 || at === text.length - 1) throw new InvalidArgumentError('expected NAME=PATH.');
  return [...earlier, { name: text.slice(0, at), path: text.slice(at + 1) }];
}

function collectWeights(text: string, earlier: TrainFlags['relation']): TrainFlags['relation'] {
  const at = text.lastIndexOf('=');
  if (at < 1) throw new InvalidArgumentError('expected NAME=FACTOR.');
  return [...earlier, [text.slice(0, at), parseNumber(0, 1000)(text.slice(at + 1))]];
}

function collectLicences(text: string, earlier: TrainFlags['licence']): TrainFlags['licence'] {
  const at = text.indexOf('=');
  if (at < 1 || at === text.length - 1) throw new InvalidArgumentError('expected NAME=LICENCE.');
  return [...earlier, [text.slice(0, at), text.slice(at + 1)]];
}

function collectSwaps(text: string, earlier: TrainFlags['swap']): TrainFlags['swap'] {
  const [a, b, ...rest] = text.split('=');
  if (!a || !b || rest.length > 0) throw new InvalidArgumentError('expected LABEL=LABEL.');
  return [...earlier, [a, b]];
}
