/** The options that say how an overlay looks; `analyze` and `render` share them. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { RenderOptions, VideoOptions } from '../rendering.ts';
import { COLORMAP_NAMES, type ColormapName } from '../video/colormap.ts';
import { NORMALIZE_MODES, type NormalizeMode } from '../video/keyframes.ts';
import { defaultStyle, type OverlayStyle } from '../video/overlay.ts';
import type { PictureRegion } from '../video/regions.ts';
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
  readonly ignore: readonly PictureRegion[];
}

/** What `--ribbon` and `--no-audio` hand over. */
export interface VideoFlags extends AnalysisStyleFlags {
  readonly ribbon?: boolean;
  readonly audio: boolean;
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
export function addAnalysisStyleOptions(command: Command): Command {
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
    .addOption(
      new Option('--ignore <x,y,w,h>', 'a part of the picture that counts for nothing, pixels (repeatable)')
        .argParser((text: string, earlier: PictureRegion[]) => [...earlier, parseRegion(text)])
        .default([], 'nothing'),
    );
}

/** Adds {@link addAnalysisStyleOptions}, `--ribbon` and `--no-audio`. */
export function addVideoOptions(command: Command): Command {
  return addAnalysisStyleOptions(command)
    .option('--ribbon', 'plots under the picture: loss, importance, where the attention lies')
    .option('--no-audio', 'leave the sound out');
}

/** The style that the flags describe. */
export function styleOf({ style, colormap, levels, alpha }: StyleFlags): OverlayStyle {
  return { ...defaultStyle, kind: style, colormap, levels, opacity: alpha };
}

/** What the flags mean for drawing. */
export function renderOptionsOf(flags: AnalysisStyleFlags): RenderOptions {
  const { normalize, signed = false, ignore } = flags;
  return { style: styleOf(flags), normalize, signed, ignore };
}

/** What the flags mean for drawing a video. */
export function videoOptionsOf(flags: VideoFlags): VideoOptions {
  return { ...renderOptionsOf(flags), ribbon: flags.ribbon ?? false, audio: flags.audio };
}

function parseRegion(text: string): PictureRegion {
  const numbers = text.split(',').map((part) => (/^\d+$/.test(part.trim()) ? Number(part) : Number.NaN));
  const [x, y, width, height] = numbers as [number, number, number, number];
  if (numbers.length !== 4 || numbers.some(Number.isNaN)) {
    throw new InvalidArgumentError('expected x,y,width,height in pixels, such as 0,620,1280,100.');
  }
  return { x, y, width, height };
}
