/** Where a network can be cut: tensors between its input and its output that have a place for every part of the picture. */
import { throwIfAborted } from '../../base/errors.ts';
import type { ProgressListener } from '../../base/types.ts';
import { isLinear } from '../../l2caf/measured.ts';
import type { MapTail } from '../../l2caf/tail.ts';
import type { Layout, LayoutSizes } from '../layout.ts';
import { COARSER, candidatesOf, isPicture, renamedBy, showsPicture } from './candidates.ts';
import { cutAt, withOutputs } from './cut.ts';
import { CutNetwork, type Feeds } from './cut-network.ts';
import type { CutEvent } from './cut-run.ts';
import { type OnnxGraph, partsOf } from './graph.ts';
import { type ClipPart, changesFor, layoutsOf, NOTHING, type ProbeRuns, placesIn } from './places.ts';
import { expectNumbers, expectSame } from './repeat.ts';
import { floatsOf, type OnnxSession, type OnnxTensor, openSession } from './runtime.ts';

/** A tensor at which the network can be cut. */
export interface CutPoint {
  /** Its name, or that of a layer of several tensors. */
  readonly tensor: string;
  /** Of a layer of several tensors, those, in order of time. */
  readonly parts?: readonly string[];
  readonly operator: string;
  readonly dims: readonly number[];
  readonly layout: Layout;
  readonly sizes: LayoutSizes;
  /** What else that depends on the picture the rest needs: a second stream, a residual path. */
  readonly beside: readonly string[];
  /** What was found out about the rest; absent where it was not tried. */
  readonly tail?: {
    /** Whether filters have a closed form. */
    readonly isAffine: boolean;
    /** Whether a filter twice as strong gives the same output: the network does not see how large the layer is. */
    readonly hidesScale: boolean;
    /** Whether many filters are tried at once. */
    readonly isBatched: boolean;
  };
}

/** What a survey needs to know. */
export interface NetworkSurveyOptions {
  /** Input of a clip of which a part is changed, for as many events; undefined for more of them than it takes. */
  readonly probe: (part: ClipPart, events: 1 | 2) => Feeds | undefined;
  readonly output: string;
  /** The input of the pictures: the others are given the same for every event. */
  readonly pictures: string;
  readonly frames: number;
  /** Whether they are stacked on channels, so that layers need not tell them apart; default false. */
  readonly isStacked?: boolean;
  readonly aspect: number;
  /** Stop at the first layer that would be taken, and leave the network open that is cut there (default: look at all). */
  readonly first?: boolean;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ProgressListener | undefined;
}

/** What a survey found. */
export interface Survey {
  /** Last first. */
  readonly points: readonly CutPoint[];
  /** How many tensors, the first of the graph, were not looked at, as there are too many. */
  readonly unseen: number;
  /** The one that would be taken, and why. */
  readonly proposal?: {
    readonly point: CutPoint;
    readonly why: string;
    /** The network cut there, when a survey stops at the first; the caller disposes of it. */
    readonly network?: CutNetwork;
  };
}

/** Values of tensors that are kept in memory together, for each change; and how many tensors at most. */
const VALUES_AT_ONCE = 1 << 24;
const TENSORS_AT_ONCE = 64;
/** Tensors that are looked at, of networks of a very great many. */
const TENSORS_LOOKED_AT = 2000;
/** Where the rest is tried too, in a survey of all: every one needs two graphs of its own. */
const TAILS_TRIED = 24;
/** What a filter of half the size must change, of the largest output, for its size to be seen. */
const SEEN = 1e-3;

/**
 * Looks at all tensors between input and output, last first.
 *
 * @throws L2cafError `model-invalid` when the network cannot be run; `aborted`
 */
