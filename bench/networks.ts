/**
 * Networks as ONNX files, per event: what their trunks and filters take, beside the packaged model's own path and, of
 * networks of real size with random weights, beside the published loop in PyTorch on the same network in the same run
 * (`--python PATH`: a Python with torch and onnx; `networks.py`). Golden networks (`L2CAF_GOLDEN`) where they are at hand.
 * `--paper FOLDER`: the networks of the paper on a picture, as the script of docs/network-examples.md exports them.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type OpenModel, openClip, openModel } from '../src/analysis/pipeline.ts';
import type { FrameBatch } from '../src/base/types.ts';
import { solveFilters } from '../src/l2caf/solve.ts';
import type { Tail } from '../src/l2caf/tail.ts';
import type { Card } from '../src/models/card.ts';
import { EventNetwork } from '../src/models/event-network.ts';
import { exportEventNetwork, writeExported } from '../src/models/export.ts';
import type { VideoModel } from '../src/models/video-model.ts';
import { sampleFrames } from '../src/video/media/sample.ts';
import { goldenFolder } from '../test/support/data.ts';
import { ofPaper } from './paper-networks.ts';
import { type ResultTable, writeResults } from './results.ts';
import { fixtureClip, measureCli, median, medianMs, temporaryFolder } from './support.ts';

const REPEATS = 5;
const GOLDEN = ['cnn_lstm', 'conv3d_volume', 'vit_frames_norm'];
/** Those that `networks.py` makes, and what lies behind their layer. */
const REAL = ['r3d-18', 'resnet50-lstm-3', 'resnet50-lstm-8'];
/** Their events take long enough to be measured once, after one that is not counted; but not the filters of an affine tail. */
const REAL_REPEATS = 1;
/** Filters are found anew until they took that long, at most as often as {@link REPEATS}. */
const LONG_ENOUGH_MS = 1000;

/** A network, and how the command line would be told of it. */
interface Subject {
  readonly name: string;
  readonly model: string;
  readonly card?: Card;
  readonly frames?: number;
  /** What the card says, as options. */
  readonly flags?: readonly string[];
}

/** What was measured of one. */
interface Measured {
  readonly row: string[];
  readonly filtersMs: number;
  readonly trunkMs: number;
  readonly losses: readonly number[];
}

/** Prints the tables: those of networks at hand, or with `--python` those of networks of real size. */
export async function run(args: readonly string[]): Promise<void> {
  const options = { python: { type: 'string' }, networks: { type: 'string' }, paper: { type: 'string' } } as const;
  const { python, networks, paper } = parseArgs({ args: [...args], options }).values;
  if (paper !== undefined) return ofPaper(paper);
  const folder = networks ?? temporaryFolder();
  if (python !== undefined) return besidePublished(pythonOf(python), folder);
  const rows: string[][] = [];
  for (const subject of [...(await packaged(folder)), ...(await golden())])
    rows.push((await measure(subject, REPEATS)).row);
  await writeResults({ name: 'networks', command: 'npm run bench -- networks', tables: [ownTable(rows, REPEATS)] });
}

/** Networks of real size and the published loop on them. Networks that are in the folder already are not made again. */
async function besidePublished(python: (...args: readonly string[]) => string, folder: string): Promise<void> {
  if (!existsSync(join(folder, `${REAL.at(-1)}.onnx`))) python('make', folder);
  const rows: string[][] = [];
  const published: string[][] = [];
  const command = 'npm run bench -- networks --python PYTHON';
  for (const name of REAL) {
    const own = await measure({ name, model: join(folder, `${name}.onnx`) }, REAL_REPEATS, join(folder, `${name}.rgb`));
    rows.push(own.row);
    published.push(compared(name, own, JSON.parse(python('loop', folder, name)) as Loop));
    const tables = [ownTable(rows, REAL_REPEATS), publishedTable(published)];
    await writeResults({ name: 'networks-published', command, tables }); // what there is, should the next take too long
  }
}

function ownTable(rows: string[][], repeats: number): ResultTable {
  const events =
    repeats === 1
      ? `One event, after another; filters that take less than a second: median of ${REPEATS}`
      : `Medians of ${repeats} events`;
  return {
    columns: [
      ...['network', 'input', 'filters', 'solver', 'trunk, ms', 'filters, ms', 'event, ms'],
      ...['rows per filter', 'memory, MB'],
    ],
    rows,
    notes: [
      `${events}; trunk: from frames to the layer. Rows: filters that were tried for one that was found, 0 where derivatives are known. Memory: the peak of \`l2caf analyze\`.`,
    ],
  };
}

function publishedTable(rows: string[][]): ResultTable {
  return {
    title: 'Beside the published loop',
    columns: ['network', 'trunk, ms', 'in PyTorch', 'filters, ms', 'published', 'times faster', 'iterations', 'loss'],
    rows,
    notes: [
      'The loop of the paper (Adam through autograd, its settings) on the part after the layer, in PyTorch on the same weights and frames; of more than three filters three are found so, and the time is that of as many as there are. Iterations: of the loop, median of the filters. Loss: that of our filters by that of the loop, median.',
    ],
  };
}

/** The packaged model on its own path and as the file that it exports, of 3 and of 8 frames. */
async function packaged(folder: string): Promise<Subject[]> {
  const { network } = await openModel({ backend: 'wasm' });
  if (!(network instanceof EventNetwork)) throw new Error('the packaged model is an event network');
  const subjects: Subject[] = [];
  for (const frames of [3, 8]) {
    const target = join(folder, `driving-${frames}`);
    await writeExported(target, await exportEventNetwork(network.head, network.pretrained, frames));
    subjects.push({ name: 'driving, itself', model: 'driving', frames });
    subjects.push({ name: 'driving, as ONNX', model: target, frames });
  }
  network.dispose();
  return subjects;
}

