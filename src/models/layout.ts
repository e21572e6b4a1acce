/**
 * Where the frames, cells and channels of an event lie in a tensor of somebody else's network, in einops' notation: axes
 * slowest first, those that are folded into one in parentheses. `(b t) c h w` is a CNN that takes time for its batch,
 * `b c t h w` a 3-D CNN, `(b t) (cls h w) c` a transformer per frame whose tokens begin with one of no place.
 */
import { L2cafError } from '../base/errors.ts';
import { product } from '../base/matrix.ts';

/** `b` events of one batch, `t` frames or slices of time, `c` channels, `h` rows, `w` columns. */
export type AxisName = 'b' | 't' | 'c' | 'h' | 'w';

/** One axis of a tensor. */
interface LayoutAxis {
  /** What is folded into it, slowest first. */
  readonly names: readonly AxisName[];
  /** Whether a class token, of no place in the picture, comes first. */
  readonly hasToken: boolean;
}

/** A layout that was read. */
export interface Layout {
  readonly text: string;
  readonly axes: readonly LayoutAxis[];
}

/** How many there are of each. */
export interface LayoutSizes {
  readonly t: number;
  readonly h: number;
  readonly w: number;
  readonly c: number;
}

/** Distances between neighbours in a tensor's values. */
export interface LayoutStrides extends LayoutSizes {
  /** Of the first value that has a place. */
  readonly first: number;
}

/**
 * Reads a layout. Without `b` it is that of a single event.
 *
 * @throws L2cafError `usage` when it is none, or lacks one of `c`, `h`, `w`
 */
export function parseLayout(text: string): Layout {
  const axes: LayoutAxis[] = [];
  const seen: AxisName[] = [];
  for (const part of text.trim().match(/\([^()]*\)|[^\s()]+|[()]/g) ?? []) {
    const names = part
      .replace(/^\(|\)$/g, '')
      .split(/\s+/)
      .filter(Boolean);
    const hasToken = names[0] === 'cls';
    const rest = hasToken ? names.slice(1) : names;
    const wrong = rest.find((name) => !isAxisName(name) || seen.includes(name as AxisName));
    if (wrong !== undefined || rest.length === 0)
      throw wrongLayout(text, `it does not make sense at "${wrong ?? part}"`);
    seen.push(...(rest as AxisName[]));
    axes.push({ names: rest as AxisName[], hasToken });
  }
  const missing = (['c', 'h', 'w'] as const).filter((name) => !seen.includes(name));
  if (missing.length > 0) throw wrongLayout(text, `it does not say where ${missing.join(', ')} is`);
  return { text: layoutText({ axes }), axes };
}

/** A layout's axes in its notation. */
export function layoutText({ axes }: Pick<Layout, 'axes'>): string {
  return axes.map(textOf).join(' ');
}

function textOf({ names, hasToken }: LayoutAxis): string {
  const all = [...(hasToken ? ['cls'] : []), ...names];
  return all.length === 1 ? all[0]! : `(${all.join(' ')})`;
}

function isAxisName(name: string): boolean {
  return ['b', 't', 'c', 'h', 'w'].includes(name);
}

function wrongLayout(text: string, why: string): L2cafError {
  return new L2cafError('usage', `"${text}" is no layout: ${why}`, {
    hint: 'name b, t, c, h and w in order, folded axes in parentheses: "b t c h w", "(b t) c h w", "(b t) (cls h w) c"',
  });
}

/** Whether a layout tells frames or slices of time apart. */
export function hasTime({ axes }: Layout): boolean {
  return axes.some(({ names }) => names.includes('t'));
}

/** Whether it tells events apart. */
export function hasBatch({ axes }: Layout): boolean {
  return axes.some(({ names }) => names.includes('b'));
}

/** Whether the frames of an event are stacked on their colours, so that a network may tell them apart, but none of its layers. */
export function stacksFrames({ axes }: Layout): boolean {
  return axes.some(({ names }) => names.includes('t') && names.includes('c'));
}

/** Whether time and places share an axis, so that its length does not tell how many slices of time there are. */
export function foldsTime({ axes }: Layout): boolean {
  return axes.some(({ names }) => names.includes('t') && names.includes('h'));
}

/** What is known of the sizes before they are read off a tensor. */
export interface KnownSizes {
  readonly t?: number | undefined;
  /** Of the cells, where it is known. */
  readonly grid?: { readonly height: number; readonly width: number } | undefined;
  /** Of the picture, width by height: folded cells are told apart by it. */
  readonly aspect: number;
}

/** The sizes of a tensor of one event; undefined when it does not fit the layout. */
export function sizesOf({ axes }: Layout, dims: readonly number[], known: KnownSizes): LayoutSizes | undefined {
  if (dims.length !== axes.length) return undefined;
  const sizes: Partial<Record<AxisName, number>> = { b: 1 };
  if (!axes.some(({ names }) => names.includes('t'))) sizes.t = 1;
  for (const [i, { names, hasToken }] of axes.entries()) {
    const length = dims[i]! - (hasToken ? 1 : 0);
    if (length < 1 || !fillAxis(names, length, sizes, known)) return undefined;
  }
  const { t, h, w, c } = sizes;
  return t && h && w && c ? { t, h, w, c } : undefined;
}

