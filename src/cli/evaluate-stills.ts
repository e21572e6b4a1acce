/** `l2caf evaluate stills`: do the maps of a classification network lie on the object that it names? */
import { Command, Option } from 'commander';
import { evenlyChosen } from '../base/evenly.ts';
import { DEFAULT_STILL_METHODS, STILL_FORMATS, STILL_METHODS, type StillFormat } from '../evaluation/choices.ts';
import { readStills } from '../evaluation/still-datasets.ts';
import { studyStills } from '../evaluation/stills-study.ts';
import { studyReport } from '../evaluation/study-report.ts';
import { CLASSIFIER_BACKENDS, type ClassifierBackend } from '../models/choices.ts';
import { RESNET50_IMAGENET } from '../models/pretrained.ts';
import { openStillModel } from '../stills/analyze.ts';
import { addCommonOptions, type CommonFlags, publish } from './evaluate-study.ts';
import { choiceOption, examples, parseNumber, parseSome } from './options.ts';
import { interruptible } from './run.ts';
import { createTerminal } from './terminal.ts';

interface StillsFlags extends CommonFlags {
  readonly model: string;
  readonly backend: ClassifierBackend;
  readonly format: StillFormat;
  readonly methods: readonly string[];
  readonly level: number;
  readonly layer?: string;
}

/** The `stills` subcommand of `evaluate`. */
export function stillsCommand(): Command {
  const command = new Command('stills')
    .description('how well the maps of a classification network lie on the objects of still pictures')
    .argument('<data>', 'folder of the data set, or the CSV file of boxes')
    .option('--model <name>', 'a known network, or the folder of a .npy one', RESNET50_IMAGENET.id)
    .addOption(choiceOption('--format <name>', 'layout of the data (docs/evaluation.md)', STILL_FORMATS, 'boxes'))
    .addOption(
      new Option('--methods <names>', `maps to compare, separated by commas: ${STILL_METHODS.join(', ')}`)
        .argParser(parseSome(STILL_METHODS))
        .default(DEFAULT_STILL_METHODS, 'all but the descents'),
    )
    .option('--layer <name>', 'the layer whose output is filtered (default: as l2caf image)')
    .option('--level <share>', 'heatmap level above which pixels belong to the box', parseNumber(0, 0.99), 0.2);
  return addCommonOptions(command, 'pictures', CLASSIFIER_BACKENDS)
    .addHelpText(
      'after',
      examples(
        'l2caf evaluate stills tiny-imagenet-200/val --format tiny-imagenet --limit 200',
        'l2caf evaluate stills CUB_200_2011 --format cub --methods l2caf-oblivious,gradcam,centre',
        'l2caf evaluate stills pictures/boxes.csv --model squeezenet1.1/weights',
      ),
    )
    .action((data: string, flags: StillsFlags) => interruptible((signal) => evaluate(data, flags, signal)));
}

async function evaluate(data: string, flags: StillsFlags, signal: AbortSignal): Promise<void> {
  const terminal = createTerminal(flags);
  const { format, methods, level, layer, seed, limit } = flags;
  const stills = evenlyChosen(await readStills(data, format), limit, 'starts');
  const subject = { study: 'stills', data };
  await publish(flags, terminal, subject, async () => {
    const work = { signal, onProgress: terminal.onProgress };
    const model = await openStillModel({ ...flags, ...work });
    try {
      const table = await studyStills(model, stills, { methods, level, seed, ...(layer && { layer }), ...work });
      const options = { data, format, methods, level, seed, backend: model.backend.name };
      return {
        report: studyReport({
          study: 'stills',
          model: { id: model.network.id, sha256: model.classifier.weightsSha256 },
          options: { ...options, ...(layer && { layer }), ...(limit !== undefined && { limit }) },
          used: { pictures: stills.length },
          tables: [table],
        }),
      };
    } finally {
      model.network.dispose();
    }
  });
}
