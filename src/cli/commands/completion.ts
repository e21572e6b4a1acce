/** `l2caf completion`: has a shell complete commands, options and values. */
import { Argument, Command } from 'commander';
import { completionScript, SHELLS, type Shell } from '../completion.ts';
import { examples } from '../options.ts';
import { createTerminal } from '../terminal.ts';

/**
 * The `completion` command.
 *
 * @param commands loads all others
 */
export function completionCommand(commands: () => Promise<Command[]>): Command {
  return new Command('completion')
    .addArgument(new Argument('<shell>', 'the shell that is to complete').choices(SHELLS))
    .addHelpText(
      'after',
      examples(
        'eval "$(l2caf completion bash)"    # in ~/.bashrc',
        'eval "$(l2caf completion zsh)"     # in ~/.zshrc',
        'l2caf completion fish > ~/.config/fish/completions/l2caf.fish',
      ),
    )
    .action(async (shell: Shell) => {
      createTerminal().result(completionScript(shell, 'l2caf', await commands()).trimEnd());
    });
}
