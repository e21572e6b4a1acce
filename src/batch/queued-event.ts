/**
 * An event as it goes through a queue: what is to be made, signed by the batch, and the turns that workers have had with it,
 * which they write down themselves. Both are checked before anything is made of them.
 */
import { isAbsolute, win32 } from 'node:path';
import * as z from '#zod';
import { regionSchema } from '../analysis/document-values.ts';
import { L2cafError } from '../base/errors.ts';
import type { RegionMask } from '../base/types.ts';
import { OUTPUTS, type Output } from './choices.ts';
import type { BatchEvent } from './events.ts';
import type { BatchSettings, ModelChoice } from './outputs.ts';
import { type Signed, type Signer, signedSchema } from './signatures.ts';

/** Name of the queue on its server; changes when workers of another version would go wrong. */
export const QUEUE = 'l2caf-events-2';

/** A batch's settings as they go through the queue: a worker reads the model by its name. */
export interface QueuedSettings extends Omit<BatchSettings, 'model'> {
  readonly choice: ModelChoice;
}

/** One event, as workers get it. */
export interface QueuedEvent {
  readonly event: BatchEvent;
  /** Of the batch, absolute. */
  readonly folder: string;
  readonly outputs: readonly Output[];
  readonly settings: QueuedSettings;
  /** Of the outputs: a worker whose model or version makes others does not fit. */
  readonly keys: Readonly<Record<Output, string>>;
}

/** What workers have had to do with an event so far. */
export interface Turns {
  /** Workers that have tried it in vain. */
  readonly tried: readonly string[];
  /** Workers that lack what it needs, and how often each has found so. */
  readonly lacking: Readonly<Record<string, number>>;
  /** How often it was tried, by all. */
  readonly attempts: number;
}

/** What a job of the queue holds. */
export interface StoredJob {
  readonly event: Signed;
  readonly turns: Turns;
}

const turnsSchema = z.object({
  tried: z.array(z.string()),
  lacking: z.record(z.string(), z.int().positive()),
  attempts: z.int().nonnegative(),
});
const storedSchema = z.object({ event: signedSchema, turns: turnsSchema });

/** The card of a network as a batch gives it out: it names no files that a worker would read. */
const cardSchema = z.looseObject({
  constants: z.record(z.string(), z.union([z.number(), z.array(z.number())])).optional(),
  output: z.looseObject({ labels: z.array(z.string()).optional() }).optional(),
});

const clipSchema = z.looseObject({
  path: z.string().min(1),
  /** Becomes part of what ffmpeg is told. */
  crop: regionSchema.optional(),
  hidden: z.array(regionSchema).optional(),
});

const besideSchema = z.object({ path: z.string().min(1), sha256: z.string() });

/** The parts that decide where files are read and written; a wrong setting gives other keys than the batch's. */
const eventSchema = z.object({
  event: z.looseObject({
    id: z.string().min(1),
    video: z.string(),
    facts: z.looseObject({ sha256: z.string(), clip: clipSchema }),
    span: z.object({ startSec: z.number(), endSec: z.number() }),
    listed: z.array(z.looseObject({})),
    objects: besideSchema.optional(),
    signals: besideSchema.optional(),
  }),
  folder: z.string().refine((path) => isAbsolute(path) || win32.isAbsolute(path), 'it is not an absolute path'),
  outputs: z.array(z.enum(OUTPUTS)).min(1),
  settings: z.looseObject({
    choice: z.looseObject({ card: cardSchema.optional() }),
    analysis: z.looseObject({
      target: z.looseObject({ kind: z.string(), facts: z.looseObject({ clip: clipSchema }).optional() }),
    }),
    draw: z.looseObject({ ignore: z.array(z.looseObject({})).optional() }),
  }),
  keys: z.record(z.string(), z.string()),
});

/** A job for an event that nobody has had a turn with. */
export function toStored(queued: QueuedEvent, signer: Signer, jobId: string): StoredJob {
  const settings = JSON.parse(
    JSON.stringify(queued.settings, (_, value: unknown) =>
      value instanceof Uint8Array ? { base64: Buffer.from(value).toString('base64') } : value,
    ),
  ) as unknown;
  const event = signer.sign(purposeOfEvent(jobId), { ...queued, settings });
  return { event, turns: { tried: [], lacking: {}, attempts: 0 } };
}

/**
 * What a job holds.
 *
 * @throws L2cafError `answer-invalid`
 */
export function readStored(data: unknown): StoredJob {
  const result = storedSchema.safeParse(data);
  if (result.success) return { event: signedOf(result.data.event), turns: result.data.turns };
  throw unreadable(result.error);
}

/**
 * The event of a job.
 *
 * @throws L2cafError `answer-invalid` when it is not the batch's, or of another version
 */
export function fromStored({ event: signed }: StoredJob, signer: Signer, jobId: string): QueuedEvent {
  const opened = signer.open(purposeOfEvent(jobId), signed);
  const result = eventSchema.safeParse(opened);
  if (!result.success) throw unreadable(result.error);
  const stored = opened as QueuedEvent;
  const { settings } = stored;
  const { ignore } = settings.draw;
  if (!ignore) return stored;
  const parts = ignore.map((part) => ('values' in part ? restoredMask(part) : part));
  return { ...stored, settings: { ...settings, draw: { ...settings.draw, ignore: parts } } };
}

/** What the signature of an answer is for. */
export function purposeOfAnswer(jobId: string): string {
  return `answer ${jobId}`;
}

function purposeOfEvent(jobId: string): string {
  return `event ${jobId}`;
}

function signedOf({ text, signature }: z.infer<typeof signedSchema>): Signed {
  return { text, ...(signature !== undefined && { signature }) };
}

function unreadable(error: z.ZodError): L2cafError {
  const { path, message } = error.issues[0]!;
  return new L2cafError(
    'answer-invalid',
    `a job of the queue cannot be read: ${path.join('.') || 'all of it'}: ${message}`,
    {
      hint: 'batch and workers need the same version of l2caf',
      cause: error,
    },
  );
}

function restoredMask({ height, width, values }: RegionMask): RegionMask {
  const { base64 } = values as unknown as { base64: string };
  return { height, width, values: new Uint8Array(Buffer.from(base64, 'base64')) };
}
