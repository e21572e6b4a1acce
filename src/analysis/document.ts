/**
 * The analysis document: everything an analysis found out, as numbers, and what is needed to render and to reproduce it.
 * Written by `l2caf analyze`, read by everything downstream, validated whenever it is read.
 */
import * as z from '#zod';
import { L2cafError } from '../base/errors.ts';
import { writeFileAtomically } from '../base/files.ts';
import { readInput } from '../base/input-files.ts';
import { questionsSchema } from '../models/question-schema.ts';
import { frameSchema, objectSchema, sharesSchema, verdictSchema, windowSchema } from './document-frames.ts';
import { modelSchema } from './document-model.ts';
import { positiveInt, regionSchema, seconds, sha256, sizeSchema } from './document-values.ts';

/** Version of the document's shape; changes when a reader of the old one would go wrong. */
export const ANALYSIS_SCHEMA = 'l2caf-analysis/1';

/** The largest document that is read, bytes: some ten hours of a dense analysis. */
export const MAX_DOCUMENT_BYTES = 256e6;

/** An event as a list states it; it may reach beyond the span. */
const eventSchema = z
  .object({ id: z.string(), label: z.string().min(1), startSec: seconds, endSec: seconds })
  .refine(({ startSec, endSec }) => startSec < endSec, 'an event ends before it starts');

/** Numbers that were recorded beside the clip. */
const signalsSchema = z.object({
  names: z.array(z.string().min(1)).min(1),
  /** Per name, its value at each of `frames`, interpolated; null where none is known. */
  values: z.array(z.array(z.number().nullable())),
  /** As they were recorded within the span: when, seconds from the start of the clip, and per name its values then. */
  record: z.object({ timesSec: z.array(seconds), values: z.array(z.array(z.number().nullable())) }).optional(),
});

