/** Frames per second of `l2caf render`, as a ratio to ffmpeg re-encoding the same clip alone with the same settings. */
import { join } from 'node:path';
import { readAnalysis } from '../src/analysis/document.ts';
import { renderVideo } from '../src/rendering/rendering.ts';
import { defaultStyle, type OverlayStyle } from '../src/video/drawing/style.ts';
import { writeResults } from './results.ts';
import { ffmpeg, longClip, measureCli, median, temporaryFolder } from './support.ts';

/** A little less than the clip's length: cut without re-encoding, it ends with frames missing. */
const SECONDS = 9.9;
const FRAMES = SECONDS * 30;
const SIZES: readonly (readonly [number, number])[] = [
  [640, 360],
  [1280, 720],
  [1920, 1080],
];

const STYLES: Readonly<Record<string, OverlayStyle>> = {
  'without contours': { ...defaultStyle, levels: [], showMarks: false, showLegend: false },
  contours: { ...defaultStyle, kind: 'contour' },
  'contours and heat': { ...defaultStyle, kind: 'both' },
};

/**
 * Prints the table. In each round ffmpeg alone and every style take their turn, so that whatever else the machine does
 * slows all of them; the ratio is the median of the rounds' ratios. The first round is not counted.
 * `npm run bench -- render [SIZE…] [ROUNDS]`, by default all sizes and 3 rounds.
 */
export async function run(options: readonly string[]): Promise<void> {
  const wanted = options.filter((option) => option.includes('x'));
  const rounds = Number(options.find((option) => !option.includes('x')) ?? 3);
  const unknown = wanted.filter((size) => !SIZES.some(([width, height]) => size === `${width}x${height}`));
  if (unknown.length > 0 || !(rounds >= 1)) {
    throw new Error(`expected sizes among ${SIZES.map((size) => size.join('x')).join(', ')}, and a number of rounds`);
  }
  const folder = temporaryFolder();
  const rows: string[][] = [];
  for (const [width, height] of SIZES.filter(([w, h]) => wanted.length === 0 || wanted.includes(`${w}x${h}`))) {
    const clip = join(folder, `${height}.mp4`);
    await longClip(clip, 10, width, height);
    measureCli([
      'analyze',
      clip,
      '--end',
      String(SECONDS),
      '--backend',
      'wasm',
      '--no-report',
      '-q',
      '-o',
      join(folder, String(height)),
    ]);
    const analysis = await readAnalysis(join(folder, String(height), 'analysis.json'));
    const out = join(folder, 'out.mp4');
    const x264 = ['-c:v', 'libx264', '-preset', 'veryfast', '-crf', '18', '-pix_fmt', 'yuv420p', '-an'];
    const works: Readonly<Record<string, () => Promise<unknown>>> = {
      'ffmpeg alone': () => ffmpeg('-i', clip, '-t', String(SECONDS), ...x264, out),
      ...Object.fromEntries(
        Object.entries(STYLES).map(([name, style]) => [name, () => renderVideo(analysis, out, { style })]),
      ),
    };
    const all: Record<string, number>[] = [];
    for (let round = 0; round <= rounds; round++) all.push(await timesOf(works));
    for (const name of Object.keys(works)) {
      const counted = all.slice(1);
      const ms = median(counted.map((times) => times[name]!));
      const ratio = median(counted.map((times) => times['ffmpeg alone']! / times[name]!));
      rows.push([`${width}x${height}`, name, ((1000 * FRAMES) / ms).toFixed(0), ratio.toFixed(2)]);
    }
  }
  await writeResults({
    name: 'render',
    command: `npm run bench -- render ${[...wanted, rounds].join(' ')}`,
    tables: [
      {
        columns: ['size', 'what', 'frames/s', 'ratio to ffmpeg alone'],
        rows,
        notes: [`${SECONDS} s of 30 frames/s; ${rounds} rounds.`],
      },
    ],
  });
}

/** Milliseconds that each of these takes, one after another. */
async function timesOf(works: Readonly<Record<string, () => Promise<unknown>>>): Promise<Record<string, number>> {
  const times: Record<string, number> = {};
  for (const [name, work] of Object.entries(works)) {
    const start = performance.now();
    await work();
    times[name] = performance.now() - start;
  }
  return times;
}
