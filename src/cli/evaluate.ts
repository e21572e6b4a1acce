/** `l2caf evaluate`: measures a model. */
import { Command } from 'commander';
import { L2cafError } from '../errors.ts';
import { BACKEND_CHOICES, type BackendChoice, useBackend } from '../models/backend.ts';
import { type Head, untrainedHead } from '../models/head.ts';
import { loadModel } from '../models/model-directory.ts';
import { EXCLUSIONS, type Exclusion, evaluateRetrieval, type RetrievalReport } from '../retrieval/evaluate.ts';
import { type ConfusionTable, RECALL_RANKS } from '../retrieval/metrics.ts';
import { type PlannedEvent, planEvents } from '../training/dataset.ts';
import { type EmbedOptions, embedViews, pooledFeatures } from '../training/embed.ts';
import { type LabelledEvent, readEvents, SPLITS, type Split } from '../training/events.ts';
import { openFeatureCache, prepareFeatures } from '../training/features.ts';
import { describe } from '../training/figures.ts';
import { localizationCommand } from './evaluate-localization.ts';
import { choiceOption, examples, parseCount } from './options.ts';
import { interruptible } from './run.ts';
import { createTerminal, formatTable, type Terminal } from './terminal.ts';

interface RetrievalFlags {
  readonly exclude: Exclusion;
  readonly split: Split;
  readonly seed: number;
  readonly backend: BackendChoice;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** The `evaluate` command with its subcommands. */
export function evaluateCommand(): Command {
  const command = new Command('evaluate').description('measure a model');
  command.addCommand(localizationCommand());
  command
    .command('retrieval')
    .description('how well events with the same label find each other')
    .argument('<model>', 'a model directory')
    .argument('<events>', 'CSV file with the columns id, video, start, end, label, split')
    .addOption(choiceOption('--exclude <what>', 'what may not answer a query', EXCLUSIONS, 'overlap'))
    .addOption(choiceOption('--split <name>', 'the events that are searched', SPLITS, 'test'))
    .option('--seed <number>', 'seed of the clusters and of the random head', parseCount(0), 0)
    .addOption(choiceOption('--backend <name>', 'what runs the network', BACKEND_CHOICES, 'auto'))
    .option('--json', 'print one JSON document instead of the tables')
    .option('-q, --quiet', 'no progress')
    .addHelpText(
      'after',
      examples(
        'l2caf evaluate retrieval models/driving events.csv',
        'l2caf evaluate retrieval models/driving events.csv --exclude video --json',
      ),
    )
    .action((model: string, events: string, flags: RetrievalFlags) =>
      interruptible((signal) => evaluateModel(model, events, flags, signal)),
    );
  return command;
}

async function evaluateModel(
  modelPath: string,
  eventsPath: string,
  flags: RetrievalFlags,
  signal: AbortSignal,
): Promise<void> {
  const terminal = createTerminal(flags);
  const { head, manifest } = await loadModel(modelPath);
  const events = (await readEvents(eventsPath, signal)).filter(
    ({ split }) => split === flags.split || split === 'train',
  );
  if (!events.some(({ split }) => split === flags.split)) {
    throw new L2cafError('usage', `${eventsPath} has no event with the split ${flags.split}`);
  }
  const reports = await compare(head, manifest.preprocessing.frames, events, flags, terminal, signal);
  terminal.finishProgress();
  if (flags.json)
    return terminal.result(JSON.stringify({ exclude: flags.exclude, split: flags.split, reports }, null, 2));
  terminal.result(reportTable(reports, flags.exclude));
  const table = reports[0]!.report.knn;
  if (table) terminal.result(`\n${confusionText(table)}`);
}

interface NamedReport {
  readonly features: string;
  readonly report: RetrievalReport;
}

/** The model's figures and, beside it, those of what it has to beat. */
async function compare(
  head: Head,
  frames: number,
  events: readonly LabelledEvent[],
  flags: RetrievalFlags,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<NamedReport[]> {
  const backend = await useBackend(flags.backend);
  const work = { signal, onProgress: terminal.onProgress };
  const planned = await planEvents([{ name: 'events', events }], { frames, views: 1, seed: flags.seed, signal });
  const cache = openFeatureCache(head.spec);
  await prepareFeatures(planned, head.spec, cache, { backend: backend.name, ...work });
  const views = planned.map((event) => event.views[0]!);
  const options: EmbedOptions = { cache, ...work };
  const report = (features: string, embeddings: readonly Float32Array[]): NamedReport => ({
    features,
    report: reportOf(planned, embeddings, flags),
  });
  return [
    report('model', await embedViews(head, views, options)),
    report('random head', await embedViews(untrainedHead(head.spec, flags.seed), views, options)),
    report('pooled trunk', await pooledFeatures(views, cache, head.spec.trunkChannels)),
  ];
}

function reportOf(
  planned: readonly PlannedEvent[],
  embeddings: readonly Float32Array[],
  { exclude, split, seed }: RetrievalFlags,
): RetrievalReport {
  const embedded = planned.map(({ event }, i) => ({ split: event.split, ...describe(event, embeddings[i]!) }));
  const searched = embedded.filter((event) => event.split === split);
  const training = split === 'train' ? [] : embedded.filter((event) => event.split === 'train');
  return evaluateRetrieval(searched, training, { exclude, seed });
}

function reportTable(reports: readonly NamedReport[], exclude: Exclusion): string {
  const number = (value: number | undefined): string =>
    value !== undefined && Number.isFinite(value) ? value.toFixed(3) : '-';
  return formatTable([
    [`without ${exclude}`, 'queries', ...RECALL_RANKS.map((k) => `R@${k}`), 'MAP@R', 'NMI', 'kNN'],
    ...reports.map(({ features, report }) => [
      features,
      String(report.queries),
      ...report.recallAt.map(number),
      number(report.mapAtR),
      number(report.nmi),
      number(report.knn?.balancedAccuracy),
    ]),
  ]);
}

/** Rows truth, columns the label of the 5 nearest training events. */
function confusionText({ labels, counts }: ConfusionTable): string {
  return formatTable([['true \\ kNN', ...labels], ...counts.map((row, i) => [labels[i]!, ...row.map(String)])]);
}
