/** The options that say how an overlay looks; `analyze` and `render` share them. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { messageOf } from '../base/errors.ts';
import type { IgnoredPart } from '../base/types.ts';
import type { RenderOptions, VideoOptions } from '../rendering/rendering.ts';
import { NORMALIZE_MODES, type NormalizeMode } from '../video/drawing/keyframes.ts';
import { COLORMAP_NAMES, type ColormapName, defaultStyle, type OverlayStyle } from '../video/drawing/style.ts';
import type { HideWish } from '../video/media/crop.ts';
import type { PictureScale } from '../video/media/encode.ts';
import { readMask } from '../video/media/picture.ts';
import { choiceOption, parseLevels, parseNumber } from './options.ts';

/** What commander hands over for these options. */
export interface StyleFlags {
  readonly style: OverlayStyle['kind'];
  readonly colormap: ColormapName;
  readonly levels: number[];
  readonly alpha: number;
}

/** What commander hands over for an analysis. */
export interface AnalysisStyleFlags extends StyleFlags {
  readonly normalize: NormalizeMode;
  readonly signed?: boolean;
  readonly ignore: readonly IgnoredPart[];
  readonly showObjects?: boolean;
}

/** What `--max-mb` hands over. */
export interface FileFlags {
  readonly maxMb?: number;
}

/** What the options of a video hand over. */
export interface VideoFlags extends AnalysisStyleFlags {
  readonly legend: boolean;
  readonly badge: boolean;
  readonly showClass?: boolean;
  readonly ribbon?: boolean;
  readonly scale?: PictureScale;
  readonly audio: boolean;
  readonly fade: boolean;
}

/** Adds the options that say how attention is drawn. */
export function addStyleOptions(command: Command): Command {
  const { kind, colormap, levels, opacity } = defaultStyle;
  return command
    .addOption(choiceOption('--style <kind>', 'what is drawn', ['contour', 'heatmap', 'both'], kind))
    .addOption(choiceOption('--colormap <name>', 'colours from low to high', COLORMAP_NAMES, colormap))
    .option('--levels <list>', 'heatmap levels of the contours, between 0 and 1', parseLevels, [...levels])
    .option('--alpha <number>', 'opacity of the heatmap at its peak, 0 to 1', parseNumber(0, 1), opacity);
}

/** Adds {@link addStyleOptions}, `--normalize`, `--signed` and `--ignore`. */
export function addAnalysisStyleOptions(command: Command, ignore: Option = ignoreOption()): Command {
  return addStyleOptions(command)
    .addOption(
      choiceOption(
        '--normalize <scale>',
        'what is scaled to 0–1: each frame, the clip, or nothing',
        NORMALIZE_MODES,
        'frame',
      ),
    )
    .option('--signed', 'supporting cells in blue, opposing cells in orange')
    .addOption(showObjectsOption())
    .addOption(ignore);
}

/** `--show-objects`. */
export function showObjectsOption(): Option {
  return new Option('--show-objects', 'draw the boxes of the objects (--objects), with their shares of the attention');
}

/** `--ignore` of commands that draw. */
export function ignoreOption(): Option {
  return new Option(
    '--ignore <part>',
    'what counts for nothing: x,y,w,h in pixels, or a picture that is white there (repeatable)',
  )
    .argParser((text: string, earlier: IgnoredPart[]) => [...earlier, parseIgnored(text)])
    .default([], 'nothing');
}

/** `--ignore` of commands that show clips to networks. */
export function hideOption(): Option {
  return new Option(
    '--ignore <part>',
    'what the network is not shown: auto (burnt-in text and logos), none, or, where nothing is drawn either, x,y,w,h in pixels or a picture that is white there (repeatable)',
  )
    .argParser((text: string, earlier: HideWish | undefined): HideWish => {
      const { isAuto, parts } = earlier && earlier !== AUTO_HIDDEN ? earlier : { isAuto: false, parts: [] };
      if (text === 'none') return { isAuto: false, parts: [] };
      return text === 'auto' ? { isAuto: true, parts } : { isAuto, parts: [...parts, parseIgnored(text)] };
    })
    .default(AUTO_HIDDEN, 'auto');
}