const analysisSchema = z.object({
  schema: z.literal(ANALYSIS_SCHEMA),
  l2cafVersion: z.string(),
  source: sizeSchema.extend({
    /** Absolute path at the time of the analysis. */
    path: z.string().min(1),
    sha256,
    frameRate: z.object({ numerator: positiveInt, denominator: positiveInt }),
    durationSec: seconds,
    rotationDeg: z.union([z.literal(0), z.literal(90), z.literal(180), z.literal(270)]),
    /** The part of the picture that the network saw, pixels from the left upper corner; absent: all of it. */
    crop: regionSchema.optional(),
    /** Parts of the picture that the network did not see, as they were filled from around them. */
    hidden: z.array(regionSchema).optional(),
    /** The video track, among the file's streams from 0, where one was asked for. */
    track: z.number().int().nonnegative().optional(),
    /** Of a folder of pictures: how many are shown per second, where that was asked for. */
    fps: z.number().positive().optional(),
    /** Of a folder of pictures: absolute path of the table that says when each is shown, where one was given. */
    times: z.string().min(1).optional(),
  }),
  span: z
    .object({ startSec: seconds, endSec: seconds })
    .refine(({ startSec, endSec }) => startSec < endSec, 'the span ends before it starts'),
  model: modelSchema,
  options: z.object({
    backend: z.string(),
    method: z.string(),
    /** What the attention explains: `oblivious`, `class:NAME`, `output:NAME` or `similar:CLIP[@START-END]`. */
    target: z.string(),
    solver: z.string(),
    /** Why this solver. */
    solverReason: z.string(),
    preset: z.string(),
    constraint: z.string(),
    /** Whether filters have twice the rows and columns of the network's cells, woven from those of four views of each frame. */
    fine: z.literal(true).optional(),
    seed: z.int(),
    /** In a dense analysis: the sliding window, as it was fitted to the span. */
    dense: z
      .object({ strideSec: z.number().positive(), windowSec: z.number().positive(), framesPerWindow: positiveInt })
      .optional(),
  }),
  /** What the user should know before trusting the numbers. */
  warnings: z.array(z.string()),
  /**
   * Whether the maps are to be believed, by the mean figures of the frames, weighed by their importance (dense: of the windows); absent
   * in earlier documents.
   */
  verdict: verdictSchema.optional(),
  /** The event's embedding with no filter, not normalised; dense: the mean of the windows'. */
  embedding: z.array(z.number()).min(1),
  /**
   * How far the event is from what the network was trained on (dense: the median of the windows), and up to which distance
   * classes are to be believed; absent where that is not known.
   */
  familiarity: z.object({ distance: z.number().nonnegative(), limit: z.number().positive() }).optional(),
  /** With a class as target: its probability. Below 0.05 it is not what the network sees. */
  targetProbability: z.number().min(0).max(1).optional(),
  /** Class probabilities of the event, when the model has a classifier, most probable first. */
  classes: z.array(z.object({ label: z.string(), probability: z.number() })).optional(),
  /** Numbers with names that the network gives, such as a steering angle; dense: the mean of the windows'. */
  numbers: z.object({ names: z.array(z.string()), values: z.array(z.number()) }).optional(),
  /** Labelled events that overlap the span, where a list of events was given; by increasing start. */
  events: z.array(eventSchema).min(1).optional(),
  /**
   * Boxes of objects beside attention, where a file of them was given: `share` and `area` are those of any object, means over all
   * frames.
   */
  objects: sharesSchema
    .extend({
      /** The file, and what it was taken for. */
      path: z.string().min(1),
      format: z.string().min(1),
      list: z.array(objectSchema).min(1),
    })
    .exactOptional(),
  /** What was recorded beside the clip (a table, or a tub's steering and throttle), at the moments of the frames. */
  signals: signalsSchema.optional(),
  /** The classes in the order of every `probabilities`. */
  labels: z.array(z.string()).optional(),
  /**
   * What classes answer, where not all of them exclude each other: the probabilities of a question's, and of those of its `others`
   * together, add up to 1. A class is of one question.
   */
  questions: questionsSchema.optional(),
  /**
   * What the importance of frames is: their Shapley values, of an embedding as shares of all that frames add to the answer to
   * none, of a class in its probability, of a number in its own unit. `absent`: whether a frame that is taken away is left out of the
   * sequence, or its feature map emptied. Without this, `frames[].importance` is of an earlier kind, and is not read.
   */
  importance: z.object({ absent: z.enum(['left-out', 'emptied']) }).optional(),
  frames: z.array(frameSchema).min(1),
  /** In a dense analysis: the windows that were scored, by increasing start. Times that none of them holds are gaps. */
  windows: z.array(windowSchema).min(1).optional(),
  /** How long the steps took; absent where documents are compared byte by byte, as in a batch. */
  timingsSec: z.object({ decode: seconds, trunk: seconds, filters: seconds, verdict: seconds.optional() }).optional(),
});

/** What no field can say alone. */
const documentSchema = analysisSchema
  .refine(
    ({ frames }) => frames.every(({ timestampSec }, i) => i === 0 || timestampSec >= frames[i - 1]!.timestampSec),
    {
      path: ['frames'],
      message: 'the frames are not in the order of their times',
    },
  )
  .refine(
    ({ source: { crop, width, height } }) =>
      crop === undefined || (crop.x + crop.width <= width && crop.y + crop.height <= height),
    { path: ['source', 'crop'], message: 'the part that the network saw is not within the picture' },
  )
  .refine(
    ({ source: { hidden = [], width, height } }) =>
      hidden.every((part) => part.x + part.width <= width && part.y + part.height <= height),
    { path: ['source', 'hidden'], message: 'a part that the network did not see is not within the picture' },
  )
  .refine(({ frames, windows = [] }) => windows.every((w) => w.frames.every((i) => i < frames.length)), {
    path: ['windows'],
    message: 'a window names a frame that is not there',
  })
  .refine(
    ({ frames, windows = [], labels = [] }) =>
      [...frames, ...windows].every(({ probabilities: p }) => p === undefined || p.length === labels.length),
    { path: ['labels'], message: 'a frame or window has another number of probabilities than there are labels' },
  )
  .refine(objectsFit, { path: ['objects'], message: 'a frame names an object that is not in the list' })
  .refine(({ frames, signals }) => signals === undefined || areSeries(signals.values, signals.names, frames), {
    path: ['signals'],
    message: 'a signal has another number of values than there are frames',
  })
  .refine(({ signals: { names = [], record } = {} }) => !record || areSeries(record.values, names, record.timesSec), {
    path: ['signals', 'record'],
    message: 'a signal has another number of values than there are times',
  });

