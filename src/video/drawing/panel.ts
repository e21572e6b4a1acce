/**
 * The one way to draw figures made of pictures: rows of pictures, each with something painted over it and a label below,
 * a heading per row, a title, a warning, a caption. The strip of an event (paper, Fig. 9), the classes of one picture side
 * by side (Fig. 1), constraints (Fig. 11) and sanity checks (Fig. 10) all are such figures. As PNG or, with vector lines
 * and text, as SVG or PDF. Light, so that it prints well.
 */
import type { Canvas, Image, SKRSContext2D } from '@napi-rs/canvas';
import type { PictureSize } from '../../base/types.ts';
import { canvasLibrary, createCanvas } from './canvas.ts';
import { finishSvg, JPEG_QUALITY, PRINT_DPI } from './svg.ts';
import { drawText, type FittedText, fitText, heightOf, type TextFit } from './text.ts';

/** One picture of a figure. */
export interface PanelCell {
  readonly picture: Image | Canvas;
  /** The shape in which it is shown; by default its own. */
  readonly size?: PictureSize;
  readonly label: string;
  /** Paints over the picture, which lies at the context's origin; cut at the picture's border. */
  paint?(context: SKRSContext2D, size: PictureSize): void;
}

/** Pictures in a row. */
export interface PanelRow {
  readonly cells: readonly PanelCell[];
  /** Stands above the pictures. */
  readonly heading?: string;
}

/** What {@link drawPanel} needs. */
export interface PanelContent {
  /** At least one, each with at least one picture; those of a row are shown in the proportions of its first. */
  readonly rows: readonly PanelRow[];
  /** Rows beside each other; 1 by default. */
  readonly columns?: number;
  readonly title?: string;
  /** What must not be overlooked, e.g. `UNTRAINED HEAD`: drawn in a band of its own. */
  readonly warning?: string;
  /** One or two sentences below the pictures. */
  readonly caption?: string;
  /** Width of the figure, pixels, which it reaches unless its pictures would become too large; 1600 by default. */
  readonly widthPx?: number;
  /** Largest width of a picture, pixels; by default half the figure's. */
  readonly maxPicturePx?: number;
  /** Size of text and gaps; 1 by default. */
  readonly scale?: number;
}

/** Cells as rows of `columns` pictures. */
export function rowsOf(cells: readonly PanelCell[], columns: number): PanelRow[] {
  const count = Math.ceil(cells.length / columns);
  return Array.from({ length: count }, (_, row) => ({ cells: cells.slice(row * columns, (row + 1) * columns) }));
}

/** The number of columns that spreads pictures evenly over rows of at most `most`. */
export function balancedColumns(count: number, most = 4): number {
  return Math.ceil(count / Math.ceil(count / most));
}

/** JPEG takes a fifth of PNG's time and a quarter of its space. */
export type FigureFormat = 'png' | 'jpeg';

/** Draws the figure; long texts shrink and wrap, and it grows. Returns the bytes of a file, PNG by default. */
export function drawPanel(content: PanelContent, format: FigureFormat = 'png'): Uint8Array {
  const layout = layOut(content);
  const figure = createCanvas(layout.width, layout.height);
  paintPanel(figure.getContext('2d'), content, layout);
  return format === 'png' ? figure.toBuffer('image/png') : figure.toBuffer('image/jpeg', FIGURE_QUALITY);
}

/** Of JPEG: contours and letters stay clean. */
const FIGURE_QUALITY = 90;

/** The same figure as an SVG document: lines and text as vectors, pictures as JPEG. */
export function drawPanelSvg(content: PanelContent): Promise<string> {
  const layout = layOut(content);
  const library = canvasLibrary();
  const figure = library.createCanvas(layout.width, layout.height, library.SvgExportFlag.NoPrettyXML);
  paintPanel(figure.getContext('2d'), content, layout);
  return finishSvg(figure.getContent().toString(), layout);
}

/** The same figure as a PDF file of one page: lines and text as vectors, pictures as JPEG. Returns its bytes. */
export function drawPanelPdf(content: PanelContent): Uint8Array {
  const layout = layOut(content);
  const pageUnit = PDF_DPI / PRINT_DPI;
  // Text in it is found and copied; its bytes depend on the content only.
  const file = new (canvasLibrary().PDFDocument)({ encodingQuality: JPEG_QUALITY, producer: 'l2caf' });
  const context = file.beginPage(layout.width * pageUnit, layout.height * pageUnit) as SKRSContext2D;
  context.scale(pageUnit, pageUnit);
  paintPanel(context, content, layout);
  file.endPage();
  return file.close();
}

/** Units of a page are points. */
const PDF_DPI = 72;

/** Where everything lies, pixels. */
interface PanelLayout extends PictureSize {
  readonly gap: number;
  readonly title: FittedText;
  readonly warning: FittedText;
  readonly caption: FittedText;
  /** Per row. */
  readonly headings: readonly FittedText[];
  readonly labels: readonly (readonly FittedText[])[];
  /** The size of each row's pictures, and the lower edge of its heading. */
  readonly pictures: readonly PictureSize[];
  readonly places: readonly { readonly left: number; readonly top: number }[];
}

