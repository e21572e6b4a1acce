/** The map of embedded events as a page: points to hover over, to colour by any column, to open the reports of. */
import { writeFileAtomically } from '../base/files.ts';
import { htmlPage } from './html.ts';
import type { MapData } from './page-data.ts';

/**
 * Writes the page. It refers to reports and thumbnails by their paths, as an index does.
 *
 * @param path the page to write, `.html`
 * @throws L2cafError `output-unwritable`
 */
export async function writeMapPage(path: string, data: MapData): Promise<void> {
  await writeFileAtomically(path, await htmlPage({ name: 'map', title: `${data.title} · l2caf`, data }));
}
