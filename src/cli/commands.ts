/** All commands, and what holds for each that writes files: `--force`, and the guard over what it may replace. */
import { Command, Option } from 'commander';
import { noteInput } from '../base/noted-inputs.ts';
import { guardOutputs } from '../base/output.ts';
import { DEVICE_VARIABLE } from '../models/choices.ts';

/** A command as `l2caf --help` lists it, and how it is loaded. */
interface ListedCommand {
  /** What follows its name in the list. */
  readonly takes: string;
  readonly description: string;
  /** Loads what describes the command; what does the work is loaded when it runs. */
  readonly load: () => Promise<Command>;
}

/** In the order of the help. */
export const COMMANDS: Readonly<Record<string, ListedCommand>> = {
  analyze: {
    takes: '[options] <clips...>',
    description: 'show what the network looks at in driving clips',
    load: async () => (await import('./commands/analyze.ts')).analyzeCommand(),
  },
  batch: {
    takes: '[options] <events>',
    description: 'analyze every event of a list; a batch that was interrupted, even killed, continues where it was',
    load: async () => (await import('./commands/batch.ts')).batchCommand(),
  },
  render: {
    takes: '[options] <analyses...>',
    description: 'draw the video of an analysis again, in another style; no network is run',
    load: async () => (await import('./commands/render.ts')).renderCommand(),
  },
  compare: {
    takes: '[options] <analyses...>',
    description: 'show two or more analyses side by side in one video; no network is run',
    load: async () => (await import('./commands/compare.ts')).compareCommand(),
  },
  report: {
    takes: '[options] <analyses...>',
    description: 'write analyses as interactive pages that need no server; no network is run',
    load: async () => (await import('./commands/report.ts')).reportCommand(),
  },
  image: {
    takes: '[options] <file...>',
    description: 'show what a classification network looks at in still pictures',
    load: async () => (await import('./commands/image.ts')).imageCommand(),
  },
  figure: {
    takes: '[options] <analyses...>',
    description: 'a figure for print: a row per event or method, a few frames each; no network is run',
    load: async () => (await import('./commands/figure.ts')).figureCommand(),
  },
  film: {
    takes: '[options] <analysis>',
    description: 'show how the filters of an analysis converged (made with --trace)',
    load: async () => (await import('./commands/film.ts')).filmCommand(),
  },
  export: {
    takes: '[options] <analyses...>',
    description: 'write analyses as arrays for NumPy, as a table of frames, or for FiftyOne; no network is run',
    load: async () => (await import('./commands/export.ts')).exportCommand(),
  },
  train: {
    takes: '[options] [events...]',
    description: 'train the shallow CNN and the LSTM on labelled events',
    load: async () => (await import('./commands/train.ts')).trainCommand(),
  },
  'train-stills': {
    takes: '[options] <data>',
    description: 'train a head for still pictures: classes, made to localize (ACoL, ADL), or an embedding',
    load: async () => (await import('./commands/train-stills.ts')).trainStillsCommand(),
  },
  evaluate: {
    takes: '',
    description: 'measure a model and its maps',
    load: async () => (await import('./commands/evaluate.ts')).evaluateCommand(),
  },
  reproduce: {
    takes: '[options] <item>',
    description: 'make a table or figure of the paper again',
    load: async () => (await import('./commands/reproduce.ts')).reproduceCommand(),
  },
  index: {
    takes: '[options] <events...>',
    description: 'put events into a database that l2caf search answers from',
    load: async () => (await import('./commands/index-events.ts')).indexCommand(),
  },
  search: {
    takes: '[options] <query>',
    description: 'find the indexed events that are most like a clip or an indexed event',
    load: async () => (await import('./commands/search.ts')).searchCommand(),
  },
  project: {
    takes: '[options] <events>',
    description: 'draw a map on which similar events lie together',
    load: async () => (await import('./commands/project.ts')).projectCommand(),
  },
  models: {
    takes: '',
    description: 'list, fetch and describe the networks',
    load: async () => (await import('./commands/models.ts')).modelsCommand(),
  },
  presets: {
    takes: '[options]',
    description: 'what differs between the published settings of gradient descent',
    load: async () => (await import('./commands/presets.ts')).presetsCommand(),
  },
  worker: {
    takes: '[options]',
    description: 'analyze events of batches that other machines give out (l2caf batch --queue), until it is stopped',
    load: async () => (await import('./commands/worker.ts')).workerCommand(),
  },
  doctor: {
    takes: '[options]',
    description: 'what ffmpeg, backend, cache and model will be used, and why',
    load: async () => (await import('./commands/doctor.ts')).doctorCommand(),
  },
  completion: {
    takes: '<shell>',
    description: 'a script with which bash, zsh or fish completes commands and options',
    load: async () => (await import('./commands/completion.ts')).completionCommand(allCommands),
  },
};

/** Every command, as it runs. */
function allCommands(): Promise<Command[]> {
  return Promise.all(Object.keys(COMMANDS).map((name) => loadCommand(name)));
}

/** The options that name what is written, as commander calls them. */
export const OUTPUT_OPTIONS: readonly string[] = ['output', 'tsv'];

/** A database replaces no files; a worker writes into the folder of a batch, which is where `--force` is given. */
const WITHOUT_FORCE: readonly string[] = ['index', 'worker'];

/** The command to be listed, with nothing loaded. */
export function listedCommand(name: string): Command {
  const { takes, description } = COMMANDS[name]!;
  const command = new Command(name).description(description);
  return takes === '' ? command : command.arguments(takes);
}

/** Loads a command as it runs: with `--force` where it writes files, and its outputs guarded. */
export async function loadCommand(name: string): Promise<Command> {
  const { load, description } = COMMANDS[name]!;
  const command = (await load()).description(description);
  for (const own of [command, ...command.commands]) {
    const writes = own.options.some((option) => OUTPUT_OPTIONS.includes(option.attributeName()));
    if (writes && !WITHOUT_FORCE.includes(own.name())) {
      own.addOption(new Option('--force', 'replace files that l2caf did not write, or that were changed since'));
    }
  }
  return command.hook('preAction', (_, action) => {
    guard(action);
    const { device } = action.opts<{ readonly device?: string }>();
    if (device !== undefined) process.env[DEVICE_VARIABLE] = device; // worker processes inherit it
  });
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
