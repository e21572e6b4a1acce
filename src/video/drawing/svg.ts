/**
 * Makes the canvas's SVG fit for papers and browsers. As exported, it holds photographs as PNG, gives every letter a place
 * of its own, which looks torn in any other font, and numbers its parts by what the process drew before.
 */
import type { PictureSize } from '../../base/types.ts';
import { createCanvas, loadImage } from './canvas.ts';
import { font } from './text.ts';

/** Dots per inch at which figures are printed. */
export const PRINT_DPI = 300;

/**
 * Photographs as JPEG, texts as whole lines that keep their width in fallback fonts, a size in millimetres for print at
 * {@link PRINT_DPI}, numbers that depend on the document only.
 */
export async function finishSvg(svg: string, { width, height }: PictureSize): Promise<string> {
  const mm = (px: number): string => `${((px / PRINT_DPI) * 25.4).toFixed(2)}mm`;
  const sized = svg.replace(/<svg [^>]*>/, (root) =>
    withAttributes(root, { width: mm(width), height: mm(height), viewBox: `0 0 ${width} ${height}` }),
  );
  return withJpeg(renumber(sized.replace(/(<text [^>]*>)([^<]*)(?=<\/text>)/g, wholeLine)));
}

/** One place for the whole text in place of one for each letter. */
function wholeLine(_: string, tag: string, text: string): string {
  const attributes = new Map(Array.from(tag.matchAll(ATTRIBUTE), ([, name, value]) => [name!, value!]));
  const context = createCanvas(1, 1).getContext('2d');
  context.font = font(Number(attributes.get('font-size')), attributes.has('font-weight') ? 'bold' : 'normal');
  const plain = text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&amp;', '&');
  const first = (name: string): string => attributes.get(name)!.split(/[ ,]/)[0]!;
  const whole = withAttributes(tag, {
    ...{ 'font-family': FAMILIES, x: first('x'), y: first('y') },
    ...{ textLength: context.measureText(plain).width.toFixed(1), lengthAdjust: 'spacingAndGlyphs' },
  });
  return `${whole}${text}`;
}

const ATTRIBUTE = /([\w:-]+)="([^"]*)"/g;

/** A start tag with attributes set, whatever their order. */
function withAttributes(tag: string, values: Readonly<Record<string, string>>): string {
  const kept = tag.replace(ATTRIBUTE, (whole, name: string) => (name in values ? '' : whole)).replace(/\s*>$/, '');
  const set = Object.entries(values).map(([name, value]) => ` ${name}="${value}"`);
  return `${kept.replace(/ {2,}/g, ' ').trimEnd()}${set.join('')}>`;
}

/** Verdana and DejaVu Sans have one ancestor and nearly the same widths. */
const FAMILIES = 'DejaVu Sans, Verdana, Arial, sans-serif';

/** Counts the document's ids from 0. */
function renumber(svg: string): string {
  const numbers = new Map<string, number>();
  return svg.replace(/(?<=["#])(cl|img|gr|pattern)_\d+/g, (id, kind: string) => {
    if (!numbers.has(id)) numbers.set(id, numbers.size);
    return `${kind}-${numbers.get(id)}`;
  });
}

async function withJpeg(svg: string): Promise<string> {
  const parts = svg.split(/(data:image\/png;base64,[A-Za-z0-9+/=]+)/);
  const converted = parts.map((part) => (part.startsWith('data:') ? asJpegIfOpaque(part) : part));
  return (await Promise.all(converted)).join('');
}

/** What can be seen through, such as a tint, stays PNG. */
async function asJpegIfOpaque(png: string): Promise<string> {
  const picture = await loadImage(png);
  const canvas = createCanvas(picture.width, picture.height);
  const context = canvas.getContext('2d');
  context.drawImage(picture, 0, 0);
  const { data } = context.getImageData(0, 0, picture.width, picture.height);
  for (let i = 3; i < data.length; i += 4) if (data[i] !== 255) return png;
  return `data:image/jpeg;base64,${canvas.toBuffer('image/jpeg', JPEG_QUALITY).toString('base64')}`;
}

/** Of photographs in figures for print, 0 to 100. */
export const JPEG_QUALITY = 92;
