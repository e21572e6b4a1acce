/** Shows the filter's grid over a picture, and the value of the cell under the pointer. */
import type { GridShape } from '../../base/types.ts';
import { element } from './dom.ts';

/** Describes the value of a cell, row by row from 0; undefined where there is none. */
export type CellReader = (cell: number) => string | undefined;

/** Adds the grid to an element that holds a picture and covers it exactly. */
export function addCells(picture: HTMLElement, { width, height }: GridShape, read: CellReader): void {
  const lines = element('div', { class: 'grid-lines' });
  lines.style.backgroundSize = `${100 / width}% ${100 / height}%`;
  const marked = element('div', { class: 'grid-cell' });
  Object.assign(marked.style, { width: `${100 / width}%`, height: `${100 / height}%` });
  const text = element('div', { class: 'grid-text number', role: 'status' });
  const grid = element('div', { class: 'grid', hidden: true }, lines, marked, text);
  picture.append(grid);
  picture.addEventListener('pointermove', (event) => {
    const box = picture.getBoundingClientRect();
    const [x, y] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    const [column, row] = [Math.floor(x * width), Math.floor(y * height)];
    const value = x >= 0 && y >= 0 && x < 1 && y < 1 ? read(row * width + column) : undefined;
    grid.hidden = value === undefined;
    if (value === undefined) return;
    Object.assign(marked.style, { left: `${(100 * column) / width}%`, top: `${(100 * row) / height}%` });
    text.textContent = `row ${row + 1}, column ${column + 1}: ${value}`;
    grid.classList.toggle('text-above', row > height / 2);
    grid.classList.toggle('text-left', column > width / 2);
  });
  picture.addEventListener('pointerleave', () => {
    grid.hidden = true;
  });
}

/** A signed value and what it means. */
export function describeValue(value: number): string {
  const sign = value > 0 ? '+' : value < 0 ? '−' : '';
  const meaning = value > 0 ? ' supports' : value < 0 ? ' opposes' : '';
  return `${sign}${Math.abs(value).toFixed(3)}${meaning}`;
}
