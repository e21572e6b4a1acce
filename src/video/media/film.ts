/** Films made of pictures that are drawn one by one, such as the filters of an event while they converge. */
import { Readable } from 'node:stream';
import { L2cafError, throwIfAborted } from '../../base/errors.ts';
import { writeAtomically } from '../../base/files.ts';
import type { ProgressListener } from '../../base/types.ts';
import type { Ffmpeg } from './binaries.ts';
import { runFfmpeg } from './ffmpeg.ts';
import { findH264Encoder } from './h264.ts';

/** What {@link writeFilm} needs. */
export interface Film {
  /** The file to write: `.gif` or `.mp4`. */
  readonly out: string;
  /** Files that the pictures are made from: `out` must not be one of them. */
  readonly sources?: readonly string[];
  /** Number of pictures. */
  readonly pictures: number;
  /** Picture `index` as the bytes of a PNG file; all of one size. */
  readonly draw: (index: number) => Uint8Array;
  readonly onProgress?: ProgressListener;
  readonly signal?: AbortSignal;
}

const PICTURES_PER_SEC = 4;
/** The last picture is shown this many times, so that the film rests on its result. */
const LAST_REPEATED = 2 * PICTURES_PER_SEC;

/**
 * Writes the film, whole or not at all.
 *
 * @throws L2cafError `usage` for another kind of file, `ffmpeg-failed`, `output-unwritable`, `aborted`
 */
export async function writeFilm({ out, sources = [], pictures, draw, onProgress, signal }: Film): Promise<void> {
  const kind = KINDS.find(({ ending }) => out.toLowerCase().endsWith(ending));
  if (kind === undefined) throw new L2cafError('usage', `a film is a .gif or an .mp4 file, not ${out}`);
  async function* stream(): AsyncGenerator<Uint8Array> {
    for (let index = 0; index < pictures + LAST_REPEATED; index++) {
      throwIfAborted(signal);
      if (index < pictures) onProgress?.({ stage: 'film', done: index + 1, total: pictures, unit: 'pictures' });
      yield draw(Math.min(index, pictures - 1));
    }
  }
  const { options, ...executable } = await kind.choose();
  await writeAtomically(
    out,
    async (temporary) => {
      await runFfmpeg({
        ...executable,
        inputs: [
          {
            source: Readable.from(stream(), { objectMode: false }),
            options: ['-f', 'image2pipe', '-c:v', 'png', '-framerate', String(PICTURES_PER_SEC)],
          },
        ],
        filtergraph: kind.filtergraph,
        options: ['-map', '[out]', ...options],
        output: temporary,
        signal,
      });
    },
    sources,
  );
}

/** How a kind of film is encoded. */
interface FilmKind {
  readonly ending: string;
  readonly filtergraph: string;
  readonly choose: () => Promise<{ readonly binary?: Ffmpeg; readonly options: readonly string[] }>;
}

/** About the size of the pictures: some encoders want to know it. */
const USUAL_SIZE = { width: 1200, height: 600 };

/** H.264 needs even sides; a GIF gets a palette of its own. */
const KINDS: readonly FilmKind[] = [
  {
    ending: '.mp4',
    filtergraph: '[0:v]crop=trunc(iw/2)*2:trunc(ih/2)*2:0:0,format=yuv420p[out]',
    choose: async () => {
      const { binary, ...encoder } = await findH264Encoder();
      return { binary, options: encoder.options('fine', USUAL_SIZE) };
    },
  },
  {
    ending: '.gif',
    filtergraph: '[0:v]split[a][b];[a]palettegen[p];[b][p]paletteuse[out]',
    choose: async () => ({ options: ['-loop', '0'] }),
  },
];
