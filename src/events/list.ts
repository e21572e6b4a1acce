/**
 * The events of a list: rows whose videos were found and whose spans lie within them. All that is wrong with a list is
 * known, with its lines, before any work starts.
 */
import { mapConcurrently } from '../base/concurrent.ts';
import { L2cafError, throwIfAborted } from '../base/errors.ts';
import { groupBy } from '../base/group-by.ts';
import type { ProgressListener, TimeSpan, VideoClip } from '../base/types.ts';
import { type ListedEvent, labelsWithin, spanOfRow } from './labels.ts';
import { folderOfList, readRows } from './read.ts';
import { type EventRow, folderOf, lacks, type Need, SPLITS } from './row.ts';
import { type FoundVideo, findVideo } from './video-files.ts';

/** Which rows of a list are meant, and where their videos lie. */
export interface EventListOptions {
  /** Folder of the videos, which are then found by their path in it or by their bare name; default: the list's. */
  readonly videos?: string | undefined;
  /** What every event must state. */
  readonly needs?: readonly Need[] | undefined;
  /** Only events with this label. */
  readonly only?: string | undefined;
  /** Only so many of them. */
  readonly limit?: number | undefined;
  readonly onProgress?: ProgressListener | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A span of a video, as a list states it. */
export interface SpanEvent<Facts> {
  /** Unique in its list, also as {@link folderOf}. */
  readonly id: string;
  /** The video as the list names it. */
  readonly video: string;
  /** What was found out about the video. */
  readonly facts: Facts;
  readonly span: TimeSpan;
  readonly label: string;
  readonly split: string;
  /** The labelled events of the list that overlap it, itself among them. */
  readonly listed: readonly ListedEvent[];
  readonly extra: Readonly<Record<string, string>>;
}

/** What a list holds. */
export interface EventList<Facts> {
  readonly events: readonly SpanEvent<Facts>[];
  /** What is wrong with the other rows, each with its place. */
  readonly problems: readonly string[];
  /** What else the user should know about how the list was read. */
  readonly notes: readonly string[];
}

/** Videos that are looked at at the same time. */
const VIDEOS_AT_ONCE = 4;

/**
 * Reads a list of events and looks at their videos, each once.
 *
 * @param look finds out about a video; an L2cafError that it throws is a problem of the video's rows
 * @throws L2cafError as {@link readRows}; `aborted`; `ffmpeg-missing`
 */
export async function readEventList<Facts extends { readonly clip: VideoClip }>(
  path: string,
  look: (path: string) => Promise<Facts>,
  options: EventListOptions = {},
): Promise<EventList<Facts>> {
  const { only, limit = Number.POSITIVE_INFINITY, needs = [] } = options;
  const { rows: all, problems, notes } = await readRows(path, needs);
  const rows = all.filter(({ label }) => only === undefined || label === only).slice(0, limit);
  const found = await lookAtVideos(rows, await folderOfList(path), look, options);
  const nowhere = rows.length > 1 ? needs.filter((need) => rows.every((row) => lacks(row, [need]).length > 0)) : [];
  const needed = needs.filter((need) => !nowhere.includes(need));
  const places = new Map<string, string>();
  const byVideo = groupBy(all, keyOf);
  const events: SpanEvent<Facts>[] = [];
  const wrong: string[] = [];
  for (const row of rows) {
    const key = folderOf(row.id).toLowerCase();
    const taken = places.get(key);
    places.set(key, taken ?? row.place);
    const event = checkRow(row, found.get(keyOf(row))!, byVideo.get(keyOf(row))!);
    const own = lacks(row, needed);
    if (taken !== undefined) own.unshift(`the id ${row.id} is already used on ${taken}`);
    if (event instanceof L2cafError) own.push(event.message);
    else if (own.length === 0) events.push(event);
    wrong.push(...own.map((problem) => `${row.place}: ${problem}`));
  }
  const named = { label: 'a label', split: `one of the splits ${SPLITS.join(', ')}` };
  const lacking = nowhere.map(
    (need) => `none of its ${rows.length} events has ${named[need]}: a column ${need} states it`,
  );
  return { events, problems: [...lacking, ...[...problems, ...wrong].sort(byPlace)], notes };
}

const byPlace = new Intl.Collator('en', { numeric: true }).compare;

function keyOf({ videos }: EventRow): string {
  return JSON.stringify(videos);
}

interface LookedAt<Facts> {
  readonly video: FoundVideo;
  readonly facts: Facts;
}

async function lookAtVideos<Facts>(
  rows: readonly EventRow[],
  listFolder: string,
  look: (path: string) => Promise<Facts>,
  { videos: folder, onProgress, signal }: EventListOptions,
): Promise<Map<string, LookedAt<Facts> | L2cafError>> {
  const wanted = new Map(rows.map((row) => [keyOf(row), row]));
  const found = new Map<string, LookedAt<Facts> | L2cafError>();
  await mapConcurrently([...wanted], VIDEOS_AT_ONCE, async ([key, row]) => {
    throwIfAborted(signal);
    const looked = findVideo(row, listFolder, folder).then(async (video) => {
      // Who is killed beside many others may well do when they are gone.
      const again = (error: unknown): Promise<Facts> => {
        if (error instanceof L2cafError && error.code === 'ffmpeg-killed') return look(video.path);
        throw error;
      };
      return { video, facts: await look(video.path).catch(again) };
    });
    found.set(key, await looked.catch(expected));
    onProgress?.({ stage: 'checking videos', done: found.size, total: wanted.size, unit: 'videos' });
  });
  return found;
}

function checkRow<Facts extends { readonly clip: VideoClip }>(
  row: EventRow,
  looked: LookedAt<Facts> | L2cafError,
  ofVideo: readonly EventRow[],
): SpanEvent<Facts> | L2cafError {
  const { id, label, split, extra } = row;
  if (looked instanceof L2cafError) return looked;
  const { video, facts } = looked;
  try {
    const span = spanOfRow(row, video, facts.clip);
    const { events: listed } = labelsWithin(
      ofVideo.map((other) => ({ row: other, video })),
      facts.clip,
      span,
    );
    return { id, video: video.name, facts, span, label, split, listed, extra };
  } catch (error) {
    return expected(error);
  }
}

/** An error that is the row's fault; any other is thrown on. */
function expected(error: unknown): L2cafError {
  if (error instanceof L2cafError && error.code !== 'aborted' && error.code !== 'ffmpeg-missing') return error;
  throw error;
}
