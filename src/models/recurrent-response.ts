/**
 * How the output of a recurrent tail answers to the filter of one frame, in double precision: the forward pass from that
 * frame to the last, and its whole Jacobian by one backward pass of all outputs' adjoints. This is where Gauss–Newton
 * spends its time, so the four gate products of a step are folded into two: the adjoints of a gate are those of the
 * hidden or of the cell state times a number per unit, and that number can scale the (shared) kernel instead.
 */
import type { SmoothResponse } from '../l2caf/tail.ts';
import { addRows, dot, multiplyTransposed } from '../matrix.ts';

/** The state of the LSTM between two steps, `[H]` each. */
export interface RecurrentState {
  readonly hidden: Float64Array;
  readonly cell: Float64Array;
}

/** What the tail knows about slot t before any filter is chosen. H units, d outputs, `cells` = h·w. */
export interface RecurrentResponseInput {
  /** What each cell adds to the LSTM's gates at this slot: `[cells, 4H]`. */
  readonly projection: Float64Array;
  readonly cells: number;
  /** LSTM bias, `[4H]`. */
  readonly bias: Float64Array;
  /** `[H, 4H]` */
  readonly recurrentKernel: Float64Array;
  /** State before this slot. */
  readonly before: RecurrentState;
  /** Input part of the gates (bias included) of the slots after this one, unfiltered: `[4H]` each. */
  readonly laterInputs: readonly Float64Array[];
  /** Dense output layer, transposed: `[d, H]`, and its bias `[d]`. */
  readonly outputKernel: Float64Array;
  readonly outputBias: Float64Array;
}

/** Everything one LSTM step leaves behind for its derivative. */
interface StepRecord {
  /** Activated gates i, f, g, o: `[4H]`. */
  readonly gates: Float64Array;
  readonly cellBefore: Float64Array;
  readonly cell: Float64Array;
  readonly tanhCell: Float64Array;
  readonly hidden: Float64Array;
}

/** The response of one slot. Arrays it returns are overwritten by the next call. */
export class RecurrentResponse implements SmoothResponse {
  readonly #input: RecurrentResponseInput;
  readonly #units: number;
  readonly #outputs: number;
  readonly #steps: StepRecord[];
  readonly #result: Float64Array;
  readonly #jacobian: Float64Array;
  readonly #folded: Float64Array;
  readonly #adjoints: [Float64Array, Float64Array];

  constructor(input: RecurrentResponseInput) {
    const units = input.before.hidden.length;
    const outputs = input.outputBias.length;
    this.#input = input;
    this.#units = units;
    this.#outputs = outputs;
    this.#steps = Array.from({ length: input.laterInputs.length + 1 }, () => stepRecord(units));
    this.#result = new Float64Array(outputs);
    this.#jacobian = new Float64Array(outputs * input.cells);
    this.#folded = new Float64Array(Math.max(units, input.cells) * 2 * units);
    this.#adjoints = [new Float64Array(outputs * 2 * units), new Float64Array(outputs * 2 * units)];
  }

  output(filter: Float64Array): Float64Array {
    this.#forward(filter);
    const { hidden } = this.#steps.at(-1)!;
    for (let k = 0; k < this.#outputs; k++) {
      this.#result[k] =
        this.#input.outputBias[k]! + dot(this.#input.outputKernel, k * this.#units, hidden, 0, this.#units);
    }
    return this.#result;
  }

