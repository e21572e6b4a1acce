/**
 * What a batch shows while it runs: on a terminal a bar with rate, time left, failures and what each worker is doing;
 * elsewhere a line a minute; with `--json` an object a line on stdout, for other programs.
 */

import { L2cafError } from '../base/errors.ts';
import type { ProgressListener } from '../base/types.ts';
import type { EventEnd } from '../batch/batch.ts';
import type { WorkerState } from '../batch/pool.ts';
import { canDrawBar, drawBar, endBar } from './bar.ts';
import { createTerminal } from './terminal.ts';

/** How a batch ended. */
export interface BatchSummary {
  readonly events: number;
  readonly done: number;
  readonly failed: number;
  readonly pending: number;
  readonly wrongRows: number;
  readonly folder: string;
}

/** See the top of this file. */
export interface BatchDisplay {
  readonly onProgress: ProgressListener;
  /** A line of information, unless it is to be quiet. */
  info(message: string): void;
  /** A line that stays above the display. */
  warn(message: string): void;
  /** Work begins on `total` events, of which `finished` were done before. */
  begin(total: number, finished: number): void;
  /** A worker took the event. */
  eventStarted(id: string): void;
  /** The event is done, or has failed for good. */
  eventEnded(end: EventEnd): void;
  /** What each worker is doing now. */
  workers(states: readonly WorkerState[]): void;
  /** The user asked to stop. */
  stopping(): void;
  /** The last word: counts, and where the results are. */
  finish(summary: BatchSummary, results: readonly string[]): void;
  /** Puts the terminal in order again, whatever happened. */
  close(): void;
}

/** Seconds between lines where there is no terminal. */
const PLAIN_INTERVAL_SEC = 60;
/** Seconds between progress objects. */
const JSON_INTERVAL_SEC = 5;

interface Standing {
  readonly total: number;
  /** Before this run. */
  readonly finishedBefore: number;
  readonly startMs: number;
  ended: number;
  failed: number;
  running: number;
  workers: readonly WorkerState[];
}

/** A display over this process's streams. */
export function createBatchDisplay({ json = false, quiet = false }: { json?: boolean; quiet?: boolean }): BatchDisplay {
  const terminal = createTerminal({ quiet: quiet || json });
  const view = json ? jsonView() : quiet ? silentView : canDrawBar() ? barView() : plainView();
  let standing: Standing | undefined;
  let timer: NodeJS.Timeout | undefined;
  const close = (): void => {
    clearInterval(timer);
    timer = undefined;
    endBar();
  };
  return {
    onProgress: terminal.onProgress,
    info: (message) => terminal.info(message),
    warn: (message) => terminal.warn(message),
    begin: (total, finishedBefore) => {
      standing = { total, finishedBefore, startMs: performance.now(), ended: 0, failed: 0, running: 0, workers: [] };
      view.show(standing);
      timer = setInterval(() => view.show(standing!), 1000 * view.intervalSec);
      timer.unref();
    },
    eventStarted: (id) => {
      standing!.running++;
      view.event({ event: 'started', id });
    },
    eventEnded: ({ id, error, attempts }) => {
      standing!.running--;
      standing!.ended++;
      if (!error) return view.event({ event: 'done', id, attempts });
      standing!.failed++;
      view.event({ event: 'failed', id, attempts, error: error.message });
      if (json) return;
      terminal.warn(`${id} failed: ${error.message}${hintOf(error)}`);
    },
    workers: (states) => {
      if (standing) standing.workers = states;
    },
    stopping: () => {
      endBar();
      const running = standing?.running ?? 0;
      const events = running === 1 ? '1 event is' : `${running} events are`;
      process.stderr.write(`stopping: ${events} being finished; once more to stop at once\n`);
    },
    finish: (summary, results) => {
      close();
      view.event({
        event: 'finished',
        ...summary,
        ...(standing && { ...speedOf(standing), workers: standing.workers }),
      });
      if (json) return;
      const { events, done, failed, pending } = summary;
      terminal.info(`${done} of ${events} events done, ${failed} failed${pending > 0 ? `, ${pending} to do` : ''}`);
      if (pending > 0) terminal.info('the same command continues');
      for (const path of results) terminal.result(path);
    },
    close,
  };
}

function hintOf(error: Error): string {
  return error instanceof L2cafError && error.hint !== undefined ? ` (${error.hint})` : '';
}

interface View {
  readonly intervalSec: number;
  show(standing: Standing): void;
  event(what: Readonly<Record<string, unknown>>): void;
}

const silentView: View = { intervalSec: 3600, show: () => {}, event: () => {} };

function jsonView(): View {
  const write = (what: Readonly<Record<string, unknown>>): void => {
    process.stdout.write(`${JSON.stringify(what)}\n`);
  };
  const show = (standing: Standing): void => {
    const { total, finishedBefore, ended, failed, running, workers } = standing;
    const speed = speedOf(standing);
    write({ event: 'progress', total, finishedBefore, ended, failed, running, ...speed, workers });
  };
  return { intervalSec: JSON_INTERVAL_SEC, show, event: write };
}

function plainView(): View {
  const show = (standing: Standing): void => {
    process.stderr.write(`${describe(standing)}\n`);
  };
  return { intervalSec: PLAIN_INTERVAL_SEC, show, event: () => {} };
}

function barView(): View {
  const show = (standing: Standing): void => {
    const { finishedBefore, ended, total } = standing;
    const doing = standing.workers.map(({ doing = 'waiting' }) => doing).join(' · ');
    drawBar({ title: '', done: finishedBefore + ended, total, shown: `${describe(standing)}  ${doing}` });
  };
  return { intervalSec: 0.5, show, event: () => {} };
}

function describe(standing: Standing): string {
  const { total, finishedBefore, ended, failed } = standing;
  const { eventsPerMinute, secondsLeft } = speedOf(standing);
  const rate = ended === 0 ? '' : `, ${eventsPerMinute.toFixed(1)} a minute, ${duration(secondsLeft!)} left`;
  return `${finishedBefore + ended}/${total} events${rate}${failed > 0 ? `, ${failed} failed` : ''}`;
}

function speedOf({ total, finishedBefore, ended, startMs }: Standing): {
  eventsPerMinute: number;
  secondsLeft?: number;
} {
  const seconds = (performance.now() - startMs) / 1000;
  const eventsPerMinute = seconds > 0 ? (60 * ended) / seconds : 0;
  const left = total - finishedBefore - ended;
  return { eventsPerMinute, ...(ended > 0 && { secondsLeft: (left * seconds) / ended }) };
}

function duration(seconds: number): string {
  const whole = Math.round(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
  return [
    ...(hours > 0 ? [`${hours} h`] : []),
    ...(whole >= 60 ? [`${minutes} min`] : []),
    ...(hours > 0 ? [] : [`${whole % 60} s`]),
  ].join(' ');
}
