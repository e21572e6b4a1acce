/** The index of many events: one HTML page with a table that can be sorted and filtered, and links to their reports. */
import { basename, dirname, resolve } from 'node:path';
import { writeFileAtomically } from '../files.ts';
import { htmlPage } from './html.ts';
import type { IndexRow } from './page-data.ts';

/**
 * Writes an index. It refers to reports and thumbnails by their paths, so the folder can be moved as a whole.
 *
 * @param path the page to write, such as `results/index.html`
 * @param rows in the order in which they are shown first
 * @throws L2cafError `output-unwritable`
 */
export async function writeIndex(path: string, rows: readonly IndexRow[]): Promise<void> {
  const title = basename(dirname(resolve(path)));
  await writeFileAtomically(path, await htmlPage({ name: 'index', title, data: { title, rows } }));
}
