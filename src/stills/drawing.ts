/**
 * Draws what the analysis of a still picture found, from its numbers and the picture; no network is run. `filterPainter`
 * decides how a filter looks in all of them.
 */
import { basename } from 'node:path';
import type { Image, SKRSContext2D } from '@napi-rs/canvas';
import { gridWords } from '../analysis/model-words.ts';
import { objectColor } from '../analysis/object-words.ts';
import type { View } from '../base/fit.ts';
import type { GridShape, PictureSize } from '../base/types.ts';
import { heatmapToDraw } from '../l2caf/heatmap.ts';
import { type DrawnBoxes, drawBoxes } from '../video/drawing/boxes.ts';
import { drawHeatmap } from '../video/drawing/overlay.ts';
import { balancedColumns, drawPanel, type PanelCell, type PanelRow, rowsOf } from '../video/drawing/panel.ts';
import { drawSigned } from '../video/drawing/signed.ts';
import type { OverlayStyle } from '../video/drawing/style.ts';
import { boldFont } from '../video/drawing/text.ts';
import type { PictureAnalysis, PictureMap } from './document.ts';
import { viewOfInput } from './objects.ts';

/** How filters are shown. */
export interface StillStyle {
  readonly overlay: OverlayStyle;
  /** Supporting and opposing cells in two colours, in place of the filter's size. */
  readonly signed: boolean;
  /** Whether the boxes of objects are drawn over maps, with the share of each; default false. */
  readonly showObjects?: boolean;
}

/** The picture, then one overlay per target with its probability (paper, Fig. 1). Returns a PNG file's bytes. */
export function drawMapsFigure(picture: Image, analysis: PictureAnalysis, style: StillStyle): Uint8Array {
  const overlay = overlayOf(picture, analysis, style);
  const cells: PanelCell[] = [
    { picture, label: basename(analysis.source.path) },
    ...analysis.maps.map((map) => overlay(map.filter, labelOf(map), map)),
  ];
  const { method, solver, constraint } = analysis.options;
  return drawPanel({
    rows: rowsOf(cells, balancedColumns(cells.length)),
    maxPicturePx: MAX_PICTURE_PX,
    title: `What ${analysis.model.id} looks at`,
    caption: captionOf(analysis, style, `${method}, ${constraint}, ${solver}`),
  });
}

/**
 * One row per target: its map under each constraint, with the loss (paper, Fig. 11). Returns a PNG file's bytes.
 *
 * @param analysis with `constraints`
 */
export function drawConstraintsFigure(picture: Image, analysis: PictureAnalysis, style: StillStyle): Uint8Array {
  return drawPanel({
    rows: constraintRows(picture, analysis, style),
    maxPicturePx: MAX_PICTURE_PX,
    title: 'One target, four constraints on the filter',
    caption: captionOf(analysis, style, 'losses can be compared within a row only up to the scale of the constraint'),
  });
}

/** The rows of {@link drawConstraintsFigure}, which may stand among those of other pictures. */
export function constraintRows(picture: Image, analysis: PictureAnalysis, style: StillStyle): PanelRow[] {
  const overlay = overlayOf(picture, analysis, style);
  const compared = analysis.constraints ?? [];
  const cells = analysis.maps.flatMap((_, row) =>
    compared.map(({ constraint, maps }) => {
      const map = maps[row]!;
      return overlay(map.filter, `${constraint} · ${labelOf(map)} · loss ${map.loss.toPrecision(3)}`);
    }),
  );
  return rowsOf(cells, compared.length);
}

/**
 * One row per target: the trained network's map, then those after re-initialising it part by part (paper, Fig. 10).
 * Returns a PNG file's bytes.
 *
 * @param analysis with `sanity`
 */
export function drawSanityFigure(picture: Image, analysis: PictureAnalysis, style: StillStyle): Uint8Array {
  const { meanRankCorrelations = [], verdict = 'failed' } = analysis.sanity ?? {};
  const means = meanRankCorrelations.map((value) => value.toFixed(2)).join(', ');
  return drawPanel({
    rows: sanityRows(picture, analysis, style),
    maxPicturePx: MAX_PICTURE_PX,
    title: `Sanity check ${verdict}: mean rank correlation ${means} with the trained network's map`,
    caption: captionOf(
      analysis,
      style,
      'weights drawn at random from the output down, cumulatively; high means failure',
    ),
  });
}