  jacobian(filter: Float64Array): Float64Array {
    this.#forward(filter);
    const { cells, projection, recurrentKernel, outputKernel } = this.#input;
    const [units, outputs, folded] = [this.#units, this.#outputs, this.#folded];
    let adjoints = outputKernel; // last step: only the hidden state has an adjoint, [d, H]
    let depth = units;
    for (let s = this.#steps.length - 1; s > 0; s--) {
      foldGates(recurrentKernel, this.#steps[s]!, folded, units, depth);
      const next = this.#adjoints[s % 2]!;
      multiplyTransposed(adjoints, folded, next, outputs, units, depth, 2 * units);
      this.#carryCell(adjoints, depth, s, next);
      adjoints = next; // [d, 2H]: hidden, then cell
      depth = 2 * units;
    }
    foldGates(projection, this.#steps[0]!, folded, units, depth);
    multiplyTransposed(adjoints, folded, this.#jacobian, outputs, cells, depth);
    return this.#jacobian;
  }

  #forward(filter: Float64Array): void {
    const { projection, bias, recurrentKernel, laterInputs } = this.#input;
    let { hidden, cell } = this.#input.before;
    for (const [s, record] of this.#steps.entries()) {
      record.gates.set(s === 0 ? bias : laterInputs[s - 1]!);
      if (s === 0) addRows(filter, projection, record.gates, 4 * this.#units);
      addRows(hidden, recurrentKernel, record.gates, 4 * this.#units);
      record.cellBefore.set(cell);
      runStep(record);
      hidden = record.hidden;
      cell = record.cell;
    }
  }

  /** Fills the cell half of the adjoints before step s: what flows through the forget gate, plus the hidden half. */
  #carryCell(adjoints: Float64Array, depth: number, s: number, next: Float64Array): void {
    const units = this.#units;
    const step = this.#steps[s]!;
    const before = this.#steps[s - 1]!;
    const fromHidden = hiddenToCell(before);
    const toCell = depth === units ? hiddenToCell(step) : undefined;
    for (let k = 0; k < this.#outputs; k++) {
      for (let j = 0; j < units; j++) {
        const cellAdjoint = toCell ? adjoints[k * units + j]! * toCell[j]! : adjoints[k * 2 * units + units + j]!;
        next[k * 2 * units + units + j] =
          cellAdjoint * step.gates[units + j]! + next[k * 2 * units + j]! * fromHidden[j]!;
      }
    }
  }
}

/** Runs the unfiltered LSTM over gate inputs (bias included) `[4H]` each; the state before each step, and the last. */
export function statesOf(
  inputs: readonly Float64Array[],
  recurrentKernel: Float64Array,
  units: number,
): RecurrentState[] {
  const states: RecurrentState[] = [{ hidden: new Float64Array(units), cell: new Float64Array(units) }];
  for (const [s, input] of inputs.entries()) {
    const record = stepRecord(units);
    record.gates.set(input);
    addRows(states[s]!.hidden, recurrentKernel, record.gates, 4 * units);
    record.cellBefore.set(states[s]!.cell);
    runStep(record);
    states.push({ hidden: record.hidden, cell: record.cell });
  }
  return states;
}

function stepRecord(units: number): StepRecord {
  return {
    gates: new Float64Array(4 * units),
    cellBefore: new Float64Array(units),
    cell: new Float64Array(units),
    tanhCell: new Float64Array(units),
    hidden: new Float64Array(units),
  };
}

/** `gates` holds pre-activations on entry; on return the whole record is that of the step. */
function runStep({ gates, cellBefore, cell, tanhCell, hidden }: StepRecord): void {
  const units = hidden.length;
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

/**
 * Folds the derivatives of the four gates into a kernel `[rows, 4H]`: with `depth` 2H, column j of the result multiplies
 * the adjoint of hidden unit j and column H + j that of cell unit j; with `depth` H (last step) the cell's adjoint is
 * the hidden one's multiple, and both become one column.
 */
function foldGates(kernel: Float64Array, step: StepRecord, out: Float64Array, units: number, depth: number): void {
  const { gates, cellBefore, tanhCell } = step;
  const rows = kernel.length / (4 * units);
  const slopes = new Float64Array(4 * units);
  const toCell = hiddenToCell(step);
  for (let j = 0; j < units; j++) {
    const [i, f, g, o] = [gates[j]!, gates[units + j]!, gates[2 * units + j]!, gates[3 * units + j]!];
    const scale = depth === units ? toCell[j]! : 1;
    slopes[j] = scale * g * i * (1 - i);
    slopes[units + j] = scale * cellBefore[j]! * f * (1 - f);
    slopes[2 * units + j] = scale * i * (1 - g * g);
    slopes[3 * units + j] = tanhCell[j]! * o * (1 - o);
  }
  for (let row = 0; row < rows; row++) {
    const at = row * 4 * units;
    const to = row * depth;
    for (let j = 0; j < units; j++) {
      const cellPart =
        slopes[j]! * kernel[at + j]! +
        slopes[units + j]! * kernel[at + units + j]! +
        slopes[2 * units + j]! * kernel[at + 2 * units + j]!;
      const hiddenPart = slopes[3 * units + j]! * kernel[at + 3 * units + j]!;
      if (depth === units) {
        out[to + j] = hiddenPart + cellPart;
      } else {
        out[to + j] = hiddenPart;
        out[to + units + j] = cellPart;
      }
    }
  }
}

/** `∂h/∂c` of a step, `[H]`. */
function hiddenToCell({ gates, tanhCell }: StepRecord): Float64Array {
  const units = tanhCell.length;
  return tanhCell.map((t, j) => gates[3 * units + j]! * (1 - t * t));
}

function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}
