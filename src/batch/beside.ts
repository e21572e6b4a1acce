/**
 * Files beside the videos of a batch: boxes of objects, recorded signals. A column of the list names them, or they lie in a folder
 * under the names of their videos, or one is of the only video that there is.
 */
import { readdir } from 'node:fs/promises';
import { dirname, extname, isAbsolute, join, parse, resolve } from 'node:path';
import { L2cafError } from '../base/errors.ts';
import { isFolder, sha256OfFile } from '../base/files.ts';
import type { SpanEvent } from '../events/list.ts';
import { baseOf, findVideo, stemOf } from '../events/video-files.ts';
import type { VideoFacts } from './videos.ts';

/** Where the files of one kind are. */
export type BesideWish =
  | { readonly kind: 'column'; readonly name: string }
  /** A folder of files called as their videos, or a file. */
  | { readonly kind: 'path'; readonly path: string };

/** What can lie beside a video, and the endings of such files. */
const ENDINGS: Readonly<Record<BesideKind, readonly string[]>> = {
  objects: ['.csv', '.tsv', '.json', '.xml', '.txt'],
  signals: ['.csv', '.tsv'],
};

/** A kind of files beside videos. */
export type BesideKind = 'objects' | 'signals';

/** A file as it was when the batch looked at it. */
export interface BesideFile {
  /** Absolute. */
  readonly path: string;
  readonly sha256: string;
  /** What documents call it, where that is not `path`. */
  readonly calledPath?: string;
}

/** Files beside the video of an event. */
export type FilesBeside = Readonly<Partial<Record<BesideKind, BesideFile>>>;

type ListedEvent = SpanEvent<VideoFacts>;

/** Where the files of each kind are that is wanted. */
export type BesideWishes = Readonly<Partial<Record<BesideKind, BesideWish>>>;

/** Events with the files beside them. */
export interface EventsBeside {
  readonly events: readonly (ListedEvent & FilesBeside)[];
  /** Events whose files cannot be had, which are left out. */
  readonly problems: readonly string[];
  readonly notes: readonly string[];
}

/**
 * Finds the files beside the videos of events.
 *
 * @param listFolder what paths in a column are relative to
 * @throws L2cafError `usage` for a column that is not there, a folder without files of these videos, or one file for several
 *   videos; `input-not-found`
 */
export async function withFilesBeside(
  events: readonly ListedEvent[],
  wishes: BesideWishes,
  listFolder: string,
): Promise<EventsBeside> {
  let found: EventsBeside = { events, problems: [], notes: [] };
  const hashes = new Map<string, Promise<string>>();
  const hashOf = (path: string): Promise<string> => {
    const hash = hashes.get(path) ?? sha256OfFile(path);
    hashes.set(path, hash);
    return hash;
  };
  for (const kind of Object.keys(ENDINGS) as BesideKind[]) {
    const wish = wishes[kind];
    if (wish === undefined || found.events.length === 0) continue;
    const pathOf = await finderOf(kind, wish, found.events, listFolder);
    const own: (ListedEvent & FilesBeside)[] = [];
    const problems: string[] = [];
    let without = 0;
    for (const event of found.events) {
      try {
        const path = await pathOf(event);
        if (path === undefined) without++;
        own.push(path === undefined ? event : { ...event, [kind]: { path, sha256: await hashOf(path) } });
      } catch (error) {
        if (!(error instanceof L2cafError)) throw error;
        problems.push(`event ${event.id}: ${error.message}`);
      }
    }
    if (without > 0 && without === found.events.length) throw noneBeside(kind, wish);
    found = {
      events: own,
      problems: [...found.problems, ...problems],
      notes:
        without > 0 ? [...found.notes, `${without} of ${found.events.length} events have no ${kind}`] : found.notes,
    };
  }
  return found;
}

/** Where the file of an event is; undefined for one that has none. */
type Finder = (event: ListedEvent) => Promise<string | undefined>;

async function finderOf(
  kind: BesideKind,
  wish: BesideWish,
  events: readonly ListedEvent[],
  listFolder: string,
): Promise<Finder> {
  if (wish.kind === 'column') return inColumn(kind, wish.name, events, listFolder);
  const path = resolve(wish.path);
  if (await isFolder(path)) return inFolder(kind, path, events);
  await sha256OfFile(path); // whether it is there at all
  const videos = new Set(events.map(({ facts }) => facts.clip.path));
  if (videos.size === 1) return () => Promise.resolve(path);
  throw new L2cafError('usage', `${wish.path} is of one video, and the events are of ${videos.size}`, {
    hint: `--${kind} FOLDER with a file called as each video, or --${kind} column:NAME for a column that names the files`,
  });
}

function inColumn(kind: BesideKind, name: string, events: readonly ListedEvent[], listFolder: string): Finder {
  const names = new Set(events.flatMap(({ extra }) => Object.keys(extra)));
  if (!names.has(name)) {
    throw new L2cafError('usage', `the list has no column "${name}" that could name files of ${kind}`, {
      hint: names.size > 0 ? `its other columns: ${[...names].join(', ')}` : 'it has none but those of the events',
    });
  }
  return async ({ extra }) => {
    const cell = (Object.hasOwn(extra, name) ? extra[name]! : '').trim();
    return cell === '' ? undefined : (await findVideo({ videos: [{ name: cell }] }, listFolder, undefined)).path;
  };
}

async function inFolder(kind: BesideKind, folder: string, events: readonly ListedEvent[]): Promise<Finder> {
  const names = (await readdir(folder, { recursive: true })).map((name) => name.replaceAll('\\', '/'));
  const files = names.filter((name) => ENDINGS[kind].some((ending) => ending === extname(name).toLowerCase()));
  const filesOf = ({ video }: Pick<ListedEvent, 'video'>): string[] => {
    const spelling = video.replaceAll('\\', '/');
    const isOf = (name: string): boolean => [stemOf(spelling), baseOf(spelling)].includes(parse(name).name);
    const called = files.filter(isOf);
    const at = isAbsolute(spelling) ? '.' : dirname(spelling);
    const there = called.filter((name) => dirname(name) === at);
    return there.length > 0 ? there : called;
  };
  const videosOf = new Map<string, Set<string>>();
  for (const event of events) {
    for (const name of filesOf(event)) {
      videosOf.set(name, (videosOf.get(name) ?? new Set()).add(event.facts.clip.path));
    }
  }
  return async (event) => {
    const [first, ...others] = filesOf(event);
    if (first === undefined) return undefined;
    if (others.length > 0) {
      throw new L2cafError(
        'input-unreadable',
        `several files of ${folder} are called as its video: ${[first, ...others].join(', ')}`,
      );
    }
    const [one, other] = videosOf.get(first)!;
    if (other === undefined) return join(folder, first);
    throw new L2cafError('input-unreadable', `${join(folder, first)} is called as ${one} and as ${other}`);
  };
}

function noneBeside(kind: BesideKind, wish: BesideWish): L2cafError {
  if (wish.kind === 'column') return new L2cafError('usage', `the column "${wish.name}" names no file for any event`);
  const endings = ENDINGS[kind].join(', ');
  return new L2cafError('usage', `${wish.path} holds no file that is called as one of the videos`, {
    hint: `of drive.mp4, ${kind} are looked for in drive with ${endings}, in a folder as in the list`,
  });
}
