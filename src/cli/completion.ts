/** Scripts with which shells complete the names of commands, options and their values; files are left to the shell. */
import type { Command, Option } from 'commander';

/** Shells that can be told. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const;
/** One of them. */
export type Shell = (typeof SHELLS)[number];

/** What can stand behind the name of the program. */
interface Completable {
  /** The names of a command or group of commands, and of one of the group: `['models', 'pull']`. */
  readonly names: readonly string[];
  readonly description: string;
  readonly options: readonly Option[];
}

/** The script for a shell, made from the commands as they are; each with its own commands, if it is a group of them. */
export function completionScript(shell: Shell, program: string, commands: readonly Command[]): string {
  const all = commands.flatMap((command) => [command, ...command.commands].map((own) => completable(command, own)));
  if (shell === 'fish') return fishScript(program, all);
  // zsh runs bash's kind of script, once it is told to.
  const before =
    shell === 'zsh' ? 'autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n' : '';
  return `${before}${bashScript(program, all)}`;
}

function completable(group: Command, own: Command): Completable {
  return {
    names: own === group ? [group.name()] : [group.name(), own.name()],
    description: own.description(),
    options: own.createHelp().visibleOptions(own),
  };
}

function bashScript(program: string, all: readonly Completable[]): string {
  const after = (names: readonly string[]): string[] =>
    all
      .filter((each) => each.names.length === names.length + 1 && names.every((name, i) => name === each.names[i]))
      .map((each) => each.names.at(-1)!);
  const groups = all.filter(({ names }) => after(names).length > 0);
  const lines = (entries: readonly string[]): string => entries.map((entry) => `    ${entry}\n`).join('');
  const subcommands = groups.map(({ names }) => `${names.join(' ')}) words=${words(after(names))} ;;`);
  const values = all.flatMap(({ names, options }) =>
    options.flatMap((option) => {
      if (!option.argChoices) return [];
      const flags = flagsOf(option).map((flag) => quoted(`${names.join(' ')} ${flag}`));
      return `${flags.join('|')}) words=${words(option.argChoices)} ;;`;
    }),
  );
  const flags = all.map(
    ({ names, options }) => `${quoted(names.join(' '))}) words=${words(options.flatMap(flagsOf))} ;;`,
  );
  return `_${program}() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} command=\${COMP_WORDS[1]} words=
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W ${words(['help', ...after([]), '--help', '--version'])} -- "$current"))
    return
  fi
  case $command in
    help) words=${words(after([]))} ;;
${lines(subcommands)}  esac
  if [ -n "$words" ]; then
    [ "$COMP_CWORD" -eq 2 ] && COMPREPLY=($(compgen -W "$words" -- "$current")) && return
    command="$command \${COMP_WORDS[2]}"
    words=
  fi
  case "$command $previous" in
${lines(values)}  esac
  if [ -z "$words" ] && [[ $current == -* ]]; then
    case $command in
${lines(flags)}    esac
  fi
  [ -n "$words" ] && COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _${program} ${program}
`;
}

function fishScript(program: string, all: readonly Completable[]): string {
  const seen = (names: readonly string[]): string =>
    names.length === 0
      ? '__fish_use_subcommand'
      : names.map((name) => `__fish_seen_subcommand_from ${name}`).join('; and ');
  const lines = all.flatMap(({ names, description, options }) => [
    `complete -c ${program} -n ${quoted(seen(names.slice(0, -1)))} -f -a ${names.at(-1)} -d ${quoted(description)}`,
    ...options.map((option) => {
      const short = option.short ? ` -s ${option.short.slice(1)}` : '';
      const long = option.long ? ` -l ${option.long.slice(2)}` : '';
      const value = option.argChoices
        ? ` -x -a ${words(option.argChoices)}`
        : option.required || option.optional
          ? ' -r'
          : '';
      return `complete -c ${program} -n ${quoted(seen(names))}${short}${long}${value} -d ${quoted(option.description)}`;
    }),
  ]);
  return `${lines.join('\n')}\n`;
}

function flagsOf({ short, long }: Option): string[] {
  return [short, long].filter((flag) => flag !== undefined);
}

function words(all: readonly string[]): string {
  return quoted(all.join(' '));
}

/** As one word of a shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