/** The rows of {@link drawSanityFigure}, which may stand among those of other pictures. */
export function sanityRows(picture: Image, analysis: PictureAnalysis, style: StillStyle): PanelRow[] {
  const overlay = overlayOf(picture, analysis, style);
  const steps = analysis.sanity?.steps ?? [];
  const cells = analysis.maps.flatMap((trained, row) => [
    overlay(trained.filter, `trained · ${labelOf(trained)}`),
    ...steps.map(({ part, maps }, i) => {
      const { filter, rankCorrelation, ssim } = maps[row]!;
      const label = `${i === 0 ? '' : '+ '}${part} · ρ ${rankCorrelation.toFixed(2)} · SSIM ${ssim.toFixed(2)}`;
      return overlay(filter, label);
    }),
  ]);
  return rowsOf(cells, steps.length + 1);
}

/** Largest width of a picture, pixels: photographs of this kind are small. */
const MAX_PICTURE_PX = 420;

/** `golden retriever 77.1 %`, `steering 0.312`, or `all outputs`. */
export function labelOf({ target }: PictureMap): string {
  if (target.kind === 'oblivious') return 'all outputs';
  const figure = target.kind === 'class' ? `${(100 * target.probability).toFixed(1)} %` : target.value.toPrecision(3);
  return `${target.label} ${figure}`;
}

/** Makes cells with a filter over the picture, where the network saw it. */
function overlayOf(picture: Image, analysis: PictureAnalysis, style: StillStyle) {
  const view = viewOfInput(analysis);
  return (filter: PictureMap['filter'], label: string, map?: PictureMap): PanelCell => {
    const paintFilter = filterPainter(filter, style, view);
    const boxes = style.showObjects && map?.objects ? boxesOf(analysis, map.objects.each) : undefined;
    return {
      ...{ picture, label },
      paint: (context, area) => {
        paintFilter(context, area);
        if (boxes) drawBoxes(context, area, boxes, boldFont);
      },
    };
  };
}

/** The boxes of a picture, with the shares of a map. */
function boxesOf({ source, objects }: PictureAnalysis, shares: readonly number[]): DrawnBoxes {
  const boxes = (objects?.list ?? []).flatMap(({ name, boxes: own }, place) =>
    own.map((box) => ({ ...box, name, color: objectColor(place), share: shares[place]! })),
  );
  return { picture: source, boxes };
}

/**
 * Paints a filter over a picture.
 *
 * The cells of a ResNet-50 after conv5 divide the picture evenly here, as published. By its padding they are centred half
 * a cell (16 of 224 pixels) further up and left; but a cell sees the whole picture, and what it responds to lies between
 * the two: 7 to 8 pixels up and left by the gradient of its activation over photographs and their mirror images, 10 ± 2 by
 * the peaks of class maps against the boxes of small objects.
 */
export function filterPainter(
  filter: GridShape & { readonly values: ArrayLike<number> },
  { overlay: look, signed }: StillStyle,
  view: View | undefined,
) {
  const map = { ...filter, values: Float32Array.from(filter.values) };
  return (context: SKRSContext2D, area: PictureSize): void => {
    if (!signed) drawHeatmap(context, area, heatmapToDraw(map, 'abs', view), look);
    else {
      const supporting = heatmapToDraw(map, 'positive', view);
      drawSigned(context, area, supporting, heatmapToDraw(map, 'negative', view), look);
    }
  };
}

function captionOf({ model, maps }: PictureAnalysis, { signed }: StillStyle, what: string): string {
  const legend = signed ? '; blue argues for it, dashed orange against it' : '';
  return `${model.id} after ${model.layer}, ${gridWords(model.grid, maps[0]!.filter)}; ${what}${legend}`;
}
