/**
 * The card of somebody else's network: what a file of weights does not say of itself. It lies beside the file under the same
 * name (`net.onnx`, `net.json`); the command line's options say the same. What neither says is guessed from shapes where
 * that is safe, and asked for where not (docs/networks.md).
 */

import { basename, dirname, extname, join, resolve } from 'node:path';
import * as z from '#zod';
import { L2cafError } from '../base/errors.ts';
import { type FittedSize, RESIZES } from '../base/fit.ts';
import { jsonIn, readInput } from '../base/input-files.ts';
import { FILTER_SPANS, NORMS, type Norm, OUTPUT_KINDS } from './choices.ts';
import { readNpy } from './npy.ts';
import type { Preprocessing } from './preprocessing.ts';
import { questionsSchema } from './question-schema.ts';
import { type Question, questionsAmong } from './questions.ts';

const triple = z.union([z.number(), z.tuple([z.number(), z.number(), z.number()])]);
const positive = z.int().positive();
/** A list, or a file with one on each line. */
const labelNames = z.union([z.string(), z.array(z.string()).min(1)]);

const byte = z.int().min(0).max(255);

const cardSchema = z.strictObject({
  /** The file that it belongs to, in its folder. */
  model: z.string().optional(),
  input: z
    .strictObject({
      name: z.string().optional(),
      /** Such as `b t c h w`. */
      layout: z.string().optional(),
      /** Where the export takes any number. */
      frames: positive.optional(),
      /** Length of the events that it was trained on, seconds: longer clips are seen in windows. */
      eventSec: z.number().positive().optional(),
      /** Height and width, where the export takes any. */
      size: z.tuple([positive, positive]).optional(),
      /** How pictures of another shape fit into it. */
      resize: z.enum(RESIZES).optional(),
      /** Colour of the bars that `contain` leaves, red first, or one brightness; bytes. */
      padding: z.union([byte, z.tuple([byte, byte, byte])]).optional(),
      channels: z.enum(['RGB', 'BGR']).optional(),
      /** What black and full brightness become. */
      range: z.tuple([z.number(), z.number()]).optional(),
      mean: triple.optional(),
      std: triple.optional(),
      /** How frames are taken from an event: `uniform`, spread over it. */
      sampling: z.literal('uniform').optional(),
    })
    .optional(),
  /** Further inputs: numbers, or the .npy file that holds them. */
  constants: z.record(z.string(), z.union([z.string(), z.number(), z.array(z.number())])).optional(),
  /** Of a Keras network: what its Lambda layers do, and layers of classes that are not known, by their names. */
  lambdas: z
    .record(
      z.string(),
      z.union([
        /** `scale · x + offset` */
        z.strictObject({ scale: z.number(), offset: z.number() }),
        /** A layer of Keras, with its options. */
        z.looseObject({ layer: z.string() }),
      ]),
    )
    .optional(),
  layer: z
    .strictObject({
      /** Tensor or node, or `last`; a list where it lies in several, one for each frame. */
      tensor: z.union([z.string(), z.array(z.string()).min(2)]).optional(),
      layout: z.string().optional(),
      /** Rows and columns, preceded by slices of time or not. */
      grid: z.union([z.tuple([positive, positive]), z.tuple([positive, positive, positive])]).optional(),
    })
    .optional(),
  /** One filter for each slice of time, or one over all of them. */
  filter: z.enum(FILTER_SPANS).optional(),
  output: z
    .strictObject({
      tensor: z.string().optional(),
      kind: z.enum(OUTPUT_KINDS).optional(),
      /** Names of the classes or numbers, or a file with one on each line. */
      labels: labelNames.optional(),
      questions: questionsSchema.optional(),
    })
    .optional(),
  /** The output that scores classes, where another one is explained. */
  scores: z
    .strictObject({ tensor: z.string(), labels: labelNames.optional(), questions: questionsSchema.optional() })
    .optional(),
  /** Under what its weights, and the data that it was trained on, may be used. */
  licences: z.array(z.strictObject({ of: z.string().min(1), licence: z.string().min(1) })).optional(),
});

/** What a card says. */
export type Card = z.infer<typeof cardSchema>;

