/**
 * The legend of a video: the levels with their colours, and the scale. It stands in the corner in which it covers least of the
 * attention and of what stands still in the footage, such as a time stamp; on small pictures in two rows, or without the scale.
 */
import type { SKRSContext2D } from '@napi-rs/canvas';
import type { FrameBatch, Heatmap, PictureSize } from '../../base/types.ts';
import { colorOf, cssColor } from './colormap.ts';
import { timelineHeight } from './marks.ts';
import { type Area, type DrawnPicture, levelColor, unitOf } from './overlay.ts';
import type { OverlayStyle } from './style.ts';
import { font } from './text.ts';

/** What a legend should keep clear of. */
export interface LegendSurroundings {
  /** A few heatmaps of the video. */
  readonly heatmaps: readonly Heatmap[];
  /** Where the footage has edges that stand still, as `stillEdges` gives it. */
  readonly edges?: Grid | undefined;
  /** Whether something else stands in the upper left corner. */
  readonly isTitled?: boolean | undefined;
}

/** Values over a picture, row by row. */
type Grid = Pick<Heatmap, 'width' | 'height' | 'values'>;

/**
 * Draws the legend.
 *
 * @param scale as `describeScale` puts it
 * @returns the area outside which nothing was drawn; empty on a picture that has no room for it
 */
export function drawLegend(
  context: SKRSContext2D,
  size: DrawnPicture,
  style: OverlayStyle,
  scale: string,
  surroundings: LegendSurroundings = { heatmaps: [] },
): Area {
  const rows = fittingRows(context, size, style, scale);
  if (rows === undefined) return { left: 0, right: 0, top: 0, bottom: 0 };
  const { sizePx } = rows;
  const box = {
    width: Math.max(...rows.parts.map((parts) => widthOf(context, parts, sizePx))),
    height: (1.35 * rows.parts.length + 0.35) * sizePx,
  };
  const area = clearestCorner(size, box, sizePx / 2, surroundings);
  context.fillStyle = '#000a';
  context.beginPath();
  context.roundRect(area.left, area.top, area.right - area.left, area.bottom - area.top, sizePx / 3);
  context.fill();
  context.font = font(sizePx);
  context.textAlign = 'left';
  context.textBaseline = 'middle';
  for (const [row, parts] of rows.parts.entries()) {
    let x = area.left + sizePx * 0.7;
    const y = area.top + (0.85 + 1.35 * row) * sizePx;
    for (const part of parts) {
      part.draw?.(context, x, y, sizePx);
      context.fillStyle = '#fff';
      context.fillText(part.text, x + part.before * sizePx, y);
      x += part.before * sizePx + context.measureText(part.text).width + part.after * sizePx;
    }
  }
  return area;
}

/** A word and what stands before it; lengths in sizes of the letters. */
interface Part {
  readonly text: string;
  readonly before: number;
  readonly after: number;
  draw?(context: SKRSContext2D, x: number, y: number, sizePx: number): void;
}

interface Rows {
  readonly parts: readonly (readonly Part[])[];
  readonly sizePx: number;
}

/** Letters of this size can just be read. */
const LEAST_PX = 10;
/** To the usual size, before words are laid in two rows. */
const NOT_MUCH_SMALLER = 0.75;
/** Of the picture, at most. */
const MOST_COVERED = 0.12;

/** All in one row; else in two, where that covers little, rather than much smaller; else the levels alone, smaller if need be. */
function fittingRows(context: SKRSContext2D, size: DrawnPicture, style: OverlayStyle, scale: string): Rows | undefined {
  const levels = levelParts(style);
  const words: Part = { text: scale, before: 0.1, after: 0.5 };
  const usualPx = Math.max(11, Math.round(17 * unitOf(size)));
  const fits = (parts: Rows['parts'], sizePx: number): boolean => {
    const width = Math.max(...parts.map((row) => widthOf(context, row, sizePx)));
    const height = (1.35 * parts.length + 0.35) * sizePx;
    return (
      width <= size.width - 2 * sizePx &&
      (parts.length === 1 || width * height <= MOST_COVERED * size.width * size.height)
    );
  };
  for (const leastPx of [Math.max(LEAST_PX, NOT_MUCH_SMALLER * usualPx), LEAST_PX]) {
    for (const parts of [[[...levels, words]], [levels, [{ ...words, before: 0 }]]]) {
      for (let sizePx = usualPx; sizePx >= leastPx; sizePx--) if (fits(parts, sizePx)) return { parts, sizePx };
    }
  }
  for (let sizePx = usualPx; sizePx >= 1; sizePx--) if (fits([levels], sizePx)) return { parts: [levels], sizePx };
  return undefined;
}

function widthOf(context: SKRSContext2D, parts: readonly Part[], sizePx: number): number {
  context.font = font(sizePx);
  return parts.reduce(
    (sum, { text, before, after }) => sum + (before + after) * sizePx + context.measureText(text).width,
    0.9 * sizePx,
  );
}

