/**
 * The document of a still picture: everything that `l2caf image` found out, as numbers, with what is needed to draw and to
 * reproduce it.
 */
import * as z from '#zod';
import { L2cafError } from '../base/errors.ts';
import { writeFileAtomically } from '../base/files.ts';
import { RESIZES } from '../base/fit.ts';

/** Version of the document's shape; changes when a reader of the old one would go wrong. */
export const PICTURE_SCHEMA = 'l2caf-picture/1';

const count = z.int().nonnegative();
const size = z.int().positive();
const seconds = z.number().nonnegative();
const probability = z.number().min(0).max(1);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

const filterSchema = z
  .object({ height: size, width: size, values: z.array(z.number()) })
  .refine(({ height, width, values }) => values.length === height * width, 'a filter has the wrong number of values');

const mapSchema = z.object({
  /** What the map explains: all outputs (paper, Eq. 1), one class (Eq. 2), or what drives one number. */
  target: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('oblivious') }),
    z.object({ kind: z.literal('class'), index: count, label: z.string(), probability }),
    z.object({ kind: z.literal('output'), index: count, label: z.string(), value: z.number() }),
  ]),
  /** Signed, row by row. */
  filter: filterSchema,
  loss: z.number(),
  iterations: count,
  status: z.enum(['converged', 'max-iterations', 'exact', 'no-effect']),
  /** Cell of the largest absolute filter value, from the top left, 0-based. */
  peakCell: z.object({ row: count, column: count }),
  /** Share of the filter's energy in cells that argue against the target. */
  opposingShare: probability,
  /** With objects: the share of the filter's energy on all boxes together, each point once, and on each of the objects. */
  objects: z
    .object({
      share: probability,
      each: z.array(probability),
      /** What of the answer is lost without an object, and with as much emptied elsewhere (`EmptiedLoss`), of the largest. */
      without: z.array(z.object({ object: count, lost: z.number(), elsewhere: z.number() })).exactOptional(),
    })
    .exactOptional(),
});

const length = z.number().nonnegative();

/** Boxes of objects beside the maps, where a file of them was given. */
const objectsSchema = z.object({
  /** The file, and what it was taken for. */
  path: z.string().min(1),
  format: z.string().min(1),
  /** Share of the picture that the network sees, of all boxes together. */
  area: probability,
  list: z
    .array(
      z.object({
        name: z.string(),
        id: z.string().exactOptional(),
        label: z.string().exactOptional(),
        area: probability,
        /** Pixels of the picture. */
        boxes: z.array(z.object({ x: length, y: length, width: length, height: length })).min(1),
      }),
    )
    .min(1),
});

const sanitySchema = z.object({
  /** From the output down; what was re-initialised in one step stays so in the next. */
  steps: z.array(
    z.object({
      part: z.string(),
      /** One per map, with its likeness to the trained network's. */
      maps: z.array(z.object({ filter: filterSchema, rankCorrelation: z.number(), ssim: z.number() })),
    }),
  ),
  meanRankCorrelations: z.array(z.number()),
  verdict: z.enum(['passed', 'failed']),
});

const pictureSchema = z.object({
  schema: z.literal(PICTURE_SCHEMA),
  l2cafVersion: z.string(),
  /** Absolute path at the time of the analysis; the picture's own size, pixels. */
  source: z.object({ path: z.string().min(1), sha256, width: size, height: size }),
  model: z.object({
    id: z.string(),
    weightsSha256: sha256,
    /** The layer whose output was filtered. */
    layer: z.string(),
    /** Of a network of the user's: what its file is, the layer's layout in einops' notation, and what is explained. */
    format: z.string().optional(),
    layout: z.string().optional(),
    output: z.string().optional(),
    inputSize: z.object({ width: size, height: size }),
    /** How a picture of another shape is brought to that size; absent where it is stretched. */
    resize: z.enum(RESIZES).optional(),
    grid: z.object({ height: size, width: size }),
  }),
  options: z.object({
    backend: z.string(),
    method: z.string(),
    solver: z.string(),
    /** Why this solver. */
    solverReason: z.string(),
    preset: z.string(),
    constraint: z.string(),
    /** Whether filters have twice the rows and columns of the network's cells, woven from those of four views. */
    fine: z.literal(true).optional(),
    seed: z.int(),
  }),
  /** The most probable classes, most probable first; none of a network without classes. */
  predictions: z.array(z.object({ index: count, label: z.string(), probability })),
  /** Numbers with names that the network gives, such as a steering angle. */
  numbers: z.object({ names: z.array(z.string()), values: z.array(z.number()) }).optional(),
  /** What the user should know before trusting the maps. */
  warnings: z.array(z.string()).optional(),
  /** Boxes of objects, whose share of the attention each map states. */
  objects: objectsSchema.exactOptional(),
  maps: z.array(mapSchema).min(1),
  /** The same targets under each constraint (paper, Fig. 11), when asked for. */
  constraints: z.array(z.object({ constraint: z.string(), maps: z.array(mapSchema) })).optional(),
  /** The sanity check (paper, Fig. 10), when asked for. */
  sanity: sanitySchema.optional(),
  timingsSec: z.object({ features: seconds, maps: seconds }),
});

/** The JSON Schema of the document. */
export function pictureJsonSchema(): object {
  return { title: PICTURE_SCHEMA, ...z.toJSONSchema(pictureSchema, { io: 'input' }) };
}

/** The analysis of one picture. */
export type PictureAnalysis = z.infer<typeof pictureSchema>;
/** One map of a {@link PictureAnalysis}. */
export type PictureMap = PictureAnalysis['maps'][number];

/**
 * Validates a document.
 *
 * @throws L2cafError `analysis-invalid`, naming the first wrong field.
 */
export function parsePictureAnalysis(json: unknown): PictureAnalysis {
  const result = pictureSchema.safeParse(json);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  throw new L2cafError(
    'analysis-invalid',
    `picture analysis: ${issue.path.join('.') || 'document'}: ${issue.message}`,
    {
      cause: result.error,
    },
  );
}

/** Writes the document, whole or not at all; refuses to write one that could not be read back. */
export async function writePictureAnalysis(path: string, analysis: PictureAnalysis): Promise<void> {
  await writeFileAtomically(path, `${JSON.stringify(parsePictureAnalysis(analysis))}\n`);
}
