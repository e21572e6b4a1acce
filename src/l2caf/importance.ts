/**
 * Which frame matters: how far the output moves when a frame's feature map is replaced by the mean of the other frames'
 * maps (drop one frame). The filters say where in a frame; this says when.
 */
import type { MapTail } from './tail.ts';

/**
 * The importance of each slot: `‖NT(x) − NT(x without frame t)‖₂`, `[slots]`.
 *
 * @param tail of at least two slots
 */
export async function frameImportance(tail: MapTail): Promise<Float32Array> {
  const slots = Array.from({ length: tail.slots }, (_, slot) => slot);
  const maps = slots.map((slot) => tail.mapOf(slot));
  const size = maps[0]!.length;
  const others = new Float32Array(slots.length * size);
  for (let i = 0; i < size; i++) {
    const sum = maps.reduce((total, map) => total + map[i]!, 0);
    for (const slot of slots) others[slot * size + i] = (sum - maps[slot]![i]!) / (slots.length - 1);
  }
  const outputs = await tail.evaluateMaps(others, slots); // [t, d]
  const d = tail.outputSize;
  return Float32Array.from(slots, (slot) =>
    Math.hypot(...tail.reference.map((value, k) => outputs[slot * d + k]! - value)),
  );
}
