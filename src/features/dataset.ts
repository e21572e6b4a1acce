/**
 * Events with everything that training and evaluation need of them: which frames each view of an event shows, and the
 * features of these frames, computed where the cache has none. Overlapping events share frames, so frames are planned for
 * all events first and computed once each.
 */
import { mapConcurrently } from '../base/concurrent.ts';
import { throwIfAborted } from '../base/errors.ts';
import { groupBy } from '../base/group-by.ts';
import type { PictureSize, ProgressListener, VideoClip } from '../base/types.ts';
import type { LabelledEvent } from '../events/labelled.ts';
import { FrameTroubles } from '../video/media/damage.ts';
import { listFrames } from '../video/media/frame-list.ts';
import { sha256OfClip } from '../video/media/probe.ts';
import { framesAt } from '../video/media/sample.ts';
import type { FeatureCache, FrameVariant } from './cache.ts';
import type { Extractor } from './extractor.ts';
import { type EventView, viewsOf, viewTimes } from './views.ts';

/** Events with one set of labels, from one source; only events of the same domain are compared. */
export interface Domain {
  readonly name: string;
  readonly events: readonly LabelledEvent[];
}

/** A frame of a view. */
export interface PlannedFrame extends FrameVariant {
  /** Index of the frame in its video, from 0. */
  readonly frameIndex: number;
  /** Set by {@link ensureFeatures}, as it is known from decoding only: whether the file is damaged there. */
  isDamaged?: boolean;
}

/** A view, and the frames that it shows, `[t]`. */
export interface PlannedView {
  readonly view: EventView;
  readonly frames: readonly PlannedFrame[];
}

/** An event of a domain, with its views; the first one is the event as it is. */
export interface PlannedEvent {
  readonly event: LabelledEvent;
  readonly domain: string;
  readonly views: readonly PlannedView[];
}

/** Settings of {@link planEvents}. */
export interface PlanOptions {
  /** Frames per event. */
  readonly frames: number;
  /** Views of a training event; all others have one. */
  readonly views: number;
  readonly seed: number;
  /** Which they are, by the seed, the number of the event and how many; default: as `viewsOf` says. */
  readonly kind?: (seed: number, index: number, count: number) => EventView[];
  readonly signal?: AbortSignal | undefined;
}

/** A video that events are cut from. */
interface Footage {
  readonly clip: VideoClip;
  readonly sha256: string;
  /** When each frame is shown, seconds, ascending. */
  readonly shownSec: readonly number[];
}

/** Chooses the frames of all views of all events. */
export async function planEvents(domains: readonly Domain[], options: PlanOptions): Promise<PlannedEvent[]> {
  const clips = new Map(domains.flatMap(({ events }) => events.map(({ clip }) => [clip.path, clip] as const)));
  const inspected = await mapConcurrently([...clips.values()], CLIPS_AT_ONCE, (clip) => inspect(clip, options.signal));
  const footage = new Map(inspected.map((source) => [source.clip.path, source]));
  const planned: PlannedEvent[] = [];
  for (const { name, events } of domains) {
    for (const event of events) {
      const source = footage.get(event.clip.path)!;
      const count = event.split === 'train' ? options.views : 1;
      const views = (options.kind ?? viewsOf)(options.seed, planned.length, count).map((view) => ({
        view,
        frames: viewTimes(event.span, options.frames, view).map((time) => frameOnScreen(source, time, view)),
      }));
      planned.push({ event, domain: name, views });
    }
  }
  return planned;
}

/** What {@link ensureFeatures} did. */
export interface FeatureSummary {
  readonly computed: number;
  readonly reused: number;
  /** What was wrong with videos and with the cache, in words. */
  readonly notes: readonly string[];
}

/**
 * Computes the features that the cache lacks; can be interrupted and continued. Frames of damaged files, and those that
 * stand in for what cannot be decoded, are kept apart and are told of every time.
 *
 * @param createExtractor Called only if there is something to compute; the extractor is disposed of.
 * @throws L2cafError `output-unwritable` on a full disk, `usage` when the cache is too small, `input-unreadable`,
 *   `aborted`
 */
export async function ensureFeatures(
  planned: readonly PlannedEvent[],
  cache: FeatureCache,
  createExtractor: () => Promise<Extractor>,
  { onProgress, signal }: { onProgress?: ProgressListener | undefined; signal?: AbortSignal | undefined } = {},
): Promise<FeatureSummary> {
  const wanted = new Map<string, WantedFrame>();
  for (const { event, views } of planned) {
    for (const frame of views.flatMap(({ frames }) => frames)) {
      delete frame.isDamaged;
      const path = cache.pathOf(frame);
      const sharing = [...(wanted.get(path)?.sharing ?? []), frame];
      wanted.set(path, { clip: event.clip, frame, sharing });
    }
  }
  return completeCache([...wanted.values()], cache, createExtractor, (missing, extractor) =>
    computeAll(missing, cache, extractor, { onProgress, signal }),
  );
}

/**
 * Has computed, and kept, what a cache lacks of what is wanted; `compute` returns what was wrong, in words. Throws as
 * {@link ensureFeatures}.
 */
