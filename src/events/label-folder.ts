/**
 * A folder that says what is to be seen in videos: per video, `NAME.json` with boxes (as `fixtures/` writes them) or a
 * folder `NAME` with one mask per frame, `0000.png` on, whose grey values are classes. Training takes dense labels from it,
 * evaluation the objects that decide events.
 */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from '#zod';
import { L2cafError, messageOf, systemCodeOf } from '../base/errors.ts';
import { readInput } from '../base/input-files.ts';
import type { PictureSize } from '../base/types.ts';
import { openPicture, picturePixels } from '../video/media/picture.ts';
import type { LabelledEvent } from './labelled.ts';
import { stemOf } from './video-files.ts';

const boxSchema = z.tuple([z.number(), z.number(), z.number(), z.number()]);
const boxDocumentSchema = z.object({
  size: z.object({ width: z.int().positive(), height: z.int().positive() }),
  /** What the clip shows. */
  label: z.string().optional(),
  /** Between these frames, both included, the decisive objects decide the label; `kind` is what they are. */
  decisive: z.object({ kind: z.string(), firstFrame: z.int(), lastFrame: z.int() }).optional(),
  /** Boxes `[left, top, right, bottom]` in pixels, one per frame, null where the object cannot be seen. */
  objects: z.array(
    z.object({ kind: z.string(), decisive: z.boolean().default(false), boxes: z.array(boxSchema.nullable()) }),
  ),
});

/** The boxes of a video. */
export type BoxDocument = z.infer<typeof boxDocumentSchema>;
/** `[left, top, right, bottom]`, pixels. */
export type LabelBox = z.infer<typeof boxSchema>;

/** See above; boxes are read once. */
export class LabelFolder {
  readonly #folder: string;
  readonly #documents = new Map<string, Promise<BoxDocument | undefined>>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * The boxes of an event's video, or undefined where a folder of masks is in their place.
   *
   * @throws L2cafError `input-unreadable` where there is neither, or another thing than boxes.
   */
  boxes({ video }: Pick<LabelledEvent, 'video'>): Promise<BoxDocument | undefined> {
    const base = this.#baseOf(video);
    const document = this.#documents.get(base) ?? readBoxes(base);
    this.#documents.set(base, document);
    return document;
  }

  /**
   * The mask of a frame: grey values of the video's size, row by row.
   *
   * @throws L2cafError `input-unreadable`, also for a mask of another size.
   */
  async mask({ video, clip }: Pick<LabelledEvent, 'video' | 'clip'>, frameIndex: number): Promise<Uint8Array> {
    const path = join(this.#baseOf(video), `${String(frameIndex).padStart(4, '0')}.png`);
    const picture = await openPicture(path);
    expectClipSize(path, picture, clip);
    const { rgb } = picturePixels(picture);
    return new Uint8Array(clip.width * clip.height).map((_, i) => rgb[3 * i]!);
  }

  #baseOf(video: string): string {
    return join(this.#folder, stemOf(video));
  }
}

/** @throws L2cafError `input-unreadable` when what was found is not of the clip's size */
export function expectClipSize(what: string, found: PictureSize, { path, width, height }: LabelledEvent['clip']): void {
  if (found.width === width && found.height === height) return;
  const sizes = `${found.width}x${found.height}, its video ${path} is ${width}x${height}`;
  throw new L2cafError('input-unreadable', `${what} is ${sizes}`);
}

/** Hours of video with many objects. */
const MAX_BOXES_BYTES = 256e6;

async function readBoxes(base: string): Promise<BoxDocument | undefined> {
  const path = `${base}.json`;
  const bytes = await readInput(path, { maxBytes: MAX_BOXES_BYTES }).catch((error: unknown) => {
    if (systemCodeOf(error) !== 'ENOENT') throw error;
  });
  if (bytes === undefined) {
    await access(base).catch((cause: unknown) => {
      throw new L2cafError('input-unreadable', `neither ${path} nor the folder ${base} is there`, { cause });
    });
    return undefined;
  }
  try {
    return boxDocumentSchema.parse(JSON.parse(bytes.toString('utf8')));
  } catch (cause) {
    throw new L2cafError('input-unreadable', `${path} does not hold boxes: ${messageOf(cause)}`, { cause });
  }
}
