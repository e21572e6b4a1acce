/** The labels that a list of events gives to a part of a video, to be shown over time beside what an analysis found. */
import { realpath } from 'node:fs/promises';
import { basename } from 'node:path';
import { L2cafError } from '../base/errors.ts';
import type { TimeSpan, VideoClip } from '../base/types.ts';
import type { LabelledSpan } from '../video/drawing/event-lanes.ts';
import { resolveSpan } from '../video/media/sample.ts';
import { folderOfList, readRows } from './read.ts';
import type { EventRow, VideoName } from './row.ts';
import { baseOf, placesOf } from './video-files.ts';

/** An event of a list, as an analysis states it. */
export type ListedEvent = LabelledSpan & { readonly id: string };

/** What a list says about a part of a video. */
export interface ListedEvents {
  /** By increasing start. */
  readonly events: readonly ListedEvent[];
  /** What the user should know: rows that could not be used, or that there are none. */
  readonly warnings: readonly string[];
}

/** A row, and the one of its videos that was found. */
export interface RowOfVideo {
  readonly row: EventRow;
  readonly video: VideoName;
}

/**
 * The events of a list that overlap a span of a video. Rows mean the video if they name its path or, where none does, a
 * file of its name.
 *
 * @param videos folder of the list's videos; default: the list's
 * @throws L2cafError as `readRows`; `input-unreadable` when the list has several videos of that name
 */
export async function readLabels(
  list: string,
  clip: VideoClip,
  span: TimeSpan,
  videos?: string,
): Promise<ListedEvents> {
  const { rows, problems, notes } = await readRows(list);
  const own = await rowsOfVideo(rows, list, clip, videos);
  const { events, problems: wrong } = labelsWithin(own, clip, span);
  const warnings = notes.map((note) => `${list}: ${note}`);
  if (problems.length + wrong.length > 0) warnings.push(skippedWarning(list, [...problems, ...wrong]));
  if (own.length === 0) warnings.push(`${list} has no event of ${basename(clip.path)}, so no labels are shown`);
  else if (events.length === 0) {
    const part = `${span.startSec.toFixed(2)}–${span.endSec.toFixed(2)} s`;
    warnings.push(`${list} has no labelled event of ${basename(clip.path)} within ${part}`);
  }
  return { events, warnings };
}

/** The labelled events among the rows of one video that overlap a span, and the rows that cannot be used. */
export function labelsWithin(
  rows: readonly RowOfVideo[],
  clip: VideoClip,
  span: TimeSpan,
): { events: ListedEvent[]; problems: string[] } {
  const problems: string[] = [];
  const events = rows.flatMap(({ row, video }): ListedEvent[] => {
    if (row.label === '') return [];
    try {
      const event = { id: row.id, label: row.label, ...spanOfRow(row, video, clip) };
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
export function spanOfRow({ startSec, endSec }: EventRow, { offsetSec = 0 }: VideoName, clip: VideoClip): TimeSpan {
  return resolveSpan(clip, {
    ...(startSec !== undefined && { startSec: startSec + offsetSec }),
    ...(endSec !== undefined && { endSec: endSec + offsetSec }),
  });
}

async function rowsOfVideo(
  rows: readonly EventRow[],
  list: string,
  { path }: VideoClip,
  videos: string | undefined,
): Promise<readonly RowOfVideo[]> {
  const folder = await folderOfList(list);
  const wanted = await realpath(path);
  const isMeant = new Map<string, Promise<boolean>>();
  const means = (video: VideoName): Promise<boolean> => {
    const known = isMeant.get(video.name) ?? isOneOf(placesOf(video, folder, videos), wanted);
    isMeant.set(video.name, known);
    return known;
  };
  const exact: RowOfVideo[] = [];
  for (const row of rows) {
    for (const video of row.videos) {
      if (!(await means(video))) continue;
      exact.push({ row, video });
      break;
    }
  }
  if (exact.length > 0) return exact;
  const name = basename(path);
  const called = rows.flatMap((row) => {
    const video = row.videos.find((candidate) => baseOf(candidate.name) === name);
    return video ? [{ row, video }] : [];
  });
  const different = new Set(called.map(({ video }) => video.name));
  if (different.size <= 1) return called;
  throw new L2cafError(
    'input-unreadable',
    `${list} has ${different.size} videos called ${name}, none of them ${path}`,
    {
      hint: 'give a list whose videos are named by their paths, relative to it or to --videos',
    },
  );
}

async function isOneOf(places: readonly string[], wanted: string): Promise<boolean> {
  const real = await Promise.all(places.map((place) => realpath(place).catch(() => place)));
  return real.includes(wanted);
}

/** Problems shown at once. */
const MAX_SHOWN = 5;

function skippedWarning(list: string, problems: readonly string[]): string {
  const rest = problems.length > MAX_SHOWN ? `; and ${problems.length - MAX_SHOWN} more` : '';
  return `${list}: rows were left out: ${problems.slice(0, MAX_SHOWN).join('; ')}${rest}`;
}
