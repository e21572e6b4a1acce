/** The options that say whether a clip is one event or seen in windows; `analyze` and `batch` share them. */
import type { Command } from 'commander';
import type { SlideOptions, SlideWish } from '../analysis/windows.ts';
import { L2cafError } from '../base/errors.ts';
import { parseSeconds } from './options.ts';

/** What commander hands over for these options. */
export interface WindowFlags {
  readonly dense?: boolean;
  readonly whole?: boolean;
  readonly window?: number;
  readonly stride?: number;
}

/**
 * Adds the options.
 *
 * @param what is taken for one event or for many
 */
export function addWindowOptions(command: Command, what: string): Command {
  return command
    .option(
      '--dense',
      `slide a window over ${what}: attention for every moment (default: where it is more than twice as long as the events that the model was trained on)`,
    )
    .option('--whole', `take ${what} as one event, however long it is`)
    .option(
      '--window <seconds>',
      "length of the window; asks for --dense (default: that of the model's training events, or 1 per frame)",
      parseSeconds,
    )
    .option('--stride <seconds>', 'how far the window moves; asks for --dense (default: 0.5)', parseSeconds);
}

/**
 * How clips are to be seen. A length or stride of windows asks for windows; a trace is one of an event.
 *
 * @throws L2cafError `usage` for wishes that contradict each other
 */
export function slideWish({
  dense,
  whole,
  stride,
  window,
  trace,
  fine,
}: WindowFlags & { readonly trace?: boolean; readonly fine?: boolean }): SlideWish {
  const isDense = dense === true || stride !== undefined || window !== undefined;
  if (isDense && whole) {
    throw new L2cafError('usage', '--whole takes the clip as one event, --dense, --window and --stride do not', {
      hint: 'leave one of them out',
    });
  }
  if (isDense && trace) {
    throw new L2cafError('usage', 'a dense analysis keeps no trace', { hint: 'leave --trace or --dense out' });
  }
  if (fine && trace) {
    throw new L2cafError('usage', 'finer maps are of four filters, which have no trace in common', {
      hint: 'leave --trace or --fine out',
    });
  }
  return {
    ...{ isDense, isWhole: whole === true || trace === true },
    ...(window !== undefined && { windowSec: window }),
    ...(stride !== undefined && { strideSec: stride }),
  };
}

/** That something is seen in windows unasked, and how to have it otherwise, in words. */
export function seenInWindows({ windowSec, strideSec }: SlideOptions): string {
  return `seen in windows of ${windowSec} s, one every ${strideSec} s (--whole: as one event)`;
}
