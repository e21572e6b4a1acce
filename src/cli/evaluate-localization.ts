/** `l2caf evaluate localization`: do the maps lie on what decides an event? */
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { L2cafError } from '../errors.ts';
import { MAP_METHODS, type MapMethod } from '../evaluation/baseline-maps.ts';
import type { Estimate } from '../evaluation/bootstrap.ts';
import { drawFigures } from '../evaluation/plot.ts';
import { csvOf, type LocalizationReport, REPORT_SCHEMA } from '../evaluation/report.ts';
import { STUDY_TARGETS, type StudyTarget, studyLocalization } from '../evaluation/study.ts';
import { type MethodFigures, summarise } from '../evaluation/summary.ts';
import { CAMVID_CLASSES, MIN_OBJECT_PX, surveyTruth, TruthFolder, type TruthSurvey } from '../evaluation/truth.ts';
import { withFolder, writeFileAtomically } from '../files.ts';
import { BACKEND_CHOICES, type BackendChoice, useBackend } from '../models/backend.ts';
import { headSha256 } from '../models/head.ts';
import { type LoadedModel, loadModel } from '../models/model-directory.ts';
import { findPretrained } from '../models/pretrained.ts';
import { pullTrunk } from '../models/pull.ts';
import { planEvents } from '../training/dataset.ts';
import { readEvents, SPLITS, type Split } from '../training/events.ts';
import { VERSION } from '../version.ts';
import { choiceOption, examples, parseCount } from './options.ts';
import { interruptible } from './run.ts';
import { createTerminal, formatTable, type Terminal } from './terminal.ts';

