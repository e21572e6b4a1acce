/**
 * The packaged head, again and from its beginning: its data, its training, its figures.
 * `npm run bench -- driving DATA CLIPS [SEEDS]`: DATA holds `donkey/tub`, `clips/udacity_*.mp4` and, to be measured on, `camvid`; CLIPS is what
 * `npm run fixtures -- --events 1200 --seed 7` draws. What is trained or measured in `out/driving` is not done again.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { openClip } from '../src/analysis/pipeline.ts';
import { mean } from '../src/base/matrix.ts';
import type { ModelManifest } from '../src/models/model-directory.ts';
import { recordedSignals } from '../src/video/media/probe.ts';
import { firstEvents, GENERATED_CLASSES } from './generated.ts';
import { type ResultTable, spread, writeResults } from './results.ts';
import { root } from './support.ts';

const OUT = join(root, 'out', 'driving');
const COMMAND = 'npm run bench -- driving DATA CLIPS';
const SEEDS = 3;
/** Generated events that it is trained on. */
const GENERATED = 960;
/** Events of each place that maps are measured on, at most. */
const MEASURED = 120;
const METHODS = ['l2caf', 'l2caf-reinit', 'gradcam-abs', 'activation-norm', 'centre'] as const;

/** Trains and measures what is not there yet. */
export async function run([data, clips, seeds = String(SEEDS)]: readonly string[]): Promise<void> {
  if (data === undefined || clips === undefined) throw new Error(`usage: ${COMMAND} [SEEDS]`);
  const lists = await drivingLists(data, clips, OUT);
  const places = placesOf(data, clips, lists);
  const manifests: ModelManifest[] = [];
  const figures = places.map((): Figures[] => []);
  for (let seed = 0; seed < Number(seeds); seed++) {
    const folder = join(OUT, `driving-${seed}`);
    manifests.push(await trainedHead(folder, lists, clips, [...DRIVING_OPTIONS, '--seed', String(seed)]));
    for (const [i, place] of places.entries()) figures[i]!.push(await figuresOf(folder, `${i}`, place));
  }
  const maps: ResultTable = {
    title: 'Where its maps lie',
    columns: ['events', 'map', 'energy lift', 'pointing', 'seeds'],
    rows: places.flatMap(({ title }, i) =>
      METHODS.map((method) => [
        title,
        method,
        ...(['energyLift', 'pointing'] as const).map((figure) =>
          spread(
            figures[i]!.map((of) => of[method]![figure]),
            2,
          ),
        ),
        String(figures[i]!.length),
      ]),
    ),
    notes: [
      `At most ${MEASURED} events of each, evenly spread. Of CamVid the head has seen nothing. Mean ± standard deviation of the seeds.`,
    ],
  };
  const found: ResultTable = {
    title: 'What it recognises',
    columns: ['test events', 'MAP@R', 'kNN', 'seeds'],
    rows: ['fixtures', 'steering'].map((domain) => [
      domain,
      ...(['mapAtRNoOverlap', 'knn'] as const).map((figure) =>
        spread(
          manifests.map((of) => of.figures[domain]?.[figure]),
          2,
        ),
      ),
      String(manifests.length),
    ]),
    notes: [
      'MAP@R without overlapping windows; kNN: balanced accuracy by the 5 nearest training events. Steering: a stretch of the model car’s drive that was left out.',
    ],
  };
  await writeResults({ name: 'driving', command: COMMAND, tables: [maps, found] });
}

/** The lists of the events that it is trained on. */
export type DrivingLists = Readonly<Record<'fixtures' | 'steering', string>>;

/** Makes them in a folder. */
export async function drivingLists(data: string, clips: string, folder: string): Promise<DrivingLists> {
  await mkdir(folder, { recursive: true });
  const steering = join(folder, 'steering.csv');
  await writeFile(steering, await steeringEvents(resolve(data)));
  return { fixtures: await firstEvents(GENERATED, resolve(clips), folder), steering };
}

/** Events whose decisive objects are known. */
export interface Place {
  readonly title: string;
  readonly list: string;
  readonly truth: string;
}

/** Where maps are measured: on streets that the head has not seen, and on generated test events. */
export function placesOf(data: string, clips: string, { fixtures }: DrivingLists): Place[] {
  return [
    { title: 'CamVid, test drives', list: join(data, 'camvid', 'events.csv'), truth: join(data, 'camvid', 'labels') },
    { title: 'generated test events', list: fixtures, truth: clips },
  ];
}

/** Trains a head into a folder, if it is not there yet; its options are the packaged one's but for those given. */
export async function trainedHead(
  folder: string,
  lists: DrivingLists,
  clips: string,
  options: readonly string[],
): Promise<ModelManifest> {
  const path = join(folder, 'model.json');
  if (!existsSync(path)) l2caf(['train', ...trainingOptions(lists, resolve(clips)), ...options, '-o', folder]);
  return JSON.parse(await readFile(path, 'utf8')) as ModelManifest;
}

