/** The index of many events: one HTML page with a table that can be sorted and filtered, and links to their reports. */
import { basename, dirname, resolve } from 'node:path';
import { writeFileAtomically } from '../base/files.ts';
import { readOwn } from '../base/input-files.ts';
import { htmlPage } from './html.ts';
import type { IndexData, IndexRow } from './page-data.ts';

/**
 * Writes an index. It refers to reports and thumbnails by their paths, so the folder can be moved as a whole.
 *
 * @param path the page to write, such as `results/index.html`
 * @param rows in the order in which they are shown first
 * @param leftOut what is wrong with rows of a list that are not among them, one line each
 * @throws L2cafError `output-unwritable`
 */
export async function writeIndex(
  path: string,
  rows: readonly IndexRow[],
  leftOut: readonly string[] = [],
): Promise<void> {
  const title = basename(dirname(resolve(path)));
  const data = { title, rows, ...(leftOut.length > 0 && { leftOut }) };
  await writeFileAtomically(path, await htmlPage({ name: 'index', title, data }));
}

/** A row takes a thousand bytes or so. */
const MAX_PAGE_BYTES = 256e6;

/** The rows of an index that {@link writeIndex} wrote; none where there is no such page. */
export async function readIndex(path: string): Promise<readonly IndexRow[]> {
  const page = await readOwn(path, { maxBytes: MAX_PAGE_BYTES }).catch(() => '');
  const [, json] = /<script type="application\/json" id="data">(.*?)<\/script>/s.exec(page.toString()) ?? [];
  try {
    const { rows } = JSON.parse(json ?? '') as Partial<IndexData>;
    return Array.isArray(rows) ? rows : [];
  } catch {
    return []; // another page
  }
}
