/** Analyses as a table with a row for each frame, for pandas and spreadsheets: CSV, or a JSON object a line. */
import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Analysis } from '../analysis/document.ts';
import { keyframesOf } from '../analysis/timeline.ts';
import { csvText } from '../base/csv.ts';
import { writeAtomically } from '../base/files.ts';
import { attentionShares } from '../video/drawing/regions.ts';
import { type ExportedEvent, readExported } from './exported.ts';

/** A row: what a frame has in each column, null for nothing. */
type FrameRow = Readonly<Record<string, string | number | null>>;

/**
 * Writes the table. Columns are those of all events together: one that has no `importance`, say, leaves it empty.
 *
 * @param onDone told how many events are done
 * @throws L2cafError as `readAnalysis` and `writeAtomically`
 */
export async function writeFramesTable(
  path: string,
  format: 'csv' | 'jsonl',
  events: readonly ExportedEvent[],
  onDone: (count: number) => void = () => {},
): Promise<void> {
  const columns = format === 'csv' ? await columnsOf(events) : [];
  await writeAtomically(path, (temporary) =>
    pipeline(Readable.from(linesOf(format, events, columns, onDone)), createWriteStream(temporary)),
  );
}

async function* linesOf(
  format: 'csv' | 'jsonl',
  events: readonly ExportedEvent[],
  columns: readonly string[],
  onDone: (count: number) => void,
): AsyncGenerator<string> {
  if (format === 'csv') yield csvText([columns]);
  let done = 0;
  for await (const { event, analysis } of readExported(events)) {
    for (const row of rowsOf(event, analysis)) {
      if (format === 'csv') yield csvText([columns.map((name) => String(row[name] ?? ''))]);
      else yield `${JSON.stringify(Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null)))}\n`;
    }
    onDone(++done);
  }
}

/** The columns of all events, in the order in which they come. */
async function columnsOf(events: readonly ExportedEvent[]): Promise<string[]> {
  const names = new Set<string>();
  for await (const { event, analysis } of readExported(events)) {
    const one = { ...analysis, frames: analysis.frames.slice(0, 1) };
    for (const name of Object.keys(rowsOf(event, one)[0]!)) names.add(name);
  }
  return [...names];
}

function rowsOf({ id, label, split }: ExportedEvent, analysis: Analysis): FrameRow[] {
  const { source, span, options, labels = [], signals, objects } = analysis;
  const keyframes = keyframesOf(analysis);
  return analysis.frames.map((frame, i): FrameRow => {
    const { importance = null, importanceError = null, verdict, distance = null, damaged, probabilities } = frame;
    const { left, centre, right, near, far } = attentionShares(keyframes[i]!.heatmap);
    const named = (
      prefix: string,
      names: readonly string[],
      read: (k: number) => number | null | undefined,
    ): FrameRow => Object.fromEntries(names.map((name, k) => [`${prefix}: ${name}`, read(k) ?? null]));
    return {
      ...{
        event: id,
        label: label ?? null,
        split: split ?? null,
        video: source.path,
        start: span.startSec,
        end: span.endSec,
      },
      ...{ method: options.method, target: options.target },
      ...{ frame: i + 1, time: frame.timestampSec, loss: frame.loss, iterations: frame.iterations },
      ...{ status: frame.status, damaged: damaged ? 1 : 0, verdict: verdict?.words ?? null },
      ...{ importance, importance_error: importanceError, distance },
      ...{ peak_row: frame.peakCell.row, peak_column: frame.peakCell.column, opposing: frame.opposingShare },
      ...{ left, centre, right, near, far },
      ...named('p', labels, (k) => probabilities?.[k]),
      ...named('signal', signals?.names ?? [], (k) => signals!.values[k]![i]),
      ...(objects && { on_objects: frame.objects?.share ?? null }),
      ...named(
        'on',
        (objects?.list ?? []).map(({ name }) => name),
        (place) => {
          return frame.objects?.each.find(({ object }) => object === place)?.share;
        },
      ),
    };
  });
}
