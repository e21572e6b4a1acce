/**
 * The map of events in the browser: similar events lie together; what lies under the pointer, or is gone to by keys, is shown
 * beside it, with its picture, and opens its report.
 */
import { colorOf, cssColor } from '../../video/drawing/colormap.ts';
import { classColor, classPlaces } from '../../video/drawing/palette.ts';
import type { MapData, MapPoint } from '../page-data.ts';
import { addressOf, element, filterHeader, formatNumber, formatTime, readData, searchField, select } from './dom.ts';

type Value = string | number | undefined;

interface Column {
  readonly name: string;
  readonly isNumber: boolean;
  read(point: MapPoint): Value;
}

interface Shown {
  readonly point: MapPoint;
  readonly mark: SVGCircleElement;
  /** In the drawing's units. */
  readonly x: number;
  readonly y: number;
  readonly text: string;
}

const SVG = 'http://www.w3.org/2000/svg';
const [WIDTH, HEIGHT, MARGIN, RADIUS] = [1000, 720, 24, 6];
const OTHER = '#8a929c';
/** Categories that have colours of their own. */
const MOST_CATEGORIES = 20;

const { title, caption, axes, points, classes = [] } = readData<MapData>();
const columns = columnsOf(points);
const shown = placed(points);
const hidden = new Set<string>();
let current: Shown | undefined;

const marks = svg('g', { role: 'listbox', tabindex: 0, 'aria-label': 'Events on the map' });
const ring = svg('circle', { class: 'ring', r: RADIUS + 4, 'aria-hidden': 'true' });
const drawing = svg('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: 'map' });
const search = searchField();
const colourBy = select(
  'Colour by',
  columns.map(({ name }, k) => [String(k), name]),
);
const count = element('output', { 'aria-live': 'polite' });
const card = element('section', { class: 'card', 'aria-label': 'Event', 'aria-live': 'polite' });
const legend = element('section', { class: 'map-legend', 'aria-label': 'Colours' });

build();
colour();
show(undefined);

function build(): void {
  colourBy.value = String(firstColumn());
  marks.append(...shown.map(({ mark }) => mark));
  drawing.append(marks, ring);
  document.body.append(
    filterHeader(title, search, element('label', {}, 'Colour by ', colourBy), count),
    element(
      'main',
      {},
      element(
        'figure',
        {},
        drawing,
        element('figcaption', { class: 'quiet-text' }, `${axes[0]} across, ${axes[1]} upwards. ${caption}`),
        element('p', { class: 'quiet-text hints' }, ...hints()),
      ),
      element('aside', {}, card, legend),
    ),
  );
  colourBy.addEventListener('change', () => {
    hidden.clear();
    colour();
  });
  search.addEventListener('input', filter);
  for (const one of shown) {
    one.mark.addEventListener('pointerenter', () => show(one));
    one.mark.addEventListener('click', () => open(one));
  }
  marks.addEventListener('focus', () => show(current ?? shown.find(isVisible)));
  marks.addEventListener('keydown', onKey);
}

function hints(): (Node | string)[] {
  const keys = [
    ['← → ↑ ↓', 'the nearest event that way'],
    ['Enter', 'opens its report'],
  ];
  return keys.flatMap(([key, what]) => [element('kbd', {}, key!), ` ${what}   `]);
}

/** The points on the drawing, one scale for both axes. */
function placed(all: readonly MapPoint[]): Shown[] {
  const [xs, ys] = [all.map(({ x }) => x), all.map(({ y }) => y)];
  const ends = (values: readonly number[]): readonly [number, number] =>
    values.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)] as const, [
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
    ] as readonly [number, number]);
  const [[left, right], [low, high]] = [ends(xs), ends(ys)];
  const scale = Math.min((WIDTH - 2 * MARGIN) / (right - left || 1), (HEIGHT - 2 * MARGIN) / (high - low || 1));
  return all.map((point, i) => {
    const x = WIDTH / 2 + scale * (point.x - (left + right) / 2);
    const y = HEIGHT / 2 - scale * (point.y - (low + high) / 2);
    const name = [point.id, point.label].filter(Boolean).join(', ');
    const mark = svg('circle', {
      ...{ id: `point-${i}`, role: 'option', 'aria-label': name, 'aria-selected': 'false' },
      ...{ cx: x.toFixed(1), cy: y.toFixed(1), r: RADIUS, class: point.report === undefined ? 'mark' : 'mark linked' },
    });
    const values = columns.map(({ read }) => read(point) ?? '');
    return { point, mark, x, y, text: [point.id, ...values].join('\n').toLowerCase() };
  });
}