const AUTO_HIDDEN: HideWish = { isAuto: true, parts: [] };

/** Adds {@link addAnalysisStyleOptions}, and what is drawn on and under a video. */
export function addVideoOptions(command: Command, ignore: Option = ignoreOption()): Command {
  return addAnalysisStyleOptions(command, ignore)
    .option(
      '--ribbon',
      'plots under the picture: events, loss, importance, where the attention lies, classes, recorded numbers',
    )
    .option('--scale <size>', 'size of the picture: a factor (0.5), a width (1280x) or a height (x720)', parseScale)
    .option('--fade', 'draw the maps of less important frames fainter, where each frame has its own scale', true)
    .option('--no-fade', 'draw the maps of all frames alike')
    .option('--show-class', 'write the likeliest class and its probability, or the predicted numbers, on the picture')
    .option('--no-legend', 'leave out what the colours mean')
    .option('--no-badge', 'leave out, in the corner, which sampled frame is shown or where the map comes from')
    .option('--no-audio', 'leave the sound out');
}

/** `--max-mb`. */
export function maxMbOption(): Option {
  return new Option(
    '--max-mb <number>',
    'megabytes that the file may have; its pictures become worse, smaller and fewer until it fits, which is said',
  ).argParser(parseNumber(0.01, 100_000));
}

/** What `--max-mb` means. */
export function maxBytesOf({ maxMb }: FileFlags): { maxBytes?: number } {
  return maxMb === undefined ? {} : { maxBytes: maxMb * 1e6 };
}

/** The style that the flags describe. */
export function styleOf({ style, colormap, levels, alpha }: StyleFlags): OverlayStyle {
  return { ...defaultStyle, kind: style, colormap, levels, opacity: alpha };
}

/** What the flags mean for drawing. */
export function renderOptionsOf(flags: AnalysisStyleFlags): RenderOptions {
  const { normalize, signed = false, ignore, showObjects } = flags;
  return { style: styleOf(flags), normalize, signed, ignore, ...(showObjects && { showObjects }) };
}

/** What the flags mean for drawing a video. */
export function videoOptionsOf(flags: VideoFlags): VideoOptions {
  const { ribbon = false, scale, audio, fade, legend, badge, showClass = false } = flags;
  const { style, ...options } = renderOptionsOf(flags);
  return {
    ...options,
    ...{ style: { ...(style ?? defaultStyle), showLegend: legend, showBadge: badge } },
    ...{ ribbon, audio, fade, showClass, ...(scale && { scale }) },
  };
}

/** `0,620,1280,100`, or the path of a picture. */
function parseIgnored(text: string): IgnoredPart {
  const numbers = text.split(',').map((part) => (/^\d+$/.test(part.trim()) ? Number(part) : Number.NaN));
  const [x, y, width, height] = numbers as [number, number, number, number];
  if (numbers.length === 4 && !numbers.some(Number.isNaN)) return { x, y, width, height };
  try {
    return readMask(text);
  } catch (error) {
    throw new InvalidArgumentError(
      `expected x,y,width,height in pixels, such as 0,620,1280,100, or a picture (${messageOf(error)}).`,
    );
  }
}

/** `0.5`, `1280x` or `x720`. */
function parseScale(text: string): PictureScale {
  const [, width, height] = /^(?:(\d{1,5})x|x(\d{1,5}))$/.exec(text) ?? [];
  if (width !== undefined || height !== undefined) {
    return width !== undefined ? { width: Number(width) } : { height: Number(height) };
  }
  const factor = /^\d*\.?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(factor > 0 && factor <= 4)) {
    throw new InvalidArgumentError('expected a factor up to 4, such as 0.5, a width (1280x) or a height (x720).');
  }
  return { factor };
}
