/** `l2caf evaluate retrieval`, as it is asked for. */
import type { Command } from 'commander';
import { EXCLUSIONS } from '../../retrieval/evaluate.ts';
import { eventStudyCommand } from '../evaluate-options.ts';
import type { RetrievalFlags } from '../evaluate-retrieval.ts';
import { choiceOption, examples } from '../options.ts';
import { interruptible } from '../run.ts';

/** The `retrieval` subcommand of `evaluate`. */
export function retrievalCommand(): Command {
  return eventStudyCommand('retrieval', 'how well events with the same label find each other')
    .addOption(choiceOption('--exclude <what>', 'what may not answer a query', EXCLUSIONS, 'overlap'))
    .addHelpText(
      'after',
      examples(
        'l2caf evaluate retrieval events.csv',
        'l2caf evaluate retrieval events.csv --model my-model --exclude video --json',
      ),
    )
    .action((events: string, flags: RetrievalFlags) =>
      interruptible(async (signal) => (await import('../evaluate-retrieval.ts')).studyRetrieval(events, flags, signal)),
    );
}
