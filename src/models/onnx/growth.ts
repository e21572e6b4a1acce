/** Tensors of one event made into those of several, and several taken apart. */
import { product } from '../../base/matrix.ts';
import type { TailCut } from './cut.ts';
import { isFloating, type OnnxSession, type OnnxTensor } from './runtime.ts';

/** How a tensor grows with the number of events: joined along an axis, or in whole numbers, or not at all. */
export type Growth = { readonly axis: number } | { readonly step: BigInt64Array } | 'none';

/** Tries two events at once, to see which of what the tail reads of the first part grows with their number. */
export async function growthOf(
  names: TailCut['boundary'],
  trunk: OnnxSession,
  example: (events: 1 | 2) => Readonly<Record<string, OnnxTensor>> | undefined,
  seen: ReadonlyMap<string, OnnxTensor>,
): Promise<Map<string, Growth>> {
  const feeds = names.length > 0 ? example(2) : undefined;
  const computed = names.filter((name) => feeds?.[name] === undefined);
  const both = feeds && { ...feeds, ...(await trunk.run(feeds, computed).catch(() => undefined)) };
  return new Map(names.map((name) => [name, growthBetween(seen.get(name)!, both?.[name])] as const));
}

function growthBetween(one: OnnxTensor, two: OnnxTensor | undefined): Growth {
  const { dims, data } = one;
  if (two === undefined || two.dims.length !== dims.length) {
    return isFloating(one) && dims.length > 0 ? { axis: 0 } : 'none'; // the export fixes one event: to be tried
  }
  const axis = dims.findIndex((n, i) => two.dims[i] === 2 * n);
  if (axis >= 0) return { axis };
  if (data instanceof BigInt64Array && two.data instanceof BigInt64Array && data.length === two.data.length) {
    const after = two.data;
    return { step: data.map((value, i) => after[i]! - value) };
  }
  return 'none';
}

/** A tensor of one event, for several. */
export function grow(tensor: OnnxTensor, growth: Growth, count: number): OnnxTensor {
  if (growth === 'none' || count === 1) return tensor;
  const { type, dims, data } = tensor;
  if ('step' in growth) {
    const { step } = growth;
    return { type, dims, data: (data as BigInt64Array).map((value, i) => value + step[i]! * BigInt(count - 1)) };
  }
  const { axis } = growth;
  const block = blockAt(dims, axis);
  const outer = data.length / block;
  const all = new (data.constructor as new (length: number) => Float32Array)(data.length * count);
  for (let i = 0; i < outer; i++) {
    const part = (data as Float32Array).subarray(i * block, (i + 1) * block);
    for (let k = 0; k < count; k++) all.set(part, (i * count + k) * block);
  }
  return { type, dims: dims.map((n, i) => (i === axis ? n * count : n)), data: all };
}

/** Values of one event that lie together in a tensor of several, which has them one after another along an axis. */
function blockAt(dims: readonly number[], axis: number): number {
  return product(dims.slice(axis));
}

/** Tensors of several events as one: `outer` times, a block of each in turn. */
export function joined(
  tensors: readonly Float32Array[],
  { outer, block }: { readonly outer: number; readonly block: number },
): Float32Array {
  const all = new Float32Array(tensors.length * outer * block);
  for (let i = 0; i < outer; i++) {
    for (const [k, tensor] of tensors.entries()) {
      all.set(tensor.subarray(i * block, (i + 1) * block), (i * tensors.length + k) * block);
    }
  }
  return all;
}

/** Values of several events along an axis of one event's `dims`, event by event. */
export function apart(values: Float32Array, dims: readonly number[], axis: number): Float32Array {
  const block = blockAt(dims, axis);
  const size = product(dims);
  const outer = size / block;
  if (outer === 1) return values;
  const count = values.length / size;
  const events = new Float32Array(values.length);
  for (let i = 0; i < outer; i++) {
    for (let k = 0; k < count; k++) {
      const from = (i * count + k) * block;
      events.set(values.subarray(from, from + block), k * size + i * block);
    }
  }
  return events;
}
