/** How a heatmap is shown: what can be chosen, apart from the drawing, so that a command can list it without loading that. */

/** Names of the colour maps. */
export const COLORMAP_NAMES = ['cividis', 'viridis', 'magma', 'inferno', 'turbo'] as const;
/** See {@link COLORMAP_NAMES}. */
export type ColormapName = (typeof COLORMAP_NAMES)[number];

/** How a heatmap is shown. */
export interface OverlayStyle {
  readonly kind: 'contour' | 'heatmap' | 'both';
  readonly colormap: ColormapName;
  /** Heatmap levels at which contours are drawn, in (0, 1). */
  readonly levels: readonly number[];
  /** Opacity of the heatmap where it is 1, in [0, 1]; it falls to nothing where the heatmap is 0. */
  readonly opacity: number;
  /** Width of the contours, pixels on a picture of 1280×720; scales with the picture. */
  readonly lineWidthPx: number;
  /** Whether the timeline and the marks of sampled moments are drawn. */
  readonly showMarks: boolean;
  /** Whether a video says in its upper right corner which sampled frame it shows, or where the map comes from. */
  readonly showBadge: boolean;
  /** Whether a video explains its colours and their scale. */
  readonly showLegend: boolean;
}

/** Contours at four levels in a colour map that is safe for colour-blind eyes, with marks. */
export const defaultStyle: OverlayStyle = {
  kind: 'contour',
  colormap: 'viridis',
  levels: [0.25, 0.5, 0.75, 0.9],
  opacity: 0.6,
  lineWidthPx: 3,
  showMarks: true,
  showBadge: true,
  showLegend: true,
};

/** How the panels of a video stand: beside each other, one below the other, or in rows. */
export const SCENE_LAYOUTS = ['row', 'column', 'grid'] as const;
/** See {@link SCENE_LAYOUTS}. */
export type SceneLayout = (typeof SCENE_LAYOUTS)[number];
