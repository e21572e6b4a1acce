/** `l2caf presets`: in what the paper and its authors' two codes disagree. */
import { Command } from 'commander';
import { PRESET_NAMES, PRESETS, presetTable } from '../../l2caf/presets.ts';
import { createTerminal, formatTable } from '../terminal.ts';

/** The `presets` command. */
export function presetsCommand(): Command {
  return new Command('presets')
    .option('--json', 'print the settings as one JSON document')
    .action(({ json }: { json?: boolean }) => {
      const terminal = createTerminal();
      if (json) return terminal.result(JSON.stringify(PRESETS, null, 2));
      const rows = presetTable().map(({ setting, values }) => [setting, ...PRESET_NAMES.map((name) => values[name])]);
      terminal.result(formatTable([['', ...PRESET_NAMES], ...rows]));
      terminal.result(
        '\n(ours): the source leaves it open, the value is our choice. Use one with --solver gd --preset NAME.',
      );
    });
}
