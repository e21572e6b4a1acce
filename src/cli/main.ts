#!/usr/bin/env node
/** The command line: puts the commands together; each lives in a file of its own. */

import { Command } from 'commander';
import { VERSION } from '../version.ts';
import { runProgram } from './run.ts';

/** In the order of the help. Each is loaded when it is named: some bring large libraries. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  analyze: async () => (await import('./analyze.ts')).analyzeCommand(),
  batch: async () => (await import('./batch.ts')).batchCommand(),
  render: async () => (await import('./render.ts')).renderCommand(),
  compare: async () => (await import('./compare.ts')).compareCommand(),
  report: async () => (await import('./report.ts')).reportCommand(),
  image: async () => (await import('./image.ts')).imageCommand(),
  figure: async () => (await import('./figure.ts')).figureCommand(),
  film: async () => (await import('./film.ts')).filmCommand(),
  train: async () => (await import('./train.ts')).trainCommand(),
  evaluate: async () => (await import('./evaluate.ts')).evaluateCommand(),
  index: async () => (await import('./index-events.ts')).indexCommand(),
  search: async () => (await import('./search.ts')).searchCommand(),
  project: async () => (await import('./project.ts')).projectCommand(),
  models: async () => (await import('./models.ts')).modelsCommand(),
  presets: async () => (await import('./presets.ts')).presetsCommand(),
  worker: async () => (await import('./worker.ts')).workerCommand(),
  doctor: async () => (await import('./doctor.ts')).doctorCommand(),
};

process.noDeprecation = true; // those of libraries, such as tfjs-node's, are nothing that a user can mend

const program = new Command('l2caf')
  .description('See what a recurrent video network looks at: L2-CAF attention for driving clips.')
  .version(VERSION, '-V, --version')
  .showHelpAfterError('(l2caf COMMAND --help shows the options)')
  .exitOverride();

await runProgram(async () => {
  for (const load of commandsFor(process.argv[2])) {
    const command = await load();
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