/** A line in the colour of each level, or the colours from 0 to 1. */
function levelParts(style: OverlayStyle): Part[] {
  const levels = [...style.levels].sort((a, b) => a - b);
  if (style.kind !== 'heatmap' && levels.length > 0) {
    return levels.map((level) => ({
      ...{ text: String(level), before: 1.5, after: 0.7 },
      draw: (context, x, y, sizePx) => {
        context.fillStyle = cssColor(levelColor(level, style));
        context.fillRect(x, y - sizePx * 0.13, sizePx * 1.2, sizePx * 0.26);
      },
    }));
  }
  return [
    { text: '0', before: 0, after: 0.5 },
    {
      ...{ text: '1', before: BAR_LENGTH + 0.5, after: 0.7 },
      draw: (context, x, y, sizePx) => {
        for (let i = 0; i < COLOR_STEPS; i++) {
          const step = (BAR_LENGTH * sizePx) / COLOR_STEPS;
          context.fillStyle = cssColor(colorOf(style.colormap, i / (COLOR_STEPS - 1)));
          context.fillRect(x + i * step, y - sizePx * 0.4, step + 0.5, sizePx * 0.8);
        }
      },
    },
  ];
}

/** Steps of colour in a colour bar, and its length in sizes of the letters. */
const COLOR_STEPS = 32;
const BAR_LENGTH = 5;

/** Where the box covers least; of corners that are much the same, the lower left one. The upper right one is taken by marks. */
function clearestCorner(size: PictureSize, box: PictureSize, gap: number, surroundings: LegendSurroundings): Area {
  const bottom = size.height - 1.5 * timelineHeight(size) - gap;
  const at = (left: number, top: number): Area => ({ left, top, right: left + box.width, bottom: top + box.height });
  const corners = [
    at(gap, bottom - box.height),
    at(size.width - gap - box.width, bottom - box.height),
    ...(surroundings.isTitled ? [] : [at(gap, gap)]),
  ];
  const { edges, heatmaps } = surroundings;
  const costOf = (area: Area, k: number): number => {
    const heat =
      heatmaps.reduce((sum, heatmap) => sum + meanWithin(heatmap, area, size), 0) / Math.max(1, heatmaps.length);
    return heat + EDGES_WEIGHT * (edges ? meanWithin(edges, area, size) : 0) + k * INERTIA;
  };
  const costs = corners.map(costOf);
  return corners[costs.indexOf(Math.min(...costs))]!;
}

/** Letters have edges on a tenth to a third of their area, a heatmap is 1 at most: to cover writing is worse than to cover attention. */
const EDGES_WEIGHT = 6;
/** How much less another corner must cover, so that legends stand in one place mostly. */
const INERTIA = 0.03;

function meanWithin({ width, height, values }: Grid, area: Area, size: PictureSize): number {
  const range = (from: number, to: number, cells: number, length: number): [number, number] => {
    const first = Math.max(0, Math.floor((from / length) * cells));
    return [first, Math.max(first + 1, Math.min(cells, Math.ceil((to / length) * cells)))];
  };
  const [left, right] = range(area.left, area.right, width, size.width);
  const [top, bottom] = range(area.top, area.bottom, height, size.height);
  let sum = 0;
  for (let row = top; row < bottom; row++) {
    for (let column = left; column < right; column++) sum += values[row * width + column]!;
  }
  return sum / ((right - left) * (bottom - top));
}

/** Difference of brightness between neighbours from which on it is an edge, 0–255, as between letters and what is behind them. */
const EDGE = 48;
/** Columns and rows of the grid. */
const EDGE_GRID = { width: 64, height: 36 };

/** The share of each part of a picture, in [0, 1], that has strong edges in all of these frames. */
export function stillEdges({ rgb, shape: [count, height, width] }: FrameBatch): Grid {
  const grid = { width: Math.min(EDGE_GRID.width, width), height: Math.min(EDGE_GRID.height, height) };
  const values = new Float32Array(grid.width * grid.height);
  const pixels = new Float32Array(values.length);
  const green = (frame: number, row: number, column: number): number =>
    rgb[((frame * height + row) * width + column) * 3 + 1]!;
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const cell = Math.floor((row / height) * grid.height) * grid.width + Math.floor((column / width) * grid.width);
      pixels[cell]!++;
      let isStill = row + 1 < height && column + 1 < width;
      for (let frame = 0; isStill && frame < count; frame++) {
        const here = green(frame, row, column);
        isStill =
          Math.abs(here - green(frame, row, column + 1)) > EDGE ||
          Math.abs(here - green(frame, row + 1, column)) > EDGE;
      }
      if (isStill) values[cell]!++;
    }
  }
  return { ...grid, values: values.map((edges, cell) => edges / pixels[cell]!) };
}
