/**
 * What the packaged heads are told of what they were trained on, and how well that separates driving from other things.
 * `npm run bench -- unlike DATA CLIPS [MORE]`: DATA holds `camvid`, `sim-track`, `clips`, `donkey`, `stills` and
 * `tiny-imagenet-val`; CLIPS a set of generated events; MORE a folder of further clips that are no driving. Writes
 * `reference.safetensors` and `familiarity` of models/driving and models/driving-camvid.
 */
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { type OpenModel, openClip, openEventNetwork, sampleEvent } from '../src/analysis/pipeline.ts';
import { writeFileAtomically } from '../src/base/files.ts';
import type { TimeSpan, VideoClip } from '../src/base/types.ts';
import { readEvents } from '../src/events/labelled.ts';
import type { EventNetwork } from '../src/models/event-network.ts';
import { averaged, distanceOf, type Familiarity } from '../src/models/familiarity.ts';
import { saveFamiliarity } from '../src/models/model-directory.ts';
import { DEFAULT_MODEL, findModel } from '../src/models/packaged.ts';
import { ACCEPTED_SHARE, fitFamiliarity } from '../src/training/familiarity.ts';
import { makeOtherThings } from './other-things.ts';
import { type ResultTable, writeResults } from './results.ts';
import { root, STUDIED_MODEL } from './support.ts';

/** What was looked at, so that an interrupted run is continued. */
const OUT = join(root, 'out', 'unlike');
/** Frames of an event. */
const FRAMES = 3;
/** Length of the windows that are cut from clips, and from one to the next, seconds; at most so many of each. */
const WINDOW_SEC = 3;
const STRIDE_SEC = 1.5;
const WINDOWS = 40;
/** Of the lists of events every so many are used: neighbours overlap. */
const EVERY: Readonly<Record<string, number>> = { camvid: 6, 'sim-track': 3, fixtures: 6 };

/** An event, and both kinds of features of it. */
interface SeenEvent {
  readonly domain: string;
  readonly video: string;
  readonly split: string;
  readonly features: readonly number[];
  readonly embedding: readonly number[];
}

/** Events of one kind. */
interface Seen {
  readonly name: string;
  readonly events: readonly SeenEvent[];
}

/** An event to look at. */
interface Wanted {
  readonly video: string;
  readonly split: string;
  readonly clip: VideoClip;
  readonly span: TimeSpan;
}

