/**
 * Where the decisive object of an event is in each frame: the class of a segmentation mask that its label names (CamVid's
 * layout), or the boxes of the planted evidence of a generated clip (`fixtures/`).
 */
import { basename, extname } from 'node:path';
import { mapConcurrently } from '../base/concurrent.ts';
import { L2cafError, throwIfAborted } from '../base/errors.ts';
import { groupBy } from '../base/group-by.ts';
import type { PictureSize, ProgressListener } from '../base/types.ts';
import { expectClipSize, LabelFolder } from '../events/label-folder.ts';
import type { LabelledEvent } from '../events/labelled.ts';
import { stemOf } from '../events/video-files.ts';
import type { PlannedEvent, PlannedFrame } from '../features/dataset.ts';
import { type FileBox, readBoxesCsv } from './boxes-csv.ts';
import { MIN_OBJECT_PX } from './choices.ts';
import type { BinaryImage } from './contours.ts';
import type { Box } from './wsol.ts';

/** Knows where the decisive object of an event is. */
export interface Truth {
  /**
   * The pixels of the decisive object in a frame, of the video's size, perhaps none; undefined when nothing single decides
   * events of this label (no class of that name, or evidence that is the whole road).
   *
   * @throws L2cafError `input-unreadable` when there is nothing for the video, or something of another size.
   */
  read(event: LabelledEvent, frame: PlannedFrame): Promise<BinaryImage | undefined>;
}

/** Opens the truth of a study: a folder ({@link TruthFolder}) or a CSV file of boxes ({@link TruthBoxes}). */
export async function openTruth(path: string, classes: ReadonlyMap<string, number>): Promise<Truth> {
  return extname(path).toLowerCase() === '.csv' ? TruthBoxes.open(path) : new TruthFolder(path, classes);
}

/** The boxes and masks of a `LabelFolder`. */
export class TruthFolder implements Truth {
  readonly #folder: LabelFolder;
  readonly #classes: ReadonlyMap<string, number>;

  /** @param classes Mask value of the class that decides an event, by the event's label. */
  constructor(folder: string, classes: ReadonlyMap<string, number>) {
    this.#folder = new LabelFolder(folder);
    this.#classes = classes;
  }

  /** See {@link Truth}. */
  async read(event: LabelledEvent, { frameIndex }: PlannedFrame): Promise<BinaryImage | undefined> {
    const { clip, video, label } = event;
    const document = await this.#folder.boxes(event);
    if (document === undefined) {
      const value = this.#classes.get(label);
      if (value === undefined) return undefined;
      const mask = await this.#folder.mask(event, frameIndex);
      return { width: clip.width, height: clip.height, pixels: mask.map((grey) => Number(grey === value)) };
    }
    const { decisive, size, objects } = document;
    if (decisive === undefined) {
      throw new L2cafError('input-unreadable', `the boxes of ${basename(video)} do not say when they are decisive`);
    }
    if (decisive.kind === WHOLE_ROAD) return undefined;
    expectClipSize(`what the boxes of ${basename(video)} lie in`, size, clip);
    const isDecisive = frameIndex >= decisive.firstFrame && frameIndex <= decisive.lastFrame;
    const boxes = objects.filter((object) => object.decisive).map((object) => object.boxes[frameIndex]);
    return paintBoxes(size, isDecisive ? boxes.filter((box) => box != null) : []);
  }
}

/**
 * A CSV file of boxes (`boxes-csv.ts`) whose files are videos, by their name or path, and that says the frame of each. With
 * a column `class`, an event is decided by the boxes of its label, and labels that no box has by nothing single.
 */
export class TruthBoxes implements Truth {
  readonly #path: string;
  readonly #boxes: ReadonlyMap<string, readonly FileBox[]>;
  /** Absent: boxes have no classes. */
  readonly #classes: ReadonlySet<string> | undefined;

  private constructor(path: string, boxes: readonly FileBox[]) {
    this.#path = path;
    this.#boxes = groupBy(boxes, ({ file }) => stemOf(file));
    const classes = boxes.flatMap((box) => (box.class === undefined ? [] : [box.class]));
    this.#classes = classes.length > 0 ? new Set(classes) : undefined;
  }

  /** @throws L2cafError as `readBoxesCsv`, and `input-unreadable` without frames. */
  static async open(path: string): Promise<TruthBoxes> {
    const boxes = await readBoxesCsv(path);
    if (boxes.every(({ frame }) => frame !== undefined)) return new TruthBoxes(path, boxes);
    throw new L2cafError('input-unreadable', `${path} has no column frame, which boxes of videos need`, {
      hint: 'number the frames of each video from 0',
    });
  }

