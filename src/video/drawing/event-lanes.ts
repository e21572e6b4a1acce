/**
 * Labelled events on a time axis: what is drawn of them in the ribbon of a video and in that of a report. Events of one
 * label that overlap or touch are one block, so that a list of sliding windows can be read; blocks of different labels that
 * overlap lie below each other.
 */
import type { TimeSpan } from '../../base/types.ts';

/** An event with its label, seconds from the start of the clip. */
export type LabelledSpan = TimeSpan & { readonly label: string };

/** A block of a label in the part of the clip that is shown. */
export interface EventBlock extends LabelledSpan {
  /** From the top, 0-based. */
  readonly lane: number;
  readonly color: string;
  /** Where the next block of its lane starts, or the span ends: up to there its label may reach. */
  readonly roomEndSec: number;
}

/** What is drawn of events. */
export interface EventLanes {
  /** By increasing start. */
  readonly blocks: readonly EventBlock[];
  readonly lanes: number;
  /** Labels of blocks that found no lane any more. */
  readonly hidden: readonly string[];
}

/** Dark enough for white text on them. */
const COLORS: readonly string[] = ['#3d5a80', '#5c4d7d', '#3f6656', '#7d5a4d', '#7a4868', '#5d6130'];
const MAX_LANES = 4;

/** Lays events out: each block in the first lane that is free, the colour by the label. Undefined if none is in the span. */
export function layOutEvents(events: readonly LabelledSpan[], span: TimeSpan): EventLanes | undefined {
  const shown = events
    .map(({ label, startSec, endSec }) => {
      return { label, startSec: Math.max(startSec, span.startSec), endSec: Math.min(endSec, span.endSec) };
    })
    .filter(({ startSec, endSec }) => startSec < endSec)
    .sort((a, b) => a.startSec - b.startSec);
  const labels = [...new Set(shown.map(({ label }) => label))];
  const joined = labels.flatMap((label) => joinTouching(shown.filter((event) => event.label === label)));
  const endsSec: number[] = [];
  const blocks: Omit<EventBlock, 'roomEndSec'>[] = [];
  const hidden = new Set<string>();
  for (const block of joined.sort((a, b) => a.startSec - b.startSec)) {
    const free = endsSec.findIndex((endSec) => endSec <= block.startSec + TOUCHING_SEC);
    const lane = free < 0 ? endsSec.length : free;
    if (lane >= MAX_LANES) {
      hidden.add(block.label);
      continue;
    }
    endsSec[lane] = block.endSec;
    blocks.push({ ...block, lane, color: COLORS[labels.indexOf(block.label) % COLORS.length]! });
  }
  if (blocks.length === 0) return undefined;
  const withRoom = blocks.map((block, i) => {
    const next = blocks.slice(i + 1).find(({ lane }) => lane === block.lane);
    return { ...block, roomEndSec: next?.startSec ?? span.endSec };
  });
  return { blocks: withRoom, lanes: endsSec.length, hidden: [...hidden] };
}

/** Times closer than this are one: lists state them in milliseconds. */
const TOUCHING_SEC = 0.0015;

/** Joins spans of one label, by increasing start, that overlap or touch. */
function joinTouching(spans: readonly LabelledSpan[]): LabelledSpan[] {
  const joined: LabelledSpan[] = [];
  for (const span of spans) {
    const last = joined.at(-1);
    if (last && span.startSec <= last.endSec + TOUCHING_SEC) {
      joined[joined.length - 1] = { ...last, endSec: Math.max(last.endSec, span.endSec) };
    } else joined.push(span);
  }
  return joined;
}
