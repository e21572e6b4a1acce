/** Peak memory of `l2caf analyze` for a clip of 10 seconds and one of 10 minutes: it must not grow with the length. */
import { join } from 'node:path';
import { formatTable } from '../src/cli/terminal.ts';
import { longClip, measureCli, temporaryFolder } from './support.ts';

/** Prints the table. */
export async function run(): Promise<void> {
  const folder = temporaryFolder();
  const rows = [['clip', 'analyze, s', 'peak memory, MB']];
  for (const seconds of [10, 600]) {
    const clip = join(folder, `${seconds}.mp4`);
    await longClip(clip, seconds, 640, 360);
    const { seconds: wall, peakMb } = measureCli([
      'analyze',
      clip,
      '--backend',
      'wasm',
      '-q',
      '-o',
      join(folder, String(seconds)),
    ]);
    rows.push([`${seconds} s, 640x360, 30 fps`, wall.toFixed(1), peakMb.toFixed(0)]);
  }
  console.log(formatTable(rows));
}
