/** The distance that retrieval and clustering share. */

/** An embedding: numbers in either precision. */
export type Vector = Float32Array | Float64Array;

/** `‖a − b‖²` of two vectors of one length. */
export function squaredDistance(a: Vector, b: Vector): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2;
  return sum;
}
