/** What the tables of a batch say about an event: a few numbers of its analysis. */
import * as z from '#zod';
import { bestClasses } from '../analysis/classes.ts';
import type { Analysis } from '../analysis/document.ts';
import { rankedObjects } from '../analysis/object-words.ts';
import { predictionsOf } from '../analysis/predictions.ts';
import { keyframesOf } from '../analysis/timeline.ts';
import { isUnlike } from '../analysis/verdicts.ts';
import { VERDICTS } from '../l2caf/choices.ts';
import { attentionShares } from '../video/drawing/regions.ts';

const share = z.number();

/** A class; `place`: among the labels of the network. */
const bestSchema = z.object({
  label: z.string(),
  probability: z.number(),
  place: z.int().nonnegative().exactOptional(),
});

/** The shape of {@link EventFigures}. */
export const figuresSchema = z.object({
  embedding: z.array(z.number()),
  /** The most probable class, when the model has a classifier and the event is not unlike what it was trained on. */
  best: bestSchema.optional(),
  /** Where not all classes exclude each other: those of the further questions, and the classes that answer them. */
  further: z.array(bestSchema.extend({ among: z.array(z.string()) })).exactOptional(),
  /** How far the event is from what the model was trained on, and whether that is too far to believe its classes. */
  familiarity: z.object({ distance: z.number(), unlike: z.boolean() }).exactOptional(),
  /** Whether its maps are to be believed. */
  verdict: z.enum(VERDICTS).exactOptional(),
  /** With a class as target: its probability. */
  targetProbability: z.number().exactOptional(),
  /** Numbers that the network gives, such as a steering angle, and what was recorded of them at the last frame. */
  numbers: z
    .array(
      z.object({
        name: z.string(),
        value: z.number(),
        recorded: z.number().exactOptional(),
        /** Over all moments at which both are known, of an event that was seen in windows. */
        agreement: z
          .object({ correlation: z.number().exactOptional(), meanAbsoluteError: z.number(), n: z.int() })
          .exactOptional(),
      }),
    )
    .exactOptional(),
  /** Of objects beside attention: the one with most of it, its share over all frames, and that of any of them. */
  objects: z.object({ top: z.string(), share: z.number(), any: z.number() }).exactOptional(),
  /** Of an event that was seen in windows: how many. */
  windows: z.int().positive().exactOptional(),
  frames: z.array(
    z.object({
      timestampSec: z.number(),
      /** Whether the file is damaged there. */
      damaged: z.literal(true).optional(),
      loss: z.number(),
      status: z.string(),
      iterations: z.int(),
      importance: z.number().optional(),
      /** How the heatmap is shared out, see `attentionShares`. */
      shares: z.object({ left: share, centre: share, right: share, near: share, far: share }),
    }),
  ),
});

/** The numbers of an event that its row in the results holds. */
export type EventFigures = z.infer<typeof figuresSchema>;

/** The likeliest class of an event: of the question that its label answers or, where it has none or another, of the first. */
export function bestClassOf(
  { best, further = [] }: Pick<EventFigures, 'best' | 'further'>,
  label: string | null,
): EventFigures['best'] {
  const asked = further.find(({ among }) => label !== null && among.includes(label));
  if (asked === undefined) return best;
  const { among: _, ...own } = asked;
  return own;
}

/** The figures of an analysis. */
export function figuresOf(analysis: Analysis): EventFigures {
  const keyframes = keyframesOf(analysis);
  const [best, ...further] = bestClasses(analysis);
  const { familiarity, targetProbability, verdict } = analysis;
  const numbers = predictionsOf(analysis).map(({ name, values, recorded, agreement }) => {
    const known = recorded?.values.at(-1) ?? undefined;
    return {
      ...{ name, value: values.at(-1)! },
      ...(known !== undefined && { recorded: known }),
      ...(agreement && { agreement }),
    };
  });
  const [top] = rankedObjects(analysis);
  return {
    embedding: analysis.embedding,
    ...(best && { best }),
    ...(further.length > 0 && {
      further: further.map((one, k) => ({ ...one, among: analysis.questions![k + 1]!.labels })),
    }),
    ...(familiarity && { familiarity: { distance: familiarity.distance, unlike: isUnlike(analysis) } }),
    ...(verdict && { verdict: verdict.words }),
    ...(targetProbability !== undefined && { targetProbability }),
    ...(numbers.length > 0 && { numbers }),
    ...(top && { objects: { top: top.name, share: top.overall, any: analysis.objects!.share } }),
    ...(analysis.windows && { windows: analysis.windows.length }),
    frames: analysis.frames.map(({ timestampSec, loss, status, iterations, importance, damaged }, i) => ({
      timestampSec,
      ...(damaged && { damaged }),
      loss,
      status,
      iterations,
      ...(importance !== undefined && { importance }),
      shares: attentionShares(keyframes[i]!.heatmap),
    })),
  };
}
