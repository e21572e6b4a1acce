/** Numbers of frames, where names of files and ids of images are all that states them. */

/** The last number of a file's name. */
export function numberIn(name = ''): number | undefined {
  const [, digits] = /(\d+)\D*$/.exec(name.replace(/\.[a-z]\w{0,4}$/i, '')) ?? [];
  const number = Number(digits);
  return digits !== undefined && Number.isSafeInteger(number) ? number : undefined;
}

/** Where nobody says from which number frames are counted: from 1 if that is the least, else from 0. */
export function firstOf(frames: readonly number[]): number {
  return frames.reduce((least, frame) => Math.min(least, frame), Number.POSITIVE_INFINITY) === 1 ? 1 : 0;
}
