/**
 * The kernels of `matrix-kernels.as`, in WebAssembly with two numbers per instruction: about four times as fast as the plain loops,
 * equal to them but for the order of the sums. They have a memory of their own, into which arrays are copied.
 */
import { MATRIX_KERNELS_WASM } from './matrix-kernels-wasm.ts';

/** Every kernel reads and writes arrays at addresses of the shared memory. */
interface Exports {
  multiplyTransposed(a: number, b: number, out: number, rows: number, columns: number, depth: number): void;
  tridiagonalize(a: number, n: number, diagonal: number, offDiagonal: number, work: number): void;
}

/** What is used of the engine's WebAssembly, of which no types of Node tell. */
interface Engine {
  readonly Memory: new (limits: { initial: number }) => { readonly buffer: ArrayBuffer; grow(pages: number): number };
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown };
}
const engine = (globalThis as unknown as { readonly WebAssembly: Engine }).WebAssembly;

/** The kernels and the memory that they work in. */
export class MatrixKernels {
  /** The functions; they take the `byteOffset` of arrays of {@link place}. */
  readonly run: Exports;
  readonly #memory = new engine.Memory({ initial: 16 });

  private constructor(module: object) {
    const { exports } = new engine.Instance(module, { env: { memory: this.#memory } });
    this.run = exports as Exports;
  }

  /**
   * Room for arrays of the given lengths, one after another; what was there before is lost. Undefined where there is none.
   */
  place(lengths: readonly number[]): readonly Float64Array[] | undefined {
    const bytes = lengths.reduce((sum, length) => sum + NUMBER_BYTES * length, 0);
    const missing = Math.ceil((bytes - this.#memory.buffer.byteLength) / PAGE_BYTES);
    try {
      if (missing > 0) this.#memory.grow(missing);
    } catch {
      return undefined;
    }
    let start = 0;
    return lengths.map((length) => {
      const array = new Float64Array(this.#memory.buffer, start, length);
      start += array.byteLength;
      return array;
    });
  }

  static #made: MatrixKernels | 'none' | undefined;

  /** The one instance of this thread; undefined where the machine has no such instructions, or no memory for them. */
  static get(): MatrixKernels | undefined {
    MatrixKernels.#made ??= MatrixKernels.#make() ?? 'none';
    return MatrixKernels.#made === 'none' ? undefined : MatrixKernels.#made;
  }

  static #make(): MatrixKernels | undefined {
    try {
      const bytes = Uint8Array.from(atob(MATRIX_KERNELS_WASM), (character) => character.charCodeAt(0));
      return new MatrixKernels(new engine.Module(bytes));
    } catch {
      return undefined; // the plain loops give the same, later
    }
  }
}

const NUMBER_BYTES = Float64Array.BYTES_PER_ELEMENT;
const PAGE_BYTES = 65_536;
