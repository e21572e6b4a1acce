/**
 * What the commands say and where: results go to stdout, everything else to stderr; progress is a bar on a terminal and
 * a line now and then elsewhere.
 */
import type { Progress, ProgressListener } from '../base/types.ts';
import { canDrawBar, drawBar, endBar } from './bar.ts';
import { printable } from './printable.ts';

/** The two streams, as the commands use them. */
export interface Terminal {
  /** A line of the result, on stdout. */
  result(line: string): void;
  /** A line of information, on stderr; silent with `--quiet`. */
  info(line: string): void;
  /** A line that must be seen, on stderr, even with `--quiet`. */
  warn(line: string): void;
  readonly onProgress: ProgressListener;
}

/** Seconds between progress lines where stderr is not a terminal. */
const PLAIN_INTERVAL_SEC = 10;

/** A terminal over this process's streams. */
export function createTerminal({ quiet = false }: { quiet?: boolean | undefined } = {}): Terminal {
  const say = (line: string): void => {
    endBar();
    process.stderr.write(`${printable(line)}\n`);
  };
  return {
    result: (line) => {
      endBar();
      process.stdout.write(`${process.stdout.isTTY ? printable(line) : line}\n`);
    },
    info: (line) => {
      if (!quiet) say(line);
    },
    warn: (line) => say(`warning: ${line}`),
    onProgress: quiet ? () => {} : canDrawBar() ? barProgress() : plainProgress(),
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

/**
 * One stage for parts of work that are done side by side: a listener for each, by its name, and what all of them have done
 * is told together.
 */
export function partsOf(stage: string, onProgress: ProgressListener): (name: string) => ProgressListener {
  const parts = new Map<string, Progress>();
  const sum = (of: (part: Progress) => number): number => [...parts.values()].reduce((all, part) => all + of(part), 0);
  return (name) => (progress) => {
    parts.set(name, progress);
    const total = sum((part) => part.total ?? part.done);
    onProgress({ stage, done: sum(({ done }) => done), total, unit: progress.unit });
  };
}

function barProgress(): ProgressListener {
  let stage = '';
  let rate = rateMeter();
  return (progress) => {
    if (progress.stage !== stage) {
      endBar();
      stage = progress.stage;
      rate = rateMeter();
    }
    const { done, total } = progress;
    drawBar({ title: stage, done, total: total ?? 0, shown: `${describe(progress)}${rate(progress)}` });
    if (total !== undefined && done >= total) {
      endBar();
      stage = '';
    }
  };
}

function plainProgress(): ProgressListener {
  let stage = '';
  let shownAt = 0;
  let rate = rateMeter();
  return (progress) => {
    const now = performance.now();
    if (progress.stage !== stage) rate = rateMeter();
    const pace = rate(progress);
    const isDone = progress.total !== undefined && progress.done >= progress.total;
    if (progress.unit === 'bytes' && progress.total !== undefined) {
      // A download: one line, as it begins.
      if (progress.stage !== stage)
        process.stderr.write(`${progress.stage}: ${(progress.total / 1e6).toFixed(1)} MB\n`);
      stage = progress.stage;
      return;
    }
    if (progress.stage === stage && !isDone && now - shownAt < 1000 * PLAIN_INTERVAL_SEC) return;
    stage = progress.stage;
    shownAt = now;
    process.stderr.write(`${stage}: ${describe(progress)}${pace}\n`);
  };
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
export function formatDuration(seconds: number): string {
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
