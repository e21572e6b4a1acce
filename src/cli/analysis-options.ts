/** The options that say which network looks, and how its attention is found; `analyze` and `batch` share them. */
import { type Command, Option } from 'commander';
import type { PictureSize } from '../base/types.ts';
import {
  CONSTRAINTS,
  type Constraint,
  METHODS,
  type Method,
  SOLVER_CHOICES,
  type SolverChoice,
} from '../l2caf/choices.ts';
import { PRESET_NAMES, type PresetName } from '../l2caf/presets.ts';
import { ENGINE_CHOICES, type EngineChoice } from '../models/choices.ts';
import { DEFAULT_MODEL } from '../models/packaged.ts';
import { choiceOption, deviceOption, parseCount, parseSize, parseTarget, type TargetFlag } from './options.ts';

/** What commander hands over for these options. */
export interface AnalysisFlags {
  readonly model: string;
  readonly size?: PictureSize;
  readonly untrained?: boolean;
  readonly seed: number;
  readonly backend: EngineChoice;
  readonly method: Method;
  readonly target: TargetFlag;
  readonly constraint: Constraint;
  readonly solver: SolverChoice;
  readonly preset: PresetName;
  readonly starts: number;
  readonly trace?: boolean;
  readonly fine?: boolean;
}

/** Of a long drive, this much is analyzed and shown first, seconds (`--preview`). */
export const PREVIEW_SEC = 10;

/** Adds the options. */
export function addAnalysisOptions(command: Command): Command {
  return command
    .option(
      '--model <name>',
      'a packaged model, the folder of a trained or imported one, or a file: net.onnx, .h5, .keras',
      DEFAULT_MODEL,
    )
    .option('--size <WxH>', "size at which the network sees frames, multiples of 32 (default: the model's)", parseSize)
    .option('--untrained', "random weights in place of the model's own after the trunk, to compare with")
    .option('--seed <number>', 'seed of the starting points (and of random weights)', parseCount(0), 0)
    .addOption(choiceOption('--backend <name>', 'what runs the network', ENGINE_CHOICES, 'auto'))
    .addOption(deviceOption())
    .addOption(choiceOption('--method <name>', 'how attention is found', METHODS, 'l2caf'))
    .addOption(
      new Option('--target <what>', 'what it explains: oblivious, class:NAME, output:NAME or similar:CLIP[@START-END]')
        .argParser(parseTarget)
        .default({ kind: 'oblivious' }, 'oblivious, the whole output'),
    )
    .addOption(choiceOption('--constraint <name>', 'what filters are normalised by', CONSTRAINTS, 'l2'))
    .addOption(choiceOption('--solver <name>', 'how the filters are found', SOLVER_CHOICES, 'auto'))
    .addOption(choiceOption('--preset <name>', 'settings of gradient descent (l2caf presets)', PRESET_NAMES, 'paper'))
    .option('--starts <count>', 'starting points per filter, of which the best is kept', parseCount(1), 1)
    .option('--trace', 'keep the filters along the way in the analysis, which is one event then (for l2caf film)');
}
