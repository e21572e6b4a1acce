/**
 * What the commands say and where: results go to stdout, everything else to stderr; progress is a bar on a terminal and
 * a line now and then elsewhere.
 */
import { SingleBar } from 'cli-progress';
import type { Progress, ProgressListener } from '../types.ts';

/** The two streams, as the commands use them. */
export interface Terminal {
  /** A line of the result, on stdout. */
  result(line: string): void;
  /** A line of information, on stderr; silent with `--quiet`. */
  info(line: string): void;
  /** A line that must be seen, on stderr, even with `--quiet`. */
  warn(line: string): void;
  readonly onProgress: ProgressListener;
  /** Ends a progress bar that is being drawn, if any. */
  finishProgress(): void;
}

/** Seconds between progress lines where stderr is not a terminal. */
const PLAIN_INTERVAL_SEC = 10;

/** A terminal over this process's streams. */
export function createTerminal({ quiet = false }: { quiet?: boolean | undefined } = {}): Terminal {
  const progress = quiet ? silentProgress : process.stderr.isTTY ? barProgress() : plainProgress();
  const above = (line: string): void => {
    progress.finish();
    process.stderr.write(`${line}\n`);
  };
  return {
    result: (line) => {
      progress.finish();
      process.stdout.write(`${line}\n`);
    },
    info: (line) => {
      if (!quiet) above(line);
    },
    warn: (line) => above(`warning: ${line}`),
    onProgress: (update) => progress.update(update),
    finishProgress: () => progress.finish(),
  };
}

/** Lays out rows in columns of equal width, numbers to the right; the first row is the heading. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  const isNumeric = widths.map((_, column) => rows.slice(1).every((row) => /^[-\d.,e+ ()%]*$/.test(row[column] ?? '')));
  const pad = (cell: string, column: number): string =>
    isNumeric[column] ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!);
  return rows.map((row) => row.map(pad).join('  ').trimEnd()).join('\n');
}

interface ProgressDisplay {
  update(progress: Progress): void;
  finish(): void;
}

const silentProgress: ProgressDisplay = { update: () => {}, finish: () => {} };

function barProgress(): ProgressDisplay {
  let bar: SingleBar | undefined;
  let stage = '';
  let rate = rateMeter();
  const finish = (): void => {
    bar?.stop();
    bar = undefined;
    stage = '';
  };
  const update = (progress: Progress): void => {
    const total = progress.total ?? Math.max(progress.done, 1);
    if (progress.stage !== stage || bar === undefined) {
      finish();
      stage = progress.stage;
      rate = rateMeter();
      bar = new SingleBar({
        format: '{stage} [{bar}] {shown}',
        hideCursor: true,
        stream: process.stderr,
      });
      bar.start(total, progress.done, { stage, shown: describe(progress) });
    }
    bar.setTotal(total);
    bar.update(progress.done, { stage, shown: `${describe(progress)}${rate(progress)}` });
    if (progress.done >= total) finish();
  };
  return { update, finish };
}

function plainProgress(): ProgressDisplay {
  let stage = '';
  let shownAt = 0;
  let rate = rateMeter();
  const update = (progress: Progress): void => {
    const now = performance.now();
    if (progress.stage !== stage) rate = rateMeter();
    const pace = rate(progress);
    const isDone = progress.total !== undefined && progress.done >= progress.total;
    if (progress.stage === stage && !isDone && now - shownAt < 1000 * PLAIN_INTERVAL_SEC) return;
    stage = progress.stage;
    shownAt = now;
    process.stderr.write(`${stage}: ${describe(progress)}${pace}\n`);
  };
  return { update, finish: () => {} };
}

/** Says how fast a stage goes, and how long it will take at that pace; nothing until that can be told. */
function rateMeter(): (progress: Progress) => string {
  let first: { readonly done: number; readonly ms: number } | undefined;
  return ({ done, total, unit }) => {
    const ms = performance.now();
    first ??= { done, ms };
    const perSec = (1000 * (done - first.done)) / (ms - first.ms);
    if (!(ms - first.ms > 1000 && perSec > 0)) return '';
    const [shown, name] = unit === 'bytes' ? [perSec / 1e6, 'MB'] : [perSec, unit];
    const pace = `, ${shown >= 10 ? shown.toFixed(0) : shown.toPrecision(2)} ${name}/s`;
    return total === undefined || done >= total ? pace : `${pace}, ${formatDuration((total - done) / perSec)} left`;
  };
}

/** `45 s`, `3 min 20 s` or `2 h 05 min`. */
function formatDuration(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  const two = (n: number): string => String(n).padStart(2, '0');
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${two(whole % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
}

function describe({ done, total, unit }: Progress): string {
  const amount = (n: number): string => (unit === 'bytes' ? (n / 1e6).toFixed(1) : String(n));
  const name = unit === 'bytes' ? 'MB' : unit;
  return total === undefined ? `${amount(done)} ${name}` : `${amount(done)}/${amount(total)} ${name}`;
}
