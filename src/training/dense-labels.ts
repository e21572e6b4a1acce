/**
 * Dense labels: which classes lie in each cell of the shallow CNN's grid, from segmentation masks or boxes. An event's
 * label alone hardly tells a small shallow CNN what a pedestrian is; these labels do, at no cost for whoever has them. They
 * train one auxiliary layer that the finished model does not contain.
 */
import * as tf from '../base/tensorflow.ts';
import type { GridShape, PictureSize } from '../base/types.ts';
import { type BoxDocument, type LabelBox, LabelFolder } from '../events/label-folder.ts';
import type { PlannedEvent, PlannedFrame } from '../features/dataset.ts';

/** What is known of a batch's cells, both `[n·t·h·w, classes]`: 1 where a class is present; how much each entry counts. */
export interface DenseBatch {
  readonly present: tf.Tensor2D;
  readonly importance: tf.Tensor2D;
}

/** Share of a cell that a class must cover to be present in it. */
const PRESENT_FROM = 0.1;
/** Rare classes count more, by up to this factor. */
const MAX_IMPORTANCE = 20;
/** Mask value of pixels that are not labelled. */
const UNLABELLED = 255;

/** Where the dense labels of a domain are, and which of its classes count (absent: all). */
export interface DenseSource {
  readonly folder: string;
  readonly classes?: readonly string[];
}

/** Cells of one frame covered by each class: `[h·w]` shares by class name. */
type Coverage = ReadonlyMap<string, Float32Array>;

/** The dense labels of all training frames, in memory (a few kilobytes per frame). */
export class DenseLabels {
  /** Every class, as `domain/class`. */
  readonly classes: readonly string[];
  readonly #grid: GridShape;
  /** By video and frame. */
  readonly #coverage: ReadonlyMap<string, { readonly domain: string; readonly cells: Coverage }>;
  /** Importance of a present class, by class. */
  readonly #weights: readonly number[];

  private constructor(grid: GridShape, coverage: ReadonlyMap<string, { domain: string; cells: Coverage }>) {
    this.#grid = grid;
    this.#coverage = coverage;
    const names = [...coverage.values()].flatMap(({ domain, cells }) => [...cells.keys()].map((c) => `${domain}/${c}`));
    this.classes = [...new Set(names)].sort();
    this.#weights = this.classes.map((name) => this.#importanceOf(name));
  }

  /**
   * Reads the labels of all frames of the training events. A domain's folder is a `LabelFolder`; 255 in its masks stands
   * for pixels that are not labelled.
   *
   * @param sources By domain; domains without one have no dense labels.
   * @throws L2cafError `input-unreadable` when a folder has nothing for a video, or a mask has another size than the video.
   */
  static async load(
    events: readonly PlannedEvent[],
    sources: ReadonlyMap<string, DenseSource>,
    grid: GridShape,
  ): Promise<DenseLabels> {
    const coverage = new Map<string, { domain: string; cells: Coverage }>();
    const folders = new Map([...sources].map(([domain, { folder }]) => [domain, new LabelFolder(folder)]));
    for (const { event, domain, views } of events) {
      const source = sources.get(domain);
      if (source === undefined || event.split !== 'train') continue;
      const folder = folders.get(domain)!;
      const boxes = await folder.boxes(event);
      for (const frame of views.flatMap(({ frames }) => frames)) {
        const key = keyOf(frame);
        if (coverage.has(key)) continue;
        const cells = boxes
          ? coverageOfBoxes(boxes, frame.frameIndex, grid)
          : coverageOfMask(await folder.mask(event, frame.frameIndex), event.clip, grid);
        const counted = [...cells].filter(([name]) => source.classes?.includes(name) ?? true);
        coverage.set(key, { domain, cells: new Map(counted) });
      }
    }
    return new DenseLabels(grid, coverage);
  }

