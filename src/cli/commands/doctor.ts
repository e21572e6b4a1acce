/** `l2caf doctor`, as it is asked for. */
import { Command } from 'commander';
import { unlessAborted } from '../../base/concurrent.ts';
import { ENGINE_CHOICES } from '../../models/choices.ts';
import type { DoctorFlags } from '../doctor.ts';
import { choiceOption, deviceOption, examples } from '../options.ts';
import { interruptible } from '../run.ts';

/** The `doctor` command; exits with 1 if anything fails. */
export function doctorCommand(): Command {
  return new Command('doctor')
    .addOption(choiceOption('--backend <name>', 'the backend to check', ENGINE_CHOICES, 'auto'))
    .addOption(deviceOption())
    .option('--probe', 'measure the engines that are here: milliseconds for a frame (takes some seconds)')
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      examples('l2caf doctor', 'l2caf doctor --probe', 'l2caf doctor --backend onnxruntime --device cuda'),
    )
    .action((flags: DoctorFlags) =>
      interruptible(async (signal) => unlessAborted((await import('../doctor.ts')).examine(flags), signal)),
    );
}