  /** See {@link Truth}. */
  async read({ clip, video, label }: LabelledEvent, { frameIndex }: PlannedFrame): Promise<BinaryImage | undefined> {
    const own = this.#boxes.get(stemOf(video));
    if (own === undefined) {
      throw new L2cafError('input-unreadable', `${this.#path} has no boxes of ${basename(video)}`);
    }
    if (this.#classes && !this.#classes.has(label)) return undefined;
    const decisive = own.filter((box) => box.frame === frameIndex && (!this.#classes || box.class === label));
    return paintBoxes(
      clip,
      decisive.map(({ box }) => box),
    );
  }
}

/** The objects of the frames that hold evidence, in order. */
export async function objectsOf({ planned, hasEvidence }: VisibleEvent, truth: Truth): Promise<BinaryImage[]> {
  const frames = planned.views[0]!.frames.filter((_, slot) => hasEvidence[slot]);
  const objects = await mapConcurrently(frames, frames.length, (frame) => truth.read(planned.event, frame));
  return objects.filter((object) => object !== undefined);
}

/** An event that can be measured. */
export interface VisibleEvent {
  readonly planned: PlannedEvent;
  /** Per frame: whether enough of the object is seen. */
  readonly hasEvidence: readonly boolean[];
}

/** What of the events can be measured, and what is left out. */
export interface TruthSurvey {
  /** Events with evidence in at least one frame. */
  readonly events: readonly VisibleEvent[];
  /** Labels that no single object decides. */
  readonly labelsWithoutObject: readonly string[];
  readonly eventsWithoutObject: number;
  /** Of the other events: frames in which less than {@link MIN_OBJECT_PX} pixels of the object are seen. */
  readonly framesLeftOut: number;
}

/**
 * Reads the truth of all frames once, to know which of them can be measured.
 *
 * @throws L2cafError `input-unreadable` with everything that is missing or does not fit; `aborted`
 */
export async function surveyTruth(
  planned: readonly PlannedEvent[],
  truth: Truth,
  { onProgress, signal }: { onProgress?: ProgressListener | undefined; signal?: AbortSignal | undefined } = {},
): Promise<TruthSurvey> {
  const problems = new Set<string>();
  const events: VisibleEvent[] = [];
  const labelsWithoutObject = new Set<string>();
  let [eventsWithoutObject, framesLeftOut] = [0, 0];
  for (const [done, event] of planned.entries()) {
    throwIfAborted(signal);
    onProgress?.({ stage: 'reading truth', done, total: planned.length, unit: 'events' });
    const areas = await Promise.all(event.views[0]!.frames.map((frame) => areaOf(truth, event.event, frame, problems)));
    if (areas.includes(undefined)) {
      labelsWithoutObject.add(event.event.label);
      eventsWithoutObject++;
      continue;
    }
    const hasEvidence = areas.map((area) => area! >= MIN_OBJECT_PX);
    framesLeftOut += hasEvidence.filter((is) => !is).length;
    if (hasEvidence.includes(true)) events.push({ planned: event, hasEvidence });
  }
  onProgress?.({ stage: 'reading truth', done: planned.length, total: planned.length, unit: 'events' });
  failIfAny(problems);
  return { events, labelsWithoutObject: [...labelsWithoutObject].sort(), eventsWithoutObject, framesLeftOut };
}

/** Kind of the evidence of turns: as wide as the picture, so that nothing can miss it. */
const WHOLE_ROAD = 'road';

/** Boxes that end before their right and bottom edges, as a binary image; what lies outside is cut off. */
export function paintBoxes({ width, height }: PictureSize, boxes: readonly Box[]): BinaryImage {
  const pixels = new Uint8Array(width * height);
  const within = (value: number, most: number): number => Math.min(most, Math.max(0, Math.round(value)));
  for (const box of boxes) {
    const [left, right] = [within(box[0], width), within(box[2], width)];
    const [top, bottom] = [within(box[1], height), within(box[3], height)];
    for (let y = top; y < bottom; y++) pixels.fill(1, y * width + left, y * width + right);
  }
  return { width, height, pixels };
}

/** Pixels of the object, or undefined when there is no object to look for; what cannot be read is a problem and has none. */
async function areaOf(
  truth: Truth,
  event: LabelledEvent,
  frame: PlannedFrame,
  problems: Set<string>,
): Promise<number | undefined> {
  try {
    const object = await truth.read(event, frame);
    return object?.pixels.reduce((sum, value) => sum + value, 0);
  } catch (error) {
    if (!(error instanceof L2cafError)) throw error;
    problems.add(error.message);
    return 0;
  }
}

/** Problems shown at once. */
const MAX_SHOWN = 20;

function failIfAny(problems: ReadonlySet<string>): void {
  if (problems.size === 0) return;
  const rest = problems.size > MAX_SHOWN ? [`and ${problems.size - MAX_SHOWN} more`] : [];
  const list = [...[...problems].slice(0, MAX_SHOWN), ...rest].map((problem) => `\n  ${problem}`).join('');
  throw new L2cafError('input-unreadable', `the truth cannot be used:${list}`, {
    hint: 'docs/evaluation.md describes the forms that the truth may have',
  });
}