export async function completeCache<T extends { readonly frame: FrameVariant }>(
  wanted: readonly T[],
  cache: FeatureCache,
  createExtractor: () => Promise<Extractor>,
  compute: (missing: readonly T[], extractor: Extractor) => Promise<string[]>,
): Promise<FeatureSummary> {
  const present: FrameVariant[] = [];
  const missing: T[] = [];
  for (const entry of wanted) {
    if (await cache.touch(entry.frame)) present.push(entry.frame);
    else missing.push(entry);
  }
  const notes = damageNotes(cache);
  const notKept = missing.length > 0 ? await cache.prepare() : undefined;
  if (notKept !== undefined) notes.push(notKept);
  await cache.makeRoom(present, missing.length);
  if (missing.length > 0) {
    const extractor = await createExtractor();
    try {
      notes.push(...(await compute(missing, extractor)));
    } finally {
      await extractor.dispose();
    }
  }
  return { computed: missing.length, reused: present.length, notes };
}

/** A frame, and all frames of the plan that show the same. */
interface WantedFrame {
  readonly clip: VideoClip;
  readonly frame: PlannedFrame;
  readonly sharing: readonly PlannedFrame[];
}

function damageNotes({ damaged }: FeatureCache): string[] {
  const [first] = damaged;
  if (first === undefined) return [];
  const files = damaged.size === 1 ? `a cached file is` : `${damaged.size} cached files are`;
  return [`${files} damaged and computed again: ${first}${damaged.size > 1 ? ', …' : ''}`];
}

/** Clips whose frames are listed at once; each takes a short-lived process. */
const CLIPS_AT_ONCE = 8;

async function inspect(clip: VideoClip, signal: AbortSignal | undefined): Promise<Footage> {
  const span = { startSec: 0, endSec: clip.durationSec + 1 };
  const { timesSec } = await listFrames(clip, span, signal);
  return { clip, sha256: await sha256OfClip(clip, signal), shownSec: [...timesSec] };
}

/** The frame on screen at a time: the last one shown by then, or the first of the video. */
function frameOnScreen({ shownSec, sha256 }: Footage, timeSec: number, view: EventView): PlannedFrame {
  const frameIndex = Math.max(
    0,
    shownSec.findLastIndex((shown) => shown <= timeSec),
  );
  const { mirrored, gain } = view;
  return { videoSha256: sha256, timestampSec: shownSec[frameIndex]!, frameIndex, mirrored, gain };
}

/** Frames that are decoded together: one run of ffmpeg. */
const FRAMES_PER_DECODE = 8;

interface DecodeJob {
  readonly clip: VideoClip;
  /** Different moments of the clip, each with the variants that are missing. */
  readonly moments: readonly (readonly WantedFrame[])[];
}

/** Returns what was wrong with the videos, in words. */
async function computeAll(
  missing: readonly WantedFrame[],
  cache: FeatureCache,
  extractor: Extractor,
  { onProgress, signal }: { onProgress: ProgressListener | undefined; signal: AbortSignal | undefined },
): Promise<string[]> {
  const { width, height } = cache.source;
  const jobs = decodeJobs(missing);
  let done = 0;
  const troubles = new Map<string, FrameTroubles>();
  const report = (): void => onProgress?.({ stage: 'computing features', done, total: missing.length, unit: 'frames' });
  report();
  let decoding = jobs[0] && decode(jobs[0], { width, height }, signal);
  for (const [i, job] of jobs.entries()) {
    const { pictures, damagedAt, troubles: found } = await decoding!;
    throwIfAborted(signal);
    const { path } = job.clip;
    troubles.set(path, (troubles.get(path) ?? new FrameTroubles()).add(found));
    const next = jobs[i + 1];
    decoding = next && decode(next, { width, height }, signal); // while the trunk is busy
    decoding?.catch(() => {}); // seen when it is awaited
    await mapConcurrently(job.moments, job.moments.length, async (wanted, k) => {
      const variants = wanted.map(({ frame }) => frame);
      if (damagedAt[k]) for (const { sharing } of wanted) for (const frame of sharing) frame.isDamaged = true;
      const features = await extractor.extract({ rgb: pictures[k]!, width, height, variants });
      for (const [v, variant] of variants.entries()) await cache.write(variant, features[v]!);
      done += variants.length;
      report();
    });
  }
  return [...troubles].flatMap(([path, { notes }]) => notes.map((note) => `${path}: ${note}`));
}

/** The missing frames by video and moment, in the order of the video. */
function decodeJobs(missing: readonly WantedFrame[]): DecodeJob[] {
  const byClip = groupBy(missing, ({ clip }) => clip.path);
  return [...byClip.values()].flatMap((entries) => {
    const byMoment = groupBy(entries, ({ frame }) => frame.frameIndex);
    const moments = [...byMoment].sort(([a], [b]) => a - b).map(([, wanted]) => wanted);
    const count = Math.ceil(moments.length / FRAMES_PER_DECODE);
    return Array.from({ length: count }, (_, i) => ({
      clip: entries[0]!.clip,
      moments: moments.slice(i * FRAMES_PER_DECODE, (i + 1) * FRAMES_PER_DECODE),
    }));
  });
}

async function decode(
  { clip, moments }: DecodeJob,
  size: PictureSize,
  signal: AbortSignal | undefined,
): Promise<{ pictures: Uint8Array[]; damagedAt: boolean[]; troubles: FrameTroubles }> {
  const times = moments.map(([first]) => first!.frame.timestampSec);
  const { rgb, timestampsSec, troubles } = await framesAt(clip, times, { size, ...(signal && { signal }) });
  const frameBytes = size.width * size.height * 3;
  return {
    pictures: times.map((_, k) => rgb.slice(k * frameBytes, (k + 1) * frameBytes)),
    damagedAt: times.map((time, k) => troubles.lost.has(time) || troubles.damagedSec.includes(timestampsSec[k]!)),
    troubles,
  };
}
