/** Generated events as heads are trained on them. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

/** Their dense classes: kinds of things, and what decides an event. */
export const GENERATED_CLASSES: readonly string[] = [
  ...['traffic_light', 'stop_sign', 'pedestrian', 'cyclist', 'car'],
  ...['traffic_light_red', 'traffic_light_amber', 'traffic_light_green', 'stop_sign'].map((label) => `event:${label}`),
  ...['pedestrian_crossing', 'cyclist', 'car_braking'].map((label) => `event:${label}`),
];

/** Generated events that a head is tested on, at most. */
export const TEST_EVENTS = 120;

/** An events file in `folder` with the first training events of the generated set in `clips`, and the first of its test events. */
export async function firstEvents(count: number, clips: string, folder: string): Promise<string> {
  const [heading, ...lines] = (await readFile(join(clips, 'events.csv'), 'utf8')).trim().split(/\r?\n/);
  const training = lines.filter((line) => line.endsWith(',train'));
  if (training.length < count) throw new Error(`${clips} has ${training.length} training events, not ${count}`);
  const kept = [...training.slice(0, count), ...lines.filter((line) => line.endsWith(',test')).slice(0, TEST_EVENTS)];
  const absolute = kept.map((line) =>
    line.replace(/^([^,]*),([^,]*)/, (_, id, video) => `${id},${join(clips, video)}`),
  );
  await mkdir(folder, { recursive: true });
  const path = join(folder, `${basename(clips)}-${count}.csv`);
  await writeFile(path, `${[heading, ...absolute].join('\n')}\n`);
  return path;
}
