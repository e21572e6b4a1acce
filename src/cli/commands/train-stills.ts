/** `l2caf train-stills`, as it is asked for. */
import { Command, Option } from 'commander';
import { DEFAULT_CACHE_BYTES } from '../../base/cache-folder.ts';
import { STILL_FORMATS } from '../../evaluation/choices.ts';
import { ENGINE_CHOICES, STILL_HEADS } from '../../models/choices.ts';
import { METRIC_LOSSES, MININGS } from '../../training/choices.ts';
import { choiceOption, deviceOption, examples, parseChannels, parseCount, parseNumber } from '../options.ts';
import { interruptible } from '../run.ts';
import type { TrainStillsFlags } from '../train-stills.ts';
import { addTrunkOptions } from '../trunk-options.ts';

const OF_RETRIEVAL = 'with --head retrieval: ';
const OF_ADL = 'with --head adl: ';

/** The `train-stills` command. */
export function trainStillsCommand(): Command {
  const command = new Command('train-stills')
    .argument('<data>', 'pictures with classes and splits, in one of the layouts of evaluate stills')
    .addOption(new Option('--format <name>', 'layout of the data (default: as its files tell)').choices(STILL_FORMATS))
    .addOption(
      choiceOption(
        '--head <name>',
        'what is trained: classes (gap), made to localize (acol, adl), or an embedding (retrieval)',
        STILL_HEADS,
        'gap',
      ),
    )
    .option('-o, --output <folder>', 'where the head goes (default: still-head)')
    .option('--name <id>', "the head's name (default: the name of its folder)");
  return addTrunkOptions(command, 'pictures', '224x224')
    .addOption(
      new Option('--channels <a,b>', 'channels of the 1×1 and the 3×3 convolution')
        .argParser(parseChannels)
        .default([128, 128], '128,128'),
    )
    .option(
      '--erase <share>',
      "with --head acol: height of a class's map from which features are erased (default: 0.6)",
      parseNumber(0.01, 1),
    )
    .option('--drop-rate <share>', `${OF_ADL}how often the drop mask is taken (default: 0.75)`, parseNumber(0, 1))
    .option(
      '--drop-threshold <share>',
      `${OF_ADL}height of the attention from which on it drops (default: 0.9)`,
      parseNumber(0.01, 1),
    )
    .option('--embedding <count>', `${OF_RETRIEVAL}length of the embedding (default: 64)`, parseCount(2))
    .addOption(new Option('--loss <name>', `${OF_RETRIEVAL}metric loss (default: triplet)`).choices(METRIC_LOSSES))
    .addOption(
      new Option('--mining <name>', `${OF_RETRIEVAL}which triplets count (default: semi-hard)`).choices(MININGS),
    )
    .option('--margin <distance>', `${OF_RETRIEVAL}margin of the triplet loss (default: 0.2)`, parseNumber(0, 2))
    .option('--fine-tune', 'the last stage of the trunk (--stage) learns, too; not of an ONNX file')
    .option(
      '--tune-rate <rate>',
      'with --fine-tune: highest learning rate of that stage (default: 1e-4)',
      parseNumber(1e-8, 10),
    )
    .option('--steps <count>', 'batches to train on', parseCount(1), 200)
    .option('--learning-rate <rate>', 'highest learning rate', parseNumber(1e-8, 10), 3e-3)
    .option('--weight-decay <share>', 'decay of the kernels', parseNumber(0, 10), 0.1)
    .option('--dropout <share>', 'share of the pooled features that is dropped', parseNumber(0, 0.9), 0.3)
    .option('--classes <count>', 'different classes per batch', parseCount(2), 8)
    .option('--per-class <count>', 'pictures per class and batch', parseCount(1), 4)
    .option('--no-mirror', 'do not show mirror images of the pictures, too')
    .option('--licence <licence>', 'of the trained weights: part of the head, told wherever it is used')
    .option('--data-licence <licence>', 'of the pictures: likewise')
    .option('--seed <number>', 'seed of everything that is drawn at random', parseCount(0), 0)
    .option('--cache-limit <GB>', 'bound on the cache of features', parseNumber(0.1, 1e5), DEFAULT_CACHE_BYTES / 1e9)
    .addOption(choiceOption('--backend <name>', 'what runs the network', ENGINE_CHOICES, 'auto'))
    .addOption(deviceOption())
    .option('--resume', 'continue an interrupted training from its checkpoint', false)
    .option('--json', 'print still.json instead of the table')
    .option('-q, --quiet', 'no progress')
    .addHelpText(
      'after',
      examples(
        'l2caf train-stills stills -o heads/gap',
        'l2caf train-stills CUB_200_2011 --head acol --erase 0.6 -o heads/acol',
        'l2caf train-stills stills --head retrieval --loss npair -o heads/npair',
        'l2caf train-stills stills --head acol --stage conv5 --fine-tune -o heads/tuned-acol',
        'l2caf train-stills pictures.csv --trunk backbone.onnx --layer layer4 --norm imagenet -o heads/mine',
        'l2caf evaluate stills stills/stills.csv --format boxes --model heads/acol --methods acol,cam,l2caf-class',
      ),
    )
    .action((data: string, flags: TrainStillsFlags) =>
      interruptible(async (signal) => (await import('../train-stills.ts')).trainStills(data, flags, signal)),
    );
}