interface GoldenCase {
  readonly models: readonly { readonly file: string; readonly output: string; readonly layer: string }[];
  readonly layer: { readonly layout: string };
  readonly slots: readonly { readonly kind: 'slice' | 'volume' }[];
}

async function golden(): Promise<Subject[]> {
  if (goldenFolder === undefined) {
    console.log('no golden networks (L2CAF_GOLDEN): left out');
    return [];
  }
  const folder = join(goldenFolder, 'networks');
  return Promise.all(
    GOLDEN.map(async (name) => {
      const { models, layer, slots } = JSON.parse(
        await readFile(join(folder, name, 'case.json'), 'utf8'),
      ) as GoldenCase;
      const { file, output, layer: tensor } = models.at(-1)!;
      const filter = slots.some(({ kind }) => kind === 'volume') ? 'volume' : 'slice';
      const card: Card = {
        ...{ input: { range: [0, 1] }, layer: { tensor, layout: layer.layout }, output: { tensor: output }, filter },
      };
      const said = ['--norm', '0..1', '--layer', tensor, '--layout', layer.layout, '--explain', output];
      const flags = [...said, '--filter', filter];
      return { name: `golden ${name}`, model: join(folder, name, file), card, flags };
    }),
  );
}

/** Times a network on the fixture clip; its frames are kept in a file where that is asked for. */
async function measure(subject: Subject, repeats: number, keep?: string): Promise<Measured> {
  const { name, model, card, flags = [] } = subject;
  const opened = await openModel({ model, backend: 'wasm', ...(card && { card }) });
  const { network } = opened;
  const { frames: fixed = 3, size } = network.input;
  const count = subject.frames ?? fixed;
  try {
    const frames = await framesOf(opened, count);
    if (keep !== undefined) await writeFile(keep, frames.rgb);
    const trunkMs = await medianMs(repeats, () => network.features(frames));
    const { filtersMs, losses, solver, rows, kind } = await solveOften(network, frames, repeats);
    const asked = ['analyze', fixtureClip, '--model', model, '--no-report', '-q', '-o', join(temporaryFolder(), 'out')];
    const { peakMb } = measureCli([...asked, '--frames', String(count), ...flags]);
    const { height, width } = network.grid;
    const times = [trunkMs, filtersMs, trunkMs + filtersMs].map((ms) => ms.toFixed(ms < 10 ? 1 : 0));
    const input = `${count} of ${size.width}x${size.height}`;
    const row = [name, input, `${losses.length} of ${kind}${width}x${height}`, solver, ...times];
    return { row: [...row, rows.toFixed(0), peakMb.toFixed(0)], filtersMs, trunkMs, losses };
  } finally {
    network.dispose();
  }
}

async function framesOf({ network }: OpenModel, count: number): Promise<FrameBatch> {
  const { clip, span } = await openClip(fixtureClip, {});
  return sampleFrames(clip, { span, count, size: network.input.size });
}

/** The filters of an event, several times, and how many were tried for each. */
async function solveOften(network: VideoModel, frames: FrameBatch, repeats: number) {
  const maps = await network.features(frames);
  const times: number[] = [];
  for (let i = 0; ; i++) {
    const started = performance.now();
    const tail = network.tail(maps);
    const { counted, count } = counting(tail);
    const { filters, options } = await solveFilters(counted);
    times.push(performance.now() - started);
    const slices = tail.grid.height / network.grid.height;
    tail.dispose();
    const spent = times.slice(1).reduce((sum, ms) => sum + ms, 0);
    if (i < repeats || (i < REPEATS && spent < LONG_ENOUGH_MS)) continue;
    const losses = filters.map(({ loss }) => loss);
    const rows = count() / filters.length;
    const kind = slices > 1 ? `${slices}x` : '';
    return { filtersMs: median(times.slice(1)), losses, solver: options.solver, rows, kind };
  }
}

/** A tail that counts what is evaluated of it. One that knows its derivatives is left as it is, and tries nothing. */
function counting(tail: Tail): { counted: Tail; count: () => number } {
  let count = 0;
  if (tail.smooth ?? tail.linear ?? tail.filtered) return { counted: tail, count: () => 0 };
  const evaluate: Tail['evaluate'] = (filters, slots) => {
    count += slots.length;
    return tail.evaluate(filters, slots);
  };
  return { counted: { ...tail, evaluate }, count: () => count };
}

/** What `networks.py` prints. */
interface Loop {
  readonly trunkMs: number;
  readonly loopMs: number;
  readonly slots: readonly number[];
  readonly losses: readonly number[];
  readonly iterations: readonly number[];
}

function compared(name: string, { trunkMs, filtersMs, losses }: Measured, loop: Loop): string[] {
  const quotients = loop.slots.map((slot, i) => losses[slot]! / loop.losses[i]!);
  return [
    ...[name, trunkMs.toFixed(0), loop.trunkMs.toFixed(0), filtersMs.toFixed(0), loop.loopMs.toFixed(0)],
    ...[(loop.loopMs / filtersMs).toFixed(1), String(median(loop.iterations)), median(quotients).toPrecision(3)],
  ];
}

function pythonOf(path: string): (...args: readonly string[]) => string {
  return (...args) => {
    const script = join(import.meta.dirname, 'networks.py');
    const { status, stdout, stderr } = spawnSync(path, ['-W', 'ignore', script, ...args], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`networks.py ${args[0]}: ${stderr}`);
    return stdout.trim().split('\n').at(-1)!;
  };
}
