/**
 * BDD-X tables (Kim et al., "Textual Explanations for Self-Driving Vehicles", ECCV 2018): a row per video, with up to
 * fifteen described actions in columns `Answer.1start`, `Answer.1end`, `Answer.1action`, `Answer.1justification`, …
 */
import type { EventRow } from './rows.ts';
import { rowOf } from './rows.ts';

const VIDEO = 'Input.Video';
const ANSWER = /^Answer\.(\d+)(start|end|action|justification)$/;

/** Whether the heading of a CSV file is that of a BDD-X table. */
export function isBddx(names: readonly string[]): boolean {
  return names.includes(VIDEO) && names.some((name) => ANSWER.test(name));
}

/** The actions of one row; the video's file is the last part of its address. */
export function bddxRows(values: Readonly<Record<string, string>>, line: number, problems: string[]): EventRow[] {
  const answers = new Map<number, Record<string, string>>();
  for (const [name, value] of Object.entries(values)) {
    const [, number, part] = ANSWER.exec(name) ?? [];
    if (number === undefined || value === '') continue;
    answers.set(Number(number), { ...answers.get(Number(number)), [part!]: value });
  }
  const address = values[VIDEO] ?? '';
  const video = address.slice(address.lastIndexOf('/') + 1);
  const id = `${video.replace(/\.[^.]*$/, '') || `line-${line}`}`;
  return [...answers].flatMap(([number, { start, end, action = '', justification }]) => {
    const place = `line ${line}, answer ${number}`;
    if (start === undefined || end === undefined) {
      problems.push(`${place}: it has no ${start === undefined ? 'start' : 'end'}`);
      return [];
    }
    const named = { id: `${id}-${number}`, video, start, end, label: action };
    return rowOf({ ...named, ...(justification && { justification }) }, place, number, problems);
  });
}
