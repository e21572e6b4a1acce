/**
 * What workers answer, checked before anything is made of it: whoever made it may be broken, or of another version. What
 * has passed can be written to a journal, and be read from it again.
 */
import * as z from '#zod';
import { type ErrorCode, type ErrorValues, errorFrom, L2cafError, valuesOf } from '../base/errors.ts';
import { OUTPUTS, type Output } from './choices.ts';
import { figuresSchema } from './event-figures.ts';
import type { EventOutcome, MadeEvent } from './tasks.ts';

const madeSchema = z.object({
  figures: figuresSchema.optional(),
  bytes: z.partialRecord(z.enum(OUTPUTS), z.int().nonnegative()),
  timingsSec: z.record(z.string(), z.number().nonnegative()),
  attempts: z.int().positive(),
});

const failedSchema = z.object({
  error: z.object({
    message: z.string(),
    code: z.string().optional(),
    hint: z.string().optional(),
    systemCode: z.string().optional(),
  }),
  attempts: z.int().positive(),
});

/** What goes through a queue: an outcome as JSON can hold it. */
export type QueuedAnswer = MadeEvent | { readonly error: ErrorValues; readonly attempts: number };

/** An outcome as JSON can hold it; the place where an error was thrown stays where it was. */
export function toAnswer(outcome: EventOutcome): QueuedAnswer {
  if (!('error' in outcome)) return outcome;
  const { stack: _, ...error } = valuesOf(outcome.error);
  return { error, attempts: outcome.attempts };
}

/** The outcome that came through a queue; an answer that is none is a failure of the event. */
export function fromAnswer(answer: unknown, outputs: readonly Output[]): EventOutcome {
  const failed = failedSchema.safeParse(answer);
  if (!failed.success) return checkedOutcome(answer, outputs);
  const { error, attempts } = failed.data;
  return { error: errorFrom({ ...error, code: (error.code ?? 'worker-lost') as ErrorCode }), attempts };
}

/**
 * An outcome that says all that it must about the files that were to be made, or else the failure that it does not.
 *
 * @param outputs what was to be made
 */
export function checkedOutcome(outcome: unknown, outputs: readonly Output[]): EventOutcome {
  if (isFailure(outcome)) return outcome;
  const made = madeSchema.safeParse(outcome);
  if (!made.success) {
    const { path, message } = made.error.issues[0]!;
    return unreadable(`${path.join('.') || 'all of it'}: ${message}`, made.error);
  }
  const { bytes, figures } = made.data;
  const missing = outputs.find((name) => bytes[name] === undefined);
  if (missing !== undefined) return unreadable(`it says nothing about ${missing}`);
  if (outputs.includes('json') && figures === undefined) return unreadable('it lacks the figures of the analysis');
  return made.data as MadeEvent;
}

function isFailure(outcome: unknown): outcome is Extract<EventOutcome, { error: Error }> {
  const { error, attempts } = (outcome ?? {}) as { error?: unknown; attempts?: unknown };
  return error instanceof Error && z.int().positive().safeParse(attempts).success;
}

function unreadable(why: string, cause?: unknown): EventOutcome {
  const error = new L2cafError('answer-invalid', `the answer of its worker cannot be used: ${why}`, {
    hint: 'batch and workers need the same version of l2caf',
    cause,
  });
  return { error, attempts: 1 };
}
