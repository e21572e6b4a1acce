/**
 * Colours for numbers in [0, 1]. All maps but turbo grow evenly lighter, so they read the same with and without
 * colour-vision deficiency; turbo spreads more hues for those who see them. Tables of 16 stops, interpolated: the eye
 * cannot tell them from the originals.
 */

/** Red, green and blue, 0–255. */
export type Rgb = readonly [red: number, green: number, blue: number];

/** Names of the colour maps. */
export type ColormapName = 'cividis' | 'viridis' | 'magma' | 'inferno' | 'turbo';

const STOPS: Readonly<Record<ColormapName, string>> = {
  cividis:
    '002051 022c65 14386d 2b446e 42506e 575c6e 696970 787573 868276 948f78 a49d78 b6ab73 caba6a e0c95d f2d950 fdea45',
  viridis:
    '440154 481a6c 472f7d 414487 39568c 31688e 2a788e 23888e 1f988b 22a884 35b779 54c568 7ad151 a5db36 d2e21b fde725',
  magma:
    '000004 0b0924 20114b 3b0f70 57157e 721f81 8c2981 a8327d c43c75 de4968 f1605d fa7f5e fe9f6d febf84 fddea0 fcfdbf',
  inferno:
    '000004 0c0826 240c4f 420a68 5d126e 781c6d 932667 ae305c c73e4c dd513a ed6925 f8850f fca50a fac62d f2e661 fcffa4',
  turbo:
    '23171b 4a41b5 426ff2 2f9df5 25c6d8 2ee5ae 4df884 7bfe5f aff444 dedd32 feb927 ff8e1f f65f18 d0330e a51403 900c00',
};

const TABLES = Object.fromEntries(
  Object.entries(STOPS).map(([name, stops]) => [name, stops.split(' ').map(parseHex)]),
) as Record<ColormapName, Rgb[]>;

/** All names. */
export const COLORMAP_NAMES: readonly ColormapName[] = Object.keys(STOPS) as ColormapName[];

/** The colour of `value`, which is clamped to [0, 1]. */
export function colorOf(name: ColormapName, value: number): Rgb {
  const stops = TABLES[name];
  const position = Math.min(1, Math.max(0, value)) * (stops.length - 1);
  const low = stops[Math.floor(position)]!;
  const high = stops[Math.ceil(position)]!;
  const part = position - Math.floor(position);
  const mix = (a: number, b: number): number => Math.round(a + (b - a) * part);
  return [mix(low[0], high[0]), mix(low[1], high[1]), mix(low[2], high[2])];
}

/** A colour as CSS, opaque. */
export function cssColor([red, green, blue]: Rgb): string {
  return `rgb(${red}, ${green}, ${blue})`;
}

function parseHex(hex: string): Rgb {
  const value = Number.parseInt(hex, 16);
  return [value >> 16, (value >> 8) & 0xff, value & 0xff];
}
