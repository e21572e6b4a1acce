/** Numbered pictures: which of a folder's files are the frames, and in which order. Pure functions of their names. */

/** The frames of a folder. */
export interface NumberedFrames {
  /** Names of files, in the order in which they are shown. */
  readonly names: readonly string[];
  /** Per file: its place if no number were left out, from 0. */
  readonly places: readonly number[];
  /** How many numbers are left out. */
  readonly missing: number;
  /** Pictures that are called otherwise. */
  readonly others: readonly string[];
  /** Two files that have one number, if there are such. */
  readonly twice?: readonly [string, string];
}

/**
 * The frames among the pictures of a folder: those whose names differ in their numbers only, in the order of these; of
 * several such series the longest. Where one number counts them, what it leaves out has its place.
 */
export function numberedFrames(names: readonly string[]): NumberedFrames {
  const series = new Map<string, string[]>();
  for (const name of names) {
    const template = name.toLowerCase().replace(/\d+/g, '#');
    if (!template.includes('#')) continue;
    const own = series.get(template);
    if (own) own.push(name);
    else series.set(template, [name]);
  }
  const longest = [...series.values()].reduce((best, own) => (own.length > best.length ? own : best), [] as string[]);
  const frames = longest.map((name) => ({ name, numbers: numbersIn(name) }));
  frames.sort((a, b) => compareNumbers(a.numbers, b.numbers));
  const taken = new Set(longest);
  const second = frames.findIndex(({ numbers }, i) => i > 0 && compareNumbers(numbers, frames[i - 1]!.numbers) === 0);
  return {
    names: frames.map(({ name }) => name),
    ...placesOf(frames.map(({ numbers }) => numbers)),
    others: names.filter((name) => !taken.has(name)),
    ...(second > 0 && { twice: [frames[second - 1]!.name, frames[second]!.name] as const }),
  };
}

/** No double holds longer ones exactly; those are names, not counts, but have an order all the same. */
function numbersIn(name: string): bigint[] {
  return (name.match(/\d+/g) ?? []).map((digits) => BigInt(digits.slice(0, MAX_DIGITS)));
}

const MAX_DIGITS = 100;

function compareNumbers(a: readonly bigint[], b: readonly bigint[]): number {
  const i = a.findIndex((number, k) => number !== b[k]);
  return i < 0 ? 0 : a[i]! < b[i]! ? -1 : 1;
}

/** By the one number that changes, in its usual steps; without such a number, or where it does not count, no gaps. */
function placesOf(numbers: readonly (readonly bigint[])[]): Pick<NumberedFrames, 'places' | 'missing'> {
  const [first] = numbers;
  const changing = (first ?? []).flatMap((value, k) => (numbers.some((own) => own[k] !== value) ? [k] : []));
  const counted = [...numbers.keys()];
  const [column] = changing;
  if (changing.length !== 1 || column === undefined) return { places: counted, missing: 0 };
  const gaps = numbers.slice(1).map((own, i) => own[column]! - numbers[i]![column]!);
  const step = mostFrequent(gaps);
  const places = numbers.map((own) => (own[column]! - first![column]!) / step);
  const missing = places.at(-1)! - BigInt(numbers.length - 1);
  const counts = gaps.every((gap) => gap % step === 0n) && missing <= BigInt(numbers.length);
  return counts ? { places: places.map(Number), missing: Number(missing) } : { places: counted, missing: 0 };
}

/** Of values that are as frequent, the smallest; 1 at least. */
function mostFrequent(values: readonly bigint[]): bigint {
  const counts = new Map<bigint, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  const [best = 1n] = [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))[0] ?? [];
  return best > 0n ? best : 1n;
}
