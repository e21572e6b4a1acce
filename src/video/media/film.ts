/** Films made of pictures that are drawn one by one, such as the filters of an event while they converge. */
import { join } from 'node:path';
import { throwIfAborted } from '../../base/errors.ts';
import { writeAtomically } from '../../base/files.ts';
import { withScratchFolder } from '../../base/scratch-folder.ts';
import type { PictureSize, ProgressListener } from '../../base/types.ts';
import { loadImage } from '../drawing/canvas.ts';
import { type Converted, converterTo } from './convert.ts';
import { type TimedPicture, writeMatroska } from './matroska.ts';
import { videoFormatOf } from './video-steps.ts';

/** What {@link writeFilm} needs. */
export interface Film {
  /** The file to write: `.mp4`, `.webm` or `.gif`. */
  readonly out: string;
  /** Files that the pictures are made from: `out` must not be one of them. */
  readonly sources?: readonly string[];
  /** Number of pictures. */
  readonly pictures: number;
  /** Picture `index` as the bytes of a PNG file; all of one size. */
  readonly draw: (index: number) => Uint8Array;
  /** Most bytes of the file. */
  readonly maxBytes?: number;
  readonly onProgress?: ProgressListener;
  readonly signal?: AbortSignal;
}

const PICTURES_PER_SEC = 4;
/** The last picture is shown this many times, so that the film rests on its result. */
const LAST_REPEATED = 2 * PICTURES_PER_SEC;

/**
 * Writes the film, whole or not at all.
 *
 * @throws L2cafError `usage` for another kind of file, or one that cannot be made so small; `ffmpeg-missing`, `ffmpeg-failed`,
 *   `output-unwritable`, `aborted`
 */
export async function writeFilm(film: Film): Promise<Converted> {
  const { out, sources = [], pictures, draw, maxBytes, onProgress, signal } = film;
  const converter = await converterTo(videoFormatOf(out), false);
  const frames = pictures + LAST_REPEATED;
  const write = async (output: string, scratch: string): Promise<Converted> => {
    let size: PictureSize = { width: 0, height: 0 };
    async function* shown(): AsyncGenerator<TimedPicture> {
      let bytes = new Uint8Array();
      for (let index = 0; index < frames; index++) {
        throwIfAborted(signal);
        if (index < pictures) {
          onProgress?.({ stage: 'film', done: index + 1, total: pictures, unit: 'pictures' });
          bytes = Uint8Array.from(draw(index));
        }
        if (index === 0) size = await loadImage(bytes);
        yield { timeSec: index / PICTURES_PER_SEC, bytes };
      }
    }
    const path = join(scratch, 'film.mkv');
    await writeMatroska(path, 'png', shown());
    const lastFrameSec = 1 / PICTURES_PER_SEC;
    const master = {
      ...{ path, width: size.width, height: size.height, frames, durationSec: frames * lastFrameSec, lastFrameSec },
      ...{ rate: { numerator: PICTURES_PER_SEC, denominator: 1 }, hasAudio: false, colour: {} },
    };
    return converter.convert(master, { output, scratch, name: out, maxBytes, onProgress, signal });
  };
  let written: Converted | undefined;
  await writeAtomically(
    out,
    async (output) => {
      written = await withScratchFolder('l2caf-video-', (scratch) => write(output, scratch));
    },
    sources,
  );
  return written!;
}
