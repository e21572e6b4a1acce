/** The rows of a report's ribbon: what each shows, and how its values are read. */
import type uPlot from 'uplot';
import type { TimeSpan } from '../../base/types.ts';
import type { AttentionShares } from '../../video/drawing/regions.ts';
import type { RibbonContent, RibbonSample } from '../../video/drawing/ribbon-rows.ts';
import { type ShareLines, topOfShares } from '../../video/drawing/share-lines.ts';
import { type SignalRow, scaleOf, valueAt } from '../../video/drawing/signal-lines.ts';
import { formatNumber } from './dom.ts';
import { COLORS, LINE_COLORS } from './plots.ts';

/** A line of a row's description, in the colour of what it names. */
interface Name {
  readonly text: string;
  readonly color: string;
  /** The value of the sample that stands for a time, or at that time. */
  read(sample: number, timeSec: number): number | undefined;
}

/** A plot of the ribbon with its description. */
export interface Row {
  readonly names: readonly Name[];
  /** Further lines of text below the names. */
  readonly notes?: readonly string[];
  readonly description: string;
  readonly height: number;
  /** The lower end of the scale; absent: 0. */
  readonly min?: number;
  readonly max: number;
  readonly xs: readonly number[];
  /** Per series; undefined where it has no value of its own and its line goes on, null where that is interrupted. */
  readonly ys: readonly (readonly (number | null | undefined)[])[];
  readonly series: readonly uPlot.Series[];
  format(value: number): string;
}

/** The rows for which there is data, from the top. */
export function rowsOf({ samples, classes, objects, signals = [] }: RibbonContent, cells: readonly TimeSpan[]): Row[] {
  const share = (part: keyof AttentionShares, text: string, color: string): Part => ({
    ...{ text, color },
    read: (i) => samples[i]!.shares?.[part],
  });
  const rows = [bars('loss', COLORS.blue, cells, (i) => samples[i]!.loss)];
  if (samples.some(({ importance }) => importance !== undefined)) {
    rows.push(bars('importance', COLORS.orange, cells, (i) => samples[i]!.importance));
  }
  if (samples.some(({ shares }) => shares)) {
    rows.push(
      stack(cells, [
        share('left', 'left', COLORS.sky),
        share('centre', 'centre', COLORS.grey),
        share('right', 'right', COLORS.orange),
      ]),
      stack(cells, [share('far', 'far', COLORS.purple), share('near', 'near', COLORS.green)]),
    );
  }
  if (classes) rows.push(linesRow(samples, classes, 'class probabilities', 1));
  if (objects) rows.push(linesRow(samples, objects, 'attention on objects', topOfShares(objects)));
  for (const row of signals) rows.push(signalRow(samples, row));
  return rows;
}

/** A name whose value is that of a sample. */
interface Part extends Name {
  read(sample: number): number | undefined;
}

/** A step per sample, as long as the time it stands for. */
function bars(text: string, color: string, cells: readonly TimeSpan[], read: Part['read']): Row {
  const values = cells.map((_, i) => read(i) ?? 0);
  const [min, max] = [Math.min(0, ...values), Math.max(0, ...values)];
  const from = min < 0 ? `from ${formatNumber(min)} ` : '';
  return {
    names: [{ text, color, read }],
    description: `${text} of the sampled frames, ${from}up to ${formatNumber(max)}`,
    height: 46,
    min: min * 1.08,
    max: max > min ? max * 1.08 : 1,
    xs: edges(cells),
    ys: [twice(values)],
    series: [{ stroke: color, width: 1.5, fill: `${color}55`, points: { show: false } }],
    format: formatNumber,
  };
}

/** Shares that add up to 1, the first at the top. */
function stack(cells: readonly TimeSpan[], parts: readonly Part[]): Row {
  const shares = parts.map(({ read }) => cells.map((_, i) => read(i) ?? 0));
  const upTo = shares.map((_, k) => cells.map((_cell, i) => shares.slice(k).reduce((sum, own) => sum + own[i]!, 0)));
  return {
    names: parts,
    description: `shares of the attention: ${parts.map(({ text }) => text).join(', ')}`,
    height: 24 * parts.length,
    max: 1,
    xs: edges(cells),
    ys: upTo.map(twice),
    series: parts.map(({ color }) => ({ width: 0, fill: color, points: { show: false } })),
    format: percent,
  };
}

/** Shares at each sample: probabilities of classes, or the attention on objects. */
function linesRow(
  samples: readonly RibbonSample[],
  { lines, hidden, notes = [] }: ShareLines,
  what: string,
  top: number,
): Row {
  const ofHidden = hidden > 0 ? [`the ${lines.length} largest of ${lines.length + hidden}`] : [];
  return {
    names: lines.map(({ name, color, shares }) => ({
      ...{ text: name, color },
      read: (i) => shares[i] ?? undefined,
    })),
    notes,
    description: [what, ...ofHidden, ...notes].join(', '),
    height: Math.max(lines.length > 0 ? 70 : 0, 24 * (lines.length + notes.length)),
    max: 1.04 * top,
    xs: samples.map(({ timestampSec }) => timestampSec),
    ys: lines.map(({ shares }) => shares),
    series: lines.map(({ color }) => ({
      stroke: color,
      width: 2,
      points: { show: samples.length <= 40, size: 6 },
    })),
    format: percent,
  };
}

/** Recorded and predicted numbers over time, between the least and the greatest. */
function signalRow(samples: readonly RibbonSample[], row: SignalRow): Row {
  const { min, max } = scaleOf(row);
  const room = 0.04 * (max - min);
  const ends = `${formatNumber(min)} to ${formatNumber(max)}`;
  const sampledSec = samples.map(({ timestampSec }) => timestampSec);
  const lines = row.lines.map((line, k) => ({
    ...line,
    color: LINE_COLORS[k % LINE_COLORS.length]!,
    timesSec: line.timesSec ?? sampledSec,
    isSampled: line.timesSec === undefined,
  }));
  const xs = [...new Set(lines.flatMap(({ timesSec }) => timesSec))].sort((a, b) => a - b);
  return {
    names: lines.map(({ name, color, values, timesSec, isSampled }) => ({
      ...{ text: name, color },
      read: (i, timeSec) => (isSampled ? values[i] : valueAt(values, timesSec, timeSec)) ?? undefined,
    })),
    description: `${lines.map(({ name }) => name).join(' and ')}, ${ends}`,
    height: Math.max(60, 24 * lines.length),
    min: min - room,
    max: max + room,
    xs,
    ys: lines.map(({ timesSec, values }) => {
      const own = new Map(timesSec.map((time, i) => [time, values[i]]));
      return xs.map((x) => own.get(x));
    }),
    series: lines.map(({ color, timesSec }) => ({
      stroke: color,
      width: 2,
      points: { show: timesSec.length <= 40, size: 6 },
    })),
    format: formatNumber,
  };
}

function edges(cells: readonly TimeSpan[]): number[] {
  return cells.flatMap(({ startSec, endSec }) => [startSec, endSec]);
}

function twice(values: readonly number[]): number[] {
  return values.flatMap((value) => [value, value]);
}

function percent(value: number): string {
  return `${Math.round(100 * value)} %`;
}