  /** The labels of frames in this order. The caller disposes of both tensors. */
  batch(frames: readonly PlannedFrame[]): DenseBatch {
    const { height, width } = this.#grid;
    const count = this.classes.length;
    const present = new Float32Array(frames.length * height * width * count);
    const importance = new Float32Array(present.length);
    for (const [f, frame] of frames.entries()) {
      const known = this.#coverage.get(keyOf(frame));
      if (known === undefined) continue;
      for (const [k, name] of this.classes.entries()) {
        if (!name.startsWith(`${known.domain}/`)) continue;
        const cells = known.cells.get(name.slice(known.domain.length + 1));
        for (let cell = 0; cell < height * width; cell++) {
          const column = cell % width;
          const from = frame.mirrored ? cell - column + (width - 1 - column) : cell;
          const isPresent = (cells?.[from] ?? 0) >= PRESENT_FROM;
          const at = (f * height * width + cell) * count + k;
          present[at] = Number(isPresent);
          importance[at] = isPresent ? this.#weights[k]! : 1;
        }
      }
    }
    const shape: [number, number] = [frames.length * height * width, count];
    return { present: tf.tensor2d(present, shape), importance: tf.tensor2d(importance, shape) };
  }

  /** How many times more often a class is absent than present in the cells of its domain. */
  #importanceOf(name: string): number {
    let present = 0;
    let absent = 0;
    for (const { domain, cells } of this.#coverage.values()) {
      if (!name.startsWith(`${domain}/`)) continue;
      const own = cells.get(name.slice(domain.length + 1))?.filter((share) => share >= PRESENT_FROM).length ?? 0;
      present += own;
      absent += this.#grid.height * this.#grid.width - own;
    }
    return Math.min(MAX_IMPORTANCE, Math.max(1, absent / Math.max(1, present)));
  }
}

function keyOf({ videoSha256, frameIndex }: PlannedFrame): string {
  return `${videoSha256} ${frameIndex}`;
}

function coverageOfBoxes(document: BoxDocument, frame: number, grid: GridShape): Coverage {
  const coverage = new Map<string, Float32Array>();
  for (const object of document.objects) {
    for (const name of classesOf(document, object, frame)) {
      const cells = coverage.get(name) ?? new Float32Array(grid.height * grid.width);
      coverage.set(name, cells);
      const box = object.boxes[frame];
      if (box) coverWithBox(cells, box, document.size, grid);
    }
  }
  return coverage;
}

/** The kind of an object, and, while it decides the event, the event's label: a lamp's colour shows in no kind. */
function classesOf({ label, decisive }: BoxDocument, object: BoxDocument['objects'][number], frame: number): string[] {
  const decides = object.decisive && decisive && frame >= decisive.firstFrame && frame <= decisive.lastFrame;
  return decides && label !== undefined ? [object.kind, `event:${label}`] : [object.kind];
}

/** Raises the share of each cell to what the box covers of it. */
function coverWithBox(
  cells: Float32Array,
  [left, top, right, bottom]: LabelBox,
  size: BoxDocument['size'],
  grid: GridShape,
): void {
  const overlap = (from: number, to: number, cell: number): number =>
    Math.max(0, Math.min(to, cell + 1) - Math.max(from, cell));
  for (let row = 0; row < grid.height; row++) {
    const tall = overlap((top / size.height) * grid.height, (bottom / size.height) * grid.height, row);
    for (let column = 0; column < grid.width; column++) {
      const wide = overlap((left / size.width) * grid.width, (right / size.width) * grid.width, column);
      const at = row * grid.width + column;
      cells[at] = Math.max(cells[at]!, tall * wide);
    }
  }
}

function coverageOfMask(mask: Uint8Array, size: PictureSize, grid: GridShape): Coverage {
  const coverage = new Map<string, Float32Array>();
  const cellPixels = (size.width / grid.width) * (size.height / grid.height);
  for (let y = 0; y < size.height; y++) {
    const row = Math.floor((y * grid.height) / size.height);
    for (let x = 0; x < size.width; x++) {
      const value = mask[y * size.width + x]!;
      if (value === UNLABELLED) continue;
      const cells = coverage.get(String(value)) ?? new Float32Array(grid.height * grid.width);
      coverage.set(String(value), cells);
      cells[row * grid.width + Math.floor((x * grid.width) / size.width)]! += 1 / cellPixels;
    }
  }
  return coverage;
}
