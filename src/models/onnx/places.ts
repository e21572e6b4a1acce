/**
 * Where the picture lies in a tensor: found, not assumed. The network sees a clip of noise whose corners and frames are changed,
 * and what moves with them tells rows, columns and time apart.
 */
import { foldsTime, hasTime, type Layout, type LayoutSizes, parseLayout, sizesOf, stridesOf } from '../layout.ts';
import { floatsOf, isFloating, type OnnxTensor } from './runtime.ts';

/** Which part of a clip is changed. */
export type ClipPart = (t: number, h: number, w: number, sizes: LayoutSizes) => boolean;

/** Nothing. */
export const NOTHING: ClipPart = () => false;

/** What is changed of a clip: nothing, a corner of all frames, or a whole frame. */
const PARTS = {
  nothing: NOTHING,
  'top-left': (_, h, w, sizes) => h < sizes.h / 4 && w < sizes.w / 4,
  'top-right': (_, h, w, sizes) => h < sizes.h / 4 && w >= (3 * sizes.w) / 4,
  'bottom-left': (_, h, w, sizes) => h >= (3 * sizes.h) / 4 && w < sizes.w / 4,
  'bottom-right': (_, h, w, sizes) => h >= (3 * sizes.h) / 4 && w >= (3 * sizes.w) / 4,
  'first-frame': (t) => t === 0,
  'last-frame': (t, _h, _w, sizes) => t === sizes.t - 1,
} as const satisfies Readonly<Record<string, ClipPart>>;

type ProbeChange = keyof typeof PARTS;

/** The changes under which a network is seen: its clip as it is first. */
export function changesFor(frames: number): readonly (readonly [ProbeChange, ClipPart])[] {
  const all = Object.entries(PARTS) as [ProbeChange, ClipPart][];
  return frames > 1 ? all : all.slice(0, 5);
}

/** Tensors of one run, by the change of the clip that it was with. */
export type ProbeRuns = ReadonlyMap<ProbeChange, Readonly<Record<string, OnnxTensor>>>;

/** Layouts that a tensor of a rank may have, likeliest first. */
const LAYOUTS: Readonly<Record<number, readonly string[]>> = {
  3: [
    '(b t) (cls h w) c',
    '(b t) (h w) c',
    '(b t) c (h w)',
    'b (cls h w) c',
    'b (h w) c',
    'b c (h w)',
    'b (cls t h w) c',
    'b (cls h w t) c',
    'b (t h w) c',
    'b (h w t) c',
    'b c (t h w)',
    '(b h w) t c',
    'c h w',
  ],
  4: [
    '(b t) c h w',
    '(b t) h w c',
    'b c h w',
    'b h w c',
    'b t (cls h w) c',
    'b t (h w) c',
    'b t c (h w)',
    'b (h w) t c',
    'c t h w',
  ],
  5: ['b c t h w', 'b t c h w', 'b t h w c'],
};

/** The layouts of tensors of one frame each that lie one after another. */
const JOINED: Readonly<Record<number, readonly string[]>> = {
  3: ['(t b) (cls h w) c', '(t b) (h w) c', '(t b) c (h w)'],
  4: ['(t b) c h w', '(t b) h w c'],
  5: ['b c t h w'],
};

/** Layouts that may be tried of a tensor. */
export function layoutsOf(rank: number, isJoined: boolean): readonly string[] {
  return (isJoined ? JOINED : LAYOUTS)[rank] ?? [];
}

/** Changes at the two ends of each axis, in pairs. */
const WAYS = {
  h: ['top-left', 'bottom-left', 'top-right', 'bottom-right'],
  w: ['top-left', 'top-right', 'bottom-left', 'bottom-right'],
  t: ['first-frame', 'last-frame'],
} as const satisfies Readonly<Record<string, readonly ProbeChange[]>>;

