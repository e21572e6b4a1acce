/**
 * HDF5 files through h5wasm. The file is read from memory, where a library that follows links to other files finds none.
 */
import { L2cafError, messageOf } from '../../base/errors.ts';
import { product } from '../../base/matrix.ts';
import { fromOptional, KERAS_PACKAGES } from '../../base/optional.ts';
import { fromFloat16 } from '../float16.ts';
import type { StoredWeight } from './weights.ts';

type H5Wasm = typeof import('h5wasm').default;
type H5Group = import('h5wasm').Group;
type H5Dataset = import('h5wasm').Dataset;

/** An open file. Close it when done. */
export interface H5File {
  /** A text attribute of the file itself. */
  text(attribute: string): string | undefined;
  /** Names that a group has as an attribute, which large ones part into several: `layer_names`, `layer_names0`, … */
  names(group: string, attribute: string): string[] | undefined;
  /** A dataset of a group. */
  weight(group: string, name: string): StoredWeight;
  /** Whether there is such a group. */
  has(group: string): boolean;
  /** Groups and datasets of a group, by name. */
  children(group: string): { readonly groups: readonly string[]; readonly datasets: readonly string[] };
  /** Frees the memory that it takes. */
  close(): void;
}

let files = 0;

/**
 * Opens a file that is in memory.
 *
 * @param what names the file in messages
 * @throws L2cafError `package-missing`, `model-invalid` when it is damaged
 */
export async function openH5(bytes: Uint8Array, what: string): Promise<H5File> {
  const h5wasm = await fromOptional(
    'reading Keras files',
    KERAS_PACKAGES,
    async () => (await import('h5wasm')).default,
  );
  const library = (await h5wasm.ready) as unknown as Library;
  library.activate_throwing_error_handler(); // else it prints what is wrong
  const { FS } = library;
  const path = `/l2caf-${files++}.h5`;
  FS.writeFile(path, bytes);
  try {
    const file = new h5wasm.File(path, 'r');
    return opened(h5wasm, file, what, () => {
      file.close();
      FS.unlink(path);
    });
  } catch (cause) {
    FS.unlink(path);
    throw damaged(what, cause);
  }
}

/** What h5wasm's types leave out. */
interface Library {
  readonly FS: { writeFile(path: string, bytes: Uint8Array): void; unlink(path: string): void };
  activate_throwing_error_handler(): void;
}

function opened(h5wasm: H5Wasm, file: H5Group, what: string, close: () => void): H5File {
  const safely = <T>(work: () => T): T => {
    try {
      return work();
    } catch (cause) {
      throw cause instanceof L2cafError ? cause : damaged(what, cause);
    }
  };
  const entityAt = (path: string): unknown => {
    let at: unknown = file;
    for (const name of path.split('/').filter((part) => part !== '')) {
      if (!(at instanceof h5wasm.Group) || !at.keys().includes(name)) return undefined;
      at = at.get(name);
    }
    return at;
  };
  const groupAt = (path: string): H5Group | undefined => {
    const found = entityAt(path);
    return found instanceof h5wasm.Group ? found : undefined;
  };
  const attribute = (path: string, name: string): unknown => {
    const group = groupAt(path);
    return group !== undefined && Object.hasOwn(group.attrs, name) ? group.attrs[name]!.value : undefined;
  };
  return {
    text: (name) =>
      safely(() => {
        const value = attribute('', name);
        return typeof value === 'string' ? value : undefined;
      }),
    names: (group, name) =>
      safely(() => {
        const whole = attribute(group, name);
        if (whole !== undefined) return textsOf(whole);
        const parts: string[] = [];
        for (let i = 0; ; i++) {
          const part = attribute(group, `${name}${i}`);
          if (part === undefined) return i === 0 ? undefined : parts;
          parts.push(...textsOf(part));
        }
      }),
    weight: (group, name) => safely(() => stored(h5wasm, entityAt(`${group}/${name}`), `${group}/${name}`, safely)),
    has: (group) => safely(() => groupAt(group) !== undefined),
    children: (group) =>
      safely(() => {
        const at = groupAt(group);
        const names = at?.keys() ?? [];
        return {
          groups: names.filter((name) => at!.get(name) instanceof h5wasm.Group),
          datasets: names.filter((name) => at!.get(name) instanceof h5wasm.Dataset),
        };
      }),
    close,
  };
}

/** An attribute of no names is read as one of no numbers. */
function textsOf(value: unknown): string[] {
  const list = typeof value === 'string' ? [value] : Array.from(value as ArrayLike<unknown>);
  return list.map(String);
}

function stored(h5wasm: H5Wasm, found: unknown, at: string, safely: <T>(work: () => T) => T): StoredWeight {
  if (!(found instanceof h5wasm.Dataset)) {
    throw new L2cafError('weights-invalid', `the weights ${at} are not in the file`, {
      hint: 'was it saved with its weights (model.save, not model.to_json)?',
    });
  }
  const dataset: H5Dataset = found;
  return { path: at, shape: dataset.shape ?? [], read: () => safely(() => numbersOf(dataset, at)) };
}

/** Numbers of one weight at most. */
const MOST_VALUES = 2 ** 29;

function numbersOf(dataset: H5Dataset, at: string): Float32Array {
  const count = product(dataset.shape ?? []);
  if (count > MOST_VALUES)
    throw new L2cafError('weights-invalid', `the weights ${at} are ${count} numbers, which is too many`);
  const { dtype } = dataset;
  if (dtype === '<e') return fromFloat16(bitsOf(dataset));
  if (typeof dtype !== 'string' || !/^[<>|]?[fdiIlLqQ]$/.test(dtype)) throw notNumbers(at);
  const value = dataset.value as unknown;
  if (value instanceof Float32Array) return value;
  if (typeof value === 'number' || typeof value === 'bigint') return Float32Array.of(Number(value));
  if (value instanceof BigInt64Array || value instanceof BigUint64Array) return Float32Array.from(value, Number);
  if (ArrayBuffer.isView(value)) return Float32Array.from(value as Float64Array);
  throw notNumbers(at);
}

/** Numbers of half precision, which h5wasm does not read, as it would read whole ones of their length. */
function bitsOf(dataset: H5Dataset): Uint16Array {
  const metadata = { ...dataset.metadata, type: 0, signed: false };
  const asBits = Object.create(dataset, { metadata: { value: metadata } }) as H5Dataset;
  const { value } = asBits as { value: unknown };
  return value instanceof Uint16Array ? value : Uint16Array.of(Number(value));
}

function notNumbers(at: string): L2cafError {
  return new L2cafError('weights-invalid', `the weights ${at} are not numbers of half, single or double precision`, {
    hint: 'save the network in float32; the slopes of a quantised one mean nothing',
  });
}

function damaged(what: string, cause: unknown): L2cafError {
  return new L2cafError('model-invalid', `${what} cannot be read as HDF5: ${reasonOf(cause)}`, {
    hint: 'is it whole? Copy or save it again',
    cause,
  });
}

/** HDF5 tells the whole way to what went wrong; the end of it says what that was. */
function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return [...text.matchAll(/\(\): (.+)/g)].at(-1)?.[1] ?? messageOf(error);
}
