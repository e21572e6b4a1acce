/**
 * The page of a map of events: what it tells of each, as the table of its batch has it or else its analysis, and where its report
 * and a picture of it lie.
 */
import { dirname, join, relative, resolve, sep } from 'node:path';
import { readAnalysis } from '../analysis/document.ts';
import { exists } from '../base/files.ts';
import { type DoneEvent, readDoneEvents } from '../batch/results.ts';
import { indexRowOf } from '../report/index.ts';
import type { IndexRow, MapPoint } from '../report/page-data.ts';
import type { EmbeddedRecord } from '../retrieval/event-table.ts';

/** An event on the map, and its `analysis.json`, absolute, where it has one. */
export interface MappedEvent {
  readonly event: EmbeddedRecord;
  readonly path?: string | undefined;
}

/**
 * The points of the page.
 *
 * @param page where it will lie
 * @throws L2cafError as `readDoneEvents` and `readAnalysis`
 */
export async function mapPoints(
  page: string,
  events: readonly MappedEvent[],
  points: readonly (readonly [x: number, y: number])[],
): Promise<MapPoint[]> {
  const batches = new Map<string, ReadonlyMap<string, DoneEvent>>();
  const listedIn = async (batch: string): Promise<ReadonlyMap<string, DoneEvent>> => {
    const known = batches.get(batch);
    if (known) return known;
    const rows = new Map(((await readDoneEvents(batch)) ?? []).map((row) => [row.path, row]));
    batches.set(batch, rows);
    return rows;
  };
  const found: MapPoint[] = [];
  for (const [i, { event, path }] of events.entries()) {
    const { id, label, split, video, span } = event;
    const about =
      path === undefined ? {} : await aboutEvent(path, (await listedIn(resolve(path, '../../..'))).get(path));
    const [x, y] = points[i]!;
    found.push({
      ...{ status: 'done', video, ...span, ...about, id },
      ...(label !== undefined && { label }),
      ...(split !== undefined && { split }),
      ...(path !== undefined && (await filesBeside(path, page))),
      ...{ x, y },
    });
  }
  return found;
}

/** The classes of the network that made analyses; none where there are no analyses, or it has none. */
export async function classesOf(events: readonly MappedEvent[]): Promise<readonly string[]> {
  const path = events.find((event) => event.path !== undefined)?.path;
  return path === undefined ? [] : ((await readAnalysis(path)).labels ?? []);
}

/** What a table or an analysis says of an event. */
async function aboutEvent(path: string, listed: DoneEvent | undefined): Promise<Partial<IndexRow>> {
  if (listed === undefined) return indexRowOf(await readAnalysis(path));
  const isShown = ([name, text]: readonly [string, string]): boolean =>
    !OWN_COLUMNS.has(name) && text !== '' && !text.startsWith('[');
  const extra = Object.entries(listed.cells).filter(isShown);
  return { extra: Object.fromEntries(extra.map(([name, text]) => [name, cellValue(text)])) };
}

/** Columns of a batch's table that the page has anyway, or has no use for. */
const OWN_COLUMNS = new Set(['id', 'video', 'start', 'end', 'label', 'split', 'status', 'error', 'folder']);

function cellValue(text: string): string | number {
  return /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(text) ? Number(text) : text;
}

/** The report beside an analysis, and the smallest picture of it. */
async function filesBeside(path: string, page: string): Promise<Pick<IndexRow, 'report' | 'thumbnail'>> {
  const find = async (...names: readonly string[]): Promise<string | undefined> => {
    for (const name of names) {
      const file = join(dirname(path), name);
      if (await exists(file))
        return relative(dirname(resolve(page)), file)
          .split(sep)
          .join('/');
    }
    return undefined;
  };
  const [report, thumbnail] = [
    await find('report.html'),
    await find('thumbnail.jpg', 'report.jpg', 'strip.jpg', 'strip.png'),
  ];
  return { ...(report !== undefined && { report }), ...(thumbnail !== undefined && { thumbnail }) };
}
