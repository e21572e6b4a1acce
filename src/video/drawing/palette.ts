/** Colours that all common kinds of colour vision tell apart (Okabe and Ito, https://jfly.uni-koeln.de/color/), as CSS. */
export const OKABE_ITO = {
  black: '#000000',
  orange: '#e69f00',
  sky: '#56b4e9',
  green: '#009e73',
  yellow: '#f0e442',
  blue: '#0072b2',
  vermilion: '#d55e00',
  purple: '#cc79a7',
} as const;

/**
 * The colour of a class, the same wherever it is drawn: by its place among the labels of its network. The first six are told apart by all
 * common kinds of colour vision, on dark as on white.
 */
export function classColor(place: number): string {
  const { orange, sky, green, purple, vermilion, blue } = OKABE_ITO;
  const known = [orange, sky, green, purple, vermilion, blue][place];
  if (known !== undefined) return known;
  const hue = Math.round((place * 137.508) % 360); // as far as possible from those before it (golden angle)
  return `hsl(${hue}, ${SATURATION}%, ${lightnessOf(hue)}%)`;
}

const SATURATION = 60;
/** Relative luminance (WCAG 2) of which text can be read on white as on the dark of a ribbon. */
const LUMINANCE = 0.24;

/** The lightness, per cent, at which a hue is as bright as the others: blue needs more of it than yellow. */
function lightnessOf(hue: number): number {
  for (let lightness = 30; lightness < 80; lightness++) if (luminanceOf(hue, lightness) >= LUMINANCE) return lightness;
  return 80;
}

/** Relative luminance of a colour in HSL. */
function luminanceOf(hue: number, lightness: number): number {
  const reach = (SATURATION / 100) * Math.min(lightness / 100, 1 - lightness / 100);
  const channel = (offset: number): number => {
    const k = (offset + hue / 30) % 12;
    const value = lightness / 100 - reach * Math.max(-1, Math.min(k - 3, 9 - k, 1));
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * channel(0) + 0.7152 * channel(8) + 0.0722 * channel(4);
}

/**
 * The places of names among the classes of a network, which decide their colours (`classColor`); names that are no classes follow. Undefined
 * where none is a class.
 */
export function classPlaces(
  names: Iterable<string>,
  classes: readonly string[],
): ReadonlyMap<string, number> | undefined {
  const unique = [...new Set(names)];
  if (!unique.some((name) => classes.includes(name))) return undefined;
  const all = [...classes, ...unique.filter((name) => !classes.includes(name))];
  return new Map(unique.map((name) => [name, all.indexOf(name)]));
}

/** Seven of them for kinds of things on white, the most different ones first; yellow could not be seen there. */
export const CATEGORY_COLORS = [
  OKABE_ITO.blue,
  OKABE_ITO.vermilion,
  OKABE_ITO.green,
  OKABE_ITO.purple,
  OKABE_ITO.orange,
  OKABE_ITO.sky,
  OKABE_ITO.black,
] as const;
