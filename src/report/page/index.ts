/** The index in the browser: a table of events that can be filtered and sorted. */
import type { IndexData, IndexRow } from '../page-data.ts';
import { classSwatch, confusionTable } from './confusion.ts';
import {
  addressOf,
  breakable,
  element,
  filterHeader,
  formatNumber,
  formatTime,
  readData,
  searchField,
  select,
} from './dom.ts';
import { Pair } from './pair.ts';

type Value = string | number | undefined;

interface Column {
  readonly title: string;
  /** Least width in rem, and the share of the remaining width. */
  readonly width: readonly [leastRem: number, share: number];
  readonly isNumber: boolean;
  /** What is sorted by. */
  read(row: IndexRow): Value;
  /** What is shown; by default the value. */
  show?(row: IndexRow): Node | string;
}

interface ShownRow {
  readonly row: IndexRow;
  readonly text: string;
  readonly line: HTMLElement;
}

/** What the index is narrowed down by, and what stands for all of it. */
const CHOICES = {
  label: 'all labels',
  class: 'all classes',
  status: 'any status',
  split: 'all splits',
  verdict: 'any verdict',
} as const;
type ChoiceKey = keyof typeof CHOICES;

const { title, rows, leftOut = [] } = readData<IndexData>();
const pair = new Pair();
const columns = columnsOf(rows);
const shownRows = rows.map((row): ShownRow => ({ row, text: textOf(row), line: lineOf(row) }));
const body = element('div', { role: 'rowgroup', class: 'body' });
const search = searchField();
const choices = choicesOf(rows);
const count = element('output', { 'aria-live': 'polite' });
const empty = element('p', { class: 'empty', hidden: true }, 'No event matches.');
buildPage();
filter();

function buildPage(): void {
  const head = element('div', { role: 'rowgroup', class: 'head' }, headLine());
  const table = element('div', { role: 'table', 'aria-label': 'Events', 'aria-rowcount': rows.length + 1 }, head, body);
  table.style.setProperty('--columns', columns.map(({ width }) => `minmax(${width[0]}rem, ${width[1]}fr)`).join(' '));
  const leastRem = columns.reduce((sum, { width }) => sum + width[0] + 1, 3);
  table.style.setProperty('--least-width', `${leastRem}rem`);
  document.body.append(
    filterHeader(
      title,
      search,
      ...choices.map(({ list }) => list),
      ...(rows.filter(({ report }) => report !== undefined).length > 1 ? [pair.button] : []),
      count,
    ),
    element('main', {}, ...detailsOf(), table, empty),
  );
  body.append(...shownRows.map(({ line }) => line));
  search.addEventListener('input', filter);
  for (const { list } of choices) list.addEventListener('change', filter);
}

/** What is told above the table: how classes agree with labels, and what is not in it. */
function detailsOf(): HTMLElement[] {
  const confusion = confusionTable(rows, (label, found) => {
    for (const { key, list } of choices) if (key === 'label') list.value = `=${label}`;
    for (const { key, list } of choices) if (key === 'class') list.value = `=${found}`;
    filter();
  });
  const items = leftOut.map((problem) => element('li', {}, problem));
  const many = leftOut.length === 1 ? '1 row of the list was' : `${leftOut.length} rows of the list were`;
  return [
    ...(confusion ? [confusion] : []),
    ...(items.length > 0
      ? [
          element(
            'details',
            { class: 'left-out' },
            element('summary', {}, `${many} left out`),
            element('ul', {}, ...items),
          ),
        ]
      : []),
  ];
}

/** The columns for which there is something to show. */
function columnsOf(all: readonly IndexRow[]): Column[] {
  const has = (key: keyof IndexRow): boolean => all.some((row) => row[key] !== undefined);
  const text = (name: string, width: Column['width'], read: Column['read']): Column => ({
    ...{ title: name, width, read },
    isNumber: false,
  });
  const number = (
    name: string,
    read: Column['read'],
    format: (value: number) => string = formatNumber,
    rem = 6.8,
  ): Column => ({
    ...{ title: name, width: [rem, 0], read },
    isNumber: true,
    show: (row) => {
      const value = read(row);
      return typeof value === 'number' ? format(value) : (value ?? '');
    },
  });
  const extras = [...new Set(all.flatMap(({ extra = {} }) => Object.keys(extra)))];
  const extraColumn = (name: string): Column => {
    const read = ({ extra }: IndexRow): Value => (extra && Object.hasOwn(extra, name) ? extra[name] : undefined);
    const isNumber = all.every((row) => typeof read(row) !== 'string');
    return isNumber ? number(name, read) : text(name, [8, 1], read);
  };
  return [
    ...(has('thumbnail') ? [{ ...text('', [6.4, 0], () => undefined), show: pictureOf }] : []),
    { ...text('event', [11, 2], ({ id }) => id), show: nameOf },
    ...(has('label') ? [text('label', [8, 1], ({ label }) => label)] : []),
    { ...text('status', [4.5, 0], ({ status }) => status), show: statusOf },
    ...(has('split') ? [text('split', [4.5, 0], ({ split }) => split)] : []),
    ...(has('video') ? [{ ...text('video', [9, 1], ({ video }) => video), show: videoOf }] : []),
    number('start', ({ startSec }) => startSec, formatTime, 5),
    number('length', lengthOf, formatTime, 5),
    ...(has('loss') ? [number('loss', ({ loss }) => loss)] : []),
    ...(has('importance') ? [number('importance', ({ importance }) => importance)] : []),
    ...(has('best')
      ? [
          { ...text('class', [10, 1], ({ best }) => best?.label), show: classOf },
          number('probability', ({ best }) => best?.probability),
        ]
      : []),
    ...(has('verdict') ? [text('verdict', [9, 1], ({ verdict }) => verdict)] : []),
    ...(has('files') ? [{ ...text('files', [7.5, 0], ({ files }) => files?.length), show: filesOf }] : []),
    ...extras.map(extraColumn),
  ];
}

