/**
 * LSTM steps in double precision, with everything their derivatives need. The derivatives use that the four gates of a
 * step receive their adjoints (and pass on their tangents) through two state vectors only: the products with the four
 * gate kernels fold into two, and at the last step, where only the hidden state counts, into one.
 */
import { addRows } from '../base/matrix.ts';
import type { FrameReading } from './map-reading.ts';

/** The state of the LSTM between two steps, `[H]` each. */
export interface RecurrentState {
  readonly hidden: Float64Array;
  readonly cell: Float64Array;
}

/** Everything one step leaves behind for its derivative. */
export interface LstmStep extends RecurrentState {
  /** Activated gates i, f, g, o: `[4H]`. */
  readonly gates: Float64Array;
  readonly cellBefore: Float64Array;
  readonly tanhCell: Float64Array;
}

/** An empty record for H units. */
export function stepRecord(units: number): LstmStep {
  return {
    gates: new Float64Array(4 * units),
    cellBefore: new Float64Array(units),
    cell: new Float64Array(units),
    tanhCell: new Float64Array(units),
    hidden: new Float64Array(units),
  };
}

/** One step from `before`; on entry `record.gates` holds the input part of the gates, bias included. */
export function runStep(record: LstmStep, before: RecurrentState, recurrentKernel: Float64Array): void {
  const { gates, cellBefore, cell, tanhCell, hidden } = record;
  const units = hidden.length;
  addRows(before.hidden, recurrentKernel, gates, 4 * units);
  cellBefore.set(before.cell);
  for (let j = 0; j < units; j++) {
    const input = sigmoid(gates[j]!);
    const forget = sigmoid(gates[units + j]!);
    const candidate = Math.tanh(gates[2 * units + j]!);
    const output = sigmoid(gates[3 * units + j]!);
    gates[j] = input;
    gates[units + j] = forget;
    gates[2 * units + j] = candidate;
    gates[3 * units + j] = output;
    cell[j] = forget * cellBefore[j]! + input * candidate;
    tanhCell[j] = Math.tanh(cell[j]!);
    hidden[j] = output * tanhCell[j]!;
  }
}

/** The state after a frame that is read as it is. */
export function stateAfter(frame: FrameReading, before: RecurrentState, recurrentKernel: Float64Array): RecurrentState {
  const record = stepRecord(before.hidden.length);
  frame.record().read(record.gates, before.hidden);
  runStep(record, before, recurrentKernel);
  return record;
}

/** Reads frames as they are, from the zero state: the state before each, and the last. */
export function statesOf(
  frames: readonly FrameReading[],
  recurrentKernel: Float64Array,
  units: number,
): RecurrentState[] {
  const states: RecurrentState[] = [{ hidden: new Float64Array(units), cell: new Float64Array(units) }];
  for (const frame of frames) states.push(stateAfter(frame, states.at(-1)!, recurrentKernel));
  return states;
}

/**
 * Derivatives of a step by its gates before activation, `[4H]`: of the cell by i, f and g, and of the hidden state by o
 * (at constant cell). With `isLast`, of the hidden state by all four.
 */
export function gateSlopes(step: LstmStep, isLast: boolean): Float64Array {
  const { gates, cellBefore, tanhCell } = step;
  const units = tanhCell.length;
  const slopes = new Float64Array(4 * units);
  const toHidden = hiddenByCell(step);
  for (let j = 0; j < units; j++) {
    const [i, f, g, o] = [gates[j]!, gates[units + j]!, gates[2 * units + j]!, gates[3 * units + j]!];
    const scale = isLast ? toHidden[j]! : 1;
    slopes[j] = scale * g * i * (1 - i);
    slopes[units + j] = scale * cellBefore[j]! * f * (1 - f);
    slopes[2 * units + j] = scale * i * (1 - g * g);
    slopes[3 * units + j] = tanhCell[j]! * o * (1 - o);
  }
  return slopes;
}

/** `∂h/∂c` of a step, `[H]`. */
export function hiddenByCell({ gates, tanhCell }: LstmStep): Float64Array {
  const units = tanhCell.length;
  return tanhCell.map((t, j) => gates[3 * units + j]! * (1 - t * t));
}

/**
 * Weighs the columns of a kernel `[rows, 4H]` with gate slopes and adds up those that act through the same state:
 * `[rows, 2H]`, hidden then cell; with `isLast` all four, `[rows, H]`.
 */
export function foldColumns(kernel: Float64Array, slopes: Float64Array, isLast: boolean, out: Float64Array): void {
  const units = slopes.length / 4;
  const depth = isLast ? units : 2 * units;
  for (let at = 0, to = 0; at < kernel.length; at += 4 * units, to += depth) {
    for (let j = 0; j < units; j++) {
      const viaCell =
        slopes[j]! * kernel[at + j]! +
        slopes[units + j]! * kernel[at + units + j]! +
        slopes[2 * units + j]! * kernel[at + 2 * units + j]!;
      const direct = slopes[3 * units + j]! * kernel[at + 3 * units + j]!;
      out[to + j] = isLast ? direct + viaCell : direct;
      if (!isLast) out[to + units + j] = viaCell;
    }
  }
}

/** The same for the rows of a transposed kernel `[4H, columns]`: `[2H, columns]`, or `[H, columns]`. */
export function foldRows(kernel: Float64Array, slopes: Float64Array, isLast: boolean, out: Float64Array): void {
  const units = slopes.length / 4;
  const columns = kernel.length / (4 * units);
  const gate = units * columns; // from a row of one gate to that of the next
  for (let j = 0; j < units; j++) {
    const [i, f, g, o] = [slopes[j]!, slopes[units + j]!, slopes[2 * units + j]!, slopes[3 * units + j]!];
    for (let at = j * columns; at < (j + 1) * columns; at++) {
      const viaCell = i * kernel[at]! + f * kernel[at + gate]! + g * kernel[at + 2 * gate]!;
      const direct = o * kernel[at + 3 * gate]!;
      out[at] = isLast ? direct + viaCell : direct;
      if (!isLast) out[gate + at] = viaCell;
    }
  }
}

function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}
