/**
 * Text on pictures: one font that is there on every machine, and text that shrinks or wraps until it fits, so that
 * nothing is ever cut off.
 */
import { createRequire } from 'node:module';
import { GlobalFonts, type SKRSContext2D } from '@napi-rs/canvas';

/** A CSS font of this size in pixels. */
export function font(sizePx: number, weight: 'normal' | 'bold' = 'normal'): string {
  registerPackagedFonts();
  return `${weight} ${sizePx}px ${FAMILIES}`;
}

/** Text laid out in lines that fit a width. */
export interface FittedText {
  readonly lines: readonly string[];
  readonly font: string;
  readonly lineHeightPx: number;
}

/** Makes text fit a width: first smaller, down to `minPx`, then in several lines, long words broken. */
export function fitText(
  context: SKRSContext2D,
  text: string,
  fit: {
    readonly widthPx: number;
    readonly sizePx: number;
    readonly minPx: number;
    readonly weight?: 'normal' | 'bold';
  },
): FittedText {
  for (let size = fit.sizePx; ; size--) {
    context.font = font(size, fit.weight);
    const isSmallest = size - 1 < fit.minPx;
    if (isSmallest || context.measureText(text).width <= fit.widthPx) {
      return { lines: wrap(context, text, fit.widthPx), font: context.font, lineHeightPx: Math.ceil(size * 1.35) };
    }
  }
}

/** Draws fitted text from the top of its first line, aligned as the context says; returns the height used, pixels. */
export function drawText(context: SKRSContext2D, text: FittedText, x: number, topPx: number): number {
  context.font = text.font;
  context.textBaseline = 'middle';
  text.lines.forEach((line, i) => {
    context.fillText(line, x, topPx + (i + 0.5) * text.lineHeightPx);
  });
  return heightOf(text);
}

/** Height of fitted text, pixels. */
export function heightOf(text: FittedText): number {
  return text.lines.length * text.lineHeightPx;
}

const FAMILIES = '"DejaVu Sans", "Liberation Sans", Arial, Helvetica, sans-serif';
const PACKAGED_FONTS: readonly string[] = ['DejaVuSans.ttf', 'DejaVuSans-Bold.ttf'];
let isRegistered = false;

/** Registers the fonts of the package dejavu-fonts-ttf; without it, the system's fonts are used. */
function registerPackagedFonts(): void {
  if (isRegistered) return;
  isRegistered = true;
  const require = createRequire(import.meta.url);
  for (const file of PACKAGED_FONTS) {
    try {
      GlobalFonts.registerFromPath(require.resolve(`dejavu-fonts-ttf/ttf/${file}`));
    } catch {
      return;
    }
  }
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
  return [...lines, line];
}
