/**
 * Finds room for the names of groups on a map of points. A name lies in a place that is nearer to its group than to any
 * other, close to a point of it, and covers no point and no other name; where there is no such place, it gets none.
 */

/** A rectangle, pixels. */
export interface Rectangle {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** Points that share a name of this width, pixels. */
export interface NamedGroup {
  readonly points: readonly (readonly [x: number, y: number])[];
  readonly widthPx: number;
}

/** How a map is drawn, pixels. */
export interface NamePlacing {
  /** All names and points lie in it. */
  readonly area: Rectangle;
  /** Height of a name. */
  readonly heightPx: number;
  /** Half the size of a point's marker. */
  readonly radiusPx: number;
}

/** The map is divided into cells of this size, pixels. */
const CELL = 4;
/** How far the middle of a name may be from the nearest point of its group, pixels. */
const MAX_DISTANCE = 48;

/** The places of the names, in the order of the groups, of which the first choose first; undefined where none is left. */
export function placeNames(groups: readonly NamedGroup[], placing: NamePlacing): (Rectangle | undefined)[] {
  const { area, heightPx, radiusPx } = placing;
  const columns = Math.ceil((area.right - area.left) / CELL);
  const rows = Math.ceil((area.bottom - area.top) / CELL);
  const covered = new Uint8Array(columns * rows);
  /** The cells that a rectangle touches, and not those outside. */
  const cellsOf = function* ({ left, top, right, bottom }: Rectangle): Generator<number> {
    const first = Math.max(0, Math.floor((left - area.left) / CELL));
    const last = Math.min(columns - 1, Math.floor((right - area.left) / CELL));
    const lowest = Math.min(rows - 1, Math.floor((bottom - area.top) / CELL));
    for (let row = Math.max(0, Math.floor((top - area.top) / CELL)); row <= lowest; row++) {
      for (let column = first; column <= last; column++) yield row * columns + column;
    }
  };
  const cover = (box: Rectangle): void => {
    for (const cell of cellsOf(box)) covered[cell] = 1;
  };
  const isCovered = (box: Rectangle): boolean => {
    for (const cell of cellsOf(box)) if (covered[cell] === 1) return true;
    return false;
  };
  for (const { points } of groups) for (const [x, y] of points) cover(around(x, y, radiusPx, radiusPx));
  const territory = divide(groups, area, columns, rows);

  return groups.map(({ points, widthPx }, group) => {
    if (points.length === 0) return undefined;
    const [middleX, middleY] = [0, 1].map((axis) => medianOf(points.map((point) => point[axis]!)));
    const places = territory.flatMap((own, cell) => {
      if (own?.group !== group) return [];
      const x = area.left + ((cell % columns) + 0.5) * CELL;
      const y = area.top + (Math.floor(cell / columns) + 0.5) * CELL;
      // Beside the outermost points rather than in the middle of an empty ring.
      return [{ x, y, distance: Math.hypot(x - middleX!, y - middleY!) + 3 * CELL * own.steps }];
    });
    for (const { x, y } of places.sort((a, b) => a.distance - b.distance)) {
      const box = around(x, y, widthPx / 2, heightPx / 2);
      const isWithin =
        box.left >= area.left && box.right <= area.right && box.top >= area.top && box.bottom <= area.bottom;
      if (!isWithin || isCovered(box)) continue;
      cover(box);
      return box;
    }
    return undefined;
  });
}

function around(x: number, y: number, halfWidth: number, halfHeight: number): Rectangle {
  return { left: x - halfWidth, top: y - halfHeight, right: x + halfWidth, bottom: y + halfHeight };
}

/** Whose a cell is: of the group that has the nearest point, so many steps to the side, up or down away. */
interface Territory {
  readonly group: number;
  readonly steps: number;
}

/** By cell; undefined where every point is far away. */
function divide(
  groups: readonly NamedGroup[],
  area: Rectangle,
  columns: number,
  rows: number,
): readonly (Territory | undefined)[] {
  const territory = Array.from({ length: columns * rows }, (): Territory | undefined => undefined);
  let reached: number[] = [];
  for (const [group, { points }] of groups.entries()) {
    for (const [x, y] of points) {
      const column = Math.min(columns - 1, Math.max(0, Math.floor((x - area.left) / CELL)));
      const row = Math.min(rows - 1, Math.max(0, Math.floor((y - area.top) / CELL)));
      const cell = row * columns + column;
      if (territory[cell]) continue;
      territory[cell] = { group, steps: 0 };
      reached.push(cell);
    }
  }
  for (let steps = 1; steps <= MAX_DISTANCE / CELL; steps++) {
    const next: number[] = [];
    for (const cell of reached) {
      const column = cell % columns;
      const neighbours = [
        ...(column > 0 ? [cell - 1] : []),
        ...(column < columns - 1 ? [cell + 1] : []),
        cell - columns,
        cell + columns,
      ];
      for (const other of neighbours) {
        if (other < 0 || other >= territory.length || territory[other]) continue;
        territory[other] = { group: territory[cell]!.group, steps };
        next.push(other);
      }
    }
    reached = next;
  }
  return territory;
}

function medianOf(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}