/** Makes the reference, measures it, and writes both. */
export async function run([data, clips, more]: readonly string[]): Promise<void> {
  if (data === undefined || clips === undefined) throw new Error('usage: npm run bench -- unlike DATA CLIPS [MORE]');
  await mkdir(OUT, { recursive: true });
  const model = await openEventNetwork({ backend: 'auto', model: STUDIED_MODEL });
  const all = async (name: string, wanted: readonly Wanted[]): Promise<SeenEvent[]> => seen(model, name, wanted);
  const listed = async (name: string, path: string): Promise<SeenEvent[]> => {
    return all(
      name,
      (await readEvents(path)).filter((_, i) => i % EVERY[name]! === 0),
    );
  };
  const windows = async (name: string, paths: readonly string[]): Promise<SeenEvent[]> => {
    return all(name, (await Promise.all(paths.map(windowsOf))).flat());
  };
  const lists = [
    ...(await listed('camvid', join(data, 'camvid', 'events.csv'))),
    ...(await listed('sim-track', join(data, 'sim-track', 'events.csv'))),
    ...(await listed('fixtures', join(clips, 'events.csv'))),
  ];
  const real = await windows('clips', await videosIn(join(data, 'clips')));
  const toy = { name: 'a model car indoors (Donkey)', events: await windows('donkey', [join(data, 'donkey', 'tub')]) };
  const made = (await makeOtherThings(join(OUT, 'made'), data)).map(({ path }) => path);
  const others = [
    { name: 'made: patterns, drawings, photographs', events: await windows('made', made) },
    ...(more === undefined ? [] : [{ name: 'further clips', events: await windows('more', await videosIn(more)) }]),
  ];
  model.network.dispose();

  const trained = { name: 'training events', events: lists.filter(({ split }) => split === 'train') };
  const tests = [
    ['CamVid, test events', 'camvid'],
    ["the simulator's drive, test events", 'sim-track'],
    ['generated test events', 'fixtures'],
  ].map(([name, domain]) => ({
    name: name!,
    events: lists.filter((event) => event.domain === domain && event.split === 'test'),
  }));
  const of = (part: string): SeenEvent[] => real.filter(({ video }) => video.startsWith(part));
  const udacity = { name: 'Udacity, three clips', events: of('udacity_') };
  const kitti = { name: 'KITTI, two clips', events: of('kitti_') };
  const reference = await fitted([trained]);
  const free = await freeReference(
    lists.filter(({ domain, split }) => domain === 'fixtures' && split === 'train'),
    toy.events,
    udacity.events,
  );
  const [generated] = tests.slice(-1);
  const camvid = { name: 'CamVid, all events', events: lists.filter(({ domain }) => domain === 'camvid') };
  const tables = [
    await flagged(`${STUDIED_MODEL}, driving`, tests, reference, 'events'),
    await flagged(`${STUDIED_MODEL}, drives of other data, windows of 3 s`, [udacity, kitti], reference, 'events'),
    await flagged(`${STUDIED_MODEL}, other things`, [...others, toy], reference, 'clips'),
    await flagged(`${DEFAULT_MODEL}, what it was trained on`, [generated!, udacity, toy], free, 'events'),
    await flagged(`${DEFAULT_MODEL}, drives that it never saw`, [camvid, kitti], free, 'events'),
    await flagged(`${DEFAULT_MODEL}, other things`, others, free, 'clips'),
    await features(tests, others, [trained]),
  ];
  await saveFamiliarity(await findModel(STUDIED_MODEL), reference);
  await saveFamiliarity(await findModel(DEFAULT_MODEL), free);
  await writeResults({ name: 'unlike', command: 'npm run bench -- unlike DATA CLIPS MORE', tables });
}

/**
 * What the head for any use is told: mean and spread of what it was trained on, and how far real streets may be from it, as those
 * that are at hand are when they are left out.
 */
async function freeReference(
  generated: readonly SeenEvent[],
  toy: readonly SeenEvent[],
  streets: readonly SeenEvent[],
): Promise<Familiarity> {
  const others = { name: 'drawn streets, a model car', events: [...generated, ...toy] };
  const all = await fitted([others, { name: 'real streets', events: streets }]);
  const left = distances(await fitted([others]), streets, 'events').sort((a, b) => a - b);
  return { ...all, limit: left[Math.ceil(ACCEPTED_SHARE * left.length) - 1]! };
}

/** Looks at events, but for those that an earlier run has looked at. */
async function seen(model: OpenModel<EventNetwork>, domain: string, wanted: readonly Wanted[]): Promise<SeenEvent[]> {
  const { network } = model;
  const path = join(OUT, `${domain}.json`);
  const known = JSON.parse(await readFile(path, 'utf8').catch(() => '{}')) as Record<string, SeenEvent>;
  const found: SeenEvent[] = [];
  for (const { video, split, clip, span } of wanted) {
    const key = `${basename(video)} ${span.startSec.toFixed(3)}`;
    known[key] ??= await (async () => {
      const frames = await sampleEvent(model, { clip, span, frames: FRAMES });
      const features = await network.trunkFeatures(frames);
      const tail = network.tail(await network.mapsOf(features));
      const embedding = [...tail.reference];
      tail.dispose();
      const average = averaged(features, network.head.spec.trunkChannels);
      return { domain, video: basename(video), split, features: [...average], embedding };
    })();
    found.push(known[key]);
  }
  await writeFileAtomically(path, `${JSON.stringify(known)}\n`);
  console.log(`${domain}: ${found.length} events`);
  return found;
}

