/** `l2caf batch`, as it is asked for. */
import { Command, Option } from 'commander';
import { OUTPUTS } from '../../batch/choices.ts';
import { addAnalysisOptions } from '../analysis-options.ts';
import type { BatchFlags } from '../batch.ts';
import { addNetworkOptions } from '../network-options.ts';
import { addObjectReading, parseBeside } from '../object-options.ts';
import {
  cropOption,
  examples,
  FINE,
  JOBS_HELP,
  LIST_FORMS,
  OBJECT_FORMS,
  parseCount,
  parseNumber,
  parseSome,
  pictureOptions,
  videosOption,
} from '../options.ts';
import { queueOption, queuePasswordOption, queueSecretOption } from '../queue-options.ts';
import { interruptible } from '../run.ts';
import { addVideoOptions, hideOption } from '../style-options.ts';
import { addWindowOptions } from '../window-options.ts';

/** What the user can choose; the thumbnail belongs to the index. */
const CHOICES = OUTPUTS.filter((name) => name !== 'thumbnail');

/** The `batch` command. */
export function batchCommand(): Command {
  const [fps] = pictureOptions();
  const command = new Command('batch')
    .argument('<events>', `a list of events: ${LIST_FORMS}`)
    .addOption(videosOption())
    .addOption(fps)
    .addOption(cropOption())
    .addOption(
      new Option(
        '--objects <path>',
        `boxes of objects, whose share of the attention is told: a folder of files called as the videos, a file of the only video, or column:NAME of the list; ${OBJECT_FORMS}`,
      ).argParser(parseBeside),
    );
  addObjectReading(command)
    .addOption(
      new Option(
        '--signals <path>',
        'recorded numbers, to be compared with those of the network: CSV files with the column time (seconds), given as --objects',
      ).argParser(parseBeside),
    )
    .option('-o, --output <folder>', "where the results go (default: the list's name in l2caf-out)")
    .option('--jobs <count>', JOBS_HELP, parseCount(1))
    .addOption(queueOption('give events out to l2caf worker through a Redis or Valkey server, redis://HOST:6379'))
    .addOption(queuePasswordOption())
    .addOption(queueSecretOption())
    .option('--only <label>', 'only events with this label')
    .option('--limit <count>', 'only the first events', parseCount(1))
    .addOption(
      new Option('--outputs <list>', `what to make of each event: ${CHOICES.join(', ')}`)
        .argParser(parseSome(CHOICES))
        .default(['json', 'strip'], 'json,strip'),
    )
    .option('--strict', 'do nothing if any row of the list is wrong; an event whose frames are damaged or lost fails')
    .option(
      '--frames <count>',
      'frames to sample from each event (default: 3, or as many as the network takes)',
      parseCount(1),
    )
    .option('--cache-limit <GB>', 'bound on the cache of trunk features', parseNumber(0.01, 1e6), 20);
  addWindowOptions(command, 'each event');
  addAnalysisOptions(command).option('--fine', `${FINE}, and keeps no features for the next time (default: not)`);
  addNetworkOptions(command);
  addVideoOptions(command, hideOption())
    .option('--json', 'say what happens as JSON, one object a line, on stdout')
    .option('-q, --quiet', 'no progress');
  return command
    .addHelpText(
      'after',
      examples(
        'l2caf batch events.csv -o results',
        'l2caf batch events.csv --videos /data/drives --jobs 4 --outputs json,strip,mp4',
        "l2caf batch 201702271017.eaf --videos /data/hdd --only 'left turn'",
        'l2caf batch clips/ --limit 10',
        'l2caf batch drives/ --dense --window 4 --stride 1 --outputs json,strip,report',
        'l2caf batch events.csv --objects tracks/ --show-objects --outputs json,strip,mp4',
        'l2caf batch events.csv --objects column:boxes --objects-score 0.5',
        'l2caf batch drives.csv --model pilot.onnx --norm 0..1 --labels steering,throttle --kind numbers --dense --signals signals/',
        'l2caf batch events.csv --model net.onnx --norm imagenet --labels classes.txt',
        'l2caf batch events.csv -o /shared/results --queue redis://server:6379',
      ),
    )
    .action((path: string, flags: BatchFlags) =>
      interruptible(async (signal) => (await import('../batch.ts')).runBatch(path, flags, signal)),
    );
}
