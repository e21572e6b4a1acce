/**
 * BDD-X tables (Kim et al., "Textual Explanations for Self-Driving Vehicles", ECCV 2018): a row per video, with up to
 * fifteen described actions in columns `Answer.1start`, `Answer.1end`, `Answer.1action`, `Answer.1justification`, …
 */
import type { EventRow, RowReader } from './row.ts';

const VIDEO = 'Input.Video';
const ANSWER = /^Answer\.(\d+)(start|end|action|justification)$/;

/** Whether the heading of a table is that of BDD-X. */
export function isBddx(names: readonly string[]): boolean {
  return names.includes(VIDEO) && names.some((name) => ANSWER.test(name));
}

/** The actions of one row; the video's file is the last part of its address. */
export function bddxRows(values: ReadonlyMap<string, string>, line: number, reader: RowReader): EventRow[] {
  const answers = new Map<string, Map<string, string>>();
  for (const [name, value] of values) {
    const [, number, part] = ANSWER.exec(name) ?? [];
    if (number === undefined || value === '') continue;
    answers.set(number, (answers.get(number) ?? new Map<string, string>()).set(part!, value));
  }
  const address = values.get(VIDEO) ?? '';
  const video = address.slice(address.lastIndexOf('/') + 1);
  const id = `${video.replace(/\.[^.]*$/, '') || `line-${line}`}`;
  return [...answers].flatMap(([number, answer]) => {
    const at = { line, part: `answer ${number}`, ordinal: Number(number) };
    const missing = ['start', 'end'].find((part) => !answer.has(part));
    if (missing !== undefined) {
      reader.reject(at, `it has no ${missing}`);
      return [];
    }
    const { action = '', ...rest } = Object.fromEntries(answer);
    const named = new Map(Object.entries({ id: `${id}-${number}`, video, ...rest, label: action }));
    return reader.read(named, at) ?? [];
  });
}
