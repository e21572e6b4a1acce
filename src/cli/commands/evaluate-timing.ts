/** `l2caf evaluate timing`, as it is asked for. */
import { Command, Option } from 'commander';
import { PRESET_NAMES } from '../../l2caf/presets.ts';
import { CLASSIFIER_BACKENDS } from '../../models/choices.ts';
import { DEFAULT_MODEL } from '../../models/packaged.ts';
import { addCommonOptions } from '../evaluate-options.ts';
import type { TimingFlags } from '../evaluate-timing.ts';
import { addNetworkOptions } from '../network-options.ts';
import { examples, parseCount, parseSize, parseSome } from '../options.ts';
import { interruptible } from '../run.ts';

/** The `timing` subcommand of `evaluate`. */
export function timingCommand(): Command {
  const command = new Command('timing')
    .description('seconds per map with vanilla and fast endpoints, per network and solver')
    .option('--model <name>', 'the model of events that is timed, or net.onnx', DEFAULT_MODEL)
    .option('--size <WxH>', 'of a network file: size at which it sees frames, where it takes any', parseSize)
    .option('--classifier <names...>', 'classification networks (default: those whose weights are in the cache)')
    .addOption(
      new Option('--presets <names>', `settings of gradient descent: ${PRESET_NAMES.join(', ')}`)
        .argParser(parseSome(PRESET_NAMES))
        .default(['paper', 'tf1-fast'], 'paper,tf1-fast'),
    )
    .option('--repeats <count>', 'maps per row', parseCount(1), 3)
    .option('--vanilla-iterations <count>', 'iterations of the vanilla descent that are timed', parseCount(1), 5);
  return addNetworkOptions(addCommonOptions(command, 'networks', CLASSIFIER_BACKENDS))
    .addHelpText(
      'after',
      examples(
        'l2caf evaluate timing',
        'l2caf evaluate timing --classifier resnet50-imagenet squeezenet1.1/weights --backend wasm --repeats 9',
        'l2caf evaluate timing --model net.onnx --norm imagenet',
      ),
    )
    .action((flags: TimingFlags) =>
      interruptible(async (signal) => (await import('../evaluate-timing.ts')).evaluateTiming(flags, signal)),
    );
}
