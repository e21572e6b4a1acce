#!/usr/bin/env node
/** The command line: puts the commands together; each lives in a file of its own. */

import { Command } from 'commander';
import { VERSION } from '../version.ts';
import { analyzeCommand } from './analyze.ts';
import { batchCommand } from './batch.ts';
import { compareCommand } from './compare.ts';
import { doctorCommand } from './doctor.ts';
import { evaluateCommand } from './evaluate.ts';
import { figureCommand } from './figure.ts';
import { filmCommand } from './film.ts';
import { imageCommand } from './image.ts';
import { indexCommand } from './index-events.ts';
import { modelsCommand } from './models.ts';
import { presetsCommand } from './presets.ts';
import { projectCommand } from './project.ts';
import { renderCommand } from './render.ts';
import { reportCommand } from './report.ts';
import { reportError } from './run.ts';
import { searchCommand } from './search.ts';
import { trainCommand } from './train.ts';
import { workerCommand } from './worker.ts';

const program = new Command('l2caf')
  .description('See what a recurrent video network looks at: L2-CAF attention for driving clips.')
  .version(VERSION, '-V, --version')
  .showHelpAfterError('(l2caf COMMAND --help shows the options)')
  .exitOverride();

for (const command of [
  analyzeCommand(),
  batchCommand(),
  renderCommand(),
  compareCommand(),
  reportCommand(),
  imageCommand(),
  figureCommand(),
  filmCommand(),
  trainCommand(),
  evaluateCommand(),
  indexCommand(),
  searchCommand(),
  projectCommand(),
  modelsCommand(),
  presetsCommand(),
  workerCommand(),
  doctorCommand(),
]) {
  program.addCommand(command.copyInheritedSettings(program));
  for (const subcommand of command.commands) subcommand.copyInheritedSettings(program);
}

// `l2caf … | head` closes our output early; that is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = reportError(error);
}
