/**
 * What an analysis shows over time: a heatmap per sampled moment, the gaps between windows, the plots. Plain values in and
 * out: the video, the figures and the report in a browser all take them from here.
 */

import { sizeFor, type View, viewOf } from '../base/fit.ts';
import type { Heatmap, IgnoredPart, PictureRegion, PictureSize, TimeSpan } from '../base/types.ts';
import { type FilterPart, heatmapToDraw } from '../l2caf/heatmap.ts';
import { layOutEvents } from '../video/drawing/event-lanes.ts';
import {
  gapsIn,
  type Keyframe,
  lazyKeyframes,
  type NormalizeMode,
  normalizeKeyframes,
} from '../video/drawing/keyframes.ts';
import { classColor } from '../video/drawing/palette.ts';
import { attentionShares, maskOfParts, shareInRegions } from '../video/drawing/regions.ts';
import type { RibbonContent } from '../video/drawing/ribbon-rows.ts';
import { largestShares, type ShareLines } from '../video/drawing/share-lines.ts';
import type { SignalLine, SignalRow } from '../video/drawing/signal-lines.ts';
import type { Analysis } from './document.ts';
import { objectColor } from './object-words.ts';
import { predictionsOf } from './predictions.ts';
import { isUnlike, percent, SEEN_PROBABILITY, targetClass } from './verdicts.ts';

/** How filters become heatmaps. */
export interface KeyframeOptions {
  /** What the ends of the scale are; default `frame`. */
  readonly normalize?: NormalizeMode;
  /** Supporting and opposing cells in two colours instead of the filter's size. */
  readonly signed?: boolean;
  /** Whether maps fade with the importance of their frames, where each has a scale of its own; default false. */
  readonly fade?: boolean;
  /** Parts of the picture that count for nothing; pixels of the clip as shown. */
  readonly ignore?: readonly IgnoredPart[];
}

/**
 * The sampled moments with their heatmaps: the filter's size (or its two signs), resized, then scaled.
 *
 * @throws L2cafError `usage` for an ignored region that is not within the picture
 */
export function keyframesOf(
  { frames, source, model, importance }: Pick<Analysis, 'frames' | 'source' | 'model' | 'importance'>,
  { normalize = 'frame', signed = false, fade = false, ignore = [] }: KeyframeOptions = {},
): Keyframe[] {
  const times = frames.map(({ timestampSec }) => timestampSec);
  const view = inputView({ source, model });
  const opacities = fade && importance && (signed || normalize === 'frame') ? opacitiesOf(frames) : undefined;
  const keyframes = lazyKeyframes(times, (place) => {
    const { filter } = frames[place]!;
    const map = { ...filter, values: Float32Array.from(filter.values) };
    const part = (name: FilterPart): Heatmap => ({
      ...heatmapToDraw(map, name, view),
      ...(opacities && { opacity: opacities[place]! }),
    });
    return signed ? { heatmap: part('positive'), opposing: part('negative') } : { heatmap: part('abs') };
  });
  if (signed) return keyframes; // the two signs share a scale, that of the stronger one
  const mask = ignore.length > 0 ? maskOfParts(ignore, source, keyframes[0]!.heatmap) : undefined;
  return normalizeKeyframes(keyframes, normalize, mask);
}

/** The most important frame is drawn fully, the others the fainter the less they matter, but never so that nothing is left. */
function opacitiesOf(frames: Analysis['frames']): number[] | undefined {
  const values = frames.map(({ importance = 0 }) => Math.max(0, importance));
  const most = values.reduce((largest, value) => Math.max(largest, value), 0);
  return most > 0 ? values.map((value) => FAINTEST + (1 - FAINTEST) * (value / most)) : undefined;
}

/** Opacity of the map of a frame that does not matter. */
const FAINTEST = 0.15;

/** A picture, and the network that sees it. */
export interface SeenPicture {
  readonly source: PictureSize & { readonly crop?: PictureRegion | undefined };
  readonly model: Analysis['model'];
}

/** Where in the picture the network's input lies; undefined where that is all of the picture. */
export function inputView({ source, model }: SeenPicture): View | undefined {
  const resize = model.kind === 'imported' ? model.resize : undefined;
  if (resize === undefined && source.crop === undefined) return undefined;
  return viewOf(source, sizeFor({ ...model.inputSize, ...(resize && { resize }) }, source));
}

/**
 * What to warn of when parts of the picture are ignored: that much of the attention lies there, so that what is drawn hides
 * what the network looks at. Nothing if it is little.
 *
 * @throws L2cafError `usage` for an ignored region that is not within the picture
 */
