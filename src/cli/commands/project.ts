/** `l2caf project`, as it is asked for. */
import { Command } from 'commander';
import { ENGINE_CHOICES } from '../../models/choices.ts';
import { DEFAULT_MODEL } from '../../models/packaged.ts';
import { PROJECTIONS } from '../../retrieval/project.ts';
import { choiceOption, deviceOption, examples, LIST_FORMS, parseCount, videosOption } from '../options.ts';
import type { ProjectFlags } from '../project.ts';
import { interruptible } from '../run.ts';

/** The `project` command. */
export function projectCommand(): Command {
  return new Command('project')
    .argument(
      '<events>',
      `a database that l2caf index wrote, a folder with analyses, or a list of events: ${LIST_FORMS}`,
    )
    .addOption(videosOption())
    .option('-o, --output <file>', 'the picture, .svg or .png, or a page to look through, .html')
    .option('--tsv <folder>', 'tensors.tsv and metadata.tsv for the TensorFlow embedding projector')
    .addOption(choiceOption('--method <name>', 'principal components, or UMAP', PROJECTIONS, 'pca'))
    .option('--seed <number>', 'seed of UMAP', parseCount(0), 0)
    .option('--model <name>', 'the model that embeds the events of a list: a name or a folder', DEFAULT_MODEL)
    .addOption(choiceOption('--backend <name>', 'what runs the network', ENGINE_CHOICES, 'auto'))
    .addOption(deviceOption())
    .option('--json', 'print the points as one JSON document')
    .option('-q, --quiet', 'no progress')
    .addHelpText(
      'after',
      examples(
        'l2caf project results -o results/map.html',
        'l2caf project drives.lance -o map.svg',
        'l2caf project events.csv --method umap --seed 1 -o map.png',
        'l2caf project drives.lance --tsv projector',
      ),
    )
    .action((path: string, flags: ProjectFlags) =>
      interruptible(async (signal) => (await import('../project.ts')).project(path, flags, signal)),
    );
}
