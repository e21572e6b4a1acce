/** The options that say how an overlay looks; `analyze` and `render` share them. */
import type { Command } from 'commander';
import { COLORMAP_NAMES, type ColormapName } from '../video/colormap.ts';
import { defaultStyle, type OverlayStyle } from '../video/overlay.ts';
import { choiceOption, parseLevels, parseNumber } from './options.ts';

/** What commander hands over for these options. */
export interface StyleFlags {
  readonly style: OverlayStyle['kind'];
  readonly colormap: ColormapName;
  readonly levels: number[];
  readonly alpha: number;
}

/** Adds `--style`, `--colormap`, `--levels` and `--alpha`. */
export function addStyleOptions(command: Command): Command {
  const { kind, colormap, levels, opacity } = defaultStyle;
  return command
    .addOption(choiceOption('--style <kind>', 'what is drawn', ['contour', 'heatmap', 'both'], kind))
    .addOption(choiceOption('--colormap <name>', 'colours from low to high', COLORMAP_NAMES, colormap))
    .option('--levels <list>', 'heatmap levels of the contours, between 0 and 1', parseLevels, [...levels])
    .option('--alpha <number>', 'opacity of the heatmap at its peak, 0 to 1', parseNumber(0, 1), opacity);
}

/** The style that the flags describe. */
export function styleOf({ style, colormap, levels, alpha }: StyleFlags): OverlayStyle {
  return { ...defaultStyle, kind: style, colormap, levels, opacity: alpha };
}
