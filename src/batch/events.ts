/**
 * The events of a batch: rows whose videos were found and whose spans lie within them. All that is wrong with a list is
 * known, with its lines, before any work starts.
 */
import { access, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { mapConcurrently } from '../concurrent.ts';
import { L2cafError, throwIfAborted } from '../errors.ts';
import { groupBy } from '../training/group-by.ts';
import type { ProgressListener, TimeSpan } from '../types.ts';
import { baseOf, type ListedEvent, labelsWithin, spanOfRow } from './labels.ts';
import { type EventRow, readRows } from './rows.ts';
import type { VideoFacts, Videos } from './videos.ts';

/** A span of a video that is to be analyzed. */
export interface BatchEvent {
  /** Unique in its batch, also as {@link folderOf}. */
  readonly id: string;
  /** The video as the list names it. */
  readonly video: string;
  readonly facts: VideoFacts;
  /** What documents call the video, where that is not `facts.clip.path`. */
  readonly sourcePath?: string;
  readonly span: TimeSpan;
  readonly label: string;
  readonly split: string;
  /** The labelled events of the list that overlap it, itself among them. */
  readonly listed: readonly ListedEvent[];
  readonly extra: Readonly<Record<string, string>>;
}

/** Which rows of a list are meant, and where their videos lie. */
export interface EventListOptions {
  /** Folder of the videos, which are then found by their path in it or by their bare name; default: the list's. */
  readonly videos?: string;
  /** Only events with this label. */
  readonly only?: string;
  /** Only so many of them. */
  readonly limit?: number;
  readonly onProgress?: ProgressListener;
  readonly signal?: AbortSignal;
}

/** What a list holds. */
export interface EventList {
  readonly events: readonly BatchEvent[];
  /** What is wrong with the other rows, each with its place. */
  readonly problems: readonly string[];
}

/** Videos that are probed and hashed at the same time. */
const VIDEOS_AT_ONCE = 4;

/**
 * Reads a list of events and looks at their videos.
 *
 * @throws L2cafError as {@link readRows}; `aborted`
 */
export async function readEventList(path: string, videos: Videos, options: EventListOptions = {}): Promise<EventList> {
  const { only, limit = Number.POSITIVE_INFINITY } = options;
  const { rows: all, problems } = await readRows(path);
  const rows = all.filter(({ label }) => only === undefined || label === only).slice(0, limit);
  const isFolder = (await stat(path)).isDirectory();
  const found = await findVideos(rows, isFolder ? path : dirname(path), videos, options);
  const places = new Map<string, string>();
  const byVideo = groupBy(all, keyOf);
  const checked = rows.map((row): BatchEvent | string => {
    const taken = places.get(folderOf(row.id).toLowerCase());
    if (taken !== undefined) return `${row.place}: the id ${row.id} is already used on ${taken}`;
    places.set(folderOf(row.id).toLowerCase(), row.place);
    return checkRow(row, found.get(keyOf(row))!, byVideo.get(keyOf(row))!);
  });
  return {
    events: checked.filter((entry) => typeof entry !== 'string'),
    problems: [...problems, ...checked.filter((entry) => typeof entry === 'string')].sort(byPlace),
  };
}

const byPlace = new Intl.Collator('en', { numeric: true }).compare;

/** The folder of an event's files: its id, with what file names cannot hold replaced. */
export function folderOf(id: string): string {
  const name = id.replace(/[^\p{L}\p{N}._ -]/gu, '_').slice(0, 120);
  return /^\.*$/.test(name) ? `_${name}` : name;
}

function keyOf({ videos }: EventRow): string {
  return videos.join('\n');
}

/** Looks at each video once. */
async function findVideos(
  rows: readonly EventRow[],
  listFolder: string,
  videos: Videos,
  { videos: folder, onProgress, signal }: EventListOptions,
): Promise<Map<string, VideoFacts | L2cafError>> {
  const wanted = new Map(rows.map((row) => [keyOf(row), row]));
  const found = new Map<string, VideoFacts | L2cafError>();
  await mapConcurrently([...wanted], VIDEOS_AT_ONCE, async ([key, row]) => {
    throwIfAborted(signal);
    const facts = findVideo(row, listFolder, folder).then((path) => videos.facts(path));
    found.set(key, await facts.catch(expected));
    onProgress?.({ stage: 'checking videos', done: found.size, total: wanted.size, unit: 'videos' });
  });
  return found;
}

/**
 * Where a video lies: in `folder`, by its path or its bare name, or, without one, beside the list.
 *
 * @throws L2cafError `input-not-found`
 */
export async function findVideo(
  { videos }: Pick<EventRow, 'videos'>,
  listFolder: string,
  folder: string | undefined,
): Promise<string> {
  const places = videos.flatMap((video) =>
    folder === undefined
      ? [resolve(listFolder, video)]
      : [resolve(folder, video), join(resolve(folder), baseOf(video))],
  );
  for (const place of places) {
    const isThere = await access(place).then(
      () => true,
      () => false,
    );
    if (isThere) return place;
  }
  throw new L2cafError('input-not-found', `there is no file ${places[0]}`);
}

function checkRow(row: EventRow, facts: VideoFacts | L2cafError, ofVideo: readonly EventRow[]): BatchEvent | string {
  const { id, videos, label, split, extra } = row;
  if (facts instanceof L2cafError) return `${row.place}: ${facts.message}`;
  try {
    const span = spanOfRow(row, facts.clip);
    const { events: listed } = labelsWithin(ofVideo, facts.clip, span);
    return { id, video: videos[0]!, facts, span, label, split, listed, extra };
  } catch (error) {
    return `${row.place}: ${expected(error).message}`;
  }
}

/** An error that is the row's fault; any other is thrown on. */
function expected(error: unknown): L2cafError {
  if (error instanceof L2cafError && error.code !== 'aborted' && error.code !== 'ffmpeg-missing') return error;
  throw error;
}
