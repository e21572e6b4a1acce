/**
 * The few dense-matrix loops that the double-precision solvers spend their time in. They exist because a filter problem
 * is tiny (tens of unknowns): plain loops over contiguous rows, blocked so that the sums stay in registers, beat the
 * per-call cost of a tensor library. The product that takes the most time is done in WebAssembly, where that is to be had.
 * All matrices are `Float64Array`, row by row.
 */
import { MatrixKernels } from './matrix-kernels.ts';

/** What is not worth the way into the memory of the kernels: few rows of one side, or few multiplications. */
const FEWEST_ROWS = 4;
const FEWEST_PRODUCTS = 20_000;

/**
 * `out = a bᵀ`: `a` is `[rows, depth]`, `b` is `[columns, depth]`, `out` is `[rows, columns]` with `outStride` numbers
 * from one row to the next (so that a result can be written into part of a wider matrix).
 */
export function multiplyTransposed(
  a: Float64Array,
  b: Float64Array,
  out: Float64Array,
  rows: number,
  columns: number,
  depth: number,
  outStride: number = columns,
): void {
  const isWorthCopying = Math.min(rows, columns) >= FEWEST_ROWS && rows * columns * depth >= FEWEST_PRODUCTS;
  const kernels = isWorthCopying ? MatrixKernels.get() : undefined;
  const places = kernels?.place([rows * depth, columns * depth, rows * columns]);
  if (kernels === undefined || places === undefined) {
    multiplyTransposedPlainly(a, b, out, rows, columns, depth, outStride);
    return;
  }
  const [ofA, ofB, product] = places as [Float64Array, Float64Array, Float64Array];
  ofA.set(a.subarray(0, ofA.length));
  ofB.set(b.subarray(0, ofB.length));
  kernels.run.multiplyTransposed(ofA.byteOffset, ofB.byteOffset, product.byteOffset, rows, columns, depth);
  for (let i = 0; i < rows; i++) out.set(product.subarray(i * columns, (i + 1) * columns), i * outStride);
}

/** As {@link multiplyTransposed}, without WebAssembly: the reference, and what takes its place. */
export function multiplyTransposedPlainly(
  a: Float64Array,
  b: Float64Array,
  out: Float64Array,
  rows: number,
  columns: number,
  depth: number,
  outStride: number = columns,
): void {
  const evenRows = rows - (rows % 2);
  const blockColumns = columns - (columns % 4);
  for (let i = 0; i < evenRows; i += 2) {
    for (let j = 0; j < blockColumns; j += 4) multiplyBlock(a, b, out, i, j, depth, outStride);
    for (let j = blockColumns; j < columns; j++) {
      out[i * outStride + j] = dot(a, i * depth, b, j * depth, depth);
      out[(i + 1) * outStride + j] = dot(a, (i + 1) * depth, b, j * depth, depth);
    }
  }
  if (evenRows === rows) return;
  for (let j = 0; j < columns; j++) out[evenRows * outStride + j] = dot(a, evenRows * depth, b, j * depth, depth);
}

/** `out[j] += Σ_i coefficients[i] · matrix[i, j]`: adds a combination of the rows of `matrix`, `[count, columns]`. */
export function addRows(coefficients: Float64Array, matrix: Float64Array, out: Float64Array, columns: number): void {
  const count = coefficients.length;
  const blocked = count - (count % 8);
  for (let i = 0; i < blocked; i += 8) {
    const x0 = coefficients[i]!;
    const x1 = coefficients[i + 1]!;
    const x2 = coefficients[i + 2]!;
    const x3 = coefficients[i + 3]!;
    const x4 = coefficients[i + 4]!;
    const x5 = coefficients[i + 5]!;
    const x6 = coefficients[i + 6]!;
    const x7 = coefficients[i + 7]!;
    const r0 = i * columns;
    const r1 = r0 + columns;
    const r2 = r1 + columns;
    const r3 = r2 + columns;
    const r4 = r3 + columns;
    const r5 = r4 + columns;
    const r6 = r5 + columns;
    const r7 = r6 + columns;
    for (let j = 0; j < columns; j++) {
      const low = x0 * matrix[r0 + j]! + x1 * matrix[r1 + j]! + (x2 * matrix[r2 + j]! + x3 * matrix[r3 + j]!);
      const high = x4 * matrix[r4 + j]! + x5 * matrix[r5 + j]! + (x6 * matrix[r6 + j]! + x7 * matrix[r7 + j]!);
      out[j]! += low + high;
    }
  }
  for (let i = blocked; i < count; i++) {
    const x = coefficients[i]!;
    for (let j = 0; j < columns; j++) out[j]! += x * matrix[i * columns + j]!;
  }
}

