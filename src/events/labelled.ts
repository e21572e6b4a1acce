/**
 * The events of a list that training, evaluation and indexing take. They need all of it: a person who prepared a thousand
 * events learns everything that is wrong with them at once, each with its line, and no figure rests on half a list.
 */
import { L2cafError } from '../base/errors.ts';
import type { TimeSpan, VideoClip } from '../base/types.ts';
import { probeClip } from '../video/media/probe.ts';
import { listMeant } from './batch-list.ts';
import { readEventList } from './list.ts';
import type { Need } from './row.ts';

/** A span of a video, with its label. */
export interface LabelledEvent {
  readonly id: string;
  /** The video as the list names it: relative to the list's folder, or absolute. */
  readonly video: string;
  readonly clip: VideoClip;
  readonly span: TimeSpan;
  /** Empty if the list states none, and none is needed. */
  readonly label: string;
  /** One of `SPLITS` where splits are needed. */
  readonly split: string;
}

/** How a list is read. */
export interface LabelledOptions {
  /** What every event must state; default: label and split. */
  readonly needs?: readonly Need[] | undefined;
  /** Folder of the videos; default: the list's. */
  readonly videos?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Told what the user should know about how the list was read. */
  readonly onNote?: ((text: string) => void) | undefined;
}

/**
 * Reads a list of events, or that of a batch by its folder, and probes its videos.
 *
 * @throws L2cafError `input-not-found`; `input-unreadable` with all problems of the list, each with its line: wrong values,
 *   ids used twice, missing videos, spans outside their video; labels and splits that are missing but needed.
 */
export async function readEvents(path: string, options: LabelledOptions = {}): Promise<LabelledEvent[]> {
  const { needs = ['label', 'split'], videos, signal, onNote } = options;
  const list = await listMeant(path);
  if (list !== path) onNote?.(`${path} is a batch: taken are the events of its list, ${list}`);
  const look = async (video: string): Promise<{ clip: VideoClip }> => ({ clip: await probeClip(video, signal) });
  const { events, problems, notes } = await readEventList(list, look, { needs, videos, signal });
  for (const note of notes) onNote?.(`${list}: ${note}`);
  const none = events.length + problems.length === 0 ? ['it holds no events'] : [];
  failIfAny(list, [...problems, ...none], 'docs/events.md describes lists; l2caf batch would leave wrong rows out');
  return events.map(({ id, video, facts, span, label, split }) => ({
    id,
    video,
    clip: facts.clip,
    span,
    label,
    split,
  }));
}

/** Problems shown at once; a wrong column gives one per line, and nobody reads thousands. */
const MAX_SHOWN = 20;

/** @throws L2cafError `input-unreadable` with the problems, if there are any */
export function failIfAny(path: string, problems: readonly string[], hint: string): void {
  if (problems.length === 0) return;
  const rest = problems.length > MAX_SHOWN ? [`and ${problems.length - MAX_SHOWN} more`] : [];
  const list = [...problems.slice(0, MAX_SHOWN), ...rest].map((problem) => `\n  ${problem}`).join('');
  throw new L2cafError('input-unreadable', `${path} cannot be used:${list}`, { hint });
}
