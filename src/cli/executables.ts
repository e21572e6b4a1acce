/** What a command says about the ffmpeg that it is going to use, before it works with it. */
import { EMBEDDED_FFMPEG, findFfmpeg } from '../video/media/binaries.ts';
import { findH264Encoder } from '../video/media/h264.ts';
import type { Terminal } from './terminal.ts';

/**
 * Says when videos will be encoded by something else than usual, and when the ffmpeg is the old one of the package.
 *
 * @param encodes whether a video is going to be written
 * @throws L2cafError `ffmpeg-missing` when there is none, or none that can encode H.264 where that is needed
 */
export async function announceFfmpeg({ info, warn }: Pick<Terminal, 'info' | 'warn'>, encodes = true): Promise<void> {
  const { note } = encodes ? await findH264Encoder() : {};
  if (note !== undefined) warn(note);
  const { source } = await findFfmpeg();
  if (source === EMBEDDED_FFMPEG) {
    info('ffmpeg: the embedded one, of 2018; for files from strangers install a current one (l2caf doctor)');
  }
}

/** Warns of what a video has shown to be wrong, unless it has been said already. */
export function warnOfNotes(
  { warn }: Pick<Terminal, 'warn'>,
  notes: readonly string[],
  known: readonly string[],
): void {
  for (const note of notes) if (!known.some((warning) => note.endsWith(warning))) warn(note);
}
