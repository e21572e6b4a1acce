/** Shows the filter's grid over a picture, and the value of the cell under the pointer. */
import { type View, WHOLE_VIEW } from '../../base/fit.ts';
import type { GridShape } from '../../base/types.ts';
import { element } from './dom.ts';

/** Describes the value of a cell, row by row from 0; undefined where there is none. */
export type CellReader = (cell: number) => string | undefined;

/** Adds the grid to an element that holds a picture and lets nothing show beyond it. */
export function addCells(
  picture: HTMLElement,
  { width, height }: GridShape,
  { left, top, right, bottom }: View = WHOLE_VIEW,
  read: CellReader,
): void {
  const [cellWidth, cellHeight] = [(right - left) / width, (bottom - top) / height];
  const lines = element('div', { class: 'grid-lines' });
  place(lines, left, top, right - left, bottom - top);
  lines.style.backgroundSize = `${100 / width}% ${100 / height}%`;
  const marked = element('div', { class: 'grid-cell' });
  const text = element('div', { class: 'grid-text number', role: 'status' });
  const grid = element('div', { class: 'grid', hidden: true }, lines, marked, text);
  picture.append(grid);
  picture.addEventListener('pointermove', (event) => {
    const box = picture.getBoundingClientRect();
    const [x, y] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    const [column, row] = [Math.floor((x - left) / cellWidth), Math.floor((y - top) / cellHeight)];
    const isInside = x >= 0 && y >= 0 && x < 1 && y < 1 && column >= 0 && row >= 0 && column < width && row < height;
    const value = isInside ? read(row * width + column) : undefined;
    grid.hidden = value === undefined;
    if (value === undefined) return;
    place(marked, left + column * cellWidth, top + row * cellHeight, cellWidth, cellHeight);
    text.textContent = `row ${row}, column ${column}: ${value}`;
    grid.classList.toggle('text-above', y > 0.5);
    grid.classList.toggle('text-left', x > 0.5);
  });
  picture.addEventListener('pointerleave', () => {
    grid.hidden = true;
  });
}

/** Places an element, in shares of the one that holds it. */
function place({ style }: HTMLElement, left: number, top: number, width: number, height: number): void {
  const percent = (share: number): string => `${100 * share}%`;
  Object.assign(style, { left: percent(left), top: percent(top), width: percent(width), height: percent(height) });
}

/** A signed value and what it means. */
export function describeValue(value: number): string {
  const sign = value > 0 ? '+' : value < 0 ? '−' : '';
  const meaning = value > 0 ? ' supports' : value < 0 ? ' opposes' : '';
  return `${sign}${Math.abs(value).toFixed(3)}${meaning}`;
}
