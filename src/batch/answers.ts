/**
 * What workers answer, checked before anything is made of it: whoever made it may be broken, or of another version. What
 * has passed can be written to a journal, and be read from it again.
 */
import { join } from 'node:path';
import * as z from '#zod';
import { MAX_DOCUMENT_BYTES, parseAnalysis } from '../analysis/document.ts';
import { type ErrorCode, type ErrorValues, errorFrom, L2cafError, valuesOf } from '../base/errors.ts';
import { jsonIn, readOwn } from '../base/input-files.ts';
import { isSealed } from '../base/seal.ts';
import { OUTPUTS, type Output } from './choices.ts';
import { type EventFigures, figuresOf, figuresSchema } from './event-figures.ts';
import type { BatchEvent } from './events.ts';
import { FILE_NAMES } from './outputs.ts';
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

/** What goes through a queue: an outcome as JSON can hold it. The batch has the figures from the analysis itself. */
export type QueuedAnswer = Omit<MadeEvent, 'figures'> | { readonly error: ErrorValues; readonly attempts: number };

/** An outcome as JSON can hold it; the place where an error was thrown stays where it was. */
export function toAnswer(outcome: EventOutcome): QueuedAnswer {
  if (!('error' in outcome)) {
    const { figures: _, ...made } = outcome;
    return made;
  }
  const { stack: _, ...error } = valuesOf(outcome.error);
  return { error, attempts: outcome.attempts };
}

/** The outcome that came through a queue, without figures; an answer that is none is a failure of the event. */
export function fromAnswer(answer: unknown, outputs: readonly Output[]): EventOutcome {
  const failed = failedSchema.safeParse(answer);
  if (!failed.success) return madeIn(answer, outputs);
  const { error, attempts } = failed.data;
  const { message, code = 'worker-lost', hint } = error;
  const told = { ...error, message: onOneLine(message), ...(hint && { hint: onOneLine(hint) }) };
  return { error: errorFrom({ ...told, code: code as ErrorCode }), attempts };
}

/**
 * An outcome that says all that it must about the files that were to be made, or else the failure that it does not.
 *
 * @param outputs what was to be made
 */
export function checkedOutcome(outcome: unknown, outputs: readonly Output[]): EventOutcome {
  if (isFailure(outcome)) return outcome;
  const made = madeIn(outcome, outputs);
  if ('error' in made || !outputs.includes('json') || made.figures) return made;
  return unusable('it lacks the figures of the analysis');
}

/**
 * The figures of the analysis that a worker says it has made of an event: what the tables say is what the document says.
 *
 * @param folder of the event's files
 * @throws L2cafError `answer-invalid` when it is damaged, or of another event; as `readOwn` and `parseAnalysis`
 */
export async function figuresIn(folder: string, { facts, span }: BatchEvent): Promise<EventFigures> {
  const path = join(folder, FILE_NAMES.json);
  if (!(await isSealed(path))) throw invalid(`${path} is damaged`);
  const analysis = parseAnalysis(jsonIn(await readOwn(path, { maxBytes: MAX_DOCUMENT_BYTES })), path);
  const { source, span: made } = analysis;
  if (source.sha256 !== facts.sha256 || made.startSec !== span.startSec || made.endSec !== span.endSec) {
    throw invalid(`${path} is the analysis of another event`);
  }
  return figuresOf(analysis);
}

function madeIn(outcome: unknown, outputs: readonly Output[]): EventOutcome {
  const made = madeSchema.safeParse(outcome);
  if (!made.success) {
    const { path, message } = made.error.issues[0]!;
    return unusable(`${path.join('.') || 'all of it'}: ${message}`, made.error);
  }
  const missing = outputs.find((name) => made.data.bytes[name] === undefined);
  return missing === undefined ? (made.data as MadeEvent) : unusable(`it says nothing about ${missing}`);
}

function isFailure(outcome: unknown): outcome is Extract<EventOutcome, { error: Error }> {
  const { error, attempts } = (outcome ?? {}) as { error?: unknown; attempts?: unknown };
  return error instanceof Error && z.int().positive().safeParse(attempts).success;
}

/** Whatever a worker wrote: a line of a table and of a terminal. */
function onOneLine(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ').trim();
}

function unusable(why: string, cause?: unknown): EventOutcome {
  return { error: invalid(`the answer of its worker cannot be used: ${why}`, cause), attempts: 1 };
}

function invalid(message: string, cause?: unknown): L2cafError {
  return new L2cafError('answer-invalid', message, {
    hint: 'batch and workers need the same version of l2caf',
    cause,
  });
}
