/** Runs a program on a real pseudo-terminal, made by `script` of util-linux, where that is installed. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { stripVTControlCharacters } from 'node:util';

/** Whether tests on a terminal can run. */
export const hasPty: boolean = /util-linux/.test(spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout ?? '');

/** How the run ended, and all that was written to the terminal. */
export interface PtyResult {
  readonly exitCode: number | null;
  readonly output: string;
}

/** Where and how to run. */
export interface PtyOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Of the terminal; 80 unless something else is said. */
  readonly columns?: number;
  /** Shell commands that run beside the program, on the same terminal. */
  readonly beside?: string;
  /** One after another, each when the terminal shows what matches its `when`. */
  readonly steps?: readonly PtyStep[];
}

/** What is done while the program runs. */
export interface PtyStep {
  readonly when: RegExp;
  readonly act: (terminal: PtyTerminal) => void;
}

/** The terminal of a program that runs. */
export interface PtyTerminal {
  /** The process of the program. */
  readonly pid: number;
  /** The process of `script`. */
  readonly scriptPid: number;
  /** Presses keys, such as Ctrl-C, `\x03`. */
  type(keys: string): void;
  /** Takes the terminal away. */
  close(): void;
}

/** Runs a program with the arguments. The terminal's first line says its process. */
export async function runOnPty(args: readonly string[], options: PtyOptions = {}): Promise<PtyResult> {
  const { columns = 80, beside = '', steps = [] } = options;
  const quoted = args.map((arg) => `'${arg.replaceAll("'", "'\\''")}'`).join(' ');
  const command = `stty cols ${columns} -echoctl; echo "process $$"; ${beside} exec ${quoted}`;
  const child = spawn('script', ['--quiet', '--return', '--command', command, '/dev/null'], {
    env: { ...process.env, TERM: 'xterm', SHELL: '/bin/sh', ...options.env },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let output = '';
  let done = 0;
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
    for (; steps[done]?.when.test(output); done++) steps[done]!.act(terminalOf(child, output));
  });
  child.stdin.on('error', () => {}); // it may have ended before a key came
  const [exitCode] = (await once(child, 'close')) as [number | null];
  return { exitCode, output };
}

function terminalOf(child: ChildProcess, output: string): PtyTerminal {
  return {
    pid: Number(/process (\d+)/.exec(output)![1]),
    scriptPid: child.pid!,
    type: (keys) => void child.stdin!.write(keys),
    close: () => void child.kill('SIGKILL'),
  };
}

/** How a terminal is left: the last word on its cursor and its line wrap, each true as it was before. */
export function leftBy(output: string): { readonly showsCursor: boolean; readonly wraps: boolean } {
  const last = (on: string, off: string): boolean => output.lastIndexOf(on) >= output.lastIndexOf(off);
  return { showsCursor: last('\x1b[?25h', '\x1b[?25l'), wraps: last('\x1b[?7h', '\x1b[?7l') };
}

/** What was drawn, one after another, from the start of a line on. */
export function drawnOn(output: string): string[] {
  return output.split('\x1b[1G').map((part) => stripVTControlCharacters(part).split('\r\n')[0]!);
}
