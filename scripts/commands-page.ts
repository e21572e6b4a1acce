/** docs/commands.md: every command as `--help` describes it. */
import { Command } from 'commander';
import { COMMANDS, loadCommand } from '../src/cli/commands.ts';

/** Columns of the help as it stands in the page. */
const WIDTH = 110;

/** The page. */
export async function commandsPage(): Promise<string> {
  const parts: string[] = [];
  const contents: string[] = [];
  for (const name of Object.keys(COMMANDS)) {
    const command = await loadCommand(name);
    new Command('l2caf').addCommand(command);
    for (const own of [command, ...command.commands]) {
      const title = own === command ? `l2caf ${name}` : `l2caf ${name} ${own.name()}`;
      const indent = own === command ? '' : '  ';
      contents.push(`${indent}- [${title}](#${title.replaceAll(' ', '-')}): ${own.description()}`);
      parts.push(`## ${title}\n\n\`\`\`\n${helpOf(own)}\n\`\`\``);
    }
  }
  return `# Commands\n\n${INTRODUCTION}\n\n${contents.join('\n')}\n\n${parts.join('\n\n')}\n`;
}

const INTRODUCTION =
  'What `l2caf COMMAND --help` says of each, made by `npm run docs`. Several commands are described at length: ' +
  '[analyze](analyze.md), [batch](batch.md), [compare](comparing.md), [report](report.md), [image](stills.md), [export](exports.md), ' +
  '[train](training.md), [evaluate and reproduce](evaluation.md), [index, search and project](retrieval.md); ' +
  'what is written, and what is never overwritten, in [outputs.md](outputs.md).';

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
