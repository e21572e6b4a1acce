/**
 * The paper's Figure 9 from analyses: a row per event, or per method for one event, a few frames each, with contours and
 * times. For print: PNG at 300 dots per inch, SVG or PDF. No network is run, and the same analyses give the same bytes.
 */
import type { Analysis } from '../analysis/document.ts';
import { gridName, isUntrained, modelName } from '../analysis/model-words.ts';
import { keyframesOf } from '../analysis/timeline.ts';
import { L2cafError } from '../base/errors.ts';
import { evenlyChosen } from '../base/evenly.ts';
import { writeFileAtomically } from '../base/files.ts';
import { frameCanvas } from '../video/drawing/frame-canvas.ts';
import { describeScale } from '../video/drawing/keyframes.ts';
import { checkStyle } from '../video/drawing/overlay.ts';
import { drawPanel, drawPanelPdf, drawPanelSvg, type PanelContent, type PanelRow } from '../video/drawing/panel.ts';
import { withPrintResolution } from '../video/drawing/png.ts';
import { painterOf } from '../video/drawing/strip.ts';
import { defaultStyle, type OverlayStyle } from '../video/drawing/style.ts';
import { framesAt } from '../video/media/sample.ts';
import { describeDifferences, describeMethod, describeTarget } from './comparison.ts';
import { boxesOn, openSource, type RenderOptions } from './rendering.ts';

/** How a figure is drawn. */
export interface FigureOptions extends RenderOptions {
  /** Moments per event, evenly chosen from the sampled ones; 3 by default. */
  readonly frames?: number;
  /** Events beside each other; 1 by default. */
  readonly columns?: number;
  /** One per analysis; default: what tells them apart. */
  readonly titles?: readonly string[];
  /** Below the pictures; default: what the analyses have in common, and the levels. Empty: nothing. */
  readonly caption?: string;
  /** Width of the figure; by default 2100 pixels, 178 mm in print. */
  readonly widthPx?: number;
}

/**
 * Writes the figure, `.png`, `.svg` or `.pdf`, whole or not at all.
 *
 * @throws L2cafError `usage` for another kind of file, no analysis or another number of titles; `input-changed`,
 * `output-unwritable`
 */
export async function renderFigure(
  analyses: readonly Analysis[],
  out: string,
  options: FigureOptions = {},
): Promise<void> {
  const { style = defaultStyle, titles = describeDifferences(analyses), widthPx = 2100, onProgress } = options;
  const draw = DRAWINGS.find(({ ending }) => ending.test(out))?.draw;
  if (draw === undefined) throw new L2cafError('usage', `a figure is a .png, an .svg or a .pdf file, not ${out}`);
  if (analyses.length === 0) throw new L2cafError('usage', 'a figure needs at least one analysis');
  if (titles.length !== analyses.length) {
    throw new L2cafError('usage', `${analyses.length} analyses need as many titles, not ${titles.length}`);
  }
  checkStyle(style);
  const rows: PanelRow[] = [];
  for (const [k, analysis] of analyses.entries()) {
    rows.push(await rowOf(analysis, titles[k]!, { ...options, style }));
    onProgress?.({ stage: 'figure', done: k + 1, total: analyses.length, unit: 'events' });
  }
  const { caption = captionOf(analyses, { ...options, style }), columns = 1 } = options;
  const content: PanelContent = { rows, columns, caption, widthPx, scale: widthPx / PX_PER_SCALE };
  await writeFileAtomically(
    out,
    await draw(content),
    analyses.map(({ source }) => source.path),
  );
}

/** How a figure is drawn, by the name of its file. */
const DRAWINGS: readonly {
  readonly ending: RegExp;
  readonly draw: (content: PanelContent) => Uint8Array | Promise<string>;
}[] = [
  { ending: /\.png$/i, draw: (content) => withPrintResolution(drawPanel(content)) },
  { ending: /\.svg$/i, draw: drawPanelSvg },
  { ending: /\.pdf$/i, draw: drawPanelPdf },
];

/** Labels of 20 pixels at scale 1 become 8 points on a figure 178 mm wide. */
const PX_PER_SCALE = 1260;

async function rowOf(
  analysis: Analysis,
  title: string,
  { style, frames: count = 3, signal, ...options }: FigureOptions & { readonly style: OverlayStyle },
): Promise<PanelRow> {
  const clip = await openSource(analysis, signal);
  const keyframes = keyframesOf(analysis, options);
  const shown = evenlyChosen(keyframes, count, 'middles');
  const times = shown.map(({ timestampSec }) => timestampSec);
  const frames = await framesAt(clip, times, signal ? { signal } : {});
  const isHidden = isUntrained(analysis.model) && !/untrained/i.test(title);
  return {
    heading: isHidden ? `${title} · UNTRAINED HEAD` : title,
    cells: shown.map((keyframe, i) => ({
      picture: frameCanvas(frames, i),
      label: `t = ${keyframe.timestampSec.toFixed(2)} s`,
      paint: painterOf({ ...keyframe, boxes: boxesOn(analysis, keyframes.indexOf(keyframe), options) }, style),
    })),
  };
}

function captionOf(
  analyses: readonly Analysis[],
  { style, normalize = 'frame', signed, ...options }: FigureOptions & { readonly style: OverlayStyle },
): string {
  const traits = [describeMethod, describeTarget, describeNetwork];
  const common = traits.flatMap((trait) => {
    const values = new Set(analyses.map(trait));
    return values.size === 1 ? [...values] : [];
  });
  const contours = style.kind === 'heatmap' ? 'tint' : `contours at ${style.levels.join(', ')}`;
  const scale = signed
    ? 'blue supports, dashed orange opposes'
    : describeScale(keyframesOf(analyses[0]!, { normalize, ...options }), normalize);
  return [...common, `${contours} (${scale})`].join('; ');
}

function describeNetwork(analysis: Analysis): string {
  const { model } = analysis;
  const name = isUntrained(model) ? 'untrained head' : `model ${modelName(model)}`;
  return `${name} on ${gridName(analysis)}`;
}
