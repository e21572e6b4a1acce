/**
 * Attention over a whole clip or a long drive: a window slides over it, and every position of the window is explained as
 * an event. Frames are decoded in one pass, each goes through the trunk once, and a thread finds the filters of windows
 * that are complete while the trunk works on the next frame. Memory holds the feature maps of one window and, of the rest,
 * the numbers that are written down.
 */

import { L2cafError, throwIfAborted } from '../base/errors.ts';
import { sha256OfFile } from '../base/files.ts';
import { startThread, type Thread } from '../base/threads.ts';
import type { TimeSpan, VideoClip } from '../base/types.ts';
import { EventNetwork } from '../models/event-network.ts';
import { type FeatureMaps, scoresOf } from '../models/video-model.ts';
import { gapsIn } from '../video/drawing/keyframes.ts';
import { FrameTroubles, refuseDamage } from '../video/media/damage.ts';
import type { FrameList } from '../video/media/frame-list.ts';
import { framesOnScreen, noteHoles } from '../video/media/sample.ts';
import { streamFrames } from '../video/media/stream.ts';
import { DenseResult, type PlannedWindow } from './dense-result.ts';
import { describeRun, type ExplainOptions, type Explanation, explainMaps, type TimedAnalysis } from './explain.ts';
import type { ExplainThreadData } from './explain-thread.ts';
import { bindTarget, type EventOptions, featuresOf, type OpenModel } from './pipeline.ts';
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
  const seconds = { decode: 0, trunk: 0, filters: 0 };
  const sourceHash = sha256OfFile(clip.path, { identity: clip.identity, signal });
  sourceHash.catch(() => {}); // reported where it is awaited
  const result = new DenseResult(plan.timesSec);
  const explainer = await startExplainer(model, settings);
  const { troubles } = plan;
  const stream = streamFrames(clip, { ...plan, size: model.network.input.size, troubles, signal });
  try {
    const windows = new WindowQueue(explainer, plan.windows, (explanation, window) => {
      result.add(window, explanation);
      seconds.filters += explanation.seconds;
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
      const maps = await timed(seconds, 'trunk', () => featuresOf(model, frame.value));
      await windows.addFrame(place++, maps);
      onProgress?.({ stage: 'analyzing', done: place, total: plan.timesSec.length, unit: 'frames' });
    }
    await windows.finish();
  } finally {
    await Promise.all([explainer.end(), stream.return(undefined)]);
  }
  const described = describeRun(model, { clip, span, sourceSha256: await sourceHash }, settings, result.attention);
  const { strideSec, windowSec } = plan;
  return {
    ...described,
    options: { ...described.options, dense: { strideSec, windowSec, framesPerWindow } },
    warnings: [...described.warnings, ...gapWarnings(span, plan.windows), ...troubles.notes],
    ...result.describe(scoresOf(model.network.outputs)?.labels, troubles),
    timingsSec: seconds,
  };
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

/** Finds filters in a thread where the network can be had there as plain numbers, else between its other work. */
function startExplainer({ network, backend }: OpenModel, options: ExplainThreadData['options']): Promise<Explainer> {
  if (!(network instanceof EventNetwork)) {
    return Promise.resolve({ run: (maps) => explainMaps(network, maps, options), end: () => Promise.resolve() });
  }
  const data: ExplainThreadData = { head: network.head, backend: threadBackend(backend), options };
  return startThread<FeatureMaps, Explanation>('./explain-thread', import.meta.url, data);
}

type Explainer = Pick<Thread<FeatureMaps, Explanation>, 'run' | 'end'>;

/** Filters are found beside the GPU, not on it. */
function threadBackend({ name }: OpenModel['backend']): ExplainThreadData['backend'] {
  return name === 'webgpu' ? 'wasm' : name;
}

function explainSettings(
  { seed, method, solver, preset, constraint, starts }: DenseOptions,
  target: ExplainOptions['target'],
): ExplainThreadData['options'] {
  return {
    ...{ seed, target },
    ...(method && { method }),
    ...(solver && { solver }),
    ...(preset && { preset }),
    ...(constraint && { constraint }),
    ...(starts && { starts }),
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

/** Hands windows to the thread as soon as their last frame is there, and keeps maps as long as a window needs them. */
class WindowQueue {
  readonly #explainer: Explainer;
  readonly #windows: readonly PlannedWindow[];
  readonly #onExplained: (explanation: Explanation, window: PlannedWindow) => void;
  readonly #maps = new Map<number, FeatureMaps>();
  readonly #pending: Promise<void>[] = [];
  #next = 0;

  constructor(
    explainer: Explainer,
    windows: readonly PlannedWindow[],
    onExplained: (explanation: Explanation, window: PlannedWindow) => void,
  ) {
    this.#explainer = explainer;
    this.#windows = windows;
    this.#onExplained = onExplained;
  }

  /** Takes the maps of the next frame; waits while the thread is far behind. */
  async addFrame(place: number, maps: FeatureMaps): Promise<void> {
    this.#maps.set(place, maps);
    for (; (this.#windows[this.#next]?.frames.at(-1) ?? Number.POSITIVE_INFINITY) <= place; this.#next++) {
      const window = this.#windows[this.#next]!;
      const explained = this.#explainer
        .run(joined(window.frames.map((frame) => this.#maps.get(frame)!)))
        .then((explanation) => this.#onExplained(explanation, window));
      explained.catch(() => {}); // reported where it is awaited
      this.#pending.push(explained);
    }
    const needed = this.#windows[this.#next]?.frames[0] ?? Number.POSITIVE_INFINITY;
    for (const kept of this.#maps.keys()) if (kept < needed) this.#maps.delete(kept);
    while (this.#pending.length > WINDOWS_WAITING) await this.#pending.shift();
  }

  /** Waits for the windows that were handed over. */
  async finish(): Promise<void> {
    await Promise.all(this.#pending);
  }
}

/** Windows that the thread may be behind, at most. */
const WINDOWS_WAITING = 8;

/** Maps of single frames → maps of an event. */
function joined(maps: readonly FeatureMaps[]): FeatureMaps {
  const [, height, width, channels] = maps[0]!.shape;
  const data = new Float32Array(maps.length * height * width * channels);
  for (const [i, map] of maps.entries()) data.set(map.data, i * height * width * channels);
  return { data, shape: [maps.length, height, width, channels] };
}
