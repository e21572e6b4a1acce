/**
 * Tables of boxes, as CSV or as a JSON array of objects: a column with the frame or the time, the box by its corner and size or by two
 * corners, and perhaps which object it is, what it is and how sure a detector was. The sinks of supervision
 * (https://supervision.roboflow.com) write such tables.
 */
import { bareName } from '../base/column-names.ts';
import type { ObjectBox, ObjectList, Rectangle } from './boxes.ts';
import { refusedEntries, refusedObjects } from './refused.ts';

/** One row: what it says in each column, and where it stands. */
export interface TableRow {
  /** Such as `line 3`. */
  readonly place: string;
  readonly cells: readonly string[];
}

/** Spellings of what columns say, without upper case, spaces and signs. */
const NAMES = {
  frame: /^(?:frames?|frame(?:index|idx|id|number|num|no|nr)|framecount)$/,
  seconds: /^(?:times?|timestamp|t|secs?|seconds|timesec|times|timeseconds|timestamps|timestampsec|timestampseconds)$/,
  milliseconds: /^(?:ms|msec|milliseconds|timems|timemsec|timestampms|timestampmsec)$/,
  picture: /^(?:files?|filename|filepath|image|images|imagename|imagefile|picture|pictures|path)$/,
  id: /^(?:ids?|(?:object|obj|track|tracker|instance)(?:id|no|nr)?)$/,
  label: /^(?:labels?|class(?:es|name)?|category|categoryname|name|type|objectclass|labelname|objecttype)$/,
  classId: /^(?:class|category|label)id$/,
  score: /^(?:score|conf|confidence|probability|certainty)$/,
} as const;

/** Names of the four numbers of a box; the first that a table has counts. */
const BOXES: readonly { readonly names: readonly RegExp[]; readonly isSize: boolean }[] = [
  {
    names: [
      /^(?:bbox|bb|box)?(?:xmin|minx)$/,
      /^(?:bbox|bb|box)?(?:ymin|miny)$/,
      /^(?:bbox|bb|box)?(?:xmax|maxx)$/,
      /^(?:bbox|bb|box)?(?:ymax|maxy)$/,
    ],
    isSize: false,
  },
  { names: [/^x0$/, /^y0$/, /^x1$/, /^y1$/], isSize: false },
  { names: [/^x1$/, /^y1$/, /^x2$/, /^y2$/], isSize: false },
  { names: [/^left$/, /^top$/, /^right$/, /^bottom$/], isSize: false },
  {
    names: [
      /^(?:bbox|bb|box)?(?:x|left|xmin)$/,
      /^(?:bbox|bb|box)?(?:y|top|ymin)$/,
      /^(?:bbox|bb|box)?(?:w|width)$/,
      /^(?:bbox|bb|box)?(?:h|height)$/,
    ],
    isSize: true,
  },
];

interface TableColumns {
  /** Below 0 where boxes are of pictures that are known by their names. */
  readonly at: number;
  readonly picture: number;
  readonly axis: 'frames' | 'seconds';
  /** Units of a second, where `at` counts time. */
  readonly perSecond: number;
  /** Of the box. */
  readonly corners: readonly number[];
  readonly isSize: boolean;
  readonly id: number;
  readonly label: number;
  readonly classId: number;
  readonly score: number;
}

/**
 * The boxes of a table.
 *
 * @param format what the file is, in words
 * @throws L2cafError `input-unreadable` when columns are missing, or with the rows that are wrong
 */
export function boxesOfTable(
  path: string,
  format: string,
  names: readonly string[],
  rows: readonly TableRow[],
): ObjectList {
  const columns = columnsOf(path, names);
  const problems: string[] = [];
  const boxes = rows.flatMap(({ place, cells }): ObjectBox[] => {
    const box = boxOfRow(cells, columns);
    if (box === undefined) problems.push(`${place}: ${cells.join(', ').slice(0, 120)}`);
    return box === undefined ? [] : [box];
  });
  if (problems.length > 0) throw refusedEntries(path, 'rows that are no boxes', problems);
  const isOfSupervision = ['xmin', 'ymin', 'xmax', 'ymax', 'trackerid'].every((name) =>
    names.map(bareName).includes(name),
  );
  return {
    ...{
      path,
      format: isOfSupervision ? `${format} of supervision` : format,
      axis: columns.axis,
      firstFrame: 0,
      boxes,
    },
    ...(columns.at < 0 && { isByPicture: true }),
    notes: [],
  };
}

function columnsOf(path: string, names: readonly string[]): TableColumns {
  const bare = names.map(bareName);
  const find = (name: RegExp): number => bare.findIndex((own) => name.test(own));
  const box = BOXES.find((one) => one.names.every((name) => find(name) >= 0));
  const frame = find(NAMES.frame);
  const [seconds, milliseconds] = [find(NAMES.seconds), find(NAMES.milliseconds)];
  const at = frame >= 0 ? frame : seconds >= 0 ? seconds : milliseconds;
  const picture = find(NAMES.picture);
  const missing = [
    ...(at < 0 && picture < 0 ? ['frame or time (or, of pictures, file)'] : []),
    ...(box === undefined ? ['x, y, width and height (or x_min, y_min, x_max and y_max)'] : []),
  ];
  if (missing.length > 0) {
    throw refusedObjects(
      path,
      `has no column for ${missing.join(', nor for ')}: it has ${names.join(', ').slice(0, 300)}`,
    );
  }
  return {
    ...{ at, picture },
    axis: frame >= 0 || at < 0 ? 'frames' : 'seconds',
    perSecond: frame < 0 && seconds < 0 ? 1000 : 1,
    corners: box!.names.map(find),
    isSize: box!.isSize,
    id: find(NAMES.id),
    label: find(NAMES.label),
    classId: find(NAMES.classId),
    score: find(NAMES.score),
  };
}

function boxOfRow(cells: readonly string[], columns: TableColumns): ObjectBox | undefined {
  const text = (column: number): string => (column < 0 ? '' : (cells[column] ?? '').trim());
  const number = (column: number): number => (text(column) === '' ? Number.NaN : Number(text(column)));
  const at = columns.at < 0 ? 0 : number(columns.at) / columns.perSecond;
  const picture = text(columns.picture);
  const [x, y, a, b] = columns.corners.map(number) as [number, number, number, number];
  const box = columns.isSize ? { x, y, width: a, height: b } : { x, y, width: a - x, height: b - y };
  const score = text(columns.score) === '' ? undefined : number(columns.score);
  if (!isBox(box) || !(at >= 0) || !Number.isFinite(at) || Number.isNaN(score)) return undefined;
  if (columns.axis === 'frames' && !Number.isInteger(at)) return undefined;
  if (columns.at < 0 && picture === '') return undefined;
  const id = idOf(text(columns.id));
  const classId = text(columns.classId);
  const label = text(columns.label) || (classId === '' ? '' : `class ${Number(classId)}`);
  return {
    ...{ ...box, at },
    ...(picture !== '' && { picture }),
    ...(id !== undefined && { id }),
    ...(label !== '' && { label }),
    ...(score !== undefined && { score }),
  };
}

/** Whether four numbers are a box. */
export function isBox({ x, y, width, height }: Rectangle): boolean {
  return [x, y, width, height].every(Number.isFinite) && width > 0 && height > 0;
}

/** The id of an object; trackers write -1, or nothing, where they have none. */
export function idOf(text: string | number | null | undefined): string | undefined {
  const id = String(text ?? '').trim();
  return id === '' || /^(?:-1(?:\.0*)?|none|nan|null)$/i.test(id) ? undefined : id.replace(/^(\d+)\.0*$/, '$1');
}
