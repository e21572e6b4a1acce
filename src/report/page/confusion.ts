/** How often each class was found for each label: counts that, when clicked, narrow the index down to their events. */
import { classColor } from '../../video/drawing/palette.ts';
import type { IndexRow } from '../page-data.ts';
import { element } from './dom.ts';

/** More labels or classes are no table to look at. */
const MOST = 20;

/** A swatch in the colour that a class has in ribbons and reports. */
export function classSwatch(place: number | undefined): HTMLElement {
  const swatch = element('span', { class: 'swatch', 'aria-hidden': 'true' });
  if (place !== undefined) swatch.style.background = classColor(place);
  return swatch;
}

/**
 * The table; undefined where there are no labels, no classes, or too many.
 *
 * @param onChoose a count was clicked
 */
export function confusionTable(
  rows: readonly IndexRow[],
  onChoose: (label: string, found: string) => void,
): HTMLElement | undefined {
  const counted = rows.filter(({ label, best }) => label !== undefined && best !== undefined);
  const labels = [...new Set(counted.map(({ label }) => label!))].sort();
  const places = new Map(counted.map(({ best }) => [best!.label, best!.place]));
  const classes = [...places.keys()].sort();
  if (counted.length === 0 || labels.length > MOST || classes.length > MOST) return undefined;
  const count = (label: string, found: string): number =>
    counted.filter((row) => row.label === label && row.best!.label === found).length;
  const head = element(
    'tr',
    {},
    element('th', { scope: 'col' }, 'label \\ class'),
    ...classes.map((name) => element('th', { scope: 'col' }, classSwatch(places.get(name)), name)),
  );
  const lines = labels.map((label) => {
    const cells = classes.map((found) => {
      const number = count(label, found);
      if (number === 0) return element('td', {}, '');
      const name = `${number} with the label ${label}, seen as ${found}`;
      const button = element('button', { type: 'button', 'aria-label': name }, String(number));
      button.addEventListener('click', () => onChoose(label, found));
      return element('td', { class: label === found && 'agrees' }, button);
    });
    return element('tr', {}, element('th', { scope: 'row' }, label), ...cells);
  });
  const agreeing = counted.filter(({ label, best }) => label === best!.label).length;
  const summary = `Labels and classes: ${agreeing} of ${counted.length} alike`;
  const table = element('table', {}, element('thead', {}, head), element('tbody', {}, ...lines));
  return element(
    'details',
    { class: 'confusion' },
    element('summary', {}, summary),
    element('div', { class: 'scroll' }, table),
  );
}
