/**
 * Half-precision numbers (IEEE 754 binary16: 1 sign, 5 exponent, 10 fraction bits), which Node 20 has no array type for:
 * trunk features are cached in them, at half the size and with more precision than a network needs.
 */

/** Half-precision bits → numbers; `out` is filled from its start, one value per entry of `bits`. */
export function fromFloat16(bits: Uint16Array, out: Float32Array = new Float32Array(bits.length)): Float32Array {
  const table = halfTable();
  for (let i = 0; i < bits.length; i++) out[i] = table[bits[i]!]!;
  return out;
}

/** Numbers → half-precision bits, rounded to nearest, ties to even; values beyond ±65504 become infinite. */
export function toFloat16(values: Float32Array): Uint16Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const result = new Uint16Array(values.length);
  for (let i = 0; i < words.length; i++) result[i] = halfBits(words[i]!);
  return result;
}

let table: Float32Array | undefined;

/** The number of every bit pattern. */
function halfTable(): Float32Array {
  table ??= Float32Array.from({ length: 0x10000 }, (_, bits) => halfToNumber(bits));
  return table;
}

function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** `word` is the bit pattern of a single-precision number. */
function halfBits(word: number): number {
  const sign = (word >>> 16) & 0x8000;
  const exponent = (word >>> 23) & 0xff;
  const fraction = word & 0x7fffff;
  if (exponent === 0xff) return sign | (fraction ? 0x7e00 : 0x7c00);
  const shifted = exponent - 112; // from a bias of 127 to one of 15
  if (shifted >= 31) return sign | 0x7c00;
  if (shifted <= 0) return shifted < -10 ? sign : sign | rounded(fraction | 0x800000, 14 - shifted);
  // A carry out of the fraction raises the exponent, as it should.
  return sign | ((shifted << 10) + rounded(fraction, 13));
}

/** `value / 2^bits`, to nearest, ties to even. */
function rounded(value: number, bits: number): number {
  const half = 1 << (bits - 1);
  const rest = value & ((1 << bits) - 1);
  const whole = value >>> bits;
  return rest > half || (rest === half && whole & 1) ? whole + 1 : whole;
}
