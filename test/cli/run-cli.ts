/** Runs the built command line as a user would: a process of its own, arguments in, text and exit code out. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';

/** The built command line. */
export const MAIN: string = join(import.meta.dirname, '..', '..', 'dist', 'cli', 'main.js');

/** How a run ended. */
export interface CliResult {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Where and how to run. */
export interface CliOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Called with the process once it runs. */
  readonly onStart?: (child: ChildProcess) => void;
}

/** Runs `l2caf ARGS`. */
export function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return runNode(MAIN, args, options);
}

/** Runs a program with this Node. */
export function runNode(program: string, args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, ...args], {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    child.on('error', reject);
    child.on('close', (exitCode) => resolve({ exitCode, stdout, stderr }));
    options.onStart?.(child);
  });
}