/** A card that l2caf wrote ends with its seal (docs/outputs.md). */
const fileSchema = cardSchema.extend({ seal: z.string().optional() });

/** The JSON Schema of a card. */
export function cardJsonSchema(): object {
  return { title: 'l2caf network card', ...z.toJSONSchema(cardSchema, { io: 'input' }) };
}

const MAX_CARD_BYTES = 1e6;
const MAX_LABELS_BYTES = 16e6;

/** Where the card of a network lies: beside it, under the same name. */
export function cardPath(model: string): string {
  return join(dirname(model), `${basename(model, extname(model))}.json`);
}

/**
 * Reads a card.
 *
 * @throws L2cafError `input-not-found`, `input-unreadable`; `model-invalid`, naming the field, when it is none
 */
export async function readCard(path: string): Promise<Card> {
  const json = jsonIn(await readInput(path, { maxBytes: MAX_CARD_BYTES }));
  return checkCard(json, path);
}

/** The card beside a network's file; empty when there is none. Throws as {@link readCard}. */
export async function cardBeside(model: string): Promise<Card> {
  return readCard(cardPath(model)).catch((error: unknown) => {
    if (error instanceof L2cafError && error.code === 'input-not-found') return {};
    throw error;
  });
}

/**
 * Checks what a card says.
 *
 * @throws L2cafError `model-invalid`
 */
export function checkCard(json: unknown, path: string): Card {
  if (json === undefined) throw new L2cafError('model-invalid', `${path} is not JSON`);
  const result = fileSchema.safeParse(json);
  if (result.success) {
    const { seal: _, ...card } = result.data;
    return card;
  }
  const issue = result.error.issues[0]!;
  throw new L2cafError('model-invalid', `${path}: ${issue.path.join('.') || 'card'}: ${issue.message}`, {
    hint: 'docs/networks.md says what a card holds',
    cause: result.error,
  });
}

/**
 * A card with what another says instead where it says something. What was said of a layer or an output is forgotten when the
 * other names another one.
 */
export function cardWith(card: Card, other: Card): Card {
  const layer = ofTheSame(card.layer, other.layer);
  const output = ofTheSame(card.output, other.output);
  return {
    ...card,
    ...other,
    ...(card.input || other.input ? { input: { ...card.input, ...other.input } } : {}),
    ...(layer || other.layer ? { layer: { ...layer, ...other.layer } } : {}),
    ...(output || other.output ? { output: { ...output, ...other.output } } : {}),
    ...(card.lambdas || other.lambdas ? { lambdas: { ...card.lambdas, ...other.lambdas } } : {}),
    ...(card.constants || other.constants ? { constants: { ...card.constants, ...other.constants } } : {}),
  };
}

function ofTheSame<T extends { readonly tensor?: string | readonly string[] | undefined }>(
  said: T | undefined,
  other: T | undefined,
): T | undefined {
  return other?.tensor !== undefined && String(other.tensor) !== String(said?.tensor) ? undefined : said;
}

