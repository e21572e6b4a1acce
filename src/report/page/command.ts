/** How a page draws its overlay, and what that means for `l2caf render`. */
import type { NormalizeMode } from '../../video/drawing/keyframes.ts';
import { defaultStyle, type OverlayStyle } from '../../video/drawing/style.ts';

/** What is drawn over a picture. */
export type OverlayMode = 'contour' | 'heatmap' | 'both' | 'signed' | 'none';

/** How the overlay is drawn. */
export interface Settings {
  readonly mode: OverlayMode;
  readonly normalize: NormalizeMode;
  /** Whether maps fade with the importance of their frames. */
  readonly fade: boolean;
  readonly style: OverlayStyle;
  /** Whether boxes of objects, where there are some, are drawn. */
  readonly boxes: boolean;
}

/**
 * The command that renders a video with these settings.
 *
 * @param ignored parts of the picture that count for nothing, as `--ignore` takes them
 * @returns undefined where nothing is drawn
 */
export function renderCommand(
  { mode, normalize, fade, style, boxes }: Settings,
  hasImportance: boolean,
  ignored: readonly string[] = [],
): string | undefined {
  const isSigned = mode === 'signed';
  const kind = isSigned ? 'both' : mode;
  if (kind === 'none' || (kind === 'contour' && style.levels.length === 0)) return undefined;
  // Heat without contours, where all levels are switched off.
  const drawn = style.levels.length === 0 ? 'heatmap' : kind;
  const options: readonly (readonly [isSaid: boolean, option: string])[] = [
    [drawn !== defaultStyle.kind, `--style ${drawn}`],
    [isSigned, '--signed'],
    [!isSigned && style.colormap !== defaultStyle.colormap, `--colormap ${style.colormap}`],
    [drawn !== 'heatmap' && String(style.levels) !== String(defaultStyle.levels), `--levels ${style.levels.join(',')}`],
    [drawn !== 'contour' && style.opacity !== defaultStyle.opacity, `--alpha ${style.opacity}`],
    [!isSigned && normalize !== 'frame', `--normalize ${normalize}`],
    [hasImportance && !fade && (isSigned || normalize === 'frame'), '--no-fade'],
    [boxes, '--show-objects'],
    ...ignored.map((part) => [true, `--ignore ${part}`] as const),
  ];
  const said = options.flatMap(([isSaid, option]) => (isSaid ? [option] : []));
  return ['l2caf render analysis.json', ...said].join(' ');
}
