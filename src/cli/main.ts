#!/usr/bin/env node
/** The command line: puts the commands together; each lives in a file of its own. */

import { Command } from 'commander';
import { guardOutputs } from '../base/output.ts';
import { VERSION } from '../base/version.ts';
import { COMMANDS, loadCommand } from './commands.ts';
import { runProgram } from './run.ts';

process.noDeprecation = true; // those of libraries, such as tfjs-node's, are nothing that a user can mend

const program = new Command('l2caf')
  .description('See what a recurrent video network looks at: L2-CAF attention for driving clips.')
  .version(VERSION, '-V, --version')
  .showHelpAfterError('(l2caf COMMAND --help shows the options)')
  .exitOverride();

await runProgram(async () => {
  guardOutputs(); // before options are parsed: some name pictures, which are read at once
  for (const load of commandsFor(process.argv[2])) {
    const command = await loadCommand(load);
    program.addCommand(command.copyInheritedSettings(program));
    for (const subcommand of command.commands) subcommand.copyInheritedSettings(program);
  }
  await program.parseAsync();
});

/** The command that the first argument names; all of them to list, or to find what was meant. */
function commandsFor(first: string | undefined): (() => Promise<Command>)[] {
  if (first === '--version' || first === '-V') return [];
  const named = first !== undefined && Object.hasOwn(COMMANDS, first) ? COMMANDS[first] : undefined;
  return named ? [named] : Object.values(COMMANDS);
}
