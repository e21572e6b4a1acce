/**
 * Attention over a whole clip or a long drive: a window slides over it, and every position of the window is explained as
 * an event. Frames are decoded in one pass, each goes through the trunk once, and a thread finds the filters of windows
 * that are complete while the trunk works on the next frame. Memory holds the feature maps of one window and, of the rest,
 * the numbers that are written down.
 */

import { L2cafError, throwIfAborted } from '../base/errors.ts';
import { sizeFor } from '../base/fit.ts';
import { startThread, type Thread } from '../base/threads.ts';
import type { FrameBatch, GridShape, TimeSpan, VideoClip } from '../base/types.ts';
import { EventNetwork } from '../models/event-network.ts';
import { type FeatureMaps, scoresOf } from '../models/video-model.ts';
import { gapsIn } from '../video/drawing/keyframes.ts';
import { FrameTroubles, refuseDamage } from '../video/media/damage.ts';
import type { FrameList } from '../video/media/frame-list.ts';
import { recordedSignals, sha256OfClip } from '../video/media/probe.ts';
import { framesOnScreen, noteHoles } from '../video/media/sample.ts';
import { streamFrames } from '../video/media/stream.ts';
import { DenseResult, type PlannedWindow } from './dense-result.ts';
import {
  describeRun,
  type ExplainOptions,
  type Explanation,
  explainMaps,
  numberNames,
  type TimedAnalysis,
} from './explain.ts';
import type { ExplainJob, ExplainThreadData } from './explain-thread.ts';
import { type ObjectPart, partsOnFrame, withObjects } from './objects.ts';
import { bindTarget, type EventOptions, featuresOf, type OpenModel } from './pipeline.ts';
import { withSignals } from './signals.ts';
import { withVerdicts } from './verdicts.ts';
import { type SlideOptions, slideWindow } from './windows.ts';

/** Which stretch of which clip, how the window slides, and how the attention of a window is found. */
export interface DenseOptions extends Omit<EventOptions, 'trace'>, SlideOptions {}

/**
 * Explains every position of a window that slides over the span. A frame's filter is the mean of the signed filters that
 * the windows containing it found for it, made of unit length again; its loss, importance and class probabilities are
 * their means. A window in which the clip does not show as many different frames as it needs is not scored.
 *
 * @throws L2cafError `time-span` when no window fits; `usage` for a stride shorter than a frame; else as `analyzeEvent`
 */
export async function analyzeDense(model: OpenModel, options: DenseOptions): Promise<TimedAnalysis> {
  const { clip, span, frames: framesPerWindow, signal, onProgress } = options;
  const plan = await planWindows(clip, options);
  const target = await bindTarget(model, options);
  const settings = explainSettings(options, target);
  const seconds = { decode: 0, trunk: 0, filters: 0, verdict: 0 };
  const sourceHash = sha256OfClip(clip, signal);
  sourceHash.catch(() => {}); // reported where it is awaited
  const result = new DenseResult(plan.timesSec);
  const windowed = await windowedModel(model, settings, ({ frames: own }, maps) => {
    const seen = { source: clip, model: model.network.describe() };
    const { objects } = options;
    return objects && own.map((frame) => partsOnFrame(objects, plan.timesSec[frame]!, seen, maps));
  });
  const { troubles } = plan;
  const stream = streamFrames(clip, { ...plan, size: sizeFor(model.network.input.size, clip), troubles, signal });
  try {
    const windows = new WindowQueue(windowed.explain, plan.windows, (explanation, window) => {
      result.add(window, explanation);
      seconds.filters += explanation.seconds.filters;
      seconds.verdict += explanation.seconds.verdict;
    });
    let place = 0;
    let decoded = stream.next();
    for (;;) {
      const frame = await timed(seconds, 'decode', () => decoded);
      if (options.strict) refuseDamage(clip, troubles);
      if (frame.done) break;
      decoded = stream.next(); // ffmpeg decodes on while the trunk works
      decoded.catch(() => {});
      throwIfAborted(signal);
      const part = await timed(seconds, 'trunk', () => windowed.take(frame.value));
      await windows.addFrame(place++, part);
      onProgress?.({ stage: 'analyzing', done: place, total: plan.timesSec.length, unit: 'frames' });
    }
    await windows.finish();
  } finally {
    await Promise.all([windowed.end(), stream.return(undefined)]);
  }
  const described = describeRun(model, { clip, span, sourceSha256: await sourceHash }, settings, result.attention);
  const { strideSec, windowSec } = plan;
  const analysis = {
    ...described,
    options: { ...described.options, dense: { strideSec, windowSec, framesPerWindow } },
    warnings: [...described.warnings, ...gapWarnings(span, plan.windows), ...troubles.notes],
    ...result.describe(scoresOf(model.network.outputs), numberNames(model.network), troubles),
    timingsSec: seconds,
  };
  const judged = withObjects(withVerdicts(analysis), options.objects, (frame) => result.objectLossesOf(frame));
  return withSignals(judged, await recordedSignals(clip, signal));
}