/** Energy lift and pointing, by method. */
type Figures = Readonly<Record<string, Readonly<Record<'energyLift' | 'pointing', number>>>>;

/** How well a head's maps lie on the decisive objects of a place. */
export async function figuresOf(
  model: string,
  name: string,
  { list, truth }: Place,
  folder: string = join(model, `maps-${name}`),
): Promise<Figures> {
  const path = join(folder, 'localization.json');
  if (!existsSync(path)) {
    const options = ['--truth', truth, '--model', model, '--limit', String(MEASURED), '--methods', METHODS.join()];
    l2caf(['evaluate', 'localization', list, ...options, '-o', folder]);
  }
  interface Row {
    readonly name: string;
    readonly group?: string;
    readonly figures: Readonly<Record<'energyLift' | 'pointing', { readonly value: number }>>;
  }
  const { tables } = JSON.parse(await readFile(path, 'utf8')) as { tables: readonly { rows: readonly Row[] }[] };
  const overall = tables[0]!.rows.filter(({ group }) => group === undefined);
  return Object.fromEntries(
    overall.map(({ name: method, figures: { energyLift, pointing } }) => [
      method,
      { energyLift: energyLift.value, pointing: pointing.value },
    ]),
  );
}

function l2caf(args: readonly string[]): void {
  const { status } = spawnSync(process.execPath, [join(root, 'dist', 'cli', 'main.js'), ...args], { stdio: 'inherit' });
  if (status !== 0) throw new Error(`l2caf ${args.join(' ')} ended with ${status}`);
}

/** What reads its maps, and how long it is trained. */
export const DRIVING_OPTIONS: readonly string[] = '--pool 4x2 --per-class 8 --steps 400'.split(' ');

/** The options of its training, as its card has them, but for those and the seed. */
function trainingOptions(lists: DrivingLists, clips: string): string[] {
  return [
    ...['--domain', `fixtures=${lists.fixtures}`, '--domain', `steering=${lists.steering}`],
    ...['--dense', `fixtures=${clips}`, '--dense-classes', `fixtures=${GENERATED_CLASSES.join()}`],
    ...['--swap', 'left_turn=right_turn', '--swap', 'steering_left=steering_right'],
    ...'--classifier --channels 96,64 --views 1 --classes 18 --learning-rate 0.003'.split(' '),
    ...'--sparsity 0 --name driving'.split(' '),
    ...['--licence', 'fixtures=MIT', '--licence', 'steering=MIT', '--licence', 'weights=MIT'],
  ];
}

const HEADING = 'id,video,start,end,label,split';
/** Windows of the model car's drive, and from one to the next; of the real streets, where the steering is not recorded. */
const TUB = { windowSec: 1, strideSec: 0.5, testFromSec: 80 } as const;
const STREET = { windowSec: 1.5, strideSec: 0.75 } as const;
/** A mean steering angle beyond this, of −1 to 1, is a turn. */
const TURN = 0.25;
/** On all of them the car keeps its lane. */
const STREETS = ['project_video_cut', 'solidWhiteRight', 'vehicle_test_video'] as const;

/** Events by the side to which is steered: of the model car's drive as recorded, its last stretch left out, and straight streets. */
export async function steeringEvents(data: string): Promise<string> {
  const rows: string[] = [];
  const tub = join(data, 'donkey', 'tub');
  const { clip, span } = await openClip(tub, {});
  const signals = (await recordedSignals(clip))!;
  const angles = signals.values[signals.names.indexOf('user/angle')]!;
  for (const [startSec, endSec] of windowsOf(span.endSec, TUB)) {
    const inside = angles.filter((_, i) => signals.timesSec[i]! >= startSec && signals.timesSec[i]! < endSec);
    const angle = mean(inside);
    const side = angle < -TURN ? 'left' : angle > TURN ? 'right' : 'straight';
    const split = startSec >= TUB.testFromSec ? 'test' : 'train';
    if (split === 'train' && endSec > TUB.testFromSec - 1) continue; // a second between them
    rows.push([`donkey-${startSec}`, tub, startSec, endSec, `steering_${side}`, split].join());
  }
  for (const name of STREETS) {
    const path = join(data, 'clips', `udacity_${name}.mp4`);
    const { span: whole } = await openClip(path, {});
    for (const [startSec, endSec] of windowsOf(whole.endSec, STREET)) {
      rows.push([`${name}-${startSec}`, path, startSec, endSec, 'steering_straight', 'train'].join());
    }
  }
  return `${[HEADING, ...rows].join('\n')}\n`;
}

function windowsOf(endSec: number, { windowSec, strideSec }: typeof TUB | typeof STREET): [number, number][] {
  const count = Math.max(0, Math.floor((endSec - windowSec) / strideSec) + 1);
  return Array.from({ length: count }, (_, i) => [i * strideSec, i * strideSec + windowSec]);
}
