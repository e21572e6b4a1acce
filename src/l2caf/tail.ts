/**
 * The one thing L2-CAF needs to know about a network: its tail, the part after the filter (paper, Sec. 3, "fast
 * endpoints", Eq. 3). A recurrent network over T frames has T slots, one per frame: filtering slot t multiplies that
 * frame's feature map by a filter while the other frames pass through untouched. A still picture has one slot.
 *
 * A tail must only evaluate, in plain numbers and in its own time, so that any engine can be behind it. What else it may
 * offer makes solvers faster: a closed form, a double-precision response with its Jacobian, gradients through tensors.
 */
import type { Tensor2D, Tensor3D, Tensor4D } from '../base/tensorflow.ts';
import type { GridShape } from '../base/types.ts';

/** A linear tail: `FT(f) = P f + b`. */
export interface LinearProjection {
  /** `P`, `[outputSize, h·w]` row by row: what each cell contributes to each output. */
  readonly matrix: Float64Array;
  /** `b`, `[outputSize]`. */
  readonly bias: Float64Array;
}

/**
 * How a nonlinear tail responds to one filter, for Gauss–Newton (METHOD §4). The arrays it returns belong to it: the next
 * call of the same function may overwrite them.
 */
export interface SmoothResponse {
  /** `FT(f)`, `[outputSize]`. */
  output(filter: Float64Array): Float64Array | Promise<Float64Array>;
  /** `∂FT/∂f` at `filter`, `[outputSize, h·w]` row by row. */
  jacobian(filter: Float64Array): Float64Array | Promise<Float64Array>;
}

/** A response that is there at once. */
export interface ImmediateResponse extends SmoothResponse {
  output(filter: Float64Array): Float64Array;
  jacobian(filter: Float64Array): Float64Array;
}

/** The network after the filter, for a fixed input whose feature maps it holds. */
export interface Tail {
  /** Feature maps that can be filtered: T frames of an event, or 1 for a picture. */
  readonly slots: number;
  readonly grid: GridShape;
  /** Length d of the output. */
  readonly outputSize: number;
  /** The output with no filter, `NT(x)`, `[d]`. */
  readonly reference: Float32Array;
  /**
   * Filters `[n, h, w]` row by row → outputs `[n, d]` row by row: in row i only slot `slots[i]` is filtered, by filter i
   * exactly as given (already constrained). Rows do not influence each other.
   */
  evaluate(filters: Float32Array, slots: readonly number[]): Promise<Float32Array>;
  /** The closed form of a slot, when the tail is linear. */
  linear?(slot: number): LinearProjection;
  /** The response of a slot, best in double precision. */
  smooth?(slot: number): SmoothResponse;
  /**
   * {@link Tail.evaluate} in tensors, `[n, h, w]` → `[n, d]`, differentiable: what gradient descent needs. The caller
   * disposes of the result.
   */
  filtered?(filters: Tensor3D, slots: readonly number[]): Tensor2D;
  /**
   * Its gradients through tensors cost several evaluations each, and it may be linear without knowing: solvers measure it
   * where that takes less than differentiating it.
   */
  readonly isMeasured?: true;
  /** The output for sets of the slots; absent where the network cannot do without some of them, or for one slot. */
  readonly subsets?: FrameSets;
  /**
   * Attention rollout of a slot, `[h, w]`, where the network has softmax attention.
   *
   * @throws L2cafError `usage` when that is not over places of the picture
   */
  rollout?(slot: number): Promise<Float32Array>;
  /** The map of a class that the network fuses from two branches (ACoL), `[h, w]`, in [0, 1]; absent where it has none. */
  fused?(index: number): Promise<Float32Array>;
  /** Frees what the tail holds. */
  dispose(): void;
}

/** A network that also answers when it sees some of an event's slots only. */
export interface FrameSets {
  /**
   * What becomes of the slots that are not in a set: `left-out`, the network reads a shorter sequence; `emptied`, their feature maps
   * are zero, as it takes no other number of frames.
   */
  readonly absent: 'left-out' | 'emptied';
  /** Sets `[n, slots]` row by row, 1 for a slot that is there and 0 for one that is not → outputs `[n, d]`. */
  evaluate(present: Uint8Array): Promise<Float32Array>;
}

/** A tail in tensors. */
export interface TensorTail extends Tail {
  filtered(filters: Tensor3D, slots: readonly number[]): Tensor2D;
}

/** A tail that also shows its feature maps, and takes others in their place. */
export interface MapTail extends Tail {
  /** The feature map of a slot, `[h, w, c]` row by row. The tail owns it. */
  mapOf(slot: number): Float32Array;
  /**
   * Feature maps `[n, h, w, c]` row by row → outputs `[n, d]` row by row: in row i, slot `slots[i]` has map i in place of
   * its own. Rows do not influence each other.
   */
  evaluateMaps(maps: Float32Array, slots: readonly number[]): Promise<Float32Array>;
}

/** The same in tensors, which the gradient-based baselines need (Grad-CAM, METHOD §5). */
export interface FeatureTail extends MapTail {
  filtered(filters: Tensor3D, slots: readonly number[]): Tensor2D;
  /** The feature map of a slot, `[h, w, c]`. The tail owns it. */
  features(slot: number): Tensor3D;
  /**
   * Feature maps `[n, h, w, c]` → outputs `[n, d]`: in row i, slot `slots[i]` has map i in place of its own.
   * Differentiable; rows do not influence each other. The caller disposes of the result.
   */
  outputsOf(features: Tensor4D, slots: readonly number[]): Tensor2D;
}

/** Whether a tail can be evaluated in tensors. */
export function isTensorTail(tail: Tail): tail is TensorTail {
  return tail.filtered !== undefined;
}

/** Whether a tail shows its feature maps. */
export function isMapTail(tail: Tail): tail is MapTail {
  return 'mapOf' in tail;
}

/** Whether a tail has its feature maps in tensors. */
export function isFeatureTail(tail: Tail): tail is FeatureTail {
  return 'features' in tail;
}