/** Frames to decode and windows to score. */
interface Plan {
  readonly list: FrameList;
  /** What is known to be wrong before anything is decoded. */
  readonly troubles: FrameTroubles;
  readonly strideSec: number;
  readonly windowSec: number;
  /** Real times of the frames that windows consist of, ascending. */
  readonly timesSec: readonly number[];
  /** By increasing start. */
  readonly windows: readonly PlannedWindow[];
}

async function planWindows(clip: VideoClip, options: DenseOptions): Promise<Plan> {
  const { span, frames, strideSec: wantedSec, signal } = options;
  const frameSec = clip.frameRate.denominator / clip.frameRate.numerator;
  if (wantedSec < frameSec * (1 - 1e-6)) {
    throw new L2cafError('usage', `a stride of ${wantedSec} s is shorter than a frame of ${clip.path}`, {
      hint: `choose a stride of ${frameSec.toFixed(3)} s or more`,
    });
  }
  const { strideSec, windowSec, momentsSec, windows } = slideWindow(span, options);
  const { shownSec, list } = await framesOnScreen(clip, momentsSec, signal);
  const troubles = new FrameTroubles();
  noteHoles(list, momentsSec, shownSec, troubles);
  const scored = windows
    .map(({ moments, ...window }) => ({ ...window, shownSec: moments.map((moment) => shownSec[moment]!) }))
    .filter((window) => new Set(window.shownSec).size === frames);
  if (scored.length === 0) {
    throw new L2cafError('time-span', `no window of ${windowSec.toFixed(2)} s shows ${frames} different frames`, {
      hint: `${clip.path} changes too rarely: choose a longer window or fewer frames`,
    });
  }
  const timesSec = [...new Set(scored.flatMap((window) => window.shownSec))].sort((a, b) => a - b);
  const placeOf = new Map(timesSec.map((time, place) => [time, place]));
  const planned = scored.map(({ startSec, endSec, shownSec: times }) => ({
    ...{ startSec, endSec },
    frames: times.map((time) => placeOf.get(time)!),
  }));
  return { list, troubles, strideSec, windowSec, timesSec, windows: planned };
}

/** How a network sees windows: what it keeps of each frame, and what it makes of the frames of a window. */
interface WindowedModel<Part> {
  take(frame: FrameBatch): Promise<Part>;
  explain(parts: readonly Part[], window: PlannedWindow): Promise<Explanation>;
  end(): Promise<void>;
}

/**
 * Of a network of this project every frame goes through the trunk once, and filters are found in a thread beside it. One of
 * the user's sees every frame once if it is one of single pictures; else it may mix its frames from the first layer on, and
 * sees every window anew.
 */
async function windowedModel(
  model: OpenModel,
  options: ExplainThreadData['options'],
  objectsIn: (window: PlannedWindow, maps: GridShape) => readonly (readonly ObjectPart[])[] | undefined,
): Promise<WindowedModel<FrameBatch | FeatureMaps>> {
  const { network, backend } = model;
  const jobOf = (maps: FeatureMaps, window: PlannedWindow): ExplainJob => {
    const [, height, width] = maps.shape;
    const parts = objectsIn(window, { height, width });
    return { maps, ...(parts && { parts }) };
  };
  if (network instanceof EventNetwork) {
    const explainer = await startExplainer(network, backend, options);
    return {
      take: (frame) => featuresOf(model, frame, options),
      explain: (parts, window) => explainer.run(jobOf(withViews(joined, parts as readonly FeatureMaps[]), window)),
      end: () => explainer.end(),
    };
  }
  const { joined: joinedMaps } = network;
  let before: Promise<unknown> = Promise.resolve();
  return {
    take: (frame) => (joinedMaps ? featuresOf(model, frame, options) : Promise.resolve(frame)),
    explain: (parts, window) => {
      const maps = (): Promise<FeatureMaps> | FeatureMaps =>
        joinedMaps
          ? withViews(joinedMaps, parts as readonly FeatureMaps[])
          : featuresOf(model, joinedFrames(parts as readonly FrameBatch[]), options);
      const work = before.then(async () => {
        const job = jobOf(await maps(), window);
        return explainMaps(network, job.maps, options, job.parts);
      });
      before = work.catch(() => {}); // one window at a time: each fills the machine
      return work;
    },
    end: async () => {
      await before;
    },
  };
}

/** Single frames as those of an event. */
function joinedFrames(frames: readonly FrameBatch[]): FrameBatch {
  const [, height, width] = frames[0]!.shape;
  const rgb = new Uint8Array(frames.length * height * width * 3);
  for (const [i, frame] of frames.entries()) rgb.set(frame.rgb, i * height * width * 3);
  return {
    ...{ rgb, shape: [frames.length, height, width, 3] },
    timestampsSec: frames.flatMap(({ timestampsSec }) => timestampsSec),
  };
}

