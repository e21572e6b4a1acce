/** The sampled frames as pictures, each with its overlay and its filter as a table. */
import type { Analysis, AnalysisFrame } from '../../analysis/document.ts';
import { inputView } from '../../analysis/timeline.ts';
import { SIGNED_COLORS } from '../../video/drawing/signed.ts';
import type { FramePicture } from '../page-data.ts';
import { addCells, describeValue } from './cells.ts';
import { element, formatNumber, formatTime } from './dom.ts';

/** A picture with a canvas for its overlay. */
export interface OverlaidPicture {
  /** Position among the frames of the analysis. */
  readonly frame: number;
  readonly canvas: HTMLCanvasElement;
}

/** The pictures; pressing the time of one goes there. */
export function pictureGallery(
  analysis: Analysis,
  pictures: readonly FramePicture[],
  onSeek: (timeSec: number) => void,
): { readonly gallery: HTMLElement; readonly overlaid: readonly OverlaidPicture[] } {
  const { frames } = analysis;
  const view = inputView(analysis);
  const overlaid: OverlaidPicture[] = [];
  const items = pictures.map(({ frame, jpeg }) => {
    const found = frames[frame]!;
    const { timestampSec, filter } = found;
    const canvas = element('canvas', { 'aria-hidden': 'true' });
    overlaid.push({ frame, canvas });
    const alt = `Frame ${frame + 1} at ${formatTime(timestampSec)} with the attention`;
    const image = element('img', { src: `data:image/jpeg;base64,${jpeg}`, alt });
    const picture = element('div', { class: 'picture' }, image, canvas);
    addCells(picture, filter, view, (cell) => describeValue(filter.values[cell]!));
    const button = element('button', { type: 'button', class: 'link number' }, formatTime(timestampSec));
    button.setAttribute('aria-label', `Go to frame ${frame + 1} at ${formatTime(timestampSec)}`);
    button.addEventListener('click', () => onSeek(timestampSec));
    const caption = element(
      'figcaption',
      {},
      element('span', {}, button, element('span', { class: 'quiet-text' }, ` frame ${frame + 1} of ${frames.length}`)),
      element('span', { class: 'quiet-text number' }, describe(found)),
    );
    return element('figure', {}, picture, caption, filterTable(found));
  });
  return { gallery: element('div', { class: 'gallery' }, ...items), overlaid };
}

function describe({
  loss,
  status,
  damaged,
  opposingShare,
  importance,
  importanceError,
  verdict,
  windows,
}: AnalysisFrame): string {
  return [
    `loss ${formatNumber(loss)}`,
    status,
    ...(damaged ? ['damaged in the file'] : []),
    ...(importance === undefined
      ? []
      : [`importance ${formatNumber(importance)}${importanceError ? ` ± ${formatNumber(importanceError)}` : ''}`]),
    ...(opposingShare > 0.005 ? [`${Math.round(100 * opposingShare)} % opposing`] : []),
    ...(verdict ? [verdict.words] : []),
    ...(windows === undefined ? [] : [windows === 1 ? '1 window' : `mean of ${windows} windows`]),
  ].join(' · ');
}

/** The signed filter, row by row; made when it is opened. */
function filterTable({ filter: { width, height, values } }: AnalysisFrame): HTMLElement {
  const details = element('details', {}, element('summary', {}, `Filter, ${width} × ${height} cells`));
  const largest = Math.max(...values.map(Math.abs), Number.MIN_VALUE);
  const cellOf = (value: number): HTMLElement => {
    const cell = element('td', { class: 'number' }, value.toFixed(2).replace('-', '−').replace('0.', '.'));
    const color = value >= 0 ? SIGNED_COLORS.supporting : SIGNED_COLORS.opposing;
    cell.style.backgroundColor = `rgb(${color.join(' ')} / ${(0.75 * Math.abs(value)) / largest})`;
    return cell;
  };
  const make = (): void => {
    const columns = Array.from({ length: width }, (_, j) => element('th', { scope: 'col' }, String(j)));
    const rows = Array.from({ length: height }, (_, i) => {
      const cells = values.slice(i * width, (i + 1) * width).map(cellOf);
      return element('tr', {}, element('th', { scope: 'row' }, String(i)), ...cells);
    });
    const heading = element('tr', {}, element('td'), ...columns);
    const caption = element('caption', {}, 'Signed values: blue supports the output, orange opposes it');
    const table = element('table', {}, caption, element('thead', {}, heading), element('tbody', {}, ...rows));
    details.append(
      element('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Filter values' }, table),
    );
  };
  details.addEventListener('toggle', make, { once: true });
  return details;
}
