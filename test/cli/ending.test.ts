/** How programs end on a terminal: always, with the reason on a line of its own, and with the terminal as it was. */
import { spawnSync } from 'node:child_process';
import { openSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { program } from '../batch/tiny-batch.ts';
import { drawnOn, hasPty, leftBy, type PtyOptions, type PtyTerminal, runOnPty } from './pty.ts';
import { MAIN } from './run-cli.ts';

const ENDING = fileURLToPath(program('ending-program'));
const run = (ending: string, options?: PtyOptions) => runOnPty([process.execPath, ENDING, ending], options);
const whenDrawn = (act: (terminal: PtyTerminal) => void): PtyOptions => ({ steps: [{ when: /5\/10 frames/, act }] });
const IN_ORDER = { showsCursor: true, wraps: true };

describe.skipIf(!hasPty)('on a terminal, with a bar drawn and much that would keep it alive, a program', () => {
  it.each([
    ['error', 1, /\r\nerror: this went wrong\r\nhint: do this\r\n/],
    [
      'bug',
      1,
      /\r\nerror: this is a bug of l2caf, please report it at https:\/\/\S+\/issues: nobody foresaw this\r\nhint: .*\r\n/,
    ],
    [
      'uncaught',
      1,
      /\r\nerror: this is a bug of l2caf, please report it at https:\/\/\S+\/issues: nobody caught this\r\n/,
    ],
    [
      'rejection',
      1,
      /\r\nerror: this is a bug of l2caf, please report it at https:\/\/\S+\/issues: nobody caught this\r\n/,
    ],
    ['exit', 7, /5\/10 frames/],
    ['result', 0, /\r\nthe result\r\n/],
  ])('ends after: %s', async (ending, code, shown) => {
    const { exitCode, output } = await run(ending);
    expect(output).toContain('\x1b[?25l'); // or there would be nothing to be put in order
    expect(output).toMatch(shown);
    expect(output).not.toMatch(/\n\s+at /);
    expect({ exitCode, ...leftBy(output) }).toEqual({ exitCode: code, ...IN_ORDER });
  });

  it('ends when nothing is left that could bring it on', async () => {
    const { exitCode, output } = await run('idle');
    expect(output).toMatch(/\r\nerror: .*nothing left to do/);
    expect({ exitCode, ...leftBy(output) }).toEqual({ exitCode: 1, ...IN_ORDER });
  });

  it.each([
    ['Ctrl-C', (terminal: PtyTerminal) => terminal.type('\x03')],
    ['SIGTERM', ({ pid }: PtyTerminal) => process.kill(pid, 'SIGTERM')],
    ['SIGHUP', ({ pid }: PtyTerminal) => process.kill(pid, 'SIGHUP')],
  ])('ends after %s', async (_, act) => {
    const { exitCode, output } = await run('wait', whenDrawn(act));
    expect(output).toMatch(/\r\nerror: interrupted\r\n/);
    expect({ exitCode, ...leftBy(output) }).toEqual({ exitCode: 130, ...IN_ORDER });
  });

  it('that does not listen ends after a second Ctrl-C', async () => {
    const twice = async (terminal: PtyTerminal): Promise<void> => {
      for (let i = 0; i < 2; i++) {
        terminal.type('\x03');
        await setTimeout(200); // two that come at once are one signal
      }
    };
    const { exitCode, output } = await run(
      'deaf',
      whenDrawn((terminal) => void twice(terminal)),
    );
    expect({ exitCode, ...leftBy(output) }).toEqual({ exitCode: 130, ...IN_ORDER });
  });

  it('ends when its terminal goes away', async () => {
    let pid = 0;
    await run(
      'wait',
      whenDrawn((terminal) => {
        pid = terminal.pid;
        terminal.close();
      }),
    );
    expect(pid).toBeGreaterThan(0);
    await expect.poll(() => isRunning(pid), { timeout: 30_000 }).toBe(false);
  });

  it('gives the terminal back while it is suspended', async () => {
    const suspend = async (terminal: PtyTerminal): Promise<void> => {
      terminal.type('\x1a');
      // `script` suspends itself with its program, and wakes it up with itself.
      for (const pid of [terminal.pid, terminal.scriptPid]) {
        await expect.poll(() => stateOf(pid), { timeout: 30_000 }).toBe('T');
      }
      process.kill(terminal.scriptPid, 'SIGCONT');
      terminal.type('\x03');
    };
    const { exitCode, output } = await run(
      'wait',
      whenDrawn((terminal) => void suspend(terminal)),
    );
    // Shown when it was suspended, hidden when it went on, shown at its end.
    expect(output.split('\x1b[?25h').length).toBeGreaterThan(2);
    expect({ exitCode, ...leftBy(output) }).toEqual({ exitCode: 130, ...IN_ORDER });
  });

  it('fits its bar into narrow terminals, also when their size changes meanwhile', async () => {
    const lines = (output: string): string[] => drawnOn(output).filter((line) => line.startsWith('working'));
    const { output: wide } = await run('result');
    expect(lines(wide)[0]).toContain('working [=====');
    const { output: narrow, exitCode } = await run('result', { columns: 20 });
    expect(exitCode).toBe(0);
    for (const line of lines(narrow)) expect(line.length).toBeLessThan(20);
    const resized = await run('wait', {
      beside: '(sleep 0.5; stty cols 20; sleep 0.5; stty cols 60; sleep 0.5; kill -INT $$) < /dev/tty &',
    });
    expect(lines(resized.output).some((line) => /^working \d/.test(line))).toBe(true);
    expect({ exitCode: resized.exitCode, ...leftBy(resized.output) }).toEqual({ exitCode: 130, ...IN_ORDER });
  });

  it('writes nothing but lines on a terminal that can do no more, and no colours where they are not wanted', async () => {
    const { exitCode, output } = await run('error', { env: { TERM: 'dumb' } });
    expect(exitCode).toBe(1);
    expect(output).toMatch(/working: 5\/10 frames\r\nerror: this went wrong\r\n/);
    expect(output).not.toContain('\x1b');
    const { output: plain } = await run('error', { env: { NO_COLOR: '1' } });
    expect(plain).not.toContain('\x1b[3');
  });
});

it.skipIf(process.platform !== 'linux')('says that its output cannot be written', () => {
  const stdio = ['ignore', openSync('/dev/full', 'w'), 'pipe'] as const;
  const { status, stderr } = spawnSync(process.execPath, [MAIN, 'presets'], { stdio: [...stdio], encoding: 'utf8' });
  expect(stderr).toBe('error: cannot write to the standard output: the disk is full\n');
  expect(status).toBe(1);
});

function stateOf(pid: number): string {
  return spawnSync('ps', ['-o', 'state=', '-p', String(pid)], { encoding: 'utf8' })
    .stdout.trim()
    .slice(0, 1);
}

function isRunning(pid: number): boolean {
  const state = stateOf(pid);
  return state !== '' && state !== 'Z';
}