/** Finds filters in a thread, beside the trunk. */
function startExplainer(
  { head }: EventNetwork,
  backend: OpenModel['backend'],
  options: ExplainThreadData['options'],
): Promise<Explainer> {
  const data: ExplainThreadData = { head, backend: threadBackend(backend), options };
  return startThread<ExplainJob, Explanation>('./explain-thread', import.meta.url, data);
}

type Explainer = Thread<ExplainJob, Explanation>;

/** Filters are found beside the GPU, not on it. */
function threadBackend({ name }: OpenModel['backend']): ExplainThreadData['backend'] {
  return name === 'webgpu' || name === 'onnxruntime' ? 'wasm' : name;
}

function explainSettings(
  { seed, method, solver, preset, constraint, starts, fine }: DenseOptions,
  target: ExplainOptions['target'],
): ExplainThreadData['options'] {
  return {
    ...{ seed, target },
    ...(method && { method }),
    ...(solver && { solver }),
    ...(preset && { preset }),
    ...(constraint && { constraint }),
    ...(starts && { starts }),
    ...(fine && { fine }),
  };
}

function gapWarnings(span: TimeSpan, windows: readonly TimeSpan[]): string[] {
  const gaps = gapsIn(span, windows);
  if (gaps.length === 0) return [];
  const lengthSec = gaps.reduce((sum, { startSec, endSec }) => sum + endSec - startSec, 0);
  const where = gaps.slice(0, 3).map(({ startSec, endSec }) => `${startSec.toFixed(1)}–${endSec.toFixed(1)} s`);
  const more = gaps.length > where.length ? ` and ${gaps.length - where.length} more` : '';
  return [
    `${lengthSec.toFixed(1)} s were not analyzed, as no window there has enough different frames: ${where.join(', ')}${more}`,
  ];
}

async function timed<T>(
  seconds: Record<'decode' | 'trunk', number>,
  step: 'decode' | 'trunk',
  work: () => Promise<T>,
): Promise<T> {
  const startMs = performance.now();
  const result = await work();
  seconds[step] += (performance.now() - startMs) / 1000;
  return result;
}

/** Explains windows as soon as their last frame is there, and keeps what is needed of frames as long as a window needs it. */
class WindowQueue<Part> {
  readonly #explain: WindowedModel<Part>['explain'];
  readonly #windows: readonly PlannedWindow[];
  readonly #onExplained: (explanation: Explanation, window: PlannedWindow) => void;
  readonly #parts = new Map<number, Part>();
  readonly #pending: Promise<void>[] = [];
  #next = 0;

  constructor(
    explain: WindowedModel<Part>['explain'],
    windows: readonly PlannedWindow[],
    onExplained: (explanation: Explanation, window: PlannedWindow) => void,
  ) {
    this.#explain = explain;
    this.#windows = windows;
    this.#onExplained = onExplained;
  }

  /** Takes what is kept of the next frame; waits while the filters are far behind. */
  async addFrame(place: number, part: Part): Promise<void> {
    this.#parts.set(place, part);
    for (; (this.#windows[this.#next]?.frames.at(-1) ?? Number.POSITIVE_INFINITY) <= place; this.#next++) {
      const window = this.#windows[this.#next]!;
      const parts = window.frames.map((frame) => this.#parts.get(frame)!);
      const explained = this.#explain(parts, window).then((explanation) => this.#onExplained(explanation, window));
      explained.catch(() => {}); // reported where it is awaited
      this.#pending.push(explained);
    }
    const needed = this.#windows[this.#next]?.frames[0] ?? Number.POSITIVE_INFINITY;
    for (const kept of this.#parts.keys()) if (kept < needed) this.#parts.delete(kept);
    while (this.#pending.length > WINDOWS_WAITING) await this.#pending.shift();
  }

  /** Waits for the windows that were handed over. */
  async finish(): Promise<void> {
    await Promise.all(this.#pending);
  }
}

/** Windows that the filters may be behind, at most. */
const WINDOWS_WAITING = 8;

/** Maps of single frames → maps of an event, and those of each of their views. */
function withViews(join: (maps: readonly FeatureMaps[]) => FeatureMaps, maps: readonly FeatureMaps[]): FeatureMaps {
  const views = maps[0]!.views?.map((_, view) => join(maps.map((one) => one.views![view]!)));
  return Object.assign(join(maps), views && { views }); // the same object, by which a network may know what else it saw
}

/** Maps of single frames → maps of an event. */
function joined(maps: readonly FeatureMaps[]): FeatureMaps {
  const [, height, width, channels] = maps[0]!.shape;
  const data = new Float32Array(maps.length * height * width * channels);
  for (const [i, map] of maps.entries()) data.set(map.data, i * height * width * channels);
  const averages = maps.flatMap((map) => (map.averages ? [...map.averages] : []));
  return {
    ...{ data, shape: [maps.length, height, width, channels] },
    ...(averages.length > 0 && { averages: Float32Array.from(averages) }),
  };
}
