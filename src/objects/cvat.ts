/**
 * "CVAT for video 1.1" and "CVAT for images 1.1" (https://docs.cvat.ai/docs/manual/advanced/xml_format/): tracks of boxes, frames counted
 * from 0, or boxes of single images. Between two boxes of a track the object moves in a straight line; from a box that is `outside` on it
 * is not in the picture.
 */
import { XMLParser } from 'fast-xml-parser';
import * as z from '#zod';
import { messageOf } from '../base/errors.ts';
import type { ObjectBox, ObjectList, Rectangle } from './boxes.ts';
import { firstOf, numberIn } from './numbering.ts';
import { refusedEntries, refusedObjects } from './refused.ts';
import { idOf, isBox } from './table.ts';

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '@',
  parseTagValue: false,
  isArray: (name, path) => LISTS.has(name) && /^annotations(\.[a-z]+){1,3}$/.test(String(path)),
});
/** Shapes of a track or an image, which `box` is the one read of. */
const OTHER_SHAPES = ['polygon', 'polyline', 'points', 'ellipse', 'cuboid', 'mask', 'skeleton'] as const;
const LISTS = new Set<string>(['track', 'image', 'box', 'attribute', ...OTHER_SHAPES]);

const attribute = z.string().optional();
const cornersSchema = z.looseObject({
  '@xtl': z.string(),
  '@ytl': z.string(),
  '@xbr': z.string(),
  '@ybr': z.string(),
  '@rotation': attribute,
});
const boxSchema = z.looseObject({ ...cornersSchema.shape, '@frame': z.string(), '@outside': attribute });
const trackSchema = z.looseObject({ '@id': attribute, '@label': attribute, box: z.array(boxSchema).optional() });
const shapeSchema = z.looseObject({
  ...cornersSchema.shape,
  '@label': attribute,
  attribute: z
    .array(z.looseObject({ '@name': attribute, '#text': attribute }))
    .optional()
    .catch(undefined),
});
const imageSchema = z.looseObject({
  '@id': attribute,
  '@name': attribute,
  '@width': attribute,
  '@height': attribute,
  box: z.array(shapeSchema).optional(),
});
const jobSchema = z.looseObject({
  stop_frame: attribute,
  size: attribute,
  original_size: z.looseObject({ width: attribute, height: attribute }).optional(),
});
const documentSchema = z.looseObject({
  annotations: z.looseObject({
    meta: z
      .looseObject({
        task: jobSchema.optional().catch(undefined),
        job: jobSchema.optional().catch(undefined),
        original_size: z.looseObject({ width: attribute, height: attribute }).optional().catch(undefined),
      })
      .optional()
      .catch(undefined),
    track: z.array(z.unknown()).optional(),
    image: z.array(z.unknown()).optional(),
  }),
});

/** What is said of a file, and counted while it is read. */
interface Reading {
  readonly problems: string[];
  turned: number;
  others: number;
}

/**
 * The boxes of tracks, or of single images.
 *
 * @throws L2cafError `input-unreadable` for what is not such a file, or with what is wrong in it
 */
export function boxesOfCvat(path: string, text: string): ObjectList {
  const annotations = parse(path, text);
  const reading: Reading = { problems: [], turned: 0, others: 0 };
  const { track: tracks = [], image: images = [] } = annotations;
  if (tracks.length === 0 && images.length === 0) {
    throw refusedObjects(path, 'holds no tracks and no images', EXPORT_HINT);
  }
  const list = tracks.length > 0 ? ofTracks(path, annotations.meta, tracks, reading) : ofImages(path, images, reading);
  const kind = tracks.length > 0 ? 'tracks' : 'images';
  const { problems, turned, others } = reading;
  if (problems.length > 0) throw refusedEntries(path, `${kind} that cannot be read`, problems);
  const notes = [
    ...(others > 0 ? [`${others} ${tracks.length > 0 ? 'tracks' : 'shapes'} that are no boxes were left out`] : []),
    ...(turned > 0 ? [`${turned} turned boxes were taken upright`] : []),
  ];
  return { ...list, notes };
}

const EXPORT_HINT = 'export the task as "CVAT for video 1.1" or "CVAT for images 1.1"';

function ofTracks(path: string, meta: Annotations['meta'], tracks: readonly unknown[], reading: Reading): ObjectList {
  const job = meta?.task ?? meta?.job;
  const { width, height } = job?.original_size ?? meta?.original_size ?? {};
  const stop = Number(job?.stop_frame ?? Number.NaN);
  const boxes = tracks.flatMap((own, i) => {
    const track = parsedOr(trackSchema, own, `track ${i + 1}`, reading);
    if (track === undefined) return [];
    if (track.box === undefined) reading.others++;
    return boxesOfTrack(track, stop, (problem) => reading.problems.push(`track ${i + 1}: ${problem}`), reading);
  });
  const picture = { width: Number(width), height: Number(height) };
  return {
    ...{ path, format: 'CVAT for video', axis: 'frames', firstFrame: 0, boxes, notes: [] },
    ...(picture.width > 0 && picture.height > 0 && { picture }),
  };
}

