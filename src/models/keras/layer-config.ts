/** The options of one layer as a Keras file has them, read with their types checked and the layer named in what is refused. */
import { L2cafError } from '../../base/errors.ts';
import { product } from '../../base/matrix.ts';

/** A value of JSON. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** An object of JSON. */
export type JsonObject = { readonly [key: string]: Json };

/** Whether a value of JSON is an object. */
export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Axis lengths without the batch. */
export type Shape = readonly number[];

/** Number of values of a shape. */
export function sizeOf(shape: Shape): number {
  return product(shape);
}

/** A shape as messages show it. */
export function shapeText(shape: readonly (number | null)[]): string {
  return `[${shape.map((length) => length ?? '?').join(', ')}]`;
}

/** The folders of a list's objects in a .keras file: their class in snake case, numbered from the second on. */
export function folderNames(classNames: readonly string[]): string[] {
  const counts = new Map<string, number>();
  return classNames.map((className) => {
    const snake = className
      .replace(/\W+/g, '')
      .replace(/(.)([A-Z][a-z]+)/g, '$1_$2')
      .replace(/([a-z])([A-Z])/g, '$1_$2')
      .toLowerCase();
    const count = counts.get(snake) ?? 0;
    counts.set(snake, count + 1);
    return count === 0 ? snake : `${snake}_${count}`;
  });
}

/** Options of a layer, by name. */
export class LayerConfig {
  /** Class and name, such as `Conv2D conv_1`. */
  readonly title: string;
  /** Of Keras, which computes some functions otherwise since version 3; NaN where the file does not tell. */
  readonly kerasMajor: number;
  readonly #values: JsonObject;

  constructor(title: string, values: JsonObject, kerasMajor: number) {
    this.title = title;
    this.#values = values;
    this.kerasMajor = kerasMajor;
  }

  /** The same with some values replaced. */
  with(values: JsonObject): LayerConfig {
    return new LayerConfig(this.title, { ...this.#values, ...values }, this.kerasMajor);
  }

  /** The error for a layer that cannot be run. */
  refused(why: string, hint?: string): L2cafError {
    return new L2cafError('model-invalid', `the layer ${this.title} ${why}`, { ...(hint && { hint }) });
  }

  /** A value as it is; undefined when it is absent or null. */
  get(key: string): Exclude<Json, null> | undefined {
    return (Object.hasOwn(this.#values, key) ? this.#values[key] : undefined) ?? undefined;
  }

  /** Whether a value is said to be none. */
  isNull(key: string): boolean {
    return Object.hasOwn(this.#values, key) && this.#values[key] === null;
  }

  /** A finite number. */
  number(key: string, fallback?: number): number {
    const value = this.get(key) ?? fallback;
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    throw this.#wrong(key, 'a number');
  }

  /** A whole number of at least `least`. */
  count(key: string, fallback?: number, least = 1): number {
    const value = this.get(key) ?? fallback;
    if (isCount(value, least)) return value;
    throw this.#wrong(key, `a whole number from ${least} on`);
  }

  /** Whole numbers, one for all or one each. */
  counts(key: string, length: number, fallback?: number, least = 1): number[] {
    const value = this.get(key) ?? fallback;
    const list = typeof value === 'number' ? new Array<number>(length).fill(value) : value;
    if (Array.isArray(list) && list.length === length && list.every((one) => isCount(one, least))) {
      return list as number[];
    }
    throw this.#wrong(key, `${length} whole numbers from ${least} on`);
  }

  /** Whole numbers, as many as there are. */
  integers(key: string): number[] {
    const value = this.get(key);
    if (Array.isArray(value) && value.every((one) => Number.isSafeInteger(one))) return value as number[];
    throw this.#wrong(key, 'a list of whole numbers');
  }

  /** Whole numbers, or one. */
  listOf(key: string): number[] {
    return typeof this.get(key) === 'number' ? [this.number(key)] : this.integers(key);
  }

  /** True or false. */
  flag(key: string, fallback: boolean): boolean {
    const value = this.get(key) ?? fallback;
    if (typeof value === 'boolean') return value;
    throw this.#wrong(key, 'true or false');
  }

  /** One of some words. */
  oneOf<T extends string>(key: string, choices: readonly T[], fallback?: T): T {
    const value = this.get(key) ?? fallback;
    if (choices.includes(value as T)) return value as T;
    throw this.refused(`has ${key} ${JSON.stringify(value)}, which is not supported (${choices.join(', ')} are)`);
  }

  #wrong(key: string, expected: string): L2cafError {
    return this.refused(`needs ${expected} as ${key}, not ${JSON.stringify(this.get(key) ?? null)}`);
  }
}

function isCount(value: unknown, least: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= least;
}
