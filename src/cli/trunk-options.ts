/** The options of the commands that train which say on what the head stands. */
import { type Command, Option } from 'commander';
import { DEFAULT_TRUNK, NORMS, STAGES } from '../models/choices.ts';
import { choiceOption, parseSize } from './options.ts';

const OF_FILE = 'with --trunk FILE: ';

/** Adds them. `usual` is the size at which the ResNet-50 sees `what`. */
export function addTrunkOptions(command: Command, what: string, usual: string): Command {
  return command
    .option('--trunk <id>', 'the frozen, pre-trained network: a name, or an ONNX file', DEFAULT_TRUNK)
    .option('--layer <name>', `${OF_FILE}tensor or node that the head stands on (default: found)`)
    .option('--layout <axes>', `${OF_FILE}order of the layer's axes, such as "(b t) c h w"`)
    .addOption(new Option('--norm <name>', `${OF_FILE}how it wants its pictures`).choices(NORMS))
    .option('--bgr', `${OF_FILE}it wants blue first`)
    .option('--card <file>', `${OF_FILE}its card (default: the .json of its name beside it)`)
    .addOption(choiceOption('--stage <name>', 'the stage after which it is trimmed', STAGES, 'conv4'))
    .addOption(
      new Option(
        '--size <WxH>',
        `size at which it sees ${what}, multiples of 32 (default: ${usual}, or as the file says)`,
      ).argParser(parseSize),
    );
}