/** What events can be coloured by: what takes several values. */
function columnsOf(all: readonly MapPoint[]): Column[] {
  const own: readonly (readonly [string, Column['read']])[] = [
    ['label', ({ label }) => label],
    ['split', ({ split }) => split],
    ['verdict', ({ verdict }) => verdict],
    ['class', ({ best }) => best?.label],
    ['probability', ({ best }) => best?.probability],
    ['video', ({ video }) => video?.split(/[\\/]/).at(-1)],
    ['loss', ({ loss }) => loss],
    ['importance', ({ importance }) => importance],
    ['start', ({ startSec }) => startSec],
  ];
  const extras = [...new Set(all.flatMap(({ extra = {} }) => Object.keys(extra)))];
  const named = extras.map((name): readonly [string, Column['read']] => [
    name,
    ({ extra }) => (extra && Object.hasOwn(extra, name) ? extra[name] : undefined),
  ]);
  const many = [...own, ...named].flatMap(([name, read]): Column[] => {
    const values = new Set(all.map(read));
    const known = [...values].filter((value) => value !== undefined);
    if (values.size < 2) return [];
    return [{ name, read, isNumber: known.every((value) => typeof value === 'number') }];
  });
  return many.length > 0 ? many : [{ name: 'nothing', read: () => undefined, isNumber: false }];
}

/** The first column that tells groups of events apart, and not each from each as their videos may. */
function firstColumn(): number {
  const counts = columns.map(({ read }) => new Set(points.map(read)).size);
  const groups = columns.findIndex(({ isNumber }, k) => !isNumber && counts[k]! <= points.length / 2);
  return Math.max(0, groups);
}

function colour(): void {
  const column = columns[Number(colourBy.value)]!;
  const values = shown.map(({ point }) => column.read(point));
  const numbers = values.filter((value) => typeof value === 'number');
  if (column.isNumber && numbers.length > 0) {
    const [least, most] = numbers.reduce(
      ([low, high], value) => [Math.min(low, value), Math.max(high, value)],
      [numbers[0]!, numbers[0]!],
    );
    for (const [i, { mark }] of shown.entries()) {
      const value = values[i];
      const share = typeof value === 'number' ? (value - least!) / (most! - least! || 1) : undefined;
      mark.style.fill = share === undefined ? OTHER : cssColor(colorOf('viridis', share));
    }
    const bar = element('span', { class: 'color-bar', 'aria-hidden': 'true' });
    const stops = Array.from({ length: 9 }, (_, i) => cssColor(colorOf('viridis', i / 8)));
    bar.style.background = `linear-gradient(to right, ${stops.join(', ')})`;
    const scale = element('p', {}, `${formatNumber(least!)} `, bar, ` ${formatNumber(most!)}`);
    legend.replaceChildren(element('h2', {}, column.name), scale);
  } else {
    const counts = new Map<string, number>();
    for (const value of values) counts.set(String(value ?? ''), (counts.get(String(value ?? '')) ?? 0) + 1);
    const named = [...counts].sort(
      ([a, m], [b, n]) => Number(a === '') - Number(b === '') || n - m || (a < b ? -1 : 1),
    );
    const known = named.flatMap(([name]) => (name === '' ? [] : [name]));
    const place = classPlaces(known, classes) ?? new Map(known.map((name, k) => [name, k]));
    const most = Math.max(MOST_CATEGORIES, classes.length);
    const colorOfName = (name: string): string =>
      (place.get(name) ?? most) >= most ? OTHER : classColor(place.get(name)!);
    for (const [i, { mark }] of shown.entries()) mark.style.fill = colorOfName(String(values[i] ?? ''));
    const entries = named.map(([name, own]) => categoryButton(name, own, colorOfName(name)));
    legend.replaceChildren(element('h2', {}, column.name), element('ul', {}, ...entries));
  }
  filter();
}

