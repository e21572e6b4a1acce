/** A drawing of your own from an analysis: the brightest region of every sampled frame, cut out and set side by side. */
import { writeFile } from 'node:fs/promises';
import { createCanvas } from '@napi-rs/canvas';
import { analyzeEvent, openClip, openModel, toHeatmap } from 'l2caf';
import { contourLines, frameCanvas, framesAt } from 'l2caf/video';

const [video = 'fixtures/clips/cyclist.mp4', out = 'regions.png'] = process.argv.slice(2);

const { clip, span } = await openClip(video, {});
const model = await openModel({ backend: 'auto' });
const { frames } = await analyzeEvent(model, { clip, span, frames: 3, seed: 0 });
model.network.dispose();

const times = frames.map(({ timestampSec }) => timestampSec);
const pictures = await framesAt(clip, times);
const { width, height } = clip;
const canvas = createCanvas(width * frames.length, height);
const context = canvas.getContext('2d');
for (const [i, { filter }] of frames.entries()) {
  const heatmap = toHeatmap({ ...filter, values: Float32Array.from(filter.values) }, { width, height });
  const [line] = contourLines(heatmap, [0.5]);
  context.save();
  context.translate(i * width, 0);
  context.beginPath();
  for (const ring of line?.rings ?? []) for (const [x, y] of ring) context.lineTo(x * width, y * height);
  context.clip();
  context.drawImage(frameCanvas(pictures, i), 0, 0);
  context.restore();
}
await writeFile(out, canvas.toBuffer('image/png'));
console.log(out);
