/**
 * Colours for numbers in [0, 1], from d3-scale-chromatic. All maps but turbo grow evenly lighter, so they read the same with
 * and without colour-vision deficiency; turbo spreads more hues for those who see them.
 */
import {
  interpolateCividis,
  interpolateInferno,
  interpolateMagma,
  interpolateTurbo,
  interpolateViridis,
} from 'd3-scale-chromatic';
import type { ColormapName } from './style.ts';

/** Red, green and blue, 0–255. */
export type Rgb = readonly [red: number, green: number, blue: number];

/** A colour as CSS for a number in [0, 1]. */
const CSS_COLORS: Readonly<Record<ColormapName, (value: number) => string>> = {
  cividis: interpolateCividis,
  viridis: interpolateViridis,
  magma: interpolateMagma,
  inferno: interpolateInferno,
  turbo: interpolateTurbo,
};

/** Steps of a map: as many as it is published with. */
const STEPS = 256;
const TABLES = new Map<ColormapName, readonly Rgb[]>();

/** The colour of `value`, which is clamped to [0, 1]. */
export function colorOf(name: ColormapName, value: number): Rgb {
  return tableOf(name)[Math.round(Math.min(1, Math.max(0, value)) * (STEPS - 1))]!;
}

/** A colour as CSS, opaque. */
export function cssColor([red, green, blue]: Rgb): string {
  return `rgb(${red}, ${green}, ${blue})`;
}

function tableOf(name: ColormapName): readonly Rgb[] {
  const known = TABLES.get(name);
  if (known) return known;
  const table = Array.from({ length: STEPS }, (_, i) => parseCss(CSS_COLORS[name](i / (STEPS - 1))));
  TABLES.set(name, table);
  return table;
}

/** `#rrggbb` or `rgb(r, g, b)`, as the maps are written. */
function parseCss(color: string): Rgb {
  const [red, green, blue] = color.startsWith('#')
    ? [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16))
    : color.match(/\d+/g)!.map(Number);
  return [red!, green!, blue!];
}
