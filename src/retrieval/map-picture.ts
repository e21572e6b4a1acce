/**
 * Draws projected events: the colour is the label, the shape the split. A label that is a class of the network has the colour
 * that it has in ribbons and reports. Where none is, colours repeat after seven labels, then hollow; each label is also written where its events lie, beside the points, so nothing depends on colours alone.
 */
import type { Canvas, SKRSContext2D } from '@napi-rs/canvas';
import { canvasLibrary, createCanvas } from '../video/drawing/canvas.ts';
import { CATEGORY_COLORS, classColor, classPlaces } from '../video/drawing/palette.ts';
import { drawText, fitText, font, heightOf } from '../video/drawing/text.ts';
import { placeNames } from './place-names.ts';
import type { ProjectedEvents } from './project.ts';

/** What {@link drawMap} needs. */
export interface MapContent extends ProjectedEvents {
  readonly title: string;
  /** A sentence below the map. */
  readonly caption: string;
  /** One per point; undefined for events that nobody labelled. */
  readonly labels: readonly (string | undefined)[];
  readonly splits: readonly (string | undefined)[];
  /** The classes of the network, in the order of their colours. */
  readonly classes?: readonly string[];
}

/** Draws the map; returns the bytes of a PNG or SVG file. In SVG, texts are outlines: they look alike everywhere. */
export function drawMap(content: MapContent, format: 'png' | 'svg'): Uint8Array {
  if (format === 'svg') {
    const library = canvasLibrary();
    const canvas = library.createCanvas(WIDTH, HEIGHT, library.SvgExportFlag.ConvertTextToPaths);
    drawOn(canvas.getContext('2d'), content);
    return canvas.getContent();
  }
  const canvas: Canvas = createCanvas(2 * WIDTH, 2 * HEIGHT);
  const ink = canvas.getContext('2d');
  ink.scale(2, 2);
  drawOn(ink, content);
  return canvas.toBuffer('image/png');
}

const WIDTH = 1100;
const HEIGHT = 800;
const PLOT = { left: 48, top: 64, right: 820, bottom: 716 } as const;
const LEGEND_LEFT = PLOT.right + 28;
const LINE = 22;
/** Half the size of a marker. */
const RADIUS = 5;
const OTHER_COLOR = '#888888';

type Shape = 'circle' | 'square' | 'triangle' | 'diamond';
const SHAPES: Readonly<Record<string, Shape>> = { train: 'circle', val: 'triangle', test: 'square' };
const NO_SPLIT = 'no split';
const NO_LABEL = 'no label';

interface LabelLook {
  readonly color: string;
  readonly isHollow: boolean;
}

function drawOn(ink: SKRSContext2D, { title, caption, axes, points, ...content }: MapContent): void {
  const labels = content.labels.map((label) => label ?? NO_LABEL);
  const splits = content.splits.map((split) => split ?? NO_SPLIT);
  const looks = looksOf(labels, content.classes ?? []);
  ink.fillStyle = '#fff';
  ink.fillRect(0, 0, WIDTH, HEIGHT);
  const place = placing(points);
  ink.strokeStyle = '#ccc';
  ink.strokeRect(PLOT.left, PLOT.top, PLOT.right - PLOT.left, PLOT.bottom - PLOT.top);
  for (const [i, point] of points.entries()) {
    drawMarker(ink, place(point), SHAPES[splits[i]!] ?? 'diamond', looks.get(labels[i]!)!);
  }
  const names = [...looks.keys()];
  const groups = names.map((label) => {
    ink.font = font(NAME_PX, 'bold');
    const own = points.filter((_, i) => labels[i] === label).map(place);
    return { points: own, widthPx: ink.measureText(label).width + 2 * NAME_MARGIN };
  });
  const boxes = placeNames(groups, { area: PLOT, heightPx: NAME_PX + NAME_MARGIN, radiusPx: RADIUS });
  for (const [k, box] of boxes.entries()) {
    if (box) write(ink, names[k]!, (box.left + box.right) / 2, (box.top + box.bottom) / 2, NAME_LOOK);
  }
  drawLegend(ink, labels, splits, { looks, unnamed: boxes.filter((box) => box === undefined).length });
  write(ink, axes[0], (PLOT.left + PLOT.right) / 2, PLOT.bottom + 18, { align: 'center' });
  ink.save();
  ink.translate(PLOT.left - 18, (PLOT.top + PLOT.bottom) / 2);
  ink.rotate(-Math.PI / 2);
  write(ink, axes[1], 0, 0, { align: 'center' });
  ink.restore();
  ink.textAlign = 'left';
  ink.fillStyle = '#111';
  drawText(ink, fitText(ink, title, { widthPx: WIDTH - 40, sizePx: 22, minPx: 14, weight: 'bold' }), 20, 18);
  const footer = fitText(ink, caption, { widthPx: WIDTH - 40, sizePx: 14, minPx: 12 });
  ink.fillStyle = '#444';
  drawText(ink, footer, 20, HEIGHT - 12 - heightOf(footer));
}

