/** `l2caf search`, as it is asked for. */
import { Command, Option } from 'commander';
import { ENGINE_CHOICES } from '../../models/choices.ts';
import { DEFAULT_MODEL } from '../../models/packaged.ts';
import { EXCLUSIONS } from '../../retrieval/evaluate.ts';
import { addNetworkOptions } from '../network-options.ts';
import { choiceOption, deviceOption, examples, parseCount, parseSeconds } from '../options.ts';
import { interruptible } from '../run.ts';
import type { SearchFlags } from '../search.ts';

/** The `search` command. */
export function searchCommand(): Command {
  const command = new Command('search')
    .argument('<query>', 'a clip, or the id of an indexed event')
    .requiredOption('--db <db>', 'the database that l2caf index wrote')
    .option('--start <time>', 'start of the event in the clip, seconds or [h:]m:s (default: its start)', parseSeconds)
    .option('--end <time>', 'end of the event in the clip (default: its end)', parseSeconds)
    .option('-k, --neighbours <count>', 'events to find', parseCount(1), 5)
    .option('--where <condition>', 'SQL on id, video, start, end, label, split: only such events are searched')
    .addOption(choiceOption('--exclude <what>', 'what may not answer', EXCLUSIONS, 'overlap'))
    .option('-o, --output <file>', 'a PNG with the frames of the query and of what was found')
    .addOption(
      new Option('--explain [which]', 'draw what makes the query and the best match (or all) similar; needs -o')
        .choices(['best', 'all'])
        .preset('best'),
    )
    .option(
      '--model <name>',
      'what the events were indexed with: a model by name, folder or network file',
      DEFAULT_MODEL,
    )
    .addOption(choiceOption('--backend <name>', 'what runs the network', ENGINE_CHOICES, 'auto'))
    .addOption(deviceOption())
    .option('--json', 'print one JSON document instead of the table')
    .option('-q, --quiet', 'no progress');
  return addNetworkOptions(command)
    .addHelpText(
      'after',
      examples(
        'l2caf search drive-0042 --db drives.lance -o like-42.png',
        'l2caf search new.mp4 --start 1:02 --end 1:05 --db drives.lance -k 10 --exclude video',
        `l2caf search drive-0042 --db drives.lance --where "label = 'cyclist'" -o like-42.png --explain`,
        'l2caf search new.mp4 --db drives.lance --model net.onnx --norm imagenet   (as the events were indexed)',
      ),
    )
    .action((query: string, flags: SearchFlags) =>
      interruptible(async (signal) => (await import('../search.ts')).search(query, flags, signal)),
    );
}