export async function surveyNetwork(graph: OnnxGraph, options: NetworkSurveyOptions): Promise<Survey> {
  const { output, signal, onProgress } = options;
  const feeds = options.probe(NOTHING, 1)!;
  const all = candidatesOf(graph, output, Object.keys(feeds));
  const candidates = all.slice(0, TENSORS_LOOKED_AT);
  const looked = new Set([output, ...candidates.flatMap((name) => [name, renamedBy(graph, name) ?? name])]);
  const session = await openSession(graph.file.path, withOutputs(graph, [...looked]), graph.file.externalData);
  const points: CutPoint[] = [];
  let proposal: Survey['proposal'];
  try {
    const seen = new Map(Object.entries(await session.run(feeds, [output])));
    let count = 8;
    for (let at = 0; at < candidates.length && !(options.first && proposal); ) {
      throwIfAborted(signal);
      onProgress?.({ stage: 'looking at layers', done: at, total: candidates.length, unit: 'tensors' });
      const names = candidates.slice(at, at + count);
      const isFirst = at === 0;
      at += names.length;
      const runs = await runsOf(session, options, [
        ...new Set([...(isFirst ? [output] : []), ...names.flatMap((name) => [name, renamedBy(graph, name) ?? name])]),
      ]);
      if (isFirst) {
        expectSame({ path: graph.file.path, outputs: [output], seen }, runs.get('nothing')!);
        expectNumbers(graph.file.path, output, seen.get(output)!);
      }
      // What comes before in a network is larger, but seldom many times.
      const largest = Math.max(1, ...Object.values(runs.get('nothing')!).map(({ data }) => data.length));
      count = Math.max(1, Math.min(TENSORS_AT_ONCE, Math.floor(VALUES_AT_ONCE / largest)));
      for (const name of names) {
        const point = pointAt(graph, name, runs, options);
        const renamed = renamedBy(graph, name);
        if (point === undefined || (renamed && pointAt(graph, renamed, runs, options))) continue;
        const isWanted = isEligible(point, options) && !isPicture(graph, name);
        const isTried = points.length < TAILS_TRIED && (!options.first || isWanted);
        const { network, ...tried }: TriedPoint = isTried ? await withTail(graph, point, options) : point;
        points.push(tried);
        const isFit = proposal === undefined && isWanted && tried.tail?.hidesScale === false;
        if (isFit) proposal = { ...proposed(tried, points), ...(options.first && network && { network }) };
        if (!isFit || !options.first) network?.dispose();
        if (options.first && proposal) break;
      }
    }
  } finally {
    session.release();
  }
  const mayTellFrames = options.isStacked || options.frames === 1 || points.some(({ sizes }) => sizes.t > 1);
  if (proposal === undefined && !mayTellFrames) return withoutTime(graph, options);
  const found = proposal ?? (await besideResidual(graph, points, options));
  return { points, unseen: all.length - candidates.length, ...(found && { proposal: found }) };
}

/** Of a network that mixes its frames before any layer, or reads one of them: layers that do not tell them apart. */
async function withoutTime(graph: OnnxGraph, options: NetworkSurveyOptions): Promise<Survey> {
  const survey = await surveyNetwork(graph, { ...options, isStacked: true });
  const { proposal } = survey;
  if (proposal === undefined) return survey;
  const session = await openSession(graph.file.path, withOutputs(graph, [options.output]), graph.file.externalData);
  try {
    const runs = await runsOf(session, options, [options.output]);
    const isMoved = (change: 'first-frame' | 'last-frame'): boolean => {
      const [before, after] = ['nothing' as const, change].map((one) => floatsOf(runs.get(one)![options.output]!));
      return before!.some((value, i) => value !== after![i]);
    };
    const moved = [isMoved('first-frame'), isMoved('last-frame')].join();
    const reads =
      {
        'true,false': 'the network does not read the last frame',
        'false,true': 'the network does not read the first frame',
      }[moved] ?? 'no layer tells the frames apart';
    return { ...survey, proposal: { ...proposal, why: `${proposal.why}; ${reads}` } };
  } finally {
    session.release();
  }
}

/**
 * Of a transformer whose stream of tokens nobody sees the size of, since all that reads it normalises it first: the last
 * layer of the same shape whose size is seen. It is what a normalisation gives; the stream itself goes past it.
 */
async function besideResidual(
  graph: OnnxGraph,
  points: readonly CutPoint[],
  options: NetworkSurveyOptions,
): Promise<Survey['proposal']> {
  const stream = points.find(({ beside, tail }) => beside.length === 0 && tail?.hidesScale);
  const alike = points.filter(({ sizes, layout }) => {
    return stream === undefined || (layout.text === stream.layout.text && sizes.c === stream.sizes.c);
  });
  for (const point of alike) {
    throwIfAborted(options.signal);
    const { tail, network }: TriedPoint = point.tail ? point : await withTail(graph, point, options);
    if (tail?.hidesScale !== false || !options.first) network?.dispose();
    if (tail?.hidesScale !== false) continue;
    const why = stream
      ? `the network does not see the size of ${stream.tensor}, which it normalises; of this it does`
      : 'no layer holds all of the picture by itself';
    return { point: { ...point, tail }, why, ...(options.first && network && { network }) };
  }
  const [last] = points; // opening it tells what is wrong, if anything is
  return last && { point: last, why: 'the network sees the size of no layer' };
}

/**
 * How one tensor lies over the picture, by any layout or by one; undefined when that cannot be told. Throws as
 * {@link surveyNetwork}.
 */
export async function surveyTensor(
  graph: OnnxGraph,
  tensor: string,
  options: NetworkSurveyOptions,
  layout?: Layout,
): Promise<CutPoint | undefined> {
  const { path, externalData } = graph.file;
  const session = await openSession(path, withOutputs(graph, [tensor]), externalData);
  try {
    const runs = await runsOf(session, options, [tensor]);
    return pointAt(graph, tensor, runs, options, layout && [layout.text]);
  } finally {
    session.release();
  }
}

