/** What an analysis document says of the network. */
import * as z from '#zod';
import { RESIZES } from '../base/fit.ts';
import { gridSchema, sha256, sizeSchema } from './document-values.ts';

/** Under what the weights, and the data that they were trained on, may be used; absent where nothing is known. */
const licencesSchema = z
  .array(z.object({ of: z.string(), licence: z.string() }))
  .readonly()
  .optional();

/** Documents of schema 1 know networks of one kind, and do not name it. */
function asUnion(model: unknown): unknown {
  return typeof model === 'object' && model !== null && !('kind' in model)
    ? { kind: 'event-network', ...model }
    : model;
}

/** A network of this project: a trunk with a head. */
const eventNetworkSchema = z.object({
  kind: z.literal('event-network'),
  trunk: z.string(),
  trunkSha256: sha256,
  stage: z.string(),
  head: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('untrained'), seed: z.int(), sha256 }),
    z.object({ kind: z.literal('trained'), id: z.string(), sha256 }),
  ]),
  inputSize: sizeSchema,
  grid: gridSchema,
  licences: licencesSchema,
});

/** A network of the user's. */
const importedSchema = z.object({
  kind: z.literal('imported'),
  id: z.string(),
  sha256,
  format: z.string(),
  /** The tensor that filters act on, and its layout in einops' notation. */
  layer: z.string(),
  layout: z.string(),
  output: z.string(),
  inputSize: sizeSchema,
  /** How frames of another shape were brought to that size; absent where they were stretched. */
  resize: z.enum(RESIZES).optional(),
  grid: gridSchema,
  licences: licencesSchema,
});

/** The network; documents of before there were two kinds do not name theirs. */
export const modelSchema = z.preprocess(asUnion, z.discriminatedUnion('kind', [eventNetworkSchema, importedSchema]));
