/** `l2caf index`: makes events searchable. */
import { Command } from 'commander';
import { ENGINE_CHOICES, type EngineChoice } from '../models/choices.ts';
import { DEFAULT_MODEL } from '../models/packaged.ts';
import { openEventSource } from '../retrieval/event-source.ts';
import { EventTable } from '../retrieval/event-table.ts';
import { indexEvents } from '../retrieval/index-events.ts';
import { addNetworkOptions, cardOf, type NetworkFlags } from './network-options.ts';
import { choiceOption, examples, LIST_FORMS, videosOption } from './options.ts';
import { interruptible } from './run.ts';
import { createTerminal } from './terminal.ts';

interface IndexFlags extends NetworkFlags {
  readonly output: string;
  readonly videos?: string;
  readonly model: string;
  readonly backend: EngineChoice;
  readonly prune: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** The `index` command. */
export function indexCommand(): Command {
  const command = new Command('index')
    .description('put events into a database that l2caf search answers from')
    .argument('<events...>', `a list of events (${LIST_FORMS}), analyses (analysis.json), or folders with analyses`)
    .addOption(videosOption())
    .requiredOption('-o, --output <db>', 'the database (LanceDB): a folder, or an address such as s3://bucket/events')
    .option(
      '--model <name>',
      'what embeds the events of a list: a model by name, folder or network file',
      DEFAULT_MODEL,
    )
    .addOption(choiceOption('--backend <name>', 'what runs the network', ENGINE_CHOICES, 'auto'))
    .option('--prune', 'remove events from the database that are not among these', false)
    .option('--json', 'print the counts as one JSON document')
    .option('-q, --quiet', 'no progress');
  return addNetworkOptions(command)
    .addHelpText(
      'after',
      examples(
        'l2caf index events.csv -o drives.lance',
        'l2caf index l2caf-out -o drives.lance',
        'l2caf index events.csv -o drives.lance --model net.onnx --norm imagenet',
        'l2caf index events.csv -o s3://bucket/drives   (credentials: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, …)',
      ),
    )
    .action((paths: string[], flags: IndexFlags) => interruptible((signal) => run(paths, flags, signal)));
}

async function run(paths: readonly string[], flags: IndexFlags, signal: AbortSignal): Promise<void> {
  const terminal = createTerminal(flags);
  const work = { prune: flags.prune, signal, onProgress: terminal.onProgress };
  const table = await EventTable.openOrCreate(flags.output);
  const card = await cardOf(flags);
  const { model, videos, backend } = flags;
  const source = await openEventSource(paths, { model, card, videos, backend, signal, onNote: terminal.warn });
  const summary = await indexEvents(table, source, work).finally(() => source.close?.());
  if (flags.json) return terminal.result(JSON.stringify({ database: flags.output, model: source.model, ...summary }));
  const { added, replaced, unchanged, others, total } = summary;
  terminal.result(`${added} new, ${replaced} replaced, ${unchanged} unchanged; ${total} events in ${flags.output}`);
  if (others === 0) return;
  if (flags.prune) terminal.result(`${others} removed that are not among these`);
  else
    terminal.info(`${others} of them are not among these: of other lists, or of an earlier one (--prune removes them)`);
}
