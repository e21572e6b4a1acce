/** `l2caf evaluate`: measures a model. Each study is a file of its own. */
import { Command } from 'commander';
import { faithfulnessCommand } from './evaluate-faithfulness.ts';
import { localizationCommand } from './evaluate-localization.ts';
import { retrievalCommand } from './evaluate-retrieval.ts';
import { sanityCommand } from './evaluate-sanity.ts';
import { stabilityCommand } from './evaluate-stability.ts';
import { stillsCommand } from './evaluate-stills.ts';
import { timingCommand } from './evaluate-timing.ts';
import { verdictsCommand } from './evaluate-verdicts.ts';

/** The `evaluate` command with its subcommands. */
export function evaluateCommand(): Command {
  const command = new Command('evaluate');
  for (const study of [
    localizationCommand(),
    faithfulnessCommand(),
    sanityCommand(),
    stabilityCommand(),
    stillsCommand(),
    timingCommand(),
    retrievalCommand(),
    verdictsCommand(),
  ])
    command.addCommand(study);
  return command;
}