/** A category of the legend, which shows or hides its events. */
function categoryButton(name: string, own: number, color: string): HTMLElement {
  const swatch = element('span', { class: 'swatch', 'aria-hidden': 'true' });
  swatch.style.background = color;
  const text = element('span', { class: 'clamped' }, name || 'none');
  const button = element(
    'button',
    { type: 'button', 'aria-pressed': 'true' },
    swatch,
    text,
    element('span', { class: 'number quiet-text' }, String(own)),
  );
  button.addEventListener('click', () => {
    if (!hidden.delete(name)) hidden.add(name);
    button.setAttribute('aria-pressed', String(!hidden.has(name)));
    filter();
  });
  return element('li', {}, button);
}

function filter(): void {
  const words = search.value.toLowerCase().split(/\s+/);
  const column = columns[Number(colourBy.value)]!;
  let matching = 0;
  for (const { point, mark, text } of shown) {
    const isChosen = column.isNumber || !hidden.has(String(column.read(point) ?? ''));
    const isShown = isChosen && words.every((word) => text.includes(word));
    mark.toggleAttribute('hidden', !isShown);
    if (isShown) matching++;
  }
  const total = shown.length.toLocaleString('en');
  count.textContent =
    matching === shown.length ? `${total} events` : `${matching.toLocaleString('en')} of ${total} events`;
  if (current && !isVisible(current)) show(undefined);
}

function isVisible({ mark }: Shown): boolean {
  return !mark.hasAttribute('hidden');
}

/** Shows an event beside the map. */
function show(one: Shown | undefined): void {
  current?.mark.setAttribute('aria-selected', 'false');
  current = one;
  ring.toggleAttribute('hidden', one === undefined);
  if (one === undefined) {
    marks.removeAttribute('aria-activedescendant');
    card.replaceChildren(element('p', { class: 'quiet-text' }, 'Point at an event, or go to one by keys.'));
    return;
  }
  const { point, mark, x, y } = one;
  mark.setAttribute('aria-selected', 'true');
  marks.setAttribute('aria-activedescendant', mark.id);
  ring.setAttribute('cx', String(x));
  ring.setAttribute('cy', String(y));
  const { id, thumbnail, report, startSec, endSec } = point;
  const name = report === undefined ? id : element('a', { href: addressOf(report) }, id);
  const picture =
    thumbnail === undefined
      ? []
      : [element('img', { src: thumbnail.startsWith('data:image/') ? thumbnail : addressOf(thumbnail), alt: '' })];
  const facts = columns.flatMap(({ name: own, read, isNumber }): HTMLElement[] => {
    const value = read(point);
    if (value === undefined || own === 'start') return [];
    const text = isNumber && typeof value === 'number' ? formatNumber(value) : String(value);
    return [element('dt', {}, own), element('dd', { class: 'clamped', title: text }, text)];
  });
  const span =
    startSec === undefined || endSec === undefined
      ? []
      : [element('dt', {}, 'span'), element('dd', {}, `${formatTime(startSec)} – ${formatTime(endSec)}`)];
  card.replaceChildren(...picture, element('h2', {}, name), element('dl', {}, ...facts, ...span));
}

function open({ point: { report } }: Shown): void {
  if (report !== undefined) location.href = addressOf(report);
}

function onKey(event: KeyboardEvent): void {
  const directions: Readonly<Record<string, readonly [number, number]>> = {
    ...{ ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] },
  };
  const direction = Object.hasOwn(directions, event.key) ? directions[event.key] : undefined;
  if (direction) {
    event.preventDefault();
    show(neighbour(direction) ?? current);
  } else if (event.key === 'Enter' && current) open(current);
}

/** The nearest event in a direction; what lies to the side counts as further away. */
function neighbour([dx, dy]: readonly [number, number]): Shown | undefined {
  const from = current;
  if (from === undefined) return shown.find(isVisible);
  const far = (one: Shown): number => {
    const [ahead, aside] = [
      (one.x - from.x) * dx + (one.y - from.y) * dy,
      (one.x - from.x) * dy + (one.y - from.y) * dx,
    ];
    return ahead > 0 ? ahead + 2 * Math.abs(aside) : Number.POSITIVE_INFINITY;
  };
  const best = shown
    .filter((one) => isVisible(one) && one !== from)
    .reduce<Shown | undefined>(
      (nearest, one) => (far(one) < (nearest ? far(nearest) : Number.POSITIVE_INFINITY) ? one : nearest),
      undefined,
    );
  return best;
}

function svg<Tag extends keyof SVGElementTagNameMap>(
  tag: Tag,
  attributes: Readonly<Record<string, string | number>>,
): SVGElementTagNameMap[Tag] {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  return made;
}
