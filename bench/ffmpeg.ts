/**
 * Pictures and seeks with several ffmpegs: whether files of many kinds show the same pictures after a seek as in a decode
 * from the start, and what a seek in a transport stream costs beside one in an MP4 file.
 */
import { readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { L2cafError } from '../src/base/errors.ts';
import type { VideoClip } from '../src/base/types.ts';
import { findFfmpeg } from '../src/video/media/binaries.ts';
import { frameSink, scaleToRgb } from '../src/video/media/decode.ts';
import { runFfmpeg } from '../src/video/media/ffmpeg.ts';
import { type FrameList, listFrames } from '../src/video/media/frame-list.ts';
import { probeClip } from '../src/video/media/probe.ts';
import { framesAt, sampleFrames, samplingTimes } from '../src/video/media/sample.ts';
import { clockOf, KEEP_TIMESTAMPS } from '../src/video/media/seek.ts';
import { writeResults } from './results.ts';
import { ffmpeg, longClip, medianMs, temporaryFolder } from './support.ts';

const SIZE = { width: 96, height: 64 };
const MOMENTS = 12;
const VIDEO = /\.(mp4|ts|mkv|webm|avi|hevc)$/;

/** Prints the tables for the files of a folder and the ffmpegs of `L2CAF_FFMPEG_MATRIX`; without it, for the one in use. */
export async function run([folder = '../shared/data/cases']: readonly string[]): Promise<void> {
  const folders = (process.env['L2CAF_FFMPEG_MATRIX'] ?? '').split(delimiter).filter(Boolean);
  const files = readdirSync(folder).filter((name) => VIDEO.test(name));
  const clips = await makeLongClips();
  const verdicts: string[][] = [];
  const costs: string[][] = [];
  const versions: string[] = [];
  for (const place of folders.length > 0 ? folders : [undefined]) {
    if (place !== undefined) process.env['FFMPEG_PATH'] = join(place, 'ffmpeg');
    const { version } = await findFfmpeg();
    versions.push(version.replace(/-.*/, (rest) => (/^-\d/.test(rest) ? rest.slice(0, 7) : '')));
    const column: string[] = [];
    for (const file of files) column.push(await verdict(join(folder, file)));
    verdicts.push(column);
    const seconds: number[] = [];
    for (const path of clips) seconds.push(await seekSeconds(path));
    costs.push([...seconds.map((value) => value.toFixed(2)), (seconds[1]! / seconds[0]!).toFixed(2)]);
  }
  await writeResults({
    name: 'ffmpeg',
    command: 'npm run bench -- ffmpeg CASES',
    tables: [
      {
        columns: ['file', ...versions],
        rows: files.map((file, i) => [file, ...verdicts.map((column) => column[i]!)]),
        notes: [
          `${MOMENTS} moments, together and one by one, against a decode from the start by the same ffmpeg.`,
          'right: the same pictures; said: a note tells what is wrong with the file; wrong: other pictures.',
        ],
      },
      {
        columns: ['ffmpeg', 'MP4, s', 'MPEG-TS, s', 'ratio'],
        rows: versions.map((version, i) => [version, ...costs[i]!]),
        notes: ['Three frames of three seconds at the end of ten minutes of the same H.264, 1280x720, median of 5.'],
      },
    ],
  });
}

async function verdict(path: string): Promise<string> {
  try {
    const clip = await probeClip(path);
    const list = await listFrames(clip, { startSec: 0, endSec: clip.durationSec + 1 });
    const truth = await decodeAll(clip, list);
    const moments = samplingTimes({ startSec: 0, endSec: clip.durationSec }, MOMENTS);
    const together = await framesAt(clip, moments, { size: SIZE });
    const bytes = SIZE.width * SIZE.height * 3;
    let wrong = 0;
    for (const [i, moment] of moments.entries()) {
      const alone = await framesAt(clip, [moment], { size: SIZE });
      const picture = together.rgb.subarray(i * bytes, (i + 1) * bytes);
      const isDamaged = alone.troubles.damagedSec.length > 0;
      if (!isDamaged && Buffer.compare(picture, alone.rgb) !== 0) wrong++;
      const shown = truth.find(({ timeSec }) => Math.abs(timeSec - together.timestampsSec[i]!) < 0.0005);
      if (shown === undefined || Buffer.compare(picture, shown.rgb) !== 0) wrong++;
    }
    if (wrong > 0) return 'wrong';
    return (clip.notes ?? []).length + together.troubles.notes.length > 0 ? 'right, said' : 'right';
  } catch (error) {
    if (error instanceof L2cafError) return 'refused';
    throw error;
  }
}

/** Every frame of a clip, without any seek or cut. */
async function decodeAll(clip: VideoClip, { details }: FrameList): Promise<{ timeSec: number; rgb: Uint8Array }[]> {
  const { sink, frames } = frameSink(SIZE.width * SIZE.height * 3);
  const times: number[] = [];
  const toneMapping = details.toneMapping ? `,${details.toneMapping}` : '';
  await runFfmpeg({
    inputs: [{ source: clip.path, options: ['-reinit_filter', '0'] }],
    filtergraph: `[0:${details.track}]${clockOf(details)},showinfo${toneMapping},${scaleToRgb(SIZE, SIZE)}[out]`,
    options: [...KEEP_TIMESTAMPS, '-map', '[out]', '-fps_mode', 'passthrough', '-f', 'rawvideo'],
    output: sink,
    onLine: (line) => {
      const pts = /showinfo.*? pts: *(-?\d+)/.exec(line)?.[1];
      if (pts !== undefined) times.push(Number(pts) / 1e6 - details.originSec);
    },
  });
  return frames.map((rgb, i) => ({ rgb, timeSec: times[i]! }));
}

async function seekSeconds(path: string): Promise<number> {
  const clip = await probeClip(path);
  const span = { startSec: clip.durationSec - 6, endSec: clip.durationSec - 3 };
  const work = (): Promise<unknown> => sampleFrames(clip, { span, count: 3, size: SIZE });
  return (await medianMs(5, work)) / 1000;
}

/** Ten minutes as MP4 and as a transport stream: the same packets. */
async function makeLongClips(): Promise<string[]> {
  const folder = temporaryFolder();
  const [mp4, ts] = [join(folder, 'long.mp4'), join(folder, 'long.ts')];
  await longClip(mp4, 600, 1280, 720);
  await ffmpeg('-i', mp4, '-c', 'copy', ts);
  return [mp4, ts];
}