/** How a tensor lies over the picture, by the layout among some that it follows most clearly; undefined when it follows none. */
export function placesIn(
  tensor: string,
  runs: ProbeRuns,
  clip: { readonly frames: number; readonly isStacked?: boolean; readonly aspect: number },
  layouts: readonly string[],
): { readonly layout: Layout; readonly sizes: LayoutSizes } | undefined {
  const { frames, aspect } = clip;
  const base = runs.get('nothing')![tensor];
  if (base === undefined || !isFloating(base) || base.data.length < 4) return undefined;
  const moved = (change: ProbeChange): Float32Array | undefined => {
    const other = runs.get(change)?.[tensor];
    if (other === undefined || other.data.length !== base.data.length) return undefined;
    const [before, after] = [floatsOf(base), floatsOf(other)];
    return before.map((value, i) => (after[i]! - value) ** 2);
  };
  const changes = changesFor(frames).map(([change]) => [change, moved(change)] as const);
  let best: ReturnType<typeof placesIn>;
  let clearest = CLEAR;
  for (const { layout, sizes } of layouts.flatMap((text) => readings(text, base.dims, frames, aspect))) {
    if (sizes.h < 2 || sizes.w < 2 || sizes.c < 2 || !fitsFrames(layout, sizes, clip)) continue;
    if (Math.abs(Math.log(sizes.w / sizes.h / aspect)) > Math.log(2)) continue; // no picture of that shape
    const axes = sizes.t > 1 ? (['h', 'w', 't'] as const) : (['h', 'w'] as const);
    const centres = new Map(changes.map(([change, values]) => [change, values && centre(values, layout, sizes)]));
    const clear = axes.map((axis) => {
      const ends = WAYS[axis].map((change) => centres.get(change));
      const way = (of: typeof axis): number => {
        const sum = ends.reduce((all, end, i) => all + (i % 2 === 0 ? -1 : 1) * (end?.[of] ?? Number.NaN), 0);
        return sum / (ends.length / 2) / (sizes[of] - 1);
      };
      const isAlong = axes.every((other) => other === axis || Math.abs(way(other)) < way(axis));
      return isAlong ? way(axis) : Number.NaN;
    });
    const least = Math.min(...clear);
    if (!(least > clearest) || (foldsTime(layout) && least < CLEARER)) continue;
    clearest = least;
    best = { layout, sizes };
  }
  return best;
}

/**
 * A layout with the sizes that it gives a tensor; of time that is folded with places, with all that fit. What is as long as there
 * are frames is time alone.
 */
function readings(text: string, dims: readonly number[], frames: number, aspect: number) {
  const layout = parseLayout(text);
  const slices = foldsTime(layout) ? Array.from({ length: frames - 1 }, (_, i) => frames - i) : [frames];
  return slices.flatMap((t) => {
    const sizes = sizesOf(layout, dims, { t, aspect });
    const isTime = sizes !== undefined && foldsTime(layout) && sizes.t * sizes.h * sizes.w === frames;
    return sizes && !isTime ? [{ layout, sizes }] : [];
  });
}

/** Whether there is a slice of time for every frame, or, of a volume and of tensors that were joined, for every few. */
function fitsFrames(
  layout: Layout,
  { t }: LayoutSizes,
  { frames, isStacked }: Parameters<typeof placesIn>[2],
): boolean {
  if (!hasTime(layout)) return frames === 1 || isStacked === true;
  if (frames === 1) return false; // the same as without time
  const hasSlices = VOLUMES.has(layout.text) || JOINED[layout.axes.length]?.includes(layout.text) || foldsTime(layout);
  return hasSlices ? t <= frames : t === frames;
}

/** Layouts of three dimensions. */
const VOLUMES: ReadonlySet<string> = new Set([...LAYOUTS[5]!, 'c t h w']);

/** How far what moves must go with what is changed, of the whole way; and along no other axis as far. */
const CLEAR = 0.02;
/** The same where how many slices of time there are is tried, too. */
const CLEARER = 0.1;

/** Where a change is, in cells. */
function centre(change: Float32Array, layout: Layout, sizes: LayoutSizes): { t: number; h: number; w: number } {
  const strides = stridesOf(layout, sizes);
  let [sum, t, h, w] = [0, 0, 0, 0];
  for (let slice = 0; slice < sizes.t; slice++) {
    for (let row = 0; row < sizes.h; row++) {
      for (let column = 0; column < sizes.w; column++) {
        const cell = strides.first + slice * strides.t + row * strides.h + column * strides.w;
        for (let channel = 0; channel < sizes.c; channel++) {
          const amount = change[cell + channel * strides.c]!;
          sum += amount;
          t += amount * slice;
          h += amount * row;
          w += amount * column;
        }
      }
    }
  }
  return sum > 0 ? { t: t / sum, h: h / sum, w: w / sum } : { t: Number.NaN, h: Number.NaN, w: Number.NaN };
}