function fillAxis(
  names: readonly AxisName[],
  length: number,
  sizes: Partial<Record<AxisName, number>>,
  { t, grid, aspect }: KnownSizes,
): boolean {
  const open = names.filter((name) => name !== 'b');
  if (open.length === 1) sizes[open[0]!] = length;
  else {
    if (open.includes('t')) sizes.t = t ?? 1;
    if (open.includes('h') !== open.includes('w') || (open.includes('c') && open.includes('h'))) return false;
    if (open.includes('c')) {
      sizes.c = length / sizes.t!;
      if (!Number.isInteger(sizes.c)) return false;
    }
    if (open.includes('h')) {
      const cells = length / (open.includes('t') ? sizes.t! : 1);
      const shape = grid ?? evenGrid(cells, aspect);
      if (shape === undefined) return false;
      Object.assign(sizes, { h: shape.height, w: shape.width });
    }
  }
  return names.reduce((product, name) => product * sizes[name]!, 1) === length;
}

/** Rows and columns of that many cells, as nearly square as they come; undefined when that is not near. */
function evenGrid(cells: number, aspect: number): { height: number; width: number } | undefined {
  if (!Number.isInteger(cells)) return undefined;
  let best: { height: number; width: number } | undefined;
  let least = Math.log(2);
  for (let height = 1; height <= cells; height++) {
    if (cells % height !== 0) continue;
    const width = cells / height;
    const skew = Math.abs(Math.log(width / height / aspect));
    if (skew < least) [best, least] = [{ height, width }, skew];
  }
  return best;
}

/** Where things lie in a tensor of one event. */
export function stridesOf({ axes }: Layout, sizes: LayoutSizes): LayoutStrides {
  const all = { ...sizes, b: 1 };
  const strides = { t: 0, h: 0, w: 0, c: 0, first: 0 };
  let stride = 1;
  for (const { names, hasToken } of [...axes].reverse()) {
    let inner = stride;
    for (const name of [...names].reverse()) {
      if (name !== 'b') strides[name] = inner;
      inner *= all[name];
    }
    if (hasToken) {
      strides.first += stride;
      inner += stride;
    }
    stride = inner;
  }
  return strides;
}

/** The dimensions of a tensor of `b` events. */
export function dimsOf({ axes }: Layout, sizes: LayoutSizes, b = 1): number[] {
  const all = { ...sizes, b };
  return axes.map(
    ({ names, hasToken }) => names.reduce((product, name) => product * all[name], 1) + (hasToken ? 1 : 0),
  );
}

/**
 * How a tensor of several events is made of theirs: `outer` times, a block of each event in turn, of `block` values. (One
 * after another, unless something is slower than the batch.)
 */
export function interleaving({ axes }: Layout, sizes: LayoutSizes): { outer: number; block: number } {
  const all = { ...sizes, b: 1 };
  const dims = dimsOf({ text: '', axes }, sizes);
  const size = product(dims);
  const at = axes.findIndex(({ names }) => names.includes('b'));
  if (at < 0) return { outer: 1, block: size };
  const { names, hasToken } = axes[at]!;
  const slower = names.slice(0, names.indexOf('b')).reduce((product, name) => product * all[name], 1);
  const before = product(dims.slice(0, at));
  const outer = hasToken ? before : before * slower;
  return { outer, block: size / outer };
}

/** Frames as bytes or numbers `[t, h, w, c]` → a tensor of a layout, written into `target`. */
export function scatter(values: Float32Array, sizes: LayoutSizes, strides: LayoutStrides, target: Float32Array): void {
  let from = 0;
  for (let t = 0; t < sizes.t; t++) {
    for (let h = 0; h < sizes.h; h++) {
      for (let w = 0; w < sizes.w; w++) {
        const cell = strides.first + t * strides.t + h * strides.h + w * strides.w;
        for (let c = 0; c < sizes.c; c++) target[cell + c * strides.c] = values[from++]!;
      }
    }
  }
}

/** A tensor of a layout → numbers `[t, h, w, c]`. */
export function gathered(tensor: Float32Array, sizes: LayoutSizes, strides: LayoutStrides): Float32Array {
  const values = new Float32Array(sizes.t * sizes.h * sizes.w * sizes.c);
  let to = 0;
  for (let t = 0; t < sizes.t; t++) {
    for (let h = 0; h < sizes.h; h++) {
      for (let w = 0; w < sizes.w; w++) {
        const cell = strides.first + t * strides.t + h * strides.h + w * strides.w;
        for (let c = 0; c < sizes.c; c++) values[to++] = tensor[cell + c * strides.c]!;
      }
    }
  }
  return values;
}