async function videosIn(folder: string): Promise<string[]> {
  const names = (await readdir(folder)).filter((name) => /\.(mp4|avi|mkv|webm)$/.test(name)).sort();
  return names.map((name) => resolve(folder, name));
}

async function windowsOf(path: string): Promise<Wanted[]> {
  const { clip, span } = await openClip(path, {});
  const lengthSec = span.endSec - span.startSec;
  const base = { video: path, split: 'test', clip };
  if (lengthSec < 1.2 * WINDOW_SEC) return [{ ...base, span }];
  const count = Math.floor((lengthSec - WINDOW_SEC) / STRIDE_SEC) + 1;
  const starts = Array.from({ length: count }, (_, i) => span.startSec + i * STRIDE_SEC);
  const every = Math.ceil(count / WINDOWS);
  return starts
    .filter((_, i) => i % every === 0)
    .map((startSec) => ({ ...base, span: { startSec, endSec: startSec + WINDOW_SEC } }));
}

type Features = 'features' | 'embedding';

async function fitted(parts: readonly Seen[], of: Features = 'features'): Promise<Familiarity> {
  const events = parts.flatMap((part) => part.events);
  const found = await fitFamiliarity(events.map((event) => ({ ...event, features: Float32Array.from(event[of]) })));
  if (found === undefined) throw new Error('no domain has two videos');
  return found;
}

/** The distance of each event or, of clips, the median of their events. */
function distances(
  familiarity: Familiarity,
  events: readonly SeenEvent[],
  unit: 'events' | 'clips',
  of: Features = 'features',
): number[] {
  const all = events.map((event) => ({
    video: event.video,
    distance: distanceOf(familiarity, Float32Array.from(event[of])),
  }));
  if (unit === 'events') return all.map(({ distance }) => distance);
  return [...new Set(all.map(({ video }) => video))].map((video) => {
    return median(all.filter((one) => one.video === video).map(({ distance }) => distance));
  });
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

const COLUMNS = ['what', 'number', 'flagged', 'distance, median', 'least', 'greatest', 'limit'];

function row(name: string, found: readonly number[], limit: number): string[] {
  const share = found.filter((distance) => distance > limit).length / found.length;
  const figures = [median(found), Math.min(...found), Math.max(...found), limit].map((value) => value.toFixed(1));
  return [name, String(found.length), `${(100 * share).toFixed(0)} %`, ...figures];
}

async function flagged(
  title: string,
  seen: readonly Seen[],
  familiarity: Familiarity,
  unit: 'events' | 'clips',
): Promise<ResultTable> {
  const rows = seen.map(({ name, events }) => row(name, distances(familiarity, events, unit), familiarity.limit));
  return { title: `Flagged as unlike: ${title} (${unit})`, columns: COLUMNS, rows };
}

/** Whether other things lie farther away than driving, by features. */
async function features(
  driving: readonly Seen[],
  others: readonly Seen[],
  reference: readonly Seen[],
): Promise<ResultTable> {
  const rows: string[][] = [];
  for (const of of ['features', 'embedding'] as const) {
    const familiarity = await fitted(reference, of);
    const inside = driving.flatMap((one) => distances(familiarity, one.events, 'events', of));
    const outside = others.flatMap((one) => distances(familiarity, one.events, 'clips', of));
    const pairs = outside.flatMap((far) => inside.map((near) => (far > near ? 1 : far === near ? 0.5 : 0)));
    const auc = pairs.reduce<number>((sum, value) => sum + value, 0) / pairs.length;
    const caught = outside.filter((distance) => distance > familiarity.limit).length / outside.length;
    const name = of === 'features' ? "the trunk's features, averaged" : 'the embedding';
    rows.push([name, auc.toFixed(3), `${(100 * caught).toFixed(0)} %`]);
  }
  return {
    title: 'Which features tell driving (test events) from other things',
    columns: ['features', 'area under the curve', 'other things flagged'],
    rows,
  };
}