/** What a name of {@link NORMS} says in a card. */
export function normCard(norm: Norm): NonNullable<Card['input']> {
  switch (norm) {
    case 'imagenet':
      return { range: [0, 1], mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
    case 'kinetics':
      return { range: [0, 1], mean: [0.43216, 0.394666, 0.37645], std: [0.22803, 0.22145, 0.216989] };
    case '-1..1':
      return { range: [-1, 1], mean: 0, std: 1 };
    case '0..255':
      return { range: [0, 255], mean: 0, std: 1 };
    default:
      return { range: [0, 1], mean: 0, std: 1 };
  }
}

/** What the input itself says of its pictures. */
export interface InputKind {
  /** Whether it takes bytes, which it makes numbers itself. */
  readonly isBytes?: boolean;
  /** Whether it takes their brightness alone. */
  readonly isGrey?: boolean;
}

/**
 * How pictures become numbers.
 *
 * @throws L2cafError `usage` when the card does not say, or does not fit the input
 */
export function preprocessingOf(
  { input = {} }: Card,
  path: string,
  { isBytes = false, isGrey = false }: InputKind = {},
): Preprocessing {
  const { channels = 'RGB', mean, std } = input;
  const isSaid = input.range !== undefined || mean !== undefined || std !== undefined;
  if (!isSaid && !isBytes) {
    throw new L2cafError('usage', `${path} does not say how it wants its pictures: which numbers black and white are`, {
      hint: `give --norm ${NORMS.join(', --norm ')}, or range, mean and std in a card (docs/networks.md)`,
    });
  }
  const range = input.range ?? (isBytes && !isSaid ? [0, 255] : [0, 1]);
  const three = (value: number | readonly [number, number, number] | undefined, otherwise: number) =>
    typeof value === 'number' || value === undefined
      ? ([value ?? otherwise, value ?? otherwise, value ?? otherwise] as const)
      : value;
  const [means, deviations] = [three(mean, 0), three(std, 1)];
  if (deviations.some((value) => !(value > 0))) {
    throw new L2cafError('model-invalid', `${path}: input.std: ${deviations.join(', ')} is not above 0`);
  }
  if (range[0] === range[1]) {
    throw new L2cafError('model-invalid', `${path}: input.range: ${range.join(', ')}: all pictures would be the same`);
  }
  const isPlain =
    range[0] === 0 && range[1] === 255 && [...means, ...deviations].every((n, i) => n === (i < 3 ? 0 : 1));
  if (isBytes && !isPlain) {
    throw new L2cafError('usage', `${path} takes pictures as bytes, from 0 to 255, and makes them numbers itself`, {
      hint: 'leave --norm out, and range, mean and std of the card',
    });
  }
  const isOneForAll = [means, deviations].every((values) => values.every((value) => value === values[0]));
  if (isGrey && !isOneForAll) {
    throw new L2cafError('usage', `${path} takes grey pictures: mean and std are one number each, not three`, {
      hint: 'say them in a card (docs/networks.md), or give --norm 0..1, -1..1 or 0..255',
    });
  }
  return { bgr: channels === 'BGR', range, mean: means, std: deviations };
}

/** How pictures of another shape become those of the input; nothing where they are stretched. */
export function fitOf({ input: { resize, padding } = {} }: Card): Pick<FittedSize, 'resize' | 'padding'> {
  if (resize === undefined || resize === 'stretch') return {};
  if (resize === 'cover' || padding === undefined) return { resize };
  return { resize, padding: typeof padding === 'number' ? [padding, padding, padding] : padding };
}

/** What is to be told of {@link fitOf}. */
export function fitNotes({ input: { resize, padding } = {} }: Card): string[] {
  if (resize !== 'contain' || padding !== undefined) return [];
  return ['pictures of another shape get black bars (input.padding in the card says another colour)'];
}

/**
 * The names of classes or numbers; those of a file beside the card.
 *
 * @throws L2cafError `input-not-found`, `input-unreadable`
 */
export async function labelsOf(
  { output }: Pick<Card, 'output'>,
  folder: string,
): Promise<readonly string[] | undefined> {
  const labels = output?.labels;
  if (typeof labels !== 'string') return labels;
  const text = (await readInput(resolve(folder, labels), { maxBytes: MAX_LABELS_BYTES })).toString('utf8');
  return text.split(/\r?\n/).filter((line, i, all) => line !== '' || i < all.length - 1);
}

/**
 * What the classes of an output answer, where not all of them exclude each other.
 *
 * @param labels of the output
 * @throws L2cafError `model-invalid` as {@link questionsAmong}, and where classes have no names
 */
export function questionsIn(
  { questions }: NonNullable<Pick<Card, 'output'>['output']>,
  labels: readonly string[] | undefined,
  path: string,
): { readonly questions?: readonly Question[] } {
  return questions ? { questions: questionsAmong(labels ?? [], questions, path) } : {};
}

/**
 * Constants with the numbers of their files in them.
 *
 * @param folder where these lie
 * @throws L2cafError `weights-invalid` as `readNpy`
 */
export async function constantsOf(
  constants: NonNullable<Card['constants']>,
  folder: string,
): Promise<Record<string, number | number[]>> {
  const values: Record<string, number | number[]> = {};
  for (const [name, value] of Object.entries(constants)) {
    values[name] = typeof value === 'string' ? [...(await readNpy(resolve(folder, value))).data] : value;
  }
  return values;
}
