/** A video as pictures: one PNG for each of its frames, for programs that put videos together themselves. */
import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Analysis } from '../analysis/document.ts';
import { L2cafError, throwIfAborted } from '../base/errors.ts';
import { withFolder, writeFileAtomically } from '../base/files.ts';
import { readOwn } from '../base/input-files.ts';
import { checkOutputs, removeSealed } from '../base/output.ts';
import { withScratchFolder } from '../base/scratch-folder.ts';
import { type RenderedVideo, renderFrames } from '../video/media/encode.ts';
import { panelOf, type VideoOptions } from './rendering.ts';

/** The number in a pattern: `%d`, or `%05d` for five digits at least. */
const NUMBER = /%(?:0(\d))?d/g;

/** A picture of the largest size has fewer, even of noise. */
const MAX_PICTURE_BYTES = 512e6;

/** Whether a name stands for numbered pictures: `frames/%05d.png`. */
export function isSequence(path: string): boolean {
  return /\.png$/i.test(path) && (basename(path).match(NUMBER)?.length ?? 0) > 0;
}

/** The name of a picture. */
function nameIn(pattern: string, number: number): string {
  const name = basename(pattern).replace(NUMBER, (_, digits: string | undefined) =>
    String(number).padStart(Number(digits ?? 1), '0'),
  );
  return join(dirname(pattern), name);
}

/**
 * Draws the event's video as `renderVideo` does, and writes each of its frames as a PNG, numbered from 0: as drawn, not encoded in between.
 * Pictures of an earlier
 * run that were numbered so and are no longer among them are removed.
 *
 * @param pattern with one number, as ffmpeg writes it: `frames/%05d.png`
 * @throws L2cafError `usage` for another pattern, or a size limit; else as `renderVideo`
 */
export async function renderSequence(
  analysis: Analysis,
  pattern: string,
  { maxBytes, ...options }: VideoOptions = {},
): Promise<RenderedVideo> {
  if (!isSequence(pattern) || basename(pattern).match(NUMBER)!.length !== 1 || /%/.test(dirname(pattern))) {
    throw new L2cafError('usage', `numbered pictures are called as frames/%05d.png, with one number, not ${pattern}`);
  }
  if (maxBytes !== undefined) throw new L2cafError('usage', '--max-mb is of a video, not of pictures');
  const { signal, onProgress } = options;
  return withScratchFolder('l2caf-sequence-', async (scratch) => {
    const panel = await panelOf(analysis, options);
    const rendered = await renderFrames(
      { ...panel, ...(signal && { signal }), ...(onProgress && { onProgress }) },
      scratch,
    );
    const made = (await readdir(scratch)).sort().slice(0, rendered.frames);
    const names = made.map((_, number) => nameIn(pattern, number));
    await checkOutputs(names);
    await withFolder(dirname(pattern), async () => {
      for (const [number, name] of made.entries()) {
        throwIfAborted(signal);
        await writeFileAtomically(names[number]!, await readOwn(join(scratch, name), { maxBytes: MAX_PICTURE_BYTES }), [
          analysis.source.path,
        ]);
        onProgress?.({ stage: 'pictures', done: number + 1, total: made.length, unit: 'pictures' });
      }
      await removeSealed(await laterOnes(pattern, made.length));
    });
    return { ...rendered, choice: `${made.length} pictures` };
  });
}

/** Pictures with higher numbers than there are. */
async function laterOnes(pattern: string, count: number): Promise<string[]> {
  const [before, after] = basename(pattern).split(/%(?:0\d)?d/) as [string, string];
  const present = await readdir(dirname(pattern)).catch((): string[] => []);
  return present.flatMap((name) => {
    const digits =
      name.startsWith(before) && name.endsWith(after) ? name.slice(before.length, name.length - after.length) : '';
    const isLater = /^\d+$/.test(digits) && Number(digits) >= count;
    const path = join(dirname(pattern), name);
    return isLater && nameIn(pattern, Number(digits)) === path ? [path] : [];
  });
}
