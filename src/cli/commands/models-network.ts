/** `l2caf models inspect` and `import`, as they are asked for. */
import type { Command } from 'commander';
import type { InspectFlags } from '../models-network.ts';
import { addNetworkOptions } from '../network-options.ts';
import { examples, parseCount, parseSize } from '../options.ts';
import { interruptible } from '../run.ts';

/** Adds the two subcommands. */
export function addNetworkCommands(models: Command): void {
  const inspect = models
    .command('inspect')
    .description('what is in a file of a network, and at which of its layers it can be explained')
    .argument('<file>', 'an ONNX or Keras file, or the folder of an imported one')
    .option('--json', 'print one JSON document');
  addInputOptions(inspect)
    .addHelpText(
      'after',
      examples(
        'l2caf models inspect net.onnx',
        'l2caf models inspect net.onnx --size 224x224 --frames 16',
        'l2caf models inspect pilot.h5',
      ),
    )
    .action((file: string, flags: InspectFlags) =>
      interruptible(async (signal) => (await import('../models-network.ts')).inspectNetwork(file, flags, signal)),
    );
  const importing = models
    .command('import')
    .description('bring a network into a folder that every command takes as --model')
    .argument('<file>', 'an ONNX file')
    .requiredOption('-o, --output <folder>', 'where it goes');
  addInputOptions(importing)
    .addHelpText('after', examples('l2caf models import net.onnx --norm imagenet --labels classes.txt -o my-net'))
    .action((file: string, flags: InspectFlags & { readonly output: string }) =>
      interruptible(async (signal) => (await import('../models-network.ts')).bringIn(file, flags, signal)),
    );
}

function addInputOptions(command: Command): Command {
  return addNetworkOptions(command)
    .option('--size <WxH>', 'size of its pictures, where it takes any', parseSize)
    .option('--frames <count>', 'frames of an event, where it takes any number', parseCount(1))
    .option('-q, --quiet', 'no progress');
}
