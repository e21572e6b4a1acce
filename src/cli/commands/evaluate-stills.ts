/** `l2caf evaluate stills`, as it is asked for. */
import { Command, Option } from 'commander';
import { STILL_FORMATS, STILL_METHODS } from '../../evaluation/choices.ts';
import { SPLITS } from '../../events/row.ts';
import { CLASSIFIER_BACKENDS, DEFAULT_TRUNK } from '../../models/choices.ts';
import { addCommonOptions } from '../evaluate-options.ts';
import type { StillsFlags } from '../evaluate-stills.ts';
import { addNetworkOptions } from '../network-options.ts';
import { choiceOption, examples, parseNumber, parseSize, parseSome } from '../options.ts';
import { interruptible } from '../run.ts';

/** The `stills` subcommand of `evaluate`. */
export function stillsCommand(): Command {
  const command = new Command('stills')
    .description('how well the maps of a classification or retrieval network lie on the objects of still pictures')
    .argument('<data>', 'folder of the data set, or the CSV file of boxes')
    .option(
      '--model <name>',
      'a known network, the folder of a .npy one, net.onnx, a Keras file, or the folder of an imported one',
      DEFAULT_TRUNK,
    )
    .option('--embedding', 'measure what its classes are told from, as a retrieval network: R@1 in place of top-1')
    .addOption(choiceOption('--format <name>', 'layout of the data (docs/evaluation.md)', STILL_FORMATS, 'boxes'))
    .addOption(
      choiceOption(
        '--split <name>',
        'the pictures that are measured; those of which the data set does not say what they are for always are',
        [...SPLITS, 'all'],
        'test',
      ),
    )
    .addOption(
      new Option(
        '--methods <names>',
        `maps to compare, separated by commas: ${STILL_METHODS.join(', ')} (default: all but the finer ones, the descents and cam, and of an embedding those of a class)`,
      ).argParser(parseSome(STILL_METHODS)),
    )
    .option('--layer <name>', 'the layer whose output is filtered (default: as l2caf image)')
    .option('--level <share>', 'heatmap level above which pixels belong to the box', parseNumber(0, 0.99), 0.2);
  command.option('--size <WxH>', "size at which the network sees pictures (default: the network's)", parseSize);
  return addNetworkOptions(addCommonOptions(command, 'pictures', CLASSIFIER_BACKENDS))
    .addHelpText(
      'after',
      examples(
        'l2caf evaluate stills tiny-imagenet-200/val --format tiny-imagenet --limit 200',
        'l2caf evaluate stills CUB_200_2011 --format cub --methods l2caf-oblivious,gradcam,cam,centre',
        'l2caf evaluate stills CUB_200_2011 --format cub --embedding',
        'l2caf evaluate stills val --format tiny-imagenet --model net.onnx --norm imagenet --labels classes.txt',
        'l2caf evaluate stills pictures/boxes.csv --model squeezenet1.1/weights',
        'l2caf evaluate stills stills/stills.csv --split val --methods gradcam,centre,random',
      ),
    )
    .action((data: string, flags: StillsFlags) =>
      interruptible(async (signal) => (await import('../evaluate-stills.ts')).evaluateStills(data, flags, signal)),
    );
}
