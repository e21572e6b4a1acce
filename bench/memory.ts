/** Peak memory of `l2caf analyze` for a clip of 10 seconds and one of 10 minutes: it must not grow with the length. */
import { join } from 'node:path';
import { writeResults } from './results.ts';
import { longClip, measureCli, temporaryFolder } from './support.ts';

/** Prints the table. */
export async function run(): Promise<void> {
  const folder = temporaryFolder();
  const rows: string[][] = [];
  for (const seconds of [10, 600]) {
    const clip = join(folder, `${seconds}.mp4`);
    await longClip(clip, seconds, 640, 360);
    const { peakMb } = measureCli(['analyze', clip, '--backend', 'wasm', '-q', '-o', join(folder, String(seconds))]);
    rows.push([`${seconds} s, 640x360, 30 fps`, peakMb.toFixed(0)]);
  }
  await writeResults({
    name: 'memory',
    command: 'npm run bench -- memory',
    tables: [{ columns: ['clip', 'peak memory, MB'], rows }],
  });
}
