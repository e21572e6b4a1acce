/** Which files commands make of analyses that are named one by one, or lie in folders. */
import { stat } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { mapConcurrently } from '../base/concurrent.ts';
import { L2cafError } from '../base/errors.ts';
import { findAnalyses } from '../retrieval/analyses.ts';

/** An analysis and the file that is made of it. */
export interface Task {
  /** What tells it from the others: the folder of the analysis, from where the command looked. */
  readonly id: string;
  readonly analysis: string;
  readonly out: string;
}

/** What is to be made. */
export interface Tasks {
  readonly tasks: readonly Task[];
  /** What is left out, in words. */
  readonly notes: readonly string[];
}

/** What is made of one analysis. */
export interface Product {
  /** Its name beside the analysis. */
  readonly name: string;
  /** The ending of its name elsewhere, with the dot. */
  readonly ending: string;
  /** What a name for one file looks like. */
  readonly isOne: RegExp;
  /** What one is called, in words. */
  readonly title: string;
}

/** Whether a command was given one analysis, not several or a folder in which there may be several. */
export async function isOneAnalysis(paths: readonly string[]): Promise<boolean> {
  return paths.length === 1 && !(await isFolder(paths[0]!));
}

/**
 * A file for each of many analyses: beside it, or in the folder that was named.
 *
 * @param paths analyses, and folders in which to look for them
 * @throws L2cafError `usage` when one file was named; `input-not-found`
 */
export async function tasksFor(
  paths: readonly string[],
  output: string | undefined,
  { name, ending, isOne, title }: Product,
): Promise<Tasks> {
  if (output !== undefined && isOne.test(output)) {
    throw new L2cafError('usage', `${output} is one ${title}, but there may be several analyses`, {
      hint: 'give -o a folder, or one analysis.json',
    });
  }
  const notes: string[] = [];
  const note = (text: string): void => void notes.push(text);
  const analyses = await analysisFiles(paths, note);
  const root = paths.length === 1 ? paths[0]! : rootOf(analyses.map((path) => dirname(resolve(path))));
  const ids = uniqueNames(analyses.map((path) => relative(root, dirname(path)) || basename(dirname(resolve(path)))));
  const tasks = analyses.map((analysis, i): Task => {
    const id = ids[i]!;
    const out = output === undefined ? join(dirname(analysis), name) : join(output, `${flatName(id)}${ending}`);
    return { id, analysis, out };
  });
  return { tasks, notes };
}

/** The folder from which others are named: where the command runs, or, where some lie elsewhere, the innermost that holds all. */
function rootOf(folders: readonly string[]): string {
  const holds = (root: string): boolean =>
    folders.every((folder) => {
      const way = relative(root, folder);
      return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
    });
  if (holds('.')) return '.';
  for (let root = folders[0]!; root !== dirname(root); root = dirname(root)) if (holds(root)) return root;
  return '.';
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (entry) => entry.isDirectory(),
    () => false, // reading it will say what is wrong
  );
}

/**
 * The files that were named, and those in the folders that were.
 *
 * @param onNote told what is left out
 * @throws L2cafError `input-not-found` for a folder without one
 */
export async function analysisFiles(paths: readonly string[], onNote: (note: string) => void): Promise<string[]> {
  const found = await mapConcurrently(paths, 1, async (path) =>
    (await isFolder(path)) ? analysesIn(path, onNote) : [path],
  );
  return found.flat();
}

/** @throws L2cafError `input-not-found` */
async function analysesIn(folder: string, onNote: (note: string) => void): Promise<string[]> {
  const found = await findAnalyses(folder, onNote);
  if (found.length > 0) return found;
  throw new L2cafError('input-not-found', `there is no analysis.json in ${folder}`, {
    hint: 'l2caf analyze CLIP -o FOLDER writes one',
  });
}

/** A name for a file made of a path. */
export function flatName(id: string): string {
  return (
    id
      .split(/[\\/]+/)
      .filter((part) => part !== '..' && part !== '.')
      .join('-') || 'analysis'
  );
}

/** The names, with a number after those that came before. */
export function uniqueNames(names: readonly string[]): string[] {
  const taken = new Set<string>();
  return names.map((name) => {
    let unique = name;
    for (let n = 2; taken.has(flatName(unique)); n++) unique = `${name} (${n})`;
    taken.add(flatName(unique));
    return unique;
  });
}