/** Classes have their colours; of other labels, the most frequent get a look of their own, the rest share one. */
function looksOf(labels: readonly string[], classes: readonly string[]): Map<string, LabelLook> {
  const counts = new Map<string, number>();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  const byFrequency = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)).map(([label]) => label);
  const places = classPlaces(byFrequency, classes);
  return new Map(
    byFrequency.map((label, i) => {
      if (places)
        return [label, { color: label === NO_LABEL ? OTHER_COLOR : classColor(places.get(label)!), isHollow: false }];
      const round = Math.floor(i / CATEGORY_COLORS.length);
      const isKnown = label !== NO_LABEL && round < 2;
      return [
        label,
        { color: isKnown ? CATEGORY_COLORS[i % CATEGORY_COLORS.length]! : OTHER_COLOR, isHollow: round === 1 },
      ];
    }),
  );
}

/** Fits the points into the plot, one scale for both axes. */
function placing(points: ProjectedEvents['points']): (point: readonly [number, number]) => [number, number] {
  const [xs, ys] = [0, 1].map((axis) => {
    const values = points.map((point) => point[axis]!);
    const low = values.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
    const high = values.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
    return { middle: (low + high) / 2, range: high - low };
  }) as [{ middle: number; range: number }, { middle: number; range: number }];
  const margin = 4 * RADIUS;
  const scale = Math.min(
    (PLOT.right - PLOT.left - 2 * margin) / (xs.range || 1),
    (PLOT.bottom - PLOT.top - 2 * margin) / (ys.range || 1),
  );
  const [centreX, centreY] = [(PLOT.left + PLOT.right) / 2, (PLOT.top + PLOT.bottom) / 2];
  return ([x, y]) => [centreX + scale * (x - xs.middle), centreY - scale * (y - ys.middle)];
}

function drawMarker(ink: SKRSContext2D, [x, y]: readonly [number, number], shape: Shape, look: LabelLook): void {
  ink.beginPath();
  if (shape === 'circle') circle(ink, x, y);
  else for (const [dx, dy] of CORNERS[shape]) ink.lineTo(x + RADIUS * dx, y + RADIUS * dy);
  ink.closePath();
  ink.globalAlpha = 0.8;
  ink.fillStyle = look.isHollow ? '#fff' : look.color;
  ink.fill();
  ink.globalAlpha = 1;
  ink.lineWidth = look.isHollow ? 1.8 : 0.7;
  ink.strokeStyle = look.isHollow ? look.color : '#fff';
  ink.stroke();
}

