/** What the subcommands of `evaluate` share of their options. */
import { join } from 'node:path';
import { Command, Option } from 'commander';
import type { PictureSize } from '../base/types.ts';
import {
  DEFAULT_METHODS,
  MAP_METHODS,
  type MapMethod,
  STUDY_TARGETS,
  type StudyTarget,
} from '../evaluation/choices.ts';
import { SPLITS, type Split } from '../events/row.ts';
import { ENGINE_CHOICES, type EngineChoice } from '../models/choices.ts';
import { DEFAULT_MODEL } from '../models/packaged.ts';
import { addNetworkOptions, type NetworkFlags } from './network-options.ts';
import { choiceOption, deviceOption, LIST_FORMS, parseCount, parseSize, parseSome, videosOption } from './options.ts';

/** Where results go and how they are shown. */
export interface OutputFlags {
  readonly output?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** The options of every study. */
export interface CommonFlags extends OutputFlags {
  readonly limit?: number;
  readonly seed: number;
  readonly backend: EngineChoice;
}

/** The options of every study of events. */
export interface EventFlags extends CommonFlags {
  readonly model: string;
  readonly split: Split | 'all';
  readonly videos?: string;
}

/** The options of the studies whose maps explain something of one's choice. */
export interface TargetFlags extends EventFlags, NetworkFlags {
  readonly target: StudyTarget;
  readonly size?: PictureSize;
}

/** Adds the options that every study has. */
export function addCommonOptions(
  command: Command,
  what: string,
  backends: readonly EngineChoice[] = ENGINE_CHOICES,
): Command {
  return command
    .option('--limit <count>', `measure this many ${what}, evenly spread over all`, parseCount(1))
    .option('--seed <number>', 'seed of everything that is drawn at random, intervals included', parseCount(0), 0)
    .addOption(choiceOption('--backend <name>', 'what runs the network', backends, 'auto'))
    .addOption(deviceOption())
    .option('-o, --output <folder>', `where the results go (default: ${join('l2caf-out', command.name())})`)
    .option('--json', 'print the results as one JSON document instead of the tables')
    .option('-q, --quiet', 'no progress');
}

/** A subcommand that measures labelled events. */
export function eventStudyCommand(name: string, description: string): Command {
  const command = new Command(name)
    .description(description)
    .argument(
      '<events>',
      `a list of events with labels and, unless --split all, splits: ${LIST_FORMS}, or the folder of a batch`,
    )
    .addOption(videosOption())
    .option('--model <name>', 'a packaged model, the folder of a trained or imported one, or net.onnx', DEFAULT_MODEL)
    .addOption(choiceOption('--split <name>', 'the events that are measured', [...SPLITS, 'all'], 'test'));
  return addCommonOptions(command, 'events of the split');
}

/** A subcommand that measures maps of labelled events. */
export function mapStudyCommand(name: string, description: string): Command {
  const command = eventStudyCommand(name, description)
    .addOption(
      choiceOption('--target <what>', 'what the maps explain: the embedding, or the label', STUDY_TARGETS, 'oblivious'),
    )
    .option('--size <WxH>', 'of a network file: size at which it sees frames, where it takes any', parseSize);
  return addNetworkOptions(command);
}

/** Maps that `evaluate sanity` compares unless others are named. */
export const SANITY_METHODS: readonly MapMethod[] = ['l2caf', 'gradcam-abs', 'activation-norm'];
/** Maps that `evaluate stability` compares unless others are named. */
export const STABILITY_METHODS: readonly MapMethod[] = ['l2caf', 'gradcam-abs'];

/** The option that names the maps to compare. */
export function methodsOption(usual: readonly MapMethod[]): Option {
  const words = usual === DEFAULT_METHODS ? 'all but l2caf-pytorch, which is slow, cam and rollout' : usual.join(',');
  return new Option(
    '--methods <names>',
    `maps to compare, separated by commas: ${MAP_METHODS.join(', ')} (default: ${words})`,
  ).argParser(parseSome(MAP_METHODS));
}
