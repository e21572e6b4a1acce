/**
 * "CVAT for video 1.1" (https://docs.cvat.ai/docs/manual/advanced/xml_format/): tracks of boxes, frames counted from 0. Between two
 * boxes of a track the object moves in a straight line; from a box that is `outside` on it is not in the picture.
 */
import { XMLParser } from 'fast-xml-parser';
import * as z from '#zod';
import { messageOf } from '../base/errors.ts';
import type { ObjectBox, ObjectList, Rectangle } from './boxes.ts';
import { refusedEntries, refusedObjects } from './refused.ts';
import { isBox } from './table.ts';

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '@',
  parseTagValue: false,
  isArray: (name, path) => LISTS.has(name) && /^annotations\.[a-z]+(\.[a-z]+)?$/.test(String(path)),
});
/** Shapes of a track, which `box` is the one read of. */
const OTHER_SHAPES = ['polygon', 'polyline', 'points', 'ellipse', 'cuboid', 'mask', 'skeleton'] as const;
const LISTS = new Set<string>(['track', 'image', 'box', ...OTHER_SHAPES]);

const attribute = z.string().optional();
const boxSchema = z.looseObject({
  '@frame': z.string(),
  '@outside': attribute,
  '@xtl': z.string(),
  '@ytl': z.string(),
  '@xbr': z.string(),
  '@ybr': z.string(),
  '@rotation': attribute,
});
const trackSchema = z.looseObject({ '@id': attribute, '@label': attribute, box: z.array(boxSchema).optional() });
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

/**
 * The boxes of tracks.
 *
 * @throws L2cafError `input-unreadable` for what is not such a file, or with what is wrong in it
 */
export function boxesOfCvat(path: string, text: string): ObjectList {
  const { meta, track: tracks = [], image: images = [] } = parse(path, text);
  if (tracks.length === 0) {
    throw images.length > 0
      ? refusedObjects(path, 'holds annotations of single images', 'export the task as "CVAT for video 1.1" or as COCO')
      : refusedObjects(path, 'holds no tracks', 'export the task as "CVAT for video 1.1"');
  }
  const job = meta?.task ?? meta?.job;
  const { width, height } = job?.original_size ?? meta?.original_size ?? {};
  const stop = Number(job?.stop_frame ?? Number.NaN);
  const problems: string[] = [];
  const counts = { turned: 0, others: 0 };
  const boxes = tracks.flatMap((own, i) => {
    const parsed = trackSchema.safeParse(own);
    if (!parsed.success) {
      const issue = parsed.error.issues[0]!;
      problems.push(`track ${i + 1}: ${issue.path.join('.')}: ${issue.message}`);
      return [];
    }
    if (parsed.data.box === undefined) counts.others++;
    return boxesOfTrack(parsed.data, stop, (problem) => problems.push(`track ${i + 1}: ${problem}`), counts);
  });
  if (problems.length > 0) throw refusedEntries(path, 'tracks that cannot be read', problems);
  const picture = { width: Number(width), height: Number(height) };
  return {
    ...{ path, format: 'CVAT for video', axis: 'frames', firstFrame: 0, boxes },
    ...(picture.width > 0 && picture.height > 0 && { picture }),
    notes: [
      ...(counts.others > 0 ? [`${counts.others} tracks of other shapes than boxes were left out`] : []),
      ...(counts.turned > 0 ? [`${counts.turned} turned boxes were taken upright`] : []),
    ],
  };
}

function boxesOfTrack(
  { '@id': id, '@label': label, box: own = [] }: z.infer<typeof trackSchema>,
  stop: number,
  onProblem: (problem: string) => void,
  counts: { turned: number },
): ObjectBox[] {
  const shapes = own.flatMap((shape): (Rectangle & { at: number; isOutside: boolean })[] => {
    const [at, left, top, right, bottom] = [
      shape['@frame'],
      ...[shape['@xtl'], shape['@ytl'], shape['@xbr'], shape['@ybr']],
    ].map(Number) as [number, number, number, number, number];
    const box = { x: left, y: top, width: right - left, height: bottom - top };
    const isOutside = shape['@outside'] === '1';
    if (!Number.isInteger(at) || at < 0 || !(isOutside || isBox(box))) {
      onProblem(`no box in frame ${shape['@frame']}`);
      return [];
    }
    if (Number(shape['@rotation'] ?? 0) !== 0) counts.turned++;
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

function parse(path: string, text: string): z.infer<typeof documentSchema>['annotations'] {
  let json: unknown;
  try {
    json = parser.parse(text, true);
  } catch (cause) {
    throw refusedObjects(path, `is no XML: ${messageOf(cause)}`);
  }
  const parsed = documentSchema.safeParse(json);
  if (!parsed.success) throw refusedObjects(path, 'is XML, but not of CVAT', 'export the task as "CVAT for video 1.1"');
  return parsed.data.annotations;
}
