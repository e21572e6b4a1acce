/** `l2caf reproduce`, as it is asked for. */
import { Argument, Command, Option } from 'commander';
import { STILL_FORMATS } from '../../evaluation/choices.ts';
import { PAPER_ITEMS, type PaperItem } from '../../evaluation/reproduce/choices.ts';
import { CLASSIFIER_BACKENDS } from '../../models/choices.ts';
import { DEFAULT_MODEL } from '../../models/packaged.ts';
import { choiceOption, deviceOption, examples, parseCount, parseNumber } from '../options.ts';
import type { ReproduceFlags } from '../reproduce.ts';
import { interruptible } from '../run.ts';

/** Every item. */
const ALL = 'all';

/** The `reproduce` command. */
export function reproduceCommand(): Command {
  return new Command('reproduce')
    .addArgument(new Argument('<item>', 'table or figure of the paper, or all of them').choices([...PAPER_ITEMS, ALL]))
    .option(
      '--data <path>',
      'pictures with boxes (default: stills, as npm run fixtures -- --stills draws them); of fig9 a list of events',
    )
    .addOption(new Option('--format <name>', 'layout of the data (default: as its files tell)').choices(STILL_FORMATS))
    .option(
      '--networks <folder>',
      'networks beside the ResNet-50: trained heads, ONNX and Keras files, each with its card',
    )
    .option('--model <name>', `of fig9: the recurrent network (default: ${DEFAULT_MODEL})`)
    .option('--paper <file>', "of tables: the paper's numbers, to stand beside: CSV with network, method, top1, …")
    .option('--needs', 'say what is needed and what is there, and do nothing else')
    .option(
      '--limit <count>',
      'measure this many pictures (of fig9: events), evenly spread over all (default: all; of figures a few, as with all)',
      parseCount(1),
    )
    .option('--level <share>', 'heatmap level above which pixels belong to the box', parseNumber(0, 0.99), 0.2)
    .option('--seed <number>', 'seed of everything that is drawn at random, intervals included', parseCount(0), 0)
    .addOption(choiceOption('--backend <name>', 'what runs the networks', CLASSIFIER_BACKENDS, 'auto'))
    .addOption(deviceOption())
    .option(
      '-o, --output <folder>',
      'where the results go, and what an interrupted run goes on from (default: l2caf-out/ITEM; of all: l2caf-out/reproduce, a folder for each)',
    )
    .option('--json', 'print the results as one JSON document instead of the table (of all: one a line)')
    .option('-q, --quiet', 'no progress')
    .addHelpText(
      'after',
      examples(
        'l2caf reproduce all --data stills --networks heads',
        'l2caf reproduce table1 --needs',
        'l2caf reproduce table1 --data ILSVRC --networks networks --paper table1.csv',
        'l2caf reproduce table3 --data CUB_200_2011 -o table3',
        'l2caf reproduce table3 --data stills --limit 200',
        'l2caf reproduce fig7 --data stills --networks heads',
        'l2caf reproduce fig9 --data events.csv --model models/mine',
        'l2caf reproduce fig10 --data stills --networks heads --limit 12',
        'l2caf reproduce fig12 --networks networks',
      ),
    )
    .action((item: PaperItem | typeof ALL, flags: ReproduceFlags) =>
      interruptible(async (signal) => {
        if (item === ALL) return (await import('../reproduce-all.ts')).reproduceAll(flags, signal);
        if (item === 'fig9') return (await import('../reproduce-events.ts')).reproduceEvents(item, flags, signal);
        return (await import('../reproduce.ts')).reproduce(item, flags, signal);
      }),
    );
}
