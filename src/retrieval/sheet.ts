/** The contact sheet of a search: the query above, its neighbours below, with what makes them similar if that is known. */
import { basename } from 'node:path';
import { L2cafError } from '../base/errors.ts';
import type { AttentionFilter, FrameBatch } from '../base/types.ts';
import { heatmapToDraw } from '../l2caf/heatmap.ts';
import { drawContactSheet, type SheetRow } from '../video/drawing/contact-sheet.ts';
import { OKABE_ITO } from '../video/drawing/palette.ts';
import { defaultStyle } from '../video/drawing/style.ts';
import { probeClip, sha256OfClip } from '../video/media/probe.ts';
import { framesAt, samplingTimes } from '../video/media/sample.ts';
import type { Exclusion } from './evaluate.ts';
import type { EventRecord, Neighbour } from './event-table.ts';
import type { PairAttention } from './explain-pair.ts';

/** What {@link drawSearchSheet} shows. */
export interface SearchSheet {
  readonly query: EventRecord;
  readonly neighbours: readonly Neighbour[];
  /** Of the first neighbours, in their order; may be fewer. */
  readonly pairs: readonly PairAttention[];
  /** Frames per event. */
  readonly frames: number;
  readonly exclude: Exclusion;
  readonly where?: string | undefined;
  /** Told what cannot be shown, e.g. a video that is gone. */
  readonly onWarning: (message: string) => void;
  readonly signal?: AbortSignal;
}

/** Draws the sheet; an event whose video is gone or changed keeps its row, which says so. Returns a PNG file's bytes. */
export async function drawSearchSheet(sheet: SearchSheet): Promise<Uint8Array> {
  const { query, neighbours, pairs, frames: columns } = sheet;
  const framesOf = async (event: EventRecord): Promise<FrameBatch | string> => {
    try {
      return await framesOfEvent(event, columns, sheet.signal);
    } catch (error) {
      if (!(error instanceof L2cafError) || error.code === 'aborted') throw error;
      sheet.onWarning(error.message);
      return error.message;
    }
  };
  const queryFrames = await framesOf(query);
  const queryRow = (filters?: readonly AttentionFilter[], rank?: number): SheetRow => ({
    heading: rank === undefined ? 'query' : `query, against ${rank}`,
    lines: describe(query),
    color: QUERY_COLOR,
    frames: queryFrames,
    heatmaps: filters?.map((filter) => heatmapToDraw(filter)),
  });
  const rows: SheetRow[] = pairs.length === 0 ? [queryRow()] : [];
  for (const [i, neighbour] of neighbours.entries()) {
    const pair = pairs[i];
    if (pair) rows.push(queryRow(pair.query, i + 1));
    rows.push({
      heading: `${i + 1}   distance ${neighbour.distance.toFixed(3)}`,
      lines: describe(neighbour),
      color: colorBeside(query, neighbour),
      frames: await framesOf(neighbour),
      heatmaps: pair?.match.map((filter) => heatmapToDraw(filter)),
    });
  }
  const { title, caption } = texts(sheet);
  return drawContactSheet({ title, caption, rows, columns, style: defaultStyle });
}

/** The query, the same label, another label; where one of the two has none, neither. */
const [QUERY_COLOR, SAME_COLOR, OTHER_COLOR] = [OKABE_ITO.black, OKABE_ITO.blue, OKABE_ITO.orange];
const NO_LABEL_COLOR = '#9aa3ae';

/** The colour of a neighbour's bar. */
export function colorBeside(query: Pick<EventRecord, 'label'>, { label }: Pick<EventRecord, 'label'>): string {
  if (query.label === undefined || label === undefined) return NO_LABEL_COLOR;
  return label === query.label ? SAME_COLOR : OTHER_COLOR;
}

/** Width at which frames are decoded: they are shown smaller. */
const DECODED_WIDTH = 480;

async function framesOfEvent(event: EventRecord, count: number, signal?: AbortSignal): Promise<FrameBatch> {
  const { video, span, videoSha256 } = event;
  const clip = await probeClip(video, signal);
  if ((await sha256OfClip(clip, signal)) !== videoSha256) {
    throw new L2cafError('input-changed', `${video} is not the file that was indexed: its content has changed`);
  }
  const size = { width: DECODED_WIDTH, height: Math.round((DECODED_WIDTH * clip.height) / clip.width) };
  return framesAt(clip, samplingTimes(span, count), { size, ...(signal && { signal }) });
}

function describe({ id, label = 'no label', video, span }: EventRecord): string[] {
  const own = id === basename(video) ? [] : [id]; // a clip that is searched for is called as its file
  return [label, ...own, `${basename(video)}   ${span.startSec.toFixed(1)}–${span.endSec.toFixed(1)} s`];
}

function texts({ query, exclude, where, pairs }: SearchSheet): { title: string; caption: string } {
  const without = { self: 'the event itself', overlap: 'what overlaps it in time', video: 'its whole video' }[exclude];
  return {
    title: `Events like ${query.id}`,
    caption: [
      `Squared distance of embeddings of length 1: 0 the same, 2 unrelated, 4 opposite. Left out: ${without}`,
      ...(where === undefined ? ['. '] : [`; searched where ${where}. `]),
      'Bars: black query, blue the same label, orange another, grey where one has none.',
      ...(pairs.length > 0 ? [' Contours: the cells that keep the two events similar.'] : []),
    ].join(''),
  };
}