/** `[rows, columns]` → `[columns, rows]`, into `out`. */
export function transposeInto(matrix: ArrayLike<number>, out: Float64Array, rows: number, columns: number): void {
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) out[j * rows + i] = matrix[i * columns + j]!;
}

/** `‖x‖₂` */
export function norm(x: Float64Array): number {
  return Math.sqrt(dot(x, 0, x, 0, x.length));
}

/** Sum of the products of `length` numbers of `a` from `aStart` and of `b` from `bStart`. */
export function dot(a: Float64Array, aStart: number, b: Float64Array, bStart: number, length: number): number {
  const blocked = length - (length % 4);
  let [s0, s1, s2, s3] = [0, 0, 0, 0]; // four sums, as each addition would wait for the one before it
  for (let p = 0; p < blocked; p += 4) {
    s0 += a[aStart + p]! * b[bStart + p]!;
    s1 += a[aStart + p + 1]! * b[bStart + p + 1]!;
    s2 += a[aStart + p + 2]! * b[bStart + p + 2]!;
    s3 += a[aStart + p + 3]! * b[bStart + p + 3]!;
  }
  for (let p = blocked; p < length; p++) s0 += a[aStart + p]! * b[bStart + p]!;
  return s0 + s1 + (s2 + s3);
}

/** Two rows of `a` by four rows of `b`: eight sums, which is what fits in the registers beside their factors. */
function multiplyBlock(
  a: Float64Array,
  b: Float64Array,
  out: Float64Array,
  row: number,
  column: number,
  depth: number,
  outStride: number,
): void {
  const a0 = row * depth;
  const a1 = a0 + depth;
  const b0 = column * depth;
  const b1 = b0 + depth;
  const b2 = b1 + depth;
  const b3 = b2 + depth;
  let s00 = 0;
  let s01 = 0;
  let s02 = 0;
  let s03 = 0;
  let s10 = 0;
  let s11 = 0;
  let s12 = 0;
  let s13 = 0;
  for (let p = 0; p < depth; p++) {
    const x0 = a[a0 + p]!;
    const x1 = a[a1 + p]!;
    const y0 = b[b0 + p]!;
    const y1 = b[b1 + p]!;
    const y2 = b[b2 + p]!;
    const y3 = b[b3 + p]!;
    s00 += x0 * y0;
    s01 += x0 * y1;
    s02 += x0 * y2;
    s03 += x0 * y3;
    s10 += x1 * y0;
    s11 += x1 * y1;
    s12 += x1 * y2;
    s13 += x1 * y3;
  }
  const o = row * outStride + column;
  out[o] = s00;
  out[o + 1] = s01;
  out[o + 2] = s02;
  out[o + 3] = s03;
  const q = o + outStride;
  out[q] = s10;
  out[q + 1] = s11;
  out[q + 2] = s12;
  out[q + 3] = s13;
}

/** The vector of length 1 in the direction of `x`; a new array. */
export function unit(x: Float64Array): Float64Array {
  const length = norm(x);
  return x.map((value) => value / length);
}

/** Softmax: positive numbers that add up to 1, in the proportions of `exp(scores)`. */
export function softmax(scores: ArrayLike<number>): number[] {
  const values = Array.from(scores);
  const largest = values.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
  const exponentials = values.map((value) => Math.exp(value - largest));
  const total = exponentials.reduce((sum, value) => sum + value, 0);
  return exponentials.map((value) => value / total);
}

/** Classes that exclude each other, as places among the scores, and what their scores are divided by before the softmax. */
export interface ExclusiveClasses {
  readonly classes: readonly number[];
  readonly temperature: number;
}

/** Softmax over classes that exclude each other: a probability for each of them, in their order. */
export function softmaxAmong(scores: ArrayLike<number>, { classes, temperature }: ExclusiveClasses): number[] {
  return softmax(classes.map((place) => scores[place]! / temperature));
}

/** The sum of some numbers. */
export function sum(values: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i]!;
  return total;
}

/** The product of some numbers, such as how many values a shape holds; 1 of none. */
export function product(values: readonly number[]): number {
  return values.reduce((all, value) => all * value, 1);
}

/** The mean of some numbers; not a number for none. */
export function mean(values: ArrayLike<number>): number {
  return sum(values) / values.length;
}

/** Numbers one after another; those of a single part are that part itself. */
export function concatenated(parts: readonly Float32Array[]): Float32Array {
  const [only] = parts;
  if (parts.length === 1) return only!;
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
