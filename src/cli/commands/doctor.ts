/** `l2caf doctor`, as it is asked for. */
import { Command } from 'commander';
import { ENGINE_CHOICES, type EngineChoice } from '../../models/choices.ts';
import { choiceOption, examples } from '../options.ts';

/** The `doctor` command; exits with 1 if anything fails. */
export function doctorCommand(): Command {
  return new Command('doctor')
    .addOption(choiceOption('--backend <name>', 'the backend to check', ENGINE_CHOICES, 'auto'))
    .option('--json', 'print one JSON document')
    .addHelpText('after', examples('l2caf doctor', 'l2caf doctor --backend tensorflow'))
    .action(async (options: { backend: EngineChoice; json?: boolean }) =>
      (await import('../doctor.ts')).examine(options),
    );
}