function layOut(content: PanelContent): PanelLayout {
  const { rows, columns = 1, title = '', warning = '', caption = '', widthPx = 1600, scale = 1 } = content;
  const { maxPicturePx = widthPx / 2 } = content;
  const gap = Math.round(GAP_PX * scale);
  const beside = Math.max(...rows.map(({ cells }) => cells.length));
  // Between rows beside each other there is a double gap.
  const gaps = columns * beside + columns;
  const pictureWidth = Math.floor(Math.min(maxPicturePx, (widthPx - gaps * gap) / (columns * beside)));
  const pictures = rows.map(({ cells: [first] }) => {
    const { width, height } = first!.size ?? first!.picture;
    return { width: pictureWidth, height: Math.max(1, Math.round((pictureWidth * height) / width)) };
  });
  const width = columns * beside * pictureWidth + gaps * gap;
  const context = createCanvas(1, 1).getContext('2d');
  const fitted = (text: string, px: number, { sizePx, minPx, ...style }: Omit<TextFit, 'widthPx'>): FittedText =>
    fitText(context, text, { widthPx: px, sizePx: Math.round(sizePx * scale), minPx: minPx * scale, ...style });
  const rowWidth = beside * (pictureWidth + gap) - gap;
  const headings = rows.map(({ heading = '' }) => fitted(heading, rowWidth, HEADING));
  const labels = rows.map(({ cells }) => cells.map(({ label }) => fitted(label, pictureWidth, LABEL)));
  const texts = {
    title: fitted(title, width - 2 * gap, TITLE),
    warning: fitted(warning, width - 2 * gap, TITLE),
    caption: fitted(caption, width - 2 * gap, CAPTION),
  };
  let top = gap + spaceFor(texts.title, gap) + spaceFor(texts.warning, gap);
  const places: { left: number; top: number }[] = [];
  for (let first = 0; first < rows.length; first += columns) {
    const band = Array.from({ length: Math.min(columns, rows.length - first) }, (_, k) => first + k);
    top += Math.max(...band.map((r) => heightOf(headings[r]!)));
    for (const [k] of band.entries()) places.push({ left: gap + k * (rowWidth + 2 * gap), top });
    top += Math.max(...band.map((r) => pictures[r]!.height + Math.max(...labels[r]!.map(heightOf)))) + gap;
  }
  return { ...texts, width, height: top + spaceFor(texts.caption, gap), gap, headings, labels, pictures, places };
}

const GAP_PX = 16;
const TITLE: Omit<TextFit, 'widthPx'> = { sizePx: 28, minPx: 18, weight: 'bold' };
const HEADING: Omit<TextFit, 'widthPx'> = { sizePx: 21, minPx: 14, weight: 'bold' };
const LABEL: Omit<TextFit, 'widthPx'> = { sizePx: 20, minPx: 13 };
const CAPTION: Omit<TextFit, 'widthPx'> = { sizePx: 18, minPx: 14 };

const INK = '#111';

function paintPanel(context: SKRSContext2D, { rows }: PanelContent, layout: PanelLayout): void {
  const { width, height, gap, title, warning, caption } = layout;
  context.fillStyle = '#fff';
  context.fillRect(0, 0, width, height);
  write(context, title, width / 2, gap, INK);
  if (warning.lines.length > 0) {
    const top = gap + spaceFor(title, gap);
    context.fillStyle = '#b00020';
    context.fillRect(0, top - gap / 2, width, spaceFor(warning, gap));
    write(context, warning, width / 2, top, '#fff');
  }
  for (const [r, { cells }] of rows.entries()) {
    const { left, top } = layout.places[r]!;
    const picture = layout.pictures[r]!;
    const heading = layout.headings[r]!;
    write(context, heading, left, top - heightOf(heading), INK, 'left');
    for (const [i, cell] of cells.entries()) {
      const x = left + i * (picture.width + gap);
      drawCell(context, x, top, picture, cell);
      write(context, layout.labels[r]![i]!, x + picture.width / 2, top + picture.height + gap / 4, INK);
    }
  }
  write(context, caption, width / 2, height - spaceFor(caption, gap), '#444');
}

/** Height of a text and the gap below it; nothing for an empty one. */
function spaceFor(text: FittedText, gap: number): number {
  return text.lines.length === 0 ? 0 : heightOf(text) + gap;
}

/** Draws a picture and what is painted over it, cut at its border, in a thin frame: a bright sky is no paper. */
export function drawCell(
  context: SKRSContext2D,
  x: number,
  y: number,
  size: PictureSize,
  cell: Omit<PanelCell, 'label'>,
): void {
  context.save();
  context.translate(x, y);
  context.beginPath();
  context.rect(0, 0, size.width, size.height);
  context.clip();
  context.imageSmoothingQuality = 'high';
  context.drawImage(cell.picture, 0, 0, size.width, size.height);
  cell.paint?.(context, size);
  context.lineWidth = 2;
  context.strokeStyle = '#888';
  context.strokeRect(0, 0, size.width, size.height);
  context.restore();
}

function write(
  context: SKRSContext2D,
  text: FittedText,
  x: number,
  topPx: number,
  color: string,
  align: 'left' | 'center' = 'center',
): void {
  context.fillStyle = color;
  context.textAlign = align;
  drawText(context, text, x, topPx);
}
