/**
 * The progress bar on the terminal: one at most, whoever draws it, so that whoever writes a line or ends the program can
 * take it away. While it is drawn the cursor is hidden and lines are not wrapped; both are put right when it is ended, when
 * the process ends in whatever way that it can notice, and while it is suspended (Ctrl-Z).
 */
import { createRequire } from 'node:module';
import type * as CliProgress from 'cli-progress';
import { printable } from './printable.ts';

/** Loaded when a bar is drawn. */
const cliProgress = (): typeof CliProgress => createRequire(import.meta.url)('cli-progress') as typeof CliProgress;

/** What a bar shows. */
export interface BarContent {
  /** Before the bar. */
  readonly title: string;
  readonly done: number;
  readonly total: number;
  /** After the bar. */
  readonly shown: string;
}

/** Whether stderr can show a bar: a terminal that can move its cursor. */
export function canDrawBar(): boolean {
  return process.stderr.isTTY === true && process.env['TERM'] !== 'dumb';
}

let drawn: CliProgress.SingleBar | undefined;

/** Draws the bar, or changes what it shows. It is drawn again by itself when the terminal's size has changed. */
export function drawBar({ title, done, total, shown: text }: BarContent): void {
  const shown = printable(text);
  if (drawn === undefined) {
    drawn = new (cliProgress().SingleBar)({
      format: formatLine,
      barsize: BAR_COLUMNS,
      hideCursor: true,
      gracefulExit: false,
      stream: process.stderr,
    });
    process.on('exit', endBar).on('SIGTSTP', suspend);
    drawn.start(total, done, { title, shown });
  }
  drawn.setTotal(total);
  drawn.update(done, { title, shown });
}

/** Ends the bar, if one is drawn: it stays where it is, and what is written next stands below it. */
export function endBar(): void {
  if (drawn === undefined) return;
  const ended = drawn;
  drawn = undefined;
  process.off('exit', endBar).off('SIGTSTP', suspend);
  ended.stop();
}

/** The shell gets the terminal in order; the next progress draws a bar again. */
function suspend(): void {
  endBar();
  process.kill(process.pid, 'SIGSTOP');
}

/** Columns below which the words need the line for themselves. */
const BAR_FROM_COLUMNS = 60;
const BAR_COLUMNS = 20;

const formatLine: CliProgress.GenericFormatter = (options, { progress, maxWidth }, { title, shown }: BarContent) => {
  const bar = maxWidth < BAR_FROM_COLUMNS ? '' : `[${cliProgress().Format.BarFormat(progress, options)}]`;
  const line = [title, bar, shown].filter((part) => part !== '').join(' ');
  return [...line].slice(0, maxWidth - 1).join('');
};
