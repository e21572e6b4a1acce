/** All commands, and what holds for each that writes files: `--force`, and the guard over what it may replace. */
import { type Command, Option } from 'commander';
import { noteInput } from '../base/noted-inputs.ts';
import { guardOutputs } from '../base/output.ts';

/** In the order of the help. Each is loaded when it is named: some bring large libraries. */
export const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
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

/** The options that name what is written, as commander calls them. */
export const OUTPUT_OPTIONS: readonly string[] = ['output', 'tsv'];

/** A database replaces no files; a worker writes into the folder of a batch, which is where `--force` is given. */
const WITHOUT_FORCE: readonly string[] = ['index', 'worker'];

/** Loads a command as it runs: with `--force` where it writes files, and its outputs guarded. */
export async function loadCommand(load: () => Promise<Command>): Promise<Command> {
  const command = await load();
  for (const own of [command, ...command.commands]) {
    const writes = own.options.some((option) => OUTPUT_OPTIONS.includes(option.attributeName()));
    if (writes && !WITHOUT_FORCE.includes(own.name())) {
      own.addOption(new Option('--force', 'replace files that l2caf did not write, or that were changed since'));
    }
  }
  return command.hook('preAction', (_, action) => guard(action));
}

/** Guards the outputs of a command against all files that its arguments and options name. */
function guard(action: Command): void {
  const { force, ...options } = action.opts<Record<string, unknown> & { readonly force?: boolean }>();
  guardOutputs({ force });
  const named = Object.entries(options).filter(([name]) => !OUTPUT_OPTIONS.includes(name));
  for (const text of textsIn([action.args, named.map(([, value]) => value)])) noteInput(text);
}

/** All texts in plain values, however deep. */
function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return [];
  return Object.values(value).flatMap(textsIn);
}
