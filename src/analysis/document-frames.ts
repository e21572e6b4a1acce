/** Frames and windows of an analysis document: filters, what they are worth believing, objects beside them. */
import * as z from '#zod';
import { VERDICTS } from '../l2caf/choices.ts';
import { gridSchema, positiveInt, seconds } from './document-values.ts';

const probabilities = z.array(z.number().min(0).max(1));
const correlation = z.number().min(-1).max(1);

/** What a map, or several on the average, is worth believing. */
export const verdictSchema = z.object({
  words: z.enum(VERDICTS),
  /** How far the output moves when the whole frame is emptied, over its length. */
  moved: z.number().nonnegative(),
  /**
   * What of the answer is lost when the fifth of the cells with the largest weights is emptied; as many random cells; those with the
   * strongest features. Of an embedding as a share of what is lost with the whole frame, of a class in its probability, of a number in its unit.
   */
  top: z.number(),
  random: z.number(),
  strongest: z.number().exactOptional(),
  /** Rank correlation with the map of the network whose part behind the features is drawn at random; absent where it was not drawn. */
  redrawn: correlation.exactOptional(),
  /** Rank correlation with the maps of the windows before and after; absent where there are none. */
  steady: correlation.exactOptional(),
});

const share = z.number().min(0).max(1);

/** How much of a frame, or of several on the average, lies within boxes. */
export const sharesSchema = z.object({
  /** Share of the filter's energy (its values squared) within them; cells that a box cuts count by area. */
  share,
  /** Their share of what the network sees of the picture. */
  area: share,
});

/** What of the answer is lost when an object's part of a frame is emptied, counted as in `verdict`. */
const objectLoss = {
  lost: z.number().exactOptional(),
  /** The same when as much is emptied at random places of the frame. */
  lostElsewhere: z.number().exactOptional(),
};

/** An object on a frame. */
const objectOnFrameSchema = sharesSchema.extend({
  /** Its place in `objects.list`. */
  object: z.int().nonnegative(),
  /** Pixels of the clip as shown. Several, where objects have no id of their own. */
  boxes: z
    .array(
      z.object({
        x: z.number().nonnegative(),
        y: z.number().nonnegative(),
        width: z.number().positive(),
        height: z.number().positive(),
      }),
    )
    .min(1),
  ...objectLoss,
});

/** An object over all frames; the figures are means over those that show it. */
export const objectSchema = sharesSchema.extend({
  /** Such as `car 3`; all boxes of a label that have no id are one object, named by it. */
  name: z.string().min(1),
  id: z.string().exactOptional(),
  label: z.string().exactOptional(),
  /** Frames that show it. */
  frames: z.int().nonnegative(),
  ...objectLoss,
});

/** A sampled frame. */
export const frameSchema = z
  .object({
    /** Index in the LSTM; in a dense analysis, where a frame has several, its place among the frames. */
    timestep: z.int().nonnegative(),
    /** Real presentation time of the frame, seconds from the start of the file. */
    timestampSec: seconds,
    /** Slice of time that the filter is of, where a network has fewer of them than frames: several frames share it. */
    slice: z.int().nonnegative().optional(),
    /** Whether the file is damaged there: the frame may not show what was filmed, or stands in for one that is lost. */
    damaged: z.literal(true).optional(),
    /** Signed filter, row by row. */
    filter: gridSchema.extend({ values: z.array(z.number()) }),
    loss: z.number(),
    lossHistory: z.array(z.number()),
    iterations: z.int().nonnegative(),
    status: z.enum(['converged', 'max-iterations', 'exact', 'no-effect']),
    /** Cell of the largest absolute filter value, from the top left, 0-based. */
    peakCell: z.object({ row: z.int().nonnegative(), column: z.int().nonnegative() }),
    /** Share of the filter's energy in cells that argue against the output. */
    opposingShare: z.number().min(0).max(1),
    /**
     * How much of what is explained is there because of this frame, its Shapley value among the frames (`importance`); negative
     * where it takes away from it; absent for a single frame.
     */
    importance: z.number().optional(),
    /** Standard error of the importance, where sets of frames were drawn at random, as there are too many for all. */
    importanceError: z.number().nonnegative().optional(),
    /** Whether the filter is to be believed; absent in earlier documents. Dense: by the mean figures of the windows. */
    verdict: verdictSchema.optional(),
    /** Probability of each of `labels`: after the LSTM has read the frames up to this one; dense: mean of the windows. */
    probabilities: probabilities.optional(),
    /** In a dense analysis: how far its windows are from what the network was trained on, their mean. */
    distance: z.number().nonnegative().optional(),
    /** With objects: those that the frame shows; `share` and `area` are of all their boxes together, each point once. */
    objects: sharesSchema.extend({ each: z.array(objectOnFrameSchema) }).exactOptional(),
    /** In a dense analysis: how many windows contain the frame. Filter, loss and importance are their means. */
    windows: positiveInt.optional(),
    /** Where the solver ended from each starting point, when there were several. */
    starts: z.array(z.object({ loss: z.number(), correlation: z.number() })).optional(),
    /** The filter at every entry of `lossHistory`, when a trace was asked for. */
    trace: z.array(z.array(z.number())).optional(),
  })
  .refine(
    ({ filter }) => filter.values.length === filter.height * filter.width,
    'a filter has the wrong number of values',
  )
  .refine(
    ({ filter, trace = [], lossHistory }) =>
      trace.length <= lossHistory.length && trace.every((values) => values.length === filter.values.length),
    { path: ['trace'], message: 'a trace does not fit its filter and its losses' },
  );

/** One position of the sliding window of a dense analysis: an event of its own. */
export const windowSchema = z.object({
  startSec: seconds,
  endSec: seconds,
  /** Places in `frames` of the frames it consists of, in the LSTM's order. */
  frames: z.array(z.int().nonnegative()).min(1),
  /** Final loss of the filter of each of them. */
  losses: z.array(z.number()).min(1),
  embedding: z.array(z.number()).min(1),
  /** Probability of each of `labels`. */
  probabilities: probabilities.optional(),
  /** Numbers of the window, in the order of `numbers.names`. */
  numbers: z.array(z.number()).optional(),
  /** How far it is from what the network was trained on; compare `familiarity.limit`. */
  distance: z.number().nonnegative().optional(),
  /** Whether its filters are to be believed. */
  verdict: verdictSchema.optional(),
});