export function ignoredWarnings(
  analysis: Pick<Analysis, 'frames' | 'source' | 'model'>,
  ignore: readonly IgnoredPart[] = [],
): string[] {
  if (ignore.length === 0) return [];
  const keyframes = keyframesOf(analysis);
  const mask = maskOfParts(ignore, analysis.source, keyframes[0]!.heatmap);
  const shares = keyframes.map(({ heatmap }) => shareInRegions(heatmap, mask));
  const share = shares.reduce((sum, value) => sum + value, 0) / shares.length;
  if (share < MUCH_IGNORED) return [];
  const area = mask.values.reduce((sum, value) => sum + value, 0) / mask.values.length;
  const percent = (part: number): string => `${(100 * part).toFixed(0)} %`;
  return [`${percent(share)} of the attention lies in ignored parts of the picture (${percent(area)} of its area)`];
}

/** The share of the attention from which on ignoring it hides something. */
const MUCH_IGNORED = 0.2;

/**
 * The plots of an analysis: labelled events, loss, importance, attention shares, class probabilities, predicted numbers and
 * recorded signals of the sampled frames.
 */
export function ribbonOf(document: Analysis): RibbonContent {
  const { frames, labels = [], events = [], ...analysis } = document;
  const probabilities = frames.flatMap((frame) => (frame.probabilities ? [frame.probabilities] : []));
  const named = probabilities.length === frames.length ? labels : [];
  const keyframes = keyframesOf({ ...analysis, frames });
  const doubtful = frames.map((frame) => isUnlike(document, frame));
  const classes = largestShares(
    named.map((name, k) => ({
      name,
      color: classColor(k),
      shares: probabilities.map((row, i) => (doubtful[i] ? null : row[k]!)),
    })),
    targetClass(document),
  );
  const notes = classNotes(document, doubtful);
  const rows = signalRows(document);
  const objects = objectLines(document);
  const laidOut = layOutEvents(events, analysis.span);
  return {
    samples: frames.map(({ timestampSec, loss, importance }, i) => ({
      timestampSec,
      loss,
      ...(importance !== undefined && { importance }),
      shares: attentionShares(keyframes[i]!.heatmap),
    })),
    ...(laidOut && { events: laidOut }),
    ...(classes && { classes: { ...classes, ...(notes.length > 0 && { notes }) } }),
    ...(objects && { objects }),
    ...(rows.length > 0 && { signals: rows }),
  };
}

/** The attention on each object, and on any of them; 0 where an object is not. */
function objectLines({ objects, frames }: Pick<Analysis, 'objects' | 'frames'>): ShareLines | undefined {
  if (objects === undefined) return undefined;
  const each = objects.list.map(({ name }, place) => ({
    name: `on ${name}`,
    color: objectColor(place),
    shares: frames.map((frame) => frame.objects?.each.find(({ object }) => object === place)?.share ?? 0),
  }));
  const any = { name: 'on any object', color: ANY_OBJECT, shares: frames.map((frame) => frame.objects?.share ?? 0) };
  return largestShares([any, ...each], any.name);
}

const ANY_OBJECT = '#9aa3ae';

/** In a few words, why classes are missing or which one was asked for. */
function classNotes(document: Analysis, doubtful: readonly boolean[]): string[] {
  const unlike = doubtful.filter(Boolean).length;
  const isNone = unlike === doubtful.length;
  const parts = isNone ? 'all' : `${unlike} of ${doubtful.length}`;
  const { targetProbability: p } = document;
  return [
    ...(isNone ? ['no class shown'] : []),
    ...(unlike > 0 ? [`${parts} unlike training`] : []),
    ...(p === undefined ? [] : [`target: ${percent(p)}${p < SEEN_PROBABILITY ? ', not seen' : ''}`]),
  ];
}

/**
 * Predicted numbers, each with what was recorded of it, then the other signals. Each has a scale, and so a row, of its own;
 * there is room for the first few.
 */
function signalRows(analysis: Analysis): SignalRow[] {
  const { signals: { names: recordedNames = [], values: atFrames = [], record } = {} } = analysis;
  const recordedLine = (name: string): SignalLine => {
    const k = recordedNames.indexOf(name);
    return record ? { name, values: record.values[k]!, timesSec: record.timesSec } : { name, values: atFrames[k]! };
  };
  const predictions = analysis.windows ? predictionsOf(analysis) : [];
  const predicted = predictions.map(({ name, values, recorded }) => ({
    lines: [{ name: `${name}, predicted`, values: held(values) }, ...(recorded ? [recordedLine(recorded.name)] : [])],
  }));
  const shown = predictions.map(({ recorded }) => recorded?.name);
  const others = recordedNames.filter((name) => !shown.includes(name)).map((name) => ({ lines: [recordedLine(name)] }));
  return [...predicted, ...others].slice(0, SIGNALS_SHOWN);
}

/** A value stands until the next one. */
function held(values: readonly (number | null)[]): (number | null)[] {
  let last: number | null = null;
  return values.map((value) => {
    last = value ?? last;
    return last;
  });
}

/** Rows of signals under a video; the document has all of them. */
const SIGNALS_SHOWN = 6;

/** The parts of the span that no window of a dense analysis holds. An analysis of one event has none. */
export function gapsOf({ span, windows }: Pick<Analysis, 'span' | 'windows'>): TimeSpan[] {
  return windows === undefined ? [] : gapsIn(span, windows);
}
