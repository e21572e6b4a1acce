#!/usr/bin/env node
/** The command line: puts the commands together; each lives in a file of its own. */
import { createRequire } from 'node:module';
import { Command } from 'commander';
import { analyzeCommand } from './analyze.ts';
import { doctorCommand } from './doctor.ts';
import { modelsCommand } from './models.ts';
import { renderCommand } from './render.ts';
import { reportError } from './run.ts';

const { version } = createRequire(import.meta.url)('../../package.json') as { version: string };

const program = new Command('l2caf')
  .description('See what a recurrent video network looks at: L2-CAF attention for driving clips.')
  .version(version, '-V, --version')
  .showHelpAfterError('(l2caf COMMAND --help shows the options)')
  .exitOverride();

for (const command of [analyzeCommand(), renderCommand(), modelsCommand(), doctorCommand()]) {
  program.addCommand(command.copyInheritedSettings(program));
  for (const subcommand of command.commands) subcommand.copyInheritedSettings(program);
}

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = reportError(error);
}