function pictureOf({ thumbnail }: IndexRow): Node | string {
  if (thumbnail === undefined) return '';
  const src = thumbnail.startsWith('data:image/') ? thumbnail : addressOf(thumbnail);
  return element('img', { src, alt: '', loading: 'lazy', decoding: 'async', width: 96, height: 54 });
}

function classOf({ best }: IndexRow): Node | string {
  if (best === undefined) return '';
  const label = element('span', { class: 'clamped', title: best.label }, ...breakable(best.label));
  return element('div', { class: 'beside-swatch' }, classSwatch(best.place), label);
}

/** What was made of the event beside its report. */
function filesOf({ files = [] }: IndexRow): Node {
  const links = files.map((path) => element('a', { href: addressOf(path) }, path.split('/').at(-1)!));
  return element('div', { class: 'files' }, ...links);
}

/** The file's name; all of its path on asking. */
function videoOf({ video = '' }: IndexRow): Node {
  return element('div', { class: 'clamped', title: video }, video.split(/[\\/]/).at(-1) ?? '');
}

function lengthOf({ startSec, endSec }: IndexRow): Value {
  return startSec === undefined || endSec === undefined ? undefined : endSec - startSec;
}

function nameOf(row: IndexRow): Node {
  const { id, report, error } = row;
  const name = report === undefined ? id : element('a', { href: addressOf(report) }, id);
  const reason = error === undefined ? [] : [element('div', { class: 'error clamped', title: error }, error)];
  const box = rows.length > 1 ? pair.boxFor(row) : undefined;
  const about = element('div', {}, element('div', { class: 'clamped' }, name), ...reason);
  return box ? element('div', { class: 'named' }, box, about) : about;
}

function statusOf({ status }: IndexRow): Node {
  return element('span', { class: status === 'failed' ? 'status-failed' : 'status' }, status);
}

function lineOf(row: IndexRow): HTMLElement {
  const cells = columns.map(({ isNumber, read, show }) => {
    const shown = show ? show(row) : String(read(row) ?? '');
    const content = typeof shown === 'string' ? element('div', { class: 'clamped' }, shown) : shown;
    return element('div', { role: 'cell', class: isNumber && 'number' }, content);
  });
  return element('div', { role: 'row' }, ...cells);
}

function headLine(): HTMLElement {
  const cells = columns.map((column) => {
    if (column.title === '') {
      return element('div', { role: 'columnheader' }, element('span', { class: 'unseen' }, 'picture'));
    }
    const button = element('button', { type: 'button' }, column.title);
    const cell = element(
      'div',
      { role: 'columnheader', 'aria-sort': 'none', class: column.isNumber && 'number' },
      button,
    );
    button.addEventListener('click', () => {
      const isDescending = cell.getAttribute('aria-sort') === 'ascending';
      for (const other of cells) if (other.hasAttribute('aria-sort')) other.setAttribute('aria-sort', 'none');
      cell.setAttribute('aria-sort', isDescending ? 'descending' : 'ascending');
      sortBy(column, isDescending ? -1 : 1);
    });
    return cell;
  });
  return element('div', { role: 'row' }, ...cells);
}

/** Sorts the rows; those without a value come last either way, and equal ones keep their order. */
function sortBy({ read }: Column, direction: 1 | -1): void {
  const collator = new Intl.Collator(undefined, { numeric: true });
  const compare = (a: Value, b: Value): number => {
    if (a === undefined || b === undefined) return Number(a === undefined) - Number(b === undefined);
    const order = typeof a === 'number' && typeof b === 'number' ? a - b : collator.compare(String(a), String(b));
    return direction * order;
  };
  const sorted = [...shownRows].sort((a, b) => compare(read(a.row), read(b.row)));
  body.replaceChildren(...sorted.map(({ line }) => line));
}

/** One list for each of these that takes several values. */
function choicesOf(all: readonly IndexRow[]): { readonly key: ChoiceKey; readonly list: HTMLSelectElement }[] {
  return (Object.keys(CHOICES) as ChoiceKey[]).flatMap((key) => {
    const values = [...new Set(all.map((row) => choiceIn(row, key)))].sort();
    if (values.length < 2) return [];
    const plural = CHOICES[key];
    const options = values.map((value) => [`=${value}`, value || `no ${key}`] as const);
    return [{ key, list: select(key, [['', plural], ...options]) }];
  });
}

function choiceIn(row: IndexRow, key: ChoiceKey): string {
  return (key === 'class' ? row.best?.label : row[key]) ?? '';
}

function textOf(row: IndexRow): string {
  return [
    row.id,
    row.label,
    row.status,
    row.split,
    row.video,
    row.error,
    row.verdict,
    row.best?.label,
    ...Object.values(row.extra ?? {}),
  ]
    .join('\n')
    .toLowerCase();
}

function filter(): void {
  const words = search.value.toLowerCase().split(/\s+/);
  let matching = 0;
  for (const { row, text, line } of shownRows) {
    const isChosen = choices.every(({ key, list }) => list.value === '' || list.value === `=${choiceIn(row, key)}`);
    const isShown = isChosen && words.every((word) => text.includes(word));
    line.hidden = !isShown;
    if (isShown) matching++;
  }
  const total = rows.length.toLocaleString('en');
  count.textContent =
    matching === rows.length ? `${total} events` : `${matching.toLocaleString('en')} of ${total} events`;
  empty.hidden = matching > 0;
}
