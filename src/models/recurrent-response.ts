/**
 * How the output of a recurrent tail answers to the filter of one frame, in double precision: the forward pass from that
 * frame to the last, and the whole Jacobian. This is where Gauss–Newton spends its time, so the Jacobian is carried in
 * whichever direction is shorter: the adjoints of d outputs backwards, or the tangents of h·w cells forwards.
 */

import { dot, multiplyTransposed } from '../base/matrix.ts';
import type { ImmediateResponse } from '../l2caf/tail.ts';
import {
  foldColumns,
  foldRows,
  gateSlopes,
  hiddenByCell,
  type LstmStep,
  type RecurrentState,
  runStep,
  stepRecord,
} from './lstm-steps.ts';
import type { FrameReading, ReadingRecord } from './map-reading.ts';

/** What the tail knows about slot t before any filter is chosen. H units, d outputs. */
export interface RecurrentResponseInput {
  readonly cells: number;
  /** What is read at this slot, filtered, and after it, unfiltered. */
  readonly readings: readonly FrameReading[];
  /** `[H, 4H]`, and transposed. */
  readonly recurrentKernel: Float64Array;
  readonly recurrentKernelTransposed: Float64Array;
  /** State before this slot. */
  readonly before: RecurrentState;
  /** Dense output layer, transposed: `[d, H]`, and its bias `[d]`. */
  readonly outputKernel: Float64Array;
  readonly outputBias: Float64Array;
  /** What Jacobians are worked out in. */
  readonly room: ResponseRoom;
}

/**
 * What Jacobians of one head are worked out in, one after another: nothing in it outlives a call. As garbage, for every frame of every
 * event, it would cost more than the work.
 */
export class ResponseRoom {
  #numbers = new Float64Array(0);

  /** A folded kernel, and two sets of adjoints or tangents; what they hold at first is left over. */
  take(cells: number, outputs: number, units: number): WorkSpace {
    const folded = Math.max(units, cells) * 2 * units;
    const carried = Math.min(outputs, cells) * 2 * units;
    if (this.#numbers.length < folded + 2 * carried) this.#numbers = new Float64Array(folded + 2 * carried);
    const part = (start: number, length: number): Float64Array => this.#numbers.subarray(start, start + length);
    return { folded: part(0, folded), carried: [part(folded, carried), part(folded + carried, carried)] };
  }
}

/** The response of one slot. Arrays it returns are overwritten by the next call. */
export class RecurrentResponse implements ImmediateResponse {
  readonly #input: RecurrentResponseInput;
  readonly #units: number;
  readonly #outputs: number;
  readonly #cells: number;
  readonly #readings: readonly ReadingRecord[];
  readonly #steps: readonly LstmStep[];
  readonly #result: Float64Array;
  /** `[d, h·w]`; absent until it is asked for. */
  #jacobian: Float64Array | undefined;

  constructor(input: RecurrentResponseInput) {
    this.#input = input;
    this.#units = input.before.hidden.length;
    this.#outputs = input.outputBias.length;
    this.#cells = input.cells;
    this.#readings = input.readings.map((reading) => reading.record());
    this.#steps = input.readings.map(() => stepRecord(this.#units));
    this.#result = new Float64Array(this.#outputs);
  }

