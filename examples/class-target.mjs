/** What argues for one class: the attention of each of the two most probable classes of a clip. */
import { analyzeEvent, openClip, openModel } from 'l2caf';

const [video = 'fixtures/clips/traffic_light_red.mp4'] = process.argv.slice(2);

const { clip, span } = await openClip(video, {});
const model = await openModel({ backend: 'auto' });
const options = { clip, span, frames: 3, seed: 0 };
const { classes = [] } = await analyzeEvent(model, options);

for (const { label, probability } of classes.slice(0, 2)) {
  const { frames } = await analyzeEvent(model, { ...options, target: { kind: 'class', label } });
  const peaks = frames.map(({ peakCell: { row, column } }) => `${row},${column}`);
  console.log(`${label} (${Math.round(100 * probability)} %): brightest cells ${peaks.join('  ')}`);
}
model.network.dispose();
