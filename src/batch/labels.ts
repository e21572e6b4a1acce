/** The labels that a list of events gives to a part of a video, to be shown over time beside what an analysis found. */
import { realpath, stat } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { L2cafError } from '../errors.ts';
import type { TimeSpan, VideoClip } from '../types.ts';
import type { LabelledSpan } from '../video/event-lanes.ts';
import { resolveSpan } from '../video/sample.ts';
import { type EventRow, readRows } from './rows.ts';

/** An event of a list, as an analysis states it. */
export type ListedEvent = LabelledSpan & { readonly id: string };

/** What a list says about a part of a video. */
export interface ListedEvents {
  /** By increasing start. */
  readonly events: readonly ListedEvent[];
  /** What the user should know: rows that could not be used, or that there are none. */
  readonly warnings: readonly string[];
}

/**
 * The events of a list that overlap a span of a video. Rows mean the video if they name its path or, where none does, a
 * file of its name.
 *
 * @throws L2cafError as `readRows`; `input-unreadable` when the list has several videos of that name
 */
export async function readLabels(list: string, clip: VideoClip, span: TimeSpan): Promise<ListedEvents> {
  const { rows, problems } = await readRows(list);
  const own = await rowsOfVideo(rows, list, clip);
  const { events, problems: wrong } = labelsWithin(own, clip, span);
  const warnings = [...problems, ...wrong].length === 0 ? [] : [skippedWarning(list, [...problems, ...wrong])];
  if (own.length === 0) warnings.push(`${list} has no event of ${basename(clip.path)}, so no labels are shown`);
  else if (events.length === 0) {
    warnings.push(
      `${list} has no labelled event of ${basename(clip.path)} within ${span.startSec.toFixed(2)}–${span.endSec.toFixed(2)} s`,
    );
  }
  return { events, warnings };
}

/** The labelled events among the rows of one video that overlap a span, and the rows that cannot be used. */
export function labelsWithin(
  rows: readonly EventRow[],
  clip: VideoClip,
  span: TimeSpan,
): { events: ListedEvent[]; problems: string[] } {
  const problems: string[] = [];
  const events = rows.flatMap((row): ListedEvent[] => {
    if (row.label === '') return [];
    try {
      const event = { id: row.id, label: row.label, ...spanOfRow(row, clip) };
      return event.startSec < span.endSec && event.endSec > span.startSec ? [event] : [];
    } catch (error) {
      if (!(error instanceof L2cafError)) throw error;
      problems.push(`${row.place}: ${error.message}`);
      return [];
    }
  });
  return { events: events.sort((a, b) => a.startSec - b.startSec || a.endSec - b.endSec), problems };
}

/**
 * The part of its video that a row states.
 *
 * @throws L2cafError `time-span` when it does not lie within the video
 */
export function spanOfRow({ startSec, endSec }: EventRow, clip: VideoClip): TimeSpan {
  return resolveSpan(clip, { ...(startSec !== undefined && { startSec }), ...(endSec !== undefined && { endSec }) });
}

/** The last part of a path, whichever system wrote it. */
export function baseOf(video: string): string {
  return basename(video.replaceAll('\\', '/'));
}

async function rowsOfVideo(rows: readonly EventRow[], list: string, { path }: VideoClip): Promise<readonly EventRow[]> {
  const folder = (await stat(list)).isDirectory() ? list : dirname(list);
  const wanted = await realpath(path);
  const places = await Promise.all(
    [...new Set(rows.flatMap(({ videos }) => videos))].map(async (video) => {
      const place = resolve(folder, video);
      return [video, await realpath(place).catch(() => place)] as const;
    }),
  );
  const placeOf = new Map(places);
  const exact = rows.filter(({ videos }) => videos.some((video) => placeOf.get(video) === wanted));
  if (exact.length > 0) return exact;
  const name = basename(path);
  const called = rows.filter(({ videos }) => videos.some((video) => baseOf(video) === name));
  const different = new Set(called.map(({ videos }) => videos.find((video) => baseOf(video) === name)));
  if (different.size <= 1) return called;
  throw new L2cafError(
    'input-unreadable',
    `${list} has ${different.size} videos called ${name}, none of them ${path}`,
    {
      hint: 'give a list whose videos are named by their paths, relative to it',
    },
  );
}

function skippedWarning(list: string, problems: readonly string[]): string {
  const rest = problems.length > 1 ? `, and ${problems.length - 1} more` : '';
  return `${list}: rows were left out: ${problems[0]}${rest}`;
}