/** Of a video, CVAT names its images `frame_000123`, by the video's own frames; others are known by their names. */
function ofImages(path: string, images: readonly unknown[], reading: Reading): ObjectList {
  const read = images.flatMap((own, i) => {
    const image = parsedOr(imageSchema, own, `image ${i + 1}`, reading);
    if (image === undefined) return [];
    const at = numberIn(image['@name']) ?? Number(image['@id']);
    if (Number.isInteger(at) && at >= 0) return [{ ...image, at, place: `image ${i + 1}` }];
    reading.problems.push(`image ${i + 1}: no number in its name and id`);
    return [];
  });
  const isOfVideo = read.every(({ '@name': name = '' }) => /^frame_\d+(\.\w+)?$/i.test(name));
  return {
    ...{ path, format: 'CVAT for images', axis: 'frames', notes: [] },
    firstFrame: isOfVideo ? 0 : firstOf(read.map(({ at }) => at)),
    boxes: read.flatMap((image) => boxesOfImage(image, reading)),
  };
}

function boxesOfImage(
  { at, place, box: shapes = [], ...image }: z.infer<typeof imageSchema> & { at: number; place: string },
  reading: Reading,
): ObjectBox[] {
  const { '@name': picture, '@width': width, '@height': height } = image;
  const of = { width: Number(width), height: Number(height) };
  for (const kind of OTHER_SHAPES) reading.others += Array.isArray(image[kind]) ? image[kind].length : 0;
  return shapes.flatMap((shape): ObjectBox[] => {
    const box = rectangleOf(shape);
    if (!isBox(box)) {
      reading.problems.push(
        `${place}: no box from ${shape['@xtl']}, ${shape['@ytl']} to ${shape['@xbr']}, ${shape['@ybr']}`,
      );
      return [];
    }
    if (isTurned(shape)) reading.turned++;
    const id = idOf(shape.attribute?.find(({ '@name': name }) => name === 'track_id')?.['#text']);
    const label = shape['@label'];
    return [
      {
        ...{ ...box, at },
        ...(picture !== undefined && { picture }),
        ...(of.width > 0 && of.height > 0 && { of }),
        ...(id !== undefined && { id }),
        ...(label !== undefined && label !== '' && { label }),
      },
    ];
  });
}

/** What a schema says of an element; undefined, with what is wrong, for another. */
function parsedOr<Schema extends z.ZodType>(
  schema: Schema,
  own: unknown,
  place: string,
  { problems }: Reading,
): z.infer<Schema> | undefined {
  const parsed = schema.safeParse(own);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  problems.push(`${place}: ${issue.path.join('.')}: ${issue.message}`);
  return undefined;
}

function rectangleOf({
  '@xtl': left,
  '@ytl': top,
  '@xbr': right,
  '@ybr': bottom,
}: z.infer<typeof cornersSchema>): Rectangle {
  return { x: Number(left), y: Number(top), width: Number(right) - Number(left), height: Number(bottom) - Number(top) };
}

function isTurned({ '@rotation': turned = '0' }: z.infer<typeof cornersSchema>): boolean {
  return Number(turned) !== 0;
}

function boxesOfTrack(
  { '@id': id, '@label': label, box: own = [] }: z.infer<typeof trackSchema>,
  stop: number,
  onProblem: (problem: string) => void,
  reading: Reading,
): ObjectBox[] {
  const shapes = own.flatMap((shape): (Rectangle & { at: number; isOutside: boolean })[] => {
    const at = Number(shape['@frame']);
    const box = rectangleOf(shape);
    const isOutside = shape['@outside'] === '1';
    if (!Number.isInteger(at) || at < 0 || !(isOutside || isBox(box))) {
      onProblem(`no box in frame ${shape['@frame']}`);
      return [];
    }
    if (isTurned(shape)) reading.turned++;
    return [{ ...box, at, isOutside }];
  });
  shapes.sort((a, b) => a.at - b.at);
  return shapes.flatMap(({ isOutside, ...box }, i) => {
    if (isOutside) return [];
    const next = shapes[i + 1];
    // Where the next one is outside, or there is none, it stays where it is until then.
    const { isOutside: _, ...target } =
      next && !next.isOutside ? next : { ...box, isOutside, at: next?.at ?? stop + 1 };
    return [
      {
        ...box,
        ...(id !== undefined && { id }),
        ...(label !== undefined && label !== '' && { label }),
        ...(target.at > box.at && { movesTo: target }),
      },
    ];
  });
}

type Annotations = z.infer<typeof documentSchema>['annotations'];

function parse(path: string, text: string): Annotations {
  let json: unknown;
  try {
    json = parser.parse(text, true);
  } catch (cause) {
    throw refusedObjects(path, `is no XML: ${messageOf(cause)}`);
  }
  const parsed = documentSchema.safeParse(json);
  if (!parsed.success) throw refusedObjects(path, 'is XML, but not of CVAT', EXPORT_HINT);
  return parsed.data.annotations;
}