interface LocalizationFlags {
  readonly model: string;
  readonly truth: string;
  readonly classes: ReadonlyMap<string, number>;
  readonly methods: readonly MapMethod[];
  readonly split: Split;
  readonly target: StudyTarget;
  readonly limit?: number;
  readonly seed: number;
  readonly backend: BackendChoice;
  readonly output: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** The `localization` subcommand of `evaluate`. */
export function localizationCommand(): Command {
  return new Command('localization')
    .description('how well the maps lie on the object that decides an event')
    .argument('<events>', 'CSV file with the columns id, video, start, end, label, split')
    .requiredOption('--model <folder>', 'a model directory')
    .requiredOption('--truth <folder>', 'masks (NAME/0000.png, …) or boxes (NAME.json) of each video')
    .addOption(
      new Option('--classes <label=value,…>', 'mask value that decides events of a label')
        .argParser(parseClasses)
        .default(CAMVID_CLASSES, [...CAMVID_CLASSES].map((pair) => pair.join('=')).join(',')),
    )
    .addOption(
      new Option('--methods <names>', `maps to compare, separated by commas: ${MAP_METHODS.join(', ')}`)
        .argParser(parseMethods)
        .default(MAP_METHODS, 'all'),
    )
    .addOption(choiceOption('--split <name>', 'the events that are measured', SPLITS, 'test'))
    .addOption(
      choiceOption('--target <what>', 'what the maps explain: the embedding, or the label', STUDY_TARGETS, 'oblivious'),
    )
    .option('--limit <count>', 'measure the first events of the split only', parseCount(1))
    .option(
      '--seed <number>',
      'seed of starting points, random maps, re-initialised layers and intervals',
      parseCount(0),
      0,
    )
    .addOption(choiceOption('--backend <name>', 'what runs the network', BACKEND_CHOICES, 'auto'))
    .option('-o, --output <folder>', 'where the results go', join('l2caf-out', 'localization'))
    .option('--json', 'print the results as one JSON document instead of the tables')
    .option('-q, --quiet', 'no progress')
    .addHelpText(
      'after',
      examples(
        'l2caf evaluate localization events.csv --model models/driving --truth labels',
        'l2caf evaluate localization clips/events.csv --model models/driving --truth clips --target label',
        'l2caf evaluate localization events.csv --model my-model --truth labels --methods l2caf,gradcam,random',
      ),
    )
    .action((events: string, flags: LocalizationFlags) => interruptible((signal) => evaluate(events, flags, signal)));
}

async function evaluate(eventsPath: string, flags: LocalizationFlags, signal: AbortSignal): Promise<void> {
  const terminal = createTerminal(flags);
  const model = await loadModel(flags.model);
  const files = ['localization.json', 'localization.csv', 'localization.png'].map((name) => join(flags.output, name));
  const report = await withFolder(flags.output, async () => {
    const found = await measure(model, eventsPath, flags, terminal, signal);
    await writeFileAtomically(files[0]!, `${JSON.stringify(found, null, 2)}\n`);
    await writeFileAtomically(files[1]!, csvOf(found));
    await writeFileAtomically(files[2]!, drawFigures(plotOf(found)));
    return found;
  });
  terminal.finishProgress();
  if (flags.json) return terminal.result(JSON.stringify(report));
  terminal.result(describe(report));
  for (const file of files) terminal.result(file);
}

async function measure(
  { head, manifest }: LoadedModel,
  eventsPath: string,
  flags: LocalizationFlags,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<LocalizationReport> {
  const { split, target, limit, seed, methods } = flags;
  const work = { signal, onProgress: terminal.onProgress };
  const wanted = (await readEvents(eventsPath, signal)).filter((event) => event.split === split).slice(0, limit);
  if (wanted.length === 0) throw new L2cafError('usage', `${eventsPath} has no event with the split ${split}`);
  const { frames } = manifest.preprocessing;
  const planned = await planEvents([{ name: 'events', events: wanted }], { frames, views: 1, seed, signal });
  const truth = new TruthFolder(flags.truth, flags.classes);
  const { events, ...leftOut } = await surveyTruth(planned, truth, work);
  for (const line of describeLeftOut(leftOut)) terminal.info(line);
  if (events.length === 0) {
    throw new L2cafError('usage', `no event of the split ${split} shows an object that decides it`, {
      hint: 'name the mask value of each label with --classes',
    });
  }
  const backend = await useBackend(flags.backend);
  await pullTrunk(findPretrained(head.spec.trunk), work);
  const scores = await studyLocalization(head, events, {
    methods,
    target,
    seed,
    truth,
    backend: backend.name,
    ...work,
  });
  return {
    schema: REPORT_SCHEMA,
    l2cafVersion: VERSION,
    model: { id: manifest.id, sha256: headSha256(head) },
    options: {
      events: eventsPath,
      truth: flags.truth,
      split,
      target,
      ...(limit !== undefined && { limit }),
      seed,
      backend: backend.name,
      minObjectPx: MIN_OBJECT_PX,
    },
    used: { events: events.length, frames: scores.reduce((sum, own) => sum + own.timesteps.length, 0), ...leftOut },
    ...summarise(scores, seed),
  };
}

function describeLeftOut({
  eventsWithoutObject,
  labelsWithoutObject,
  framesLeftOut,
}: Omit<TruthSurvey, 'events'>): string[] {
  const lines: string[] = [];
  if (eventsWithoutObject > 0) {
    lines.push(`events left out: ${eventsWithoutObject} (no single object decides ${labelsWithoutObject.join(', ')})`);
  }
  if (framesLeftOut > 0)
    lines.push(`frames left out: ${framesLeftOut} (less than ${MIN_OBJECT_PX} pixels of the object)`);
  return lines;
}

function describe({ methods, temporal, used, options }: LocalizationReport): string {
  const labels = [...new Set(methods.map(({ label }) => label))];
  const tables = labels.map((label) =>
    tableOf(
      label,
      methods.filter((own) => own.label === label),
    ),
  );
  const what = options.target === 'label' ? 'the label' : 'the embedding';
  const lines = [
    `${used.events} events, ${used.frames} frames; maps explain ${what}; 95 % intervals over events`,
    ...tables,
  ];
  if (temporal) {
    const { events, hitRate, chance } = temporal;
    lines.push(
      `temporal hits ${shown(hitRate, 2)} on ${events} events (chance ${chance.toFixed(2)}): the frame whose feature map, ` +
        'replaced by the mean of the others, moves the output most shows the object',
    );
  }
  return lines.join('\n\n');
}

function tableOf(label: string | undefined, rows: readonly MethodFigures[]): string {
  const blank = rows.some((row) => row.blank > 0);
  const { events = 0, frames = 0 } = rows[0] ?? {};
  return formatTable([
    [
      `${label ?? 'all labels'} (${events}, ${frames})`,
      'energy lift',
      'pointing',
      'PxAP',
      ...(blank ? ['blank maps'] : []),
    ],
    ...rows.map((row) => [
      row.method,
      shown(row.energyLift, 2),
      shown(row.pointing, 2),
      shown(row.pxAP, 3),
      ...(blank ? [String(row.blank)] : []),
    ]),
  ]);
}

/** `1.46 (1.31-1.60)`, or `1.46` of one event. */
function shown({ value, low, high }: Estimate, digits: number): string {
  if (!Number.isFinite(value)) return '-';
  if (!Number.isFinite(low)) return value.toFixed(digits);
  return `${value.toFixed(digits)} (${low.toFixed(digits)}-${high.toFixed(digits)})`;
}

function plotOf({ methods, model, used, options }: LocalizationReport): Parameters<typeof drawFigures>[0] {
  return {
    title: `Where the maps of ${model.id} lie`,
    caption: `${used.events} events (${options.split}), ${used.frames} frames; target ${options.target}; lines: 95 % intervals by bootstrap over events; dashed: chance`,
    figures: methods.filter(({ label }) => label === undefined),
  };
}

function parseMethods(text: string): MapMethod[] {
  const names = text.split(',').map((name) => name.trim());
  const unknown = names.filter((name) => !MAP_METHODS.some((method) => method === name));
  if (unknown.length > 0) throw new InvalidArgumentError(`unknown: ${unknown.join(', ')}.`);
  return MAP_METHODS.filter((method) => names.includes(method));
}

function parseClasses(text: string): ReadonlyMap<string, number> {
  const pairs = text.split(',').map((pair) => /^(.+)=(\d{1,3})$/.exec(pair.trim()));
  if (!pairs.every((pair) => pair !== null && Number(pair[2]) <= 255)) {
    throw new InvalidArgumentError('expected LABEL=VALUE,… with values from 0 to 255, such as cyclist=10,signal=6.');
  }
  return new Map(pairs.map((pair) => [pair![1]!, Number(pair![2])]));
}
