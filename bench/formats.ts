/** Size and time of `l2caf render` as WebM and GIF, and below a size, beside MP4. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readAnalysis } from '../src/analysis/document.ts';
import { renderVideo } from '../src/rendering/rendering.ts';
import { writeResults } from './results.ts';
import { measureCli, median, temporaryFolder } from './support.ts';

const FORMATS = ['mp4', 'webm', 'gif'];
const LIMITS_MB = [5, 1];

/**
 * Prints the table. In each round every file takes its turn, so that whatever else the machine does slows all of them.
 * `npm run bench -- formats CLIP [ROUNDS]`, by default 3 rounds.
 */
export async function run([clip, rounds = '3']: readonly string[]): Promise<void> {
  if (clip === undefined) throw new Error('expected a clip');
  const folder = temporaryFolder();
  measureCli(['analyze', clip, '--whole', '--no-report', '-q', '-o', folder]);
  const analysis = await readAnalysis(join(folder, 'analysis.json'));
  const wanted = [undefined, ...LIMITS_MB].flatMap((mb) => FORMATS.map((format) => ({ format, mb })));
  const measured = wanted.map(() => ({ seconds: [] as number[], bytes: 0, made: '' }));
  for (let round = 0; round < Number(rounds); round++) {
    for (const [k, { format, mb }] of wanted.entries()) {
      const out = join(folder, `${k}.${format}`);
      const start = performance.now();
      const { width, height, choice } = await renderVideo(
        analysis,
        out,
        mb === undefined ? {} : { maxBytes: mb * 1e6 },
      );
      measured[k]!.seconds.push((performance.now() - start) / 1000);
      measured[k]!.bytes = (await stat(out)).size;
      measured[k]!.made = choice?.replace(/, [^,]*MB.*$/, '') ?? `${width}x${height}`;
    }
  }
  const mp4Sec = median(measured[0]!.seconds);
  const { width, height, frameRate } = analysis.source;
  const rate = frameRate.numerator / frameRate.denominator;
  await writeResults({
    name: 'formats',
    command: `npm run bench -- formats CLIP.mp4 ${rounds}`,
    tables: [
      {
        columns: ['file', '--max-mb', 'MB', 'time, of MP4', 'pictures'],
        rows: wanted.map(({ format, mb }, k) => {
          const { bytes, seconds, made } = measured[k]!;
          return [format, String(mb ?? ''), (bytes / 1e6).toFixed(2), (median(seconds) / mp4Sec).toFixed(1), made];
        }),
        notes: [
          `A drive of ${(analysis.span.endSec - analysis.span.startSec).toFixed(1)} s, ${width}x${height}, ${rate} frames/s; MP4 took ${mp4Sec.toFixed(1)} s. Median of ${rounds} rounds.`,
        ],
      },
    ],
  });
}
