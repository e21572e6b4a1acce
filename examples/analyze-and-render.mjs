/** Where a network looks during three seconds of a clip: the numbers, a strip, and the video with contours. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { analyzeEvent, openClip, openModel, renderStrip, renderVideo, writeAnalysis } from 'l2caf';

const [video = 'fixtures/clips/traffic_light_red.mp4', folder = 'out'] = process.argv.slice(2);

const { clip, span } = await openClip(video, { startSec: 0, endSec: 3 });
const model = await openModel({ backend: 'auto' });
const analysis = await analyzeEvent(model, { clip, span, frames: 3, seed: 0 });
model.network.dispose();

for (const { timestampSec, peakCell, loss } of analysis.frames) {
  console.log(`${timestampSec.toFixed(2)} s: row ${peakCell.row}, column ${peakCell.column}, loss ${loss.toFixed(3)}`);
}
await mkdir(folder, { recursive: true });
await writeAnalysis(join(folder, 'analysis.json'), analysis);
await renderStrip(analysis, join(folder, 'strip.png'));
await renderVideo(analysis, join(folder, 'overlay.mp4'));
