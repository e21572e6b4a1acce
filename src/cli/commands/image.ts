/** `l2caf image`, as it is asked for. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { CONSTRAINTS, METHODS, SOLVER_CHOICES } from '../../l2caf/choices.ts';
import { PRESET_NAMES } from '../../l2caf/presets.ts';
import { CLASSIFIER_BACKENDS, DEFAULT_TRUNK } from '../../models/choices.ts';
import type { ImageFlags } from '../image.ts';
import { addNetworkOptions } from '../network-options.ts';
import { objectScoreOption } from '../object-options.ts';
import { choiceOption, examples, FINE, parseCount, parseSize, parseTarget, USUAL_MAPS } from '../options.ts';
import { interruptible } from '../run.ts';
import { addStyleOptions, showObjectsOption } from '../style-options.ts';

/** Maps of one picture: more take minutes to draw, and nobody to look at. */
const MAX_MAPS = 50;

function parseMapCount(text: string): number {
  const count = parseCount(1)(text);
  if (count > MAX_MAPS) throw new InvalidArgumentError(`expected at most ${MAX_MAPS}.`);
  return count;
}

/** The `image` command. */
export function imageCommand(): Command {
  const command = new Command('image')
    .argument('<file...>', 'JPEG, PNG or WebP files')
    .option(
      '--model <name>',
      'a known network, the folder of a .npy one, net.onnx, a Keras file, or the folder of an imported one',
      DEFAULT_TRUNK,
    )
    .option(
      '--top <count>',
      `one map for each of the most probable classes, at most ${MAX_MAPS} (default: ${USUAL_MAPS})`,
      parseMapCount,
    )
    .addOption(new Option('--classes <names>', 'maps for these classes, separated by commas').conflicts('top'))
    .addOption(new Option('--oblivious', 'one map for all outputs together').conflicts(['top', 'classes']))
    .addOption(
      new Option(
        '--target <what>',
        'one map, for oblivious, class:NAME or output:NAME (a number such as a steering angle)',
      )
        .argParser(parseTarget)
        .conflicts(['top', 'classes', 'oblivious']),
    )
    .addOption(choiceOption('--method <name>', 'how maps are found', METHODS, 'l2caf'))
    .option('--layer <name>', 'the layer whose output is filtered (default: the last feature map)')
    .addOption(choiceOption('--constraint <name>', 'what keeps a filter from growing', CONSTRAINTS, 'l2'))
    .option('--compare-constraints', 'draw the maps under every constraint side by side')
    .addOption(choiceOption('--solver <name>', 'how the filters are found', SOLVER_CHOICES, 'auto'))
    .addOption(choiceOption('--preset <name>', 'settings of gradient descent (l2caf presets)', PRESET_NAMES, 'paper'))
    .option('--fine', FINE)
    .option('--signed', 'draw supporting and opposing cells in two colours')
    .option('--sanity', 're-initialise the network part by part: do the maps change?')
    .addOption(
      new Option('--size <WxH>', "size at which the network sees pictures (default: the network's)") //
        .argParser(parseSize),
    )
    .option(
      '--objects <file>',
      'boxes of objects, whose share of each map is told: CSV with the column file, COCO with its images; of one picture any file of boxes (docs/objects.md)',
    )
    .addOption(objectScoreOption())
    .addOption(showObjectsOption())
    .option('--seed <number>', 'seed of everything that is drawn at random', parseCount(0), 0)
    .addOption(choiceOption('--backend <name>', 'what runs the network', CLASSIFIER_BACKENDS, 'auto'))
    .option('-o, --output <folder>', 'where the results go', 'l2caf-out')
    .option('--json', 'print the analyses as one JSON array instead of tables')
    .option('-q, --quiet', 'no progress');
  addNetworkOptions(command);
  return addStyleOptions(command)
    .addHelpText(
      'after',
      examples(
        'l2caf image dog.jpg',
        'l2caf image dog.jpg --classes "golden retriever,monarch" --signed',
        'l2caf image *.jpg --top 2 --compare-constraints --sanity -o figures',
        'l2caf image dog.jpg --model net.onnx --norm imagenet --labels classes.txt --target class:monarch',
        'l2caf image dog.jpg --method cam --top 3',
        'l2caf image *.jpg --objects annotations.json --show-objects',
        'l2caf image dog.jpg --model vit.onnx --norm imagenet --resize cover --oblivious --method rollout',
      ),
    )
    .action((files: string[], flags: ImageFlags) =>
      interruptible(async (signal) => (await import('../image.ts')).analyzeAll(files, flags, signal)),
    );
}
