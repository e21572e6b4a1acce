/** `l2caf index`, as it is asked for. */
import { Command } from 'commander';
import { ENGINE_CHOICES } from '../../models/choices.ts';
import { DEFAULT_MODEL } from '../../models/packaged.ts';
import type { IndexFlags } from '../index-events.ts';
import { addNetworkOptions } from '../network-options.ts';
import { choiceOption, deviceOption, examples, LIST_FORMS, videosOption } from '../options.ts';
import { interruptible } from '../run.ts';

/** The `index` command. */
export function indexCommand(): Command {
  const command = new Command('index')
    .argument('<events...>', `a list of events (${LIST_FORMS}), analyses (analysis.json), or folders with analyses`)
    .addOption(videosOption())
    .requiredOption('-o, --db <db>', 'the database (LanceDB): a folder, or an address such as s3://bucket/events')
    .option(
      '--model <name>',
      'what embeds the events of a list: a model by name, folder or network file',
      DEFAULT_MODEL,
    )
    .addOption(choiceOption('--backend <name>', 'what runs the network', ENGINE_CHOICES, 'auto'))
    .addOption(deviceOption())
    .option('--prune', 'remove events from the database that are not among these')
    .option('--json', 'print the counts as one JSON document')
    .option('-q, --quiet', 'no progress');
  return addNetworkOptions(command)
    .addHelpText(
      'after',
      examples(
        'l2caf index events.csv --db drives.lance',
        'l2caf index l2caf-out --db drives.lance',
        'l2caf index events.csv --db drives.lance --model net.onnx --norm imagenet',
        'l2caf index events.csv --db s3://bucket/drives   (credentials: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, …)',
      ),
    )
    .action((paths: string[], flags: IndexFlags) =>
      interruptible(async (signal) => (await import('../index-events.ts')).index(paths, flags, signal)),
    );
}
