#!/usr/bin/env node
/** The command line: puts the commands together; each lives in a file of its own. */

import { existsSync } from 'node:fs';
import { sep } from 'node:path';
import { Command } from 'commander';
import { guardOutputs } from '../base/output.ts';
import { VERSION } from '../base/version.ts';
import { COMMANDS, listedCommand, loadCommand } from './commands.ts';
import { runProgram } from './run.ts';

process.noDeprecation = true; // those of libraries, such as tfjs-node's, are nothing that a user can mend

const program = new Command('l2caf')
  .description('See what a recurrent video network looks at: L2-CAF attention for driving clips.')
  .version(VERSION, '-V, --version')
  .showHelpAfterError('(l2caf COMMAND --help shows the options)')
  .exitOverride();

await runProgram(async () => {
  guardOutputs(); // before options are parsed: some name pictures, which are read at once
  const args = process.argv.slice(2).map(fileNotOption);
  const named = namedCommand(args);
  for (const name of named === undefined ? Object.keys(COMMANDS) : [named]) {
    const command = named === undefined ? listedCommand(name) : await loadCommand(name);
    program.addCommand(command.copyInheritedSettings(program));
    for (const subcommand of command.commands) subcommand.copyInheritedSettings(program);
  }
  await program.parseAsync(asksNothing(args) ? [...args, '--help'] : args, { from: 'user' });
});

/** A file of a name such as `-clip.mp4`, where there is one, by a path that no option can be taken for. */
function fileNotOption(arg: string): string {
  return /^-[^-].*\.\w+$/.test(arg) && existsSync(arg) ? `.${sep}${arg}` : arg;
}

/** Whether nothing was asked for, neither a command nor which one of a group of them. */
function asksNothing(args: readonly string[]): boolean {
  return args.length === 0 || (args.length === 1 && COMMANDS[namedCommand(args) ?? '']?.takes === '');
}

/** The command that the arguments name, also after `help`; undefined where all are to be listed, or to find what was meant. */
function namedCommand(args: readonly string[]): string | undefined {
  const [first, second] = args.filter((arg) => arg !== '--');
  const name = first === 'help' ? second : first;
  return name !== undefined && Object.hasOwn(COMMANDS, name) ? name : undefined;
}
