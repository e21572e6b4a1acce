/**
 * Text on pictures: one font that is there on every machine, and text that shrinks or wraps until it fits, so that
 * nothing is ever cut off.
 */
import { createRequire } from 'node:module';
import type { SKRSContext2D } from '@napi-rs/canvas';
import { canvasLibrary } from './canvas.ts';

/** A CSS font of this size in pixels. */
export function font(sizePx: number, weight: 'normal' | 'bold' = 'normal'): string {
  registerPackagedFonts();
  return `${weight} ${sizePx}px ${FAMILIES}`;
}

/** A bold CSS font of this size in pixels. */
export function boldFont(sizePx: number): string {
  return font(sizePx, 'bold');
}

/** Text laid out in lines that fit a width. */
export interface FittedText {
  readonly lines: readonly string[];
  readonly font: string;
  readonly lineHeightPx: number;
}

/** How text may be made to fit, pixels. */
export interface TextFit {
  readonly widthPx: number;
  readonly sizePx: number;
  /** The size below which text is wrapped rather than made smaller. */
  readonly minPx: number;
  readonly weight?: 'normal' | 'bold';
}

/** Makes text fit a width: first smaller, then in several lines, long words broken; an empty text has no lines. */
export function fitText(context: SKRSContext2D, text: string, fit: TextFit): FittedText {
  for (let size = fit.sizePx; ; size--) {
    context.font = font(size, fit.weight);
    const isSmallest = size - 1 < fit.minPx;
    if (isSmallest || context.measureText(text).width <= fit.widthPx) {
      return { lines: wrap(context, text, fit.widthPx), font: context.font, lineHeightPx: Math.ceil(size * 1.35) };
    }
  }
}

/** As much of a text as fits a width; nothing where that is a letter or two. */
export function cutToFit(context: SKRSContext2D, text: string, widthPx: number): string {
  const fits = (shown: string): boolean => context.measureText(shown).width <= widthPx;
  if (fits(text)) return text;
  for (let length = text.length - 1; length > 2; length--) {
    const cut = `${text.slice(0, length).trimEnd()}…`;
    if (fits(cut)) return cut;
  }
  return '';
}

/** Draws fitted text from the top of its first line, aligned as the context says. */
export function drawText(context: SKRSContext2D, text: FittedText, x: number, topPx: number): void {
  context.font = text.font;
  context.textBaseline = 'middle';
  text.lines.forEach((line, i) => {
    context.fillText(line, x, topPx + (i + 0.5) * text.lineHeightPx);
  });
}

/** Height of fitted text, pixels. */
export function heightOf(text: FittedText): number {
  return text.lines.length * text.lineHeightPx;
}

/** The package's fonts first: Latin, Greek, Cyrillic and more; the system's for what they lack. */
const FAMILIES = '"DejaVu Sans", sans-serif';
const PACKAGED_FONTS: readonly string[] = ['DejaVuSans.ttf', 'DejaVuSans-Bold.ttf'];
let isRegistered = false;

function registerPackagedFonts(): void {
  if (isRegistered) return;
  isRegistered = true;
  const require = createRequire(import.meta.url);
  for (const file of PACKAGED_FONTS)
    canvasLibrary().GlobalFonts.registerFromPath(require.resolve(`dejavu-fonts-ttf/ttf/${file}`));
}

function wrap(context: SKRSContext2D, text: string, widthPx: number): string[] {
  const isWide = (line: string): boolean => context.measureText(line).width > widthPx;
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (!isWide(longer)) {
      line = longer;
      continue;
    }
    if (line !== '') lines.push(line);
    line = '';
    for (const letter of word) {
      if (line !== '' && isWide(line + letter)) {
        lines.push(line);
        line = '';
      }
      line += letter;
    }
  }
  return line === '' ? lines : [...lines, line];
}