/** Four curves, where an arc would become a hundred in an SVG file. */
function circle(ink: SKRSContext2D, x: number, y: number): void {
  const handle = RADIUS * 0.5523; // of a quarter circle
  ink.moveTo(x + RADIUS, y);
  ink.bezierCurveTo(x + RADIUS, y + handle, x + handle, y + RADIUS, x, y + RADIUS);
  ink.bezierCurveTo(x - handle, y + RADIUS, x - RADIUS, y + handle, x - RADIUS, y);
  ink.bezierCurveTo(x - RADIUS, y - handle, x - handle, y - RADIUS, x, y - RADIUS);
  ink.bezierCurveTo(x + handle, y - RADIUS, x + RADIUS, y - handle, x + RADIUS, y);
}

const CORNERS: Readonly<Record<Exclude<Shape, 'circle'>, readonly (readonly [number, number])[]>> = {
  square: [
    [-0.9, -0.9],
    [0.9, -0.9],
    [0.9, 0.9],
    [-0.9, 0.9],
  ],
  triangle: [
    [0, -1.2],
    [1.1, 0.8],
    [-1.1, 0.8],
  ],
  diamond: [
    [0, -1.3],
    [1.1, 0],
    [0, 1.3],
    [-1.1, 0],
  ],
};

/** Size of the labels on the map. */
const NAME_PX = 13;
const NAME_MARGIN = 2;

function drawLegend(
  ink: SKRSContext2D,
  labels: readonly string[],
  splits: readonly string[],
  { looks, unnamed }: { readonly looks: ReadonlyMap<string, LabelLook>; readonly unnamed: number },
): void {
  const count = (all: readonly string[], one: string): number => all.filter((value) => value === one).length;
  let y: number = PLOT.top + LINE / 2;
  const entry = (text: string, shape: Shape, look: LabelLook): void => {
    drawMarker(ink, [LEGEND_LEFT + RADIUS, y], shape, look);
    const fitted = fitText(ink, text, { widthPx: WIDTH - LEGEND_LEFT - 28, sizePx: 14, minPx: 11 });
    ink.textAlign = 'left';
    ink.fillStyle = '#111';
    drawText(ink, fitted, LEGEND_LEFT + 20, y - fitted.lineHeightPx / 2);
    y += Math.max(LINE, heightOf(fitted));
  };
  const all = [...looks];
  const shown = all.slice(0, MAX_LEGEND);
  for (const [label, look] of shown) entry(`${label}  ${count(labels, label)}`, 'circle', look);
  if (all.length > shown.length) entry(`and ${all.length - shown.length} more labels`, 'circle', all.at(-1)![1]);
  y += LINE / 2;
  for (const split of [...new Set(splits)].sort()) {
    entry(`${split}  ${count(splits, split)}`, SHAPES[split] ?? 'diamond', { color: '#555', isHollow: true });
  }
  if (unnamed === 0) return;
  const note = `${unnamed} ${unnamed === 1 ? 'label has' : 'labels have'} no room on the map`;
  const fitted = fitText(ink, note, { widthPx: WIDTH - LEGEND_LEFT - 8, sizePx: 13, minPx: 11 });
  ink.fillStyle = '#444';
  drawText(ink, fitted, LEGEND_LEFT, y);
}

/** Labels that the legend has room for. */
const MAX_LEGEND = 22;

interface TextLook {
  readonly align: 'left' | 'center';
  readonly weight?: 'normal' | 'bold';
  /** Whether it stands out from what it lies on. */
  readonly halo?: boolean;
}

const NAME_LOOK: TextLook = { align: 'center', weight: 'bold', halo: true };

function write(ink: SKRSContext2D, text: string, x: number, y: number, look: TextLook): void {
  ink.font = font(look.halo ? NAME_PX : 14, look.weight);
  ink.textAlign = look.align;
  ink.textBaseline = 'middle';
  if (look.halo) {
    ink.strokeStyle = 'rgba(255, 255, 255, 0.85)';
    ink.lineWidth = 4;
    ink.lineJoin = 'round';
    ink.strokeText(text, x, y);
  }
  ink.fillStyle = '#111';
  ink.fillText(text, x, y);
}
