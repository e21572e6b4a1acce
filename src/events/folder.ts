/**
 * A folder as a list: every annotation file in it and in its subfolders or, without any, every video. What is not taken is
 * said; results that an earlier run left there are no input.
 */
import { readdir, realpath, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { L2cafError, messageOf } from '../base/errors.ts';
import { groupBy } from '../base/group-by.ts';
import { readText } from '../base/text.ts';
import { elanRows } from './elan.ts';
import { type EventRows, folderOf, plainRecord } from './row.ts';

/** File names that are taken for videos. */
const VIDEO_NAMES =
  /\.(mp4|m4v|mov|qt|mkv|webm|avi|divx|mpe?g|mpe|m1v|m2v|vob|ts|m2ts|mts|m2t|mod|tod|trp|3gpp?|3gp2|3g2|ogv|ogm|wmv|asf|flv|f4v|mxf|dv|dav|rm|rmvb|nut|y4m|ivf|obu|h26[1345]|26[345]|avc|hevc|vc1|mjpe?g|lrv|insv|360)$/i;

/**
 * The events of a folder.
 *
 * @throws L2cafError `input-unreadable` when it holds none
 */
export async function folderRows(folder: string): Promise<EventRows> {
  const found: Found = { files: [], results: [], problems: [] };
  await walk(folder, found);
  const files = found.files.sort(byName);
  const isElan = (name: string): boolean => extname(name).toLowerCase() === '.eaf';
  const annotations = files.filter(isElan);
  const videos = files.filter((name) => VIDEO_NAMES.test(name));
  if (annotations.length === 0 && videos.length === 0 && found.problems.length === 0) throw nothingIn(folder, files);
  const notes = leftOut(
    files.filter((name) => !isElan(name) && !VIDEO_NAMES.test(name)),
    found.results,
  );
  if (annotations.length > 0) return { ...(await annotationRows(folder, annotations, found.problems)), notes };
  const ids = uniqueIds(videos);
  const rows = videos.map((name, i) => {
    return { place: name, id: ids[i]!, videos: [{ name }], label: '', split: '', extra: plainRecord([]) };
  });
  return { rows, problems: found.problems, notes };
}

interface Found {
  /** Relative paths, with slashes. */
  readonly files: string[];
  /** Folders of results, left out. */
  readonly results: string[];
  readonly problems: string[];
}

/** Links are followed after everything else, and no folder is entered twice, so that circles end. */
async function walk(top: string, found: Found): Promise<void> {
  const seen = new Set<string>();
  const links: string[] = [];
  const enter = async (folder: string): Promise<void> => {
    const place = join(top, folder);
    const real = await realpath(place);
    if (seen.has(real)) return;
    seen.add(real);
    const entries = await readdir(place, { withFileTypes: true });
    const visible = entries.filter(({ name }) => !name.startsWith('.')).sort((a, b) => byName(a.name, b.name));
    if (folder !== '' && visible.some(({ name }) => name === 'analysis.json')) {
      found.results.push(folder);
      return;
    }
    for (const entry of visible) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.isSymbolicLink()) links.push(path);
      else if (entry.isDirectory()) await tryTo(enter, path);
      else found.files.push(path);
    }
  };
  const follow = async (path: string): Promise<void> => {
    const info = await stat(join(top, path));
    if (info.isDirectory()) await enter(path);
    else found.files.push(path);
  };
  const tryTo = async (read: (path: string) => Promise<void>, path: string): Promise<void> => {
    await read(path).catch((error: unknown) => {
      if (!(error instanceof Error && 'syscall' in error)) throw error;
      found.problems.push(`${path}: cannot be read: ${messageOf(error)}`);
    });
  };
  await enter('').catch((cause: unknown) => {
    throw new L2cafError('input-unreadable', `cannot read ${top}: ${messageOf(cause)}`, { cause });
  });
  for (let link = links.shift(); link !== undefined; link = links.shift()) await tryTo(follow, link);
}

async function annotationRows(
  folder: string,
  names: readonly string[],
  problems: readonly string[],
): Promise<Omit<EventRows, 'notes'>> {
  const stems = uniqueIds(names);
  const lists = await Promise.all(
    names.map(async (name, i) => {
      const path = join(folder, name);
      try {
        return elanRows(await readText(path, 'give a whole ELAN file'), path, stems[i]!);
      } catch (error) {
        if (!(error instanceof L2cafError)) throw error;
        return { rows: [], problems: [error.message] };
      }
    }),
  );
  const inFile = (place: string, i: number): string => `${names[i]}, ${place}`;
  const subfolder = (i: number): string => names[i]!.slice(0, names[i]!.lastIndexOf('/') + 1);
  return {
    rows: lists.flatMap(({ rows }, i) =>
      rows.map((row) => {
        const videos = row.videos.map((video) => ({ ...video, name: beside(subfolder(i), video.name) }));
        return { ...row, place: inFile(row.place, i), videos };
      }),
    ),
    problems: [...problems, ...lists.flatMap((list, i) => list.problems.map((problem) => inFile(problem, i)))],
  };
}

/** A path that is relative to a subfolder of the list, relative to the list. */
function beside(subfolder: string, path: string): string {
  return /^([a-z]:)?[\\/]/i.test(path) ? path : `${subfolder}${path}`;
}

/** Ids from paths: without the extension, unless that makes two the same. */
function uniqueIds(paths: readonly string[]): string[] {
  const keyOf = (id: string): string => folderOf(id).toLowerCase();
  const stemOf = (path: string): string => path.slice(0, path.length - extname(path).length);
  const byStem = groupBy(paths, (path) => keyOf(stemOf(path)));
  const taken = new Set<string>();
  return paths.map((path) => {
    const own = byStem.get(keyOf(stemOf(path)))!.length > 1 ? path : stemOf(path);
    let id = own;
    for (let n = 2; taken.has(keyOf(id)); n++) id = `${n}-${own}`;
    taken.add(keyOf(id));
    return id;
  });
}

/** What was not taken, in a line. */
function leftOut(files: readonly string[], results: readonly string[]): string[] {
  const some = (names: readonly string[]): string =>
    [...names.slice(0, 5), ...(names.length > 5 ? ['…'] : [])].join(', ');
  const parts: string[] = [];
  if (files.length > 0) parts.push(`${files.length} ${files.length === 1 ? 'file' : 'files'} (${some(files)})`);
  if (results.length > 0) {
    parts.push(
      `${results.length} ${results.length === 1 ? 'folder' : 'folders'} with an analysis.json (${some(results)})`,
    );
  }
  return parts.length === 0 ? [] : [`not taken: ${parts.join('; ')}`];
}

const byName = new Intl.Collator('en', { numeric: true }).compare;

function nothingIn(folder: string, files: readonly string[]): L2cafError {
  const [rest = ''] = leftOut(files, []);
  return new L2cafError(
    'input-unreadable',
    `${folder} cannot be used: the folder holds no video and no .eaf file${rest && `; ${rest}`}`,
    { hint: 'give a folder of clips or of ELAN files, or a list of events' },
  );
}