/** Tensors by the changes of the input that they were seen under. Those that cannot be looked at are left out. */
async function runsOf(
  session: OnnxSession,
  { probe, frames }: NetworkSurveyOptions,
  names: readonly string[],
): Promise<ProbeRuns> {
  const runs = new Map<Parameters<ProbeRuns['get']>[0], Record<string, OnnxTensor>>();
  let possible = names;
  for (const [change, part] of changesFor(frames)) {
    const feeds = probe(part, 1)!;
    try {
      runs.set(change, await session.run(feeds, possible));
    } catch {
      // Lists of tensors, and types that JavaScript has no arrays for, come one by one or not at all.
      const one: Record<string, OnnxTensor> = {};
      for (const name of possible) Object.assign(one, await session.run(feeds, [name]).catch(() => ({})));
      runs.set(change, one);
      possible = Object.keys(one);
    }
  }
  return runs;
}

function pointAt(
  graph: OnnxGraph,
  tensor: string,
  runs: ProbeRuns,
  options: NetworkSurveyOptions,
  layouts?: readonly string[],
): CutPoint | undefined {
  const dims = runs.get('nothing')![tensor]?.dims ?? [];
  const found = placesIn(tensor, runs, options, layouts ?? layoutsOf(dims.length, graph.joins.has(tensor)));
  if (found === undefined) return undefined;
  const parts = partsOf(graph, tensor);
  const operator = graph.nodes[graph.producer.get(parts[0]!)!]!.opType;
  return {
    tensor,
    ...(parts.length > 1 && { parts }),
    operator,
    dims,
    ...found,
    beside: besideOf(graph, tensor, options),
  };
}

/** What else of the picture the rest needs. Shapes, states that begin at zero and other inputs depend on no picture. */
function besideOf(graph: OnnxGraph, tensor: string, { output, pictures }: NetworkSurveyOptions): string[] {
  return cutAt(graph, tensor, [output]).boundary.filter((name) => showsPicture(graph, name, pictures));
}

/** Whether a layer holds all of the picture, and all frames where it may tell them apart. */
function isEligible({ beside, operator, sizes }: CutPoint, { frames, isStacked }: NetworkSurveyOptions): boolean {
  return beside.length === 0 && !COARSER.test(operator) && (frames === 1 || isStacked || sizes.t > 1);
}

function proposed(point: CutPoint, points: readonly CutPoint[]): NonNullable<Survey['proposal']> {
  const hidden = points.find(({ tail, beside }) => tail?.hidesScale && beside.length === 0);
  const why = hidden
    ? `the last layer that holds all of the picture and whose size the network sees (it does not that of ${hidden.tensor})`
    : 'the last layer that holds all of the picture';
  return { point, why };
}

/** A point, and the network cut there, which the caller disposes of. */
type TriedPoint = CutPoint & { readonly network?: CutNetwork };

/** Tries what is behind a point. The network is known to say the same twice. */
async function withTail(graph: OnnxGraph, point: CutPoint, options: NetworkSurveyOptions): Promise<TriedPoint> {
  const { tensor, layout, sizes } = point;
  const { output, probe, aspect } = options;
  let opened: { readonly network: CutNetwork; readonly event: CutEvent } | undefined;
  try {
    opened = await CutNetwork.openWithExample(graph, {
      ...{ layer: tensor, layout, outputs: [output], isSteady: true },
      example: (events) => probe(NOTHING, events),
      known: { t: sizes.t, grid: { height: sizes.h, width: sizes.w }, aspect },
    });
    const { network, event } = opened;
    const character = await characterOf(network.tail(event, output));
    return { ...point, tail: { ...character, isBatched: network.isBatched }, network };
  } catch {
    opened?.network.dispose();
    return point; // it cannot be cut here
  }
}

type TailCharacter = Pick<NonNullable<CutPoint['tail']>, 'isAffine' | 'hidesScale'>;

/**
 * Whether a tail is affine in the filter, and whether it sees how large the filter is. That is asked of the slices of time, the last
 * first, until one is seen. Where a network takes the largest of its frames, most do not count at all, and one that does counts as
 * nothing once it is small: then that it counts at its full size says that its size is seen.
 */
async function characterOf(tail: MapTail): Promise<TailCharacter> {
  const cells = tail.grid.height * tail.grid.width;
  const rows = new Float32Array(3 * cells); // nothing, equal cells, and twice as much
  rows.fill(1 / Math.sqrt(cells), cells, 2 * cells);
  rows.fill(2 / Math.sqrt(cells), 2 * cells);
  const { outputSize, reference } = tail;
  let hidesScale = true;
  for (let slot = tail.slots - 1; slot >= 0 && hidesScale; slot--) {
    const outputs = await tail.evaluate(rows, [slot, slot, slot]);
    const at = (row: number): Float32Array => outputs.subarray(row * outputSize, (row + 1) * outputSize);
    const distance = (one: Float32Array, other: Float32Array): number =>
      one.reduce((most, value, k) => Math.max(most, Math.abs(value - other[k]!)), 0);
    const [nothing, equal, twice] = [at(0), at(1), at(2)];
    const isAsNothing = distance(nothing, twice) <= SEEN * distance(nothing, reference);
    const isCounted = distance(nothing, reference) > 0;
    hidesScale = isAsNothing ? !isCounted : distance(equal, twice) <= SEEN * distance(nothing, twice);
  }
  return { isAffine: await isLinear(tail, tail.slots - 1), hidesScale };
}
