/**
 * The loops of matrix.ts and l2caf/sphere.ts that take the most time, two numbers at a time, in AssemblyScript.
 * `npm run kernels` makes matrix-kernels-wasm.ts of it. Matrices are 64-bit floats, row by row, at addresses in bytes.
 */

/** Address of number i of an array. */
// @ts-ignore: decorator
@inline
function at(array: usize, i: i32): usize {
  return array + (<usize>i << 3);
}

// @ts-ignore: decorator
@inline
function total(sums: v128): f64 {
  return f64x2.extract_lane(sums, 0) + f64x2.extract_lane(sums, 1);
}

/** `out = a bᵀ`: a `[rows, depth]`, b `[columns, depth]`, out `[rows, columns]`. */
export function multiplyTransposed(
  a: usize,
  b: usize,
  out: usize,
  rows: i32,
  columns: i32,
  depth: i32,
): void {
  const row = <usize>depth << 3;
  const pairs = <usize>(depth & ~1) << 3;
  for (let i = 0; i < rows; i += 2) {
    const hasTwo = i + 1 < rows;
    const a0 = at(a, i * depth);
    const a1 = hasTwo ? a0 + row : a0; // the only row stands in for a second one, whose sums are left
    for (let j = 0; j < columns; j += 4) {
      const more = columns - j - 1;
      const b0 = at(b, j * depth);
      const b1 = more > 0 ? b0 + row : b0;
      const b2 = more > 1 ? b1 + row : b0;
      const b3 = more > 2 ? b2 + row : b0;
      let s00 = f64x2.splat(0);
      let s01 = s00;
      let s02 = s00;
      let s03 = s00;
      let s10 = s00;
      let s11 = s00;
      let s12 = s00;
      let s13 = s00;
      for (let p: usize = 0; p < pairs; p += 16) {
        const x0 = v128.load(a0 + p);
        const x1 = v128.load(a1 + p);
        const y0 = v128.load(b0 + p);
        s00 = f64x2.add(s00, f64x2.mul(x0, y0));
        s10 = f64x2.add(s10, f64x2.mul(x1, y0));
        const y1 = v128.load(b1 + p);
        s01 = f64x2.add(s01, f64x2.mul(x0, y1));
        s11 = f64x2.add(s11, f64x2.mul(x1, y1));
        const y2 = v128.load(b2 + p);
        s02 = f64x2.add(s02, f64x2.mul(x0, y2));
        s12 = f64x2.add(s12, f64x2.mul(x1, y2));
        const y3 = v128.load(b3 + p);
        s03 = f64x2.add(s03, f64x2.mul(x0, y3));
        s13 = f64x2.add(s13, f64x2.mul(x1, y3));
      }
      put(out, i * columns + j, s00, a0, b0, depth);
      if (more > 0) put(out, i * columns + j + 1, s01, a0, b1, depth);
      if (more > 1) put(out, i * columns + j + 2, s02, a0, b2, depth);
      if (more > 2) put(out, i * columns + j + 3, s03, a0, b3, depth);
      if (!hasTwo) continue;
      put(out, (i + 1) * columns + j, s10, a1, b0, depth);
      if (more > 0) put(out, (i + 1) * columns + j + 1, s11, a1, b1, depth);
      if (more > 1) put(out, (i + 1) * columns + j + 2, s12, a1, b2, depth);
      if (more > 2) put(out, (i + 1) * columns + j + 3, s13, a1, b3, depth);
    }
  }
}

/** Finishes the product of two rows, whose last numbers have no neighbour where the depth is odd. */
function put(out: usize, index: i32, sums: v128, a: usize, b: usize, depth: i32): void {
  let sum = total(sums);
  if (depth & 1) sum += load<f64>(at(a, depth - 1)) * load<f64>(at(b, depth - 1));
  store<f64>(at(out, index), sum);
}

/**
 * `Qᵀ A Q = T` by Householder reflections (`tridiagonalize` of sphere.ts): of `a`, `[n, n]`, row k right of its diagonal becomes the
 * unit vector of reflection k. `diagonal` takes n numbers, `offDiagonal` n − 1, `work` n.
 */
export function tridiagonalize(a: usize, n: i32, diagonal: usize, offDiagonal: usize, work: usize): void {
  for (let k = 0; k < n - 1; k++) {
    store<f64>(at(diagonal, k), load<f64>(at(a, k * n + k)));
    store<f64>(at(offDiagonal, k), makeReflector(at(a, k * n + k + 1), n - k - 1));
    reflectTrailing(at(a, k * n + k + 1), at(a, (k + 1) * n + k + 1), n - k - 1, n, work);
  }
  store<f64>(at(diagonal, n - 1), load<f64>(at(a, n * n - 1)));
}

function makeReflector(v: usize, length: i32): f64 {
  const size = sqrt(dot(v, v, length));
  if (size == 0) return 0;
  const first = load<f64>(v);
  const offDiagonal = first > 0 ? -size : size;
  store<f64>(v, first - offDiagonal);
  const scale = 1 / sqrt(dot(v, v, length));
  for (let i = 0; i < length; i++) store<f64>(at(v, i), load<f64>(at(v, i)) * scale);
  return offDiagonal;
}

/** `B ← B − 2 v wᵀ − 2 w vᵀ`, `w = Bv − (vᵀBv) v`; B is `[length, length]`, n numbers from row to row. */
function reflectTrailing(v: usize, block: usize, length: i32, n: i32, w: usize): void {
  for (let i = 0; i < length; i++) store<f64>(at(w, i), dot(at(block, i * n), v, length));
  const quadratic = dot(w, v, length);
  for (let i = 0; i < length; i++) store<f64>(at(w, i), load<f64>(at(w, i)) - quadratic * load<f64>(at(v, i)));
  const pairs = <usize>(length & ~1) << 3;
  for (let i = 0; i < length; i++) {
    const row = at(block, i * n);
    const vi = 2 * load<f64>(at(v, i));
    const wi = 2 * load<f64>(at(w, i));
    const vs = f64x2.splat(vi);
    const ws = f64x2.splat(wi);
    for (let p: usize = 0; p < pairs; p += 16) {
      const change = f64x2.add(f64x2.mul(vs, v128.load(w + p)), f64x2.mul(ws, v128.load(v + p)));
      v128.store(row + p, f64x2.sub(v128.load(row + p), change));
    }
    if (length & 1) {
      const last = <usize>(length - 1) << 3;
      store<f64>(row + last, load<f64>(row + last) - (vi * load<f64>(w + last) + wi * load<f64>(v + last)));
    }
  }
}

function dot(x: usize, y: usize, length: i32): f64 {
  const blocks = <usize>(length & ~3) << 3;
  let even = f64x2.splat(0);
  let odd = even;
  for (let p: usize = 0; p < blocks; p += 32) {
    even = f64x2.add(even, f64x2.mul(v128.load(x + p), v128.load(y + p)));
    odd = f64x2.add(odd, f64x2.mul(v128.load(x + p + 16), v128.load(y + p + 16)));
  }
  let sum = total(f64x2.add(even, odd));
  for (let i = length & ~3; i < length; i++) sum += load<f64>(at(x, i)) * load<f64>(at(y, i));
  return sum;
}