/** Whether there is a row of values per name, one per moment. */
function areSeries(
  rows: readonly (readonly unknown[])[],
  names: readonly unknown[],
  moments: readonly unknown[],
): boolean {
  return rows.length === names.length && rows.every(({ length }) => length === moments.length);
}

/** What no field can say alone, of objects. */
function objectsFit({ frames, objects }: z.infer<typeof analysisSchema>): boolean {
  const count = objects?.list.length ?? 0;
  return frames.every(({ objects: own }) => own === undefined || own.each.every(({ object }) => object < count));
}

/** The JSON Schema of the document. What fields must have in common (their order in time, counts) it cannot say. */
export function analysisJsonSchema(): object {
  return { title: ANALYSIS_SCHEMA, ...z.toJSONSchema(analysisSchema, { io: 'input' }) };
}

/** The analysis of one event. */
export type Analysis = z.infer<typeof analysisSchema>;
/** One sampled frame of an {@link Analysis}. */
export type AnalysisFrame = Analysis['frames'][number];
/** One window of a dense {@link Analysis}. */
export type AnalysisWindow = NonNullable<Analysis['windows']>[number];
/** One object of an {@link Analysis}, over all frames. */
export type ObjectSummary = NonNullable<Analysis['objects']>['list'][number];
/** One object on a frame of an {@link Analysis}. */
export type ObjectOnFrame = NonNullable<AnalysisFrame['objects']>['each'][number];

/**
 * Reads and validates an analysis document.
 *
 * @throws L2cafError as `readInput`, up to 256 MB; `analysis-invalid`, naming the first wrong field
 */
export async function readAnalysis(path: string): Promise<Analysis> {
  const text = (await readInput(path, { maxBytes: MAX_DOCUMENT_BYTES })).toString('utf8');
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new L2cafError('analysis-invalid', `${path} is not JSON`, {
      cause,
      hint: 'give an analysis.json that l2caf analyze wrote',
    });
  }
  return parseAnalysis(json, path);
}

/**
 * Validates what was read from `path`.
 *
 * @throws L2cafError `analysis-invalid`
 */
export function parseAnalysis(json: unknown, path: string): Analysis {
  const version = (json as { schema?: unknown } | null)?.schema;
  if (version !== ANALYSIS_SCHEMA) {
    throw new L2cafError(
      'analysis-invalid',
      `${path} has the schema ${JSON.stringify(version)}, this version reads "${ANALYSIS_SCHEMA}"`,
      {
        hint: 'give an analysis.json that l2caf analyze wrote, or analyze the clip again',
      },
    );
  }
  const result = documentSchema.safeParse(json);
  if (result.success) return withoutEarlierImportance(result.data);
  const issue = result.error.issues[0]!;
  throw new L2cafError('analysis-invalid', `${path}: ${issue.path.join('.') || 'document'}: ${issue.message}`, {
    cause: result.error,
  });
}

/** Documents were written whose frames say under that name how far the output moves when others stand in for them. */
function withoutEarlierImportance(analysis: Analysis): Analysis {
  if (analysis.importance !== undefined) return analysis;
  return { ...analysis, frames: analysis.frames.map(({ importance: _, ...frame }) => frame) };
}

/** Writes the document, whole or not at all; refuses to write one that could not be read back. */
export async function writeAnalysis(path: string, analysis: Analysis): Promise<void> {
  await writeFileAtomically(path, `${JSON.stringify(parseAnalysis(analysis, path))}\n`);
}
