/** The pages of the commands, docs/commands/, each as `--help` describes it, and docs/commands.md, the list of them. */
import { Command } from 'commander';
import { COMMANDS, loadCommand } from '../src/cli/commands.ts';

/** Columns of the help as it stands in a page. */
const WIDTH = 88;

/** The text of each page, by its path in docs/. */
export async function commandPages(): Promise<Map<string, string>> {
  const pages = new Map<string, string>();
  const contents: string[] = [];
  for (const name of Object.keys(COMMANDS)) {
    const command = await loadCommand(name);
    new Command('l2caf').addCommand(command);
    const subcommands = command.commands.map((own) => ({ own, title: `l2caf ${name} ${own.name()}` }));
    contents.push(`- [l2caf ${name}](commands/${name}.md): ${command.description()}`);
    for (const { own, title } of subcommands) {
      contents.push(`  - [${title}](commands/${name}.md#${title.replaceAll(' ', '-')}): ${own.description()}`);
    }
    const guides = (GUIDES[name] ?? []).map(([what, page]) => `[${what}](../${page})`);
    pages.set(
      `commands/${name}.md`,
      `${[
        `# l2caf ${name}`,
        [...guides, '[all commands](../commands.md)'].join(' · '),
        fenced(helpOf(command)),
        ...subcommands.flatMap(({ own, title }) => [`## ${title}`, fenced(helpOf(own))]),
      ].join('\n\n')}\n`,
    );
  }
  return pages.set('commands.md', `# Commands\n\n${INTRODUCTION}\n\n${contents.join('\n')}\n`);
}

/** The pages that tell more of a command: title and path. */
const GUIDES: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  analyze: [
    ['what it does step by step', 'analyze.md'],
    ['reading the picture', 'reading.md'],
    ['objects beside attention', 'objects.md'],
  ],
  batch: [['many events', 'batch.md']],
  worker: [['many machines', 'batch.md']],
  render: [
    ['what is written', 'outputs.md'],
    ['reading the picture', 'reading.md'],
  ],
  compare: [['comparing', 'comparing.md']],
  figure: [['figures for print', 'comparing.md#figures-for-print']],
  report: [['reports', 'report.md']],
  image: [['still pictures', 'stills.md']],
  export: [['exports', 'exports.md']],
  index: [['finding similar events', 'retrieval.md']],
  search: [['finding similar events', 'retrieval.md']],
  project: [['finding similar events', 'retrieval.md']],
  train: [['training a head', 'training.md']],
  'train-stills': [['training a head', 'training.md']],
  evaluate: [['evaluation', 'evaluation.md']],
  reproduce: [['evaluation', 'evaluation.md']],
  models: [
    ['your own network', 'networks.md'],
    ['Keras networks', 'keras.md'],
  ],
  doctor: [['troubleshooting', 'troubleshooting.md']],
};

const INTRODUCTION =
  'A page for each, what `l2caf COMMAND --help` says, made by `npm run docs`. ' +
  'What is written, and what is never overwritten: [outputs.md](outputs.md).';

const fenced = (text: string): string => `\`\`\`text\n${text}\n\`\`\``;

/** The help with what is added to it, such as examples. */
function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({
    writeOut: (part) => {
      text += part;
    },
    getOutHelpWidth: () => WIDTH,
    getOutHasColors: () => false,
  });
  command.outputHelp();
  return text.trimEnd();
}
