/** Finding the videos that a list names, whichever system wrote their paths. */
import { basename, join, parse, resolve } from 'node:path';
import { L2cafError } from '../base/errors.ts';
import { exists } from '../base/files.ts';
import type { EventRow, VideoName } from './row.ts';

/** A video that was found. */
export interface FoundVideo extends VideoName {
  /** Absolute. */
  readonly path: string;
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
): Promise<FoundVideo> {
  const places = videos.flatMap((video) => placesOf(video, listFolder, folder).map((path) => ({ ...video, path })));
  for (const place of places) {
    if (await exists(place.path)) return place;
  }
  const [first, ...others] = [...new Set(places.map(({ path }) => path))];
  const rest =
    others.length > 2 ? ` (nor at ${others.length} other places)` : others.map((path) => ` nor ${path}`).join('');
  throw new L2cafError('input-not-found', `there is no file ${first}${rest}`);
}

/** The paths under which a video may lie, absolute. */
export function placesOf({ name }: VideoName, listFolder: string, folder: string | undefined): string[] {
  const spellings = name.startsWith('file:') ? pathsOfUrl(name) : [name];
  const names = new Set(spellings.flatMap((spelling) => [spelling, spelling.replaceAll('\\', '/')]));
  return [...names].flatMap((spelling) =>
    folder === undefined
      ? [resolve(listFolder, spelling)]
      : [resolve(folder, spelling), join(resolve(folder), baseOf(spelling))],
  );
}

/** The last part of a path, whichever system wrote it. */
export function baseOf(video: string): string {
  return basename(video.replaceAll('\\', '/'));
}

/** The last part of a path without its extension: what is known about a video is called so. */
export function stemOf(video: string): string {
  return parse(baseOf(video)).name;
}

/**
 * A media address → the paths that may be meant: as it stands, and with `%20` and the like decoded. Programs write both.
 * `file:///C:/a.mp4` → `C:/a.mp4`; `file:///a.mp4` → `/a.mp4`; `file://server/a.mp4` → `//server/a.mp4`.
 */
export function pathsOfUrl(url: string): string[] {
  const [, slashes, rest] = /^file:(\/*)(.*)$/s.exec(url) ?? [];
  const root = !slashes ? '' : slashes.length % 2 === 0 ? '//' : '/';
  const local = rest === undefined ? url : rest.replace(/^localhost\//i, '/');
  const path =
    /^[a-z]:[\\/]/i.test(local) || local.startsWith('/') || local.startsWith('.') ? local : `${root}${local}`;
  return [...new Set([path, decoded(path)])];
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path; // a per cent sign that means itself
  }
}
