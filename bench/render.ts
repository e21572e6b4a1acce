/** Frames per second of `l2caf render`, as a ratio to ffmpeg re-encoding the same clip alone with the same settings. */
import { join } from 'node:path';
import { readAnalysis } from '../src/analysis.ts';
import { formatTable } from '../src/cli/terminal.ts';
import { renderVideo } from '../src/rendering.ts';
import { defaultStyle } from '../src/video/overlay.ts';
import { ffmpeg, longClip, measureCli, medianMs, temporaryFolder } from './support.ts';

const SECONDS = 10;
const FRAMES = SECONDS * 30;

/** Prints the table; renders a 10-second clip three times at each size. */
export async function run(): Promise<void> {
  const folder = temporaryFolder();
  const rows = [['size', 'what', 'frames/s', 'ratio to ffmpeg alone']];
  for (const [width, height] of [
    [640, 360],
    [1280, 720],
    [1920, 1080],
  ] as const) {
    const clip = join(folder, `${height}.mp4`);
    await longClip(clip, SECONDS, width, height);
    measureCli(['analyze', clip, '--backend', 'wasm', '-q', '-o', join(folder, String(height))]);
    const analysis = await readAnalysis(join(folder, String(height), 'analysis.json'));
    const out = join(folder, 'out.mp4');
    const x264 = ['-c:v', 'libx264', '-preset', 'veryfast', '-crf', '18', '-pix_fmt', 'yuv420p', '-an'];
    const alone = await medianMs(3, () => ffmpeg('-i', clip, ...x264, out));
    const add = (what: string, ms: number): void => {
      rows.push([`${width}x${height}`, what, ((1000 * FRAMES) / ms).toFixed(0), (alone / ms).toFixed(2)]);
    };
    add('ffmpeg alone', alone);
    for (const kind of ['contour', 'both'] as const) {
      add(kind, await medianMs(3, () => renderVideo(analysis, out, { style: { ...defaultStyle, kind } })));
    }
  }
  console.log(formatTable(rows));
}