  output(filter: Float64Array): Float64Array {
    this.#run(filter);
    const { hidden } = this.#steps.at(-1)!;
    for (let k = 0; k < this.#outputs; k++) {
      const along = dot(this.#input.outputKernel, k * this.#units, hidden, 0, this.#units);
      this.#result[k] = this.#input.outputBias[k]! + along;
    }
    return this.#result;
  }

  jacobian(filter: Float64Array): Float64Array {
    this.#run(filter);
    this.#jacobian ??= new Float64Array(this.#outputs * this.#cells);
    const space = this.#input.room.take(this.#cells, this.#outputs, this.#units);
    if (this.#cells < this.#outputs) this.#carryTangents(this.#jacobian, space);
    else this.#carryAdjoints(this.#jacobian, space);
    return this.#jacobian;
  }

  #run(filter: Float64Array): void {
    const { recurrentKernel } = this.#input;
    let before = this.#input.before;
    for (const [s, record] of this.#steps.entries()) {
      this.#readings[s]!.read(record.gates, before.hidden, s === 0 ? filter : undefined);
      runStep(record, before, recurrentKernel);
      before = record;
    }
  }

  /** Reverse mode: `[d, H]` adjoints of the last hidden state, then `[d, 2H]` of hidden and cell, back to the slot. */
  #carryAdjoints(jacobian: Float64Array, { folded, carried }: WorkSpace): void {
    const { recurrentKernel, outputKernel } = this.#input;
    const [units, outputs] = [this.#units, this.#outputs];
    const last = this.#steps.length - 1;
    let adjoints = outputKernel;
    let depth = units;
    for (let s = last; s > 0; s--) {
      const step = this.#steps[s]!;
      const slopes = gateSlopes(step, s === last);
      foldColumns(recurrentKernel, slopes, s === last, folded);
      this.#readings[s]!.addByState?.(slopes, s === last, folded, 'columns');
      const earlier = carried[s % 2]!;
      multiplyTransposed(adjoints, folded, earlier, outputs, units, depth, 2 * units);
      const byCell = hiddenByCell(step);
      const byCellBefore = hiddenByCell(this.#steps[s - 1]!);
      for (let k = 0; k < outputs; k++) {
        for (let j = 0; j < units; j++) {
          const at = k * 2 * units + j;
          const ofCell = s === last ? adjoints[k * units + j]! * byCell[j]! : adjoints[at + units]!;
          earlier[at + units] = ofCell * step.gates[units + j]! + earlier[at]! * byCellBefore[j]!;
        }
      }
      adjoints = earlier;
      depth = 2 * units;
    }
    this.#readings[0]!.foldByCell(gateSlopes(this.#steps[0]!, last === 0), last === 0, folded);
    multiplyTransposed(adjoints, folded, jacobian, outputs, this.#cells, depth);
  }

  /** Forward mode: the tangents of hidden and cell state by each cell of the filter, `[h·w, H]` each, to the last step. */
  #carryTangents(jacobian: Float64Array, { folded, carried }: WorkSpace): void {
    const { recurrentKernelTransposed, outputKernel } = this.#input;
    const [units, cells] = [this.#units, this.#cells];
    const last = this.#steps.length - 1;
    const [product, state] = carried;
    const hidden = state.subarray(0, cells * units);
    const cell = state.subarray(cells * units);
    this.#readings[0]!.foldByCell(gateSlopes(this.#steps[0]!, last === 0), last === 0, product);
    this.#advanceTangents(product, hidden, cell.fill(0), 0);
    for (let s = 1; s <= last; s++) {
      const slopes = gateSlopes(this.#steps[s]!, s === last);
      foldRows(recurrentKernelTransposed, slopes, s === last, folded);
      this.#readings[s]!.addByState?.(slopes, s === last, folded, 'rows');
      multiplyTransposed(hidden, folded, product, cells, s === last ? units : 2 * units, units);
      this.#advanceTangents(product, hidden, cell, s);
    }
    multiplyTransposed(outputKernel, hidden, jacobian, this.#outputs, cells, units);
  }

  /** From what step s adds to the tangents (direct and via the cell; at the last step their sum) to the state's. */
  #advanceTangents(added: Float64Array, hidden: Float64Array, cell: Float64Array, s: number): void {
    const units = this.#units;
    const step = this.#steps[s]!;
    const byCell = hiddenByCell(step);
    const isLast = s === this.#steps.length - 1;
    const stride = isLast ? units : 2 * units;
    for (let i = 0; i < this.#cells; i++) {
      for (let j = 0; j < units; j++) {
        const kept = step.gates[units + j]! * cell[i * units + j]!;
        const ofCell = isLast ? kept : kept + added[i * stride + units + j]!;
        cell[i * units + j] = ofCell;
        hidden[i * units + j] = added[i * stride + j]! + byCell[j]! * ofCell;
      }
    }
  }
}

/** See {@link ResponseRoom.take}. */
interface WorkSpace {
  readonly folded: Float64Array;
  readonly carried: readonly [Float64Array, Float64Array];
}
