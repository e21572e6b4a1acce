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
  // Each next hue lies as far as possible from those before it (golden angle).
  return (
    [orange, sky, green, purple, vermilion, blue][place] ?? `hsl(${Math.round((place * 137.508) % 360)}, 60%, 55%)`
  );
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
