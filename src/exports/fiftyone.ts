/**
 * Analyses for FiftyOne (https://docs.voxel51.com): a folder with the sampled frames and their heatmaps as pictures, and
 * `samples.json`, whose entries are what its labels are made of: heatmap, classification, detections, plain fields.
 */
import { join } from 'node:path';
import { likeliest } from '../analysis/classes.ts';
import type { Analysis, AnalysisFrame } from '../analysis/document.ts';
import { keyframesOf } from '../analysis/timeline.ts';
import { isUnlike } from '../analysis/verdicts.ts';
import { writeFileAtomically } from '../base/files.ts';
import type { Heatmap, TimeSpan } from '../base/types.ts';
import { VERSION } from '../base/version.ts';
import { openSource } from '../rendering/rendering.ts';
import { createCanvas } from '../video/drawing/canvas.ts';
import { frameCanvas } from '../video/drawing/frame-canvas.ts';
import { framesAt } from '../video/media/sample.ts';
import { type ExportedEvent, readExported } from './exported.ts';

/** Version of the folder's shape. */
export const SAMPLES_SCHEMA = 'l2caf-samples/1';

/** How many frames of a video are decoded at once. */
const FRAMES_AT_ONCE = 16;
const JPEG_QUALITY = 90;

/** The files that the samples of an event are written to, relative to the folder. */
function filesOf(id: string, frame: number): { readonly picture: string; readonly heatmap: string } {
  const name = `${id}-${String(frame + 1).padStart(4, '0')}`;
  return { picture: `frames/${name}.jpg`, heatmap: `heatmaps/${name}.png` };
}

/** All files that {@link writeSamples} writes. Throws as `readAnalysis`. */
export async function samplesFiles(folder: string, events: readonly ExportedEvent[]): Promise<string[]> {
  const files = [join(folder, 'samples.json')];
  for await (const { event, analysis } of readExported(events)) {
    for (const i of analysis.frames.keys()) {
      files.push(...Object.values(filesOf(event.id, i)).map((file) => join(folder, file)));
    }
  }
  return files;
}

/**
 * Writes the folder (docs/exports.md).
 *
 * @param onDone told how many events are done
 * @returns its `samples.json`
 * @throws L2cafError as `readAnalysis`, `openSource` and `framesAt`; `output-unwritable`; `aborted`
 */
export async function writeSamples(
  folder: string,
  events: readonly ExportedEvent[],
  { signal, onDone = () => {} }: { readonly signal?: AbortSignal; readonly onDone?: (count: number) => void } = {},
): Promise<string> {
  const samples: object[] = [];
  let done = 0;
  for await (const { event, analysis } of readExported(events)) {
    samples.push(...(await samplesOf(folder, event, analysis, signal)));
    onDone(++done);
  }
  const path = join(folder, 'samples.json');
  await writeFileAtomically(path, `${JSON.stringify({ schema: SAMPLES_SCHEMA, l2cafVersion: VERSION, samples })}\n`);
  return path;
}

async function samplesOf(
  folder: string,
  event: ExportedEvent,
  analysis: Analysis,
  signal: AbortSignal | undefined,
): Promise<object[]> {
  const clip = await openSource(analysis, signal);
  const keyframes = keyframesOf(analysis);
  const samples: object[] = [];
  for (let from = 0; from < analysis.frames.length; from += FRAMES_AT_ONCE) {
    const part = analysis.frames.slice(from, from + FRAMES_AT_ONCE);
    const times = part.map(({ timestampSec }) => timestampSec);
    const pictures = await framesAt(clip, times, signal ? { signal } : {});
    for (const [k, frame] of part.entries()) {
      const { picture, heatmap } = filesOf(event.id, from + k);
      const jpeg = await frameCanvas(pictures, k).encode('jpeg', JPEG_QUALITY);
      await writeFileAtomically(join(folder, picture), jpeg, [clip.path]);
      await writeFileAtomically(join(folder, heatmap), greyPng(keyframes[from + k]!.heatmap), [clip.path]);
      samples.push({
        filepath: picture,
        heatmap: { map_path: heatmap, range: [0, 1] },
        ...sampleOf(event, analysis, frame),
      });
    }
  }
  return samples;
}

/** A heatmap as a picture of 8 bits, 0 to 255; FiftyOne stretches it over the frame. */
function greyPng({ height, width, values }: Heatmap): Uint8Array {
  const canvas = createCanvas(width, height);
  const context = canvas.getContext('2d');
  const image = context.createImageData(width, height);
  for (const [i, value] of values.entries()) {
    const grey = Math.round(255 * value);
    image.data.set([grey, grey, grey, 255], 4 * i);
  }
  context.putImageData(image, 0, 0);
  return canvas.toBuffer('image/png');
}

function sampleOf({ id, label, split }: ExportedEvent, analysis: Analysis, frame: AnalysisFrame): object {
  const { source, span, options, labels = [], objects } = analysis;
  const { timestampSec, loss, importance, verdict, probabilities = [] } = frame;
  const asked = analysis.questions?.findIndex((question) => question.labels.includes(label ?? '')) ?? 0;
  const best = isUnlike(analysis, frame) ? undefined : likeliest(analysis, probabilities)[Math.max(0, asked)];
  const spanText = ({ startSec, endSec }: TimeSpan): string => `${startSec.toFixed(3)}-${endSec.toFixed(3)}`;
  return {
    tags: split === undefined ? [] : [split],
    ...(label !== undefined && { ground_truth: { label } }),
    ...(best !== undefined && { prediction: { label: labels[best], confidence: probabilities[best] } }),
    ...(objects && {
      detections: (frame.objects?.each ?? []).flatMap(({ object, boxes, share, area, lost }) => {
        const { name, id: own, label: kind = name } = objects.list[object]!;
        const figures = { attention: share, area, ...(lost !== undefined && { lost }) };
        return boxes.map(({ x, y, width, height }) => ({
          label: kind,
          ...(own !== undefined && { object_id: own }),
          // Shares of the picture, as FiftyOne has them.
          bounding_box: [x / source.width, y / source.height, width / source.width, height / source.height],
          ...figures,
        }));
      }),
    }),
    fields: {
      ...{ event: id, video: source.path, span: spanText(span), timestamp: timestampSec, loss },
      ...{ method: options.method, target: options.target, opposing: frame.opposingShare },
      ...(importance !== undefined && { importance }),
      ...(verdict && { verdict: verdict.words }),
    },
  };
}
