/** Which ffmpeg encodes WebM here, and how: VP9 with Opus, else VP8 or Vorbis. Not every ffmpeg has them. */
import { L2cafError } from '../../base/errors.ts';
import type { PictureSize } from '../../base/types.ts';
import { type Encoder, findEncoder, trySoundEncoder } from './encoders.ts';
import { bitRateOf } from './h264.ts';

/** Encoders that work. */
export interface WebmEncoder extends Encoder {
  /**
   * ffmpeg's options for pictures of this size.
   *
   * @param rateFactor VP9's constant quality, 0 to 63, of which a larger one makes a smaller file
   */
  options(rateFactor: number, size: PictureSize): string[];
  /** ffmpeg's options for sound; none where there is none. */
  readonly sound: readonly string[];
}

const HINT = 'install an ffmpeg with libvpx and libopus, or set FFMPEG_PATH to one; or write an .mp4 file';

/**
 * Finds them. Takes a fraction of a second.
 *
 * @throws L2cafError `ffmpeg-missing` when none works, or none for the sound beside it
 */
export async function findWebmEncoder(hasSound: boolean): Promise<WebmEncoder> {
  const encoder = await findEncoder({ title: 'WebM', names: ['libvpx-vp9', 'libvpx'], hint: HINT }, process.env);
  const options: WebmEncoder['options'] =
    encoder.name === 'libvpx-vp9'
      ? (rateFactor) => ['-crf', String(rateFactor), '-b:v', '0', '-row-mt', '1']
      : (rateFactor, size) => ['-b:v', String(bitRateOf(rateFactor - VP8_BEHIND_H264, size))];
  return {
    ...encoder,
    options: (rateFactor, size) => [
      ...['-c:v', encoder.name, ...options(rateFactor, size)],
      // Without the number that is drawn for each file, so that the same video is the same bytes.
      ...['-deadline', 'good', '-cpu-used', '4', '-pix_fmt', 'yuv420p', '-fflags', '+bitexact'],
    ],
    sound: hasSound ? await soundOptions(encoder) : [],
  };
}

/** VP9's factors lie about so much above those of x264 that look alike. */
const VP8_BEHIND_H264 = 10;

/** Two channels: Opus of some versions refuses the layouts of more. */
async function soundOptions({ binary }: Encoder): Promise<string[]> {
  for (const name of ['libopus', 'libvorbis']) {
    if ((await trySoundEncoder(binary, name)) === undefined) return ['-c:a', name, '-b:a', '96k', '-ac', '2'];
  }
  throw new L2cafError('ffmpeg-missing', `${binary.path} (${binary.version}) cannot encode sound for WebM`, {
    hint: `leave the sound out with --no-audio; or ${HINT}`,
  });
}
