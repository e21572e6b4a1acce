/**
 * COCO (https://cocodataset.org/#format-data): annotations with their images, or a list of results. COCO knows pictures; which
 * frame of a video a picture is, a field of it says (`frame_id`, `frame_index`), or else the last number of its file's name, or else its id.
 */
import * as z from '#zod';
import type { ObjectBox, ObjectList } from './boxes.ts';
import { firstOf, numberIn } from './numbering.ts';
import { refusedEntries, refusedObjects } from './refused.ts';
import { idOf, isBox } from './table.ts';

const numberOrText = z.union([z.number(), z.string()]);
const bbox = z.tuple([z.number(), z.number(), z.number(), z.number()]);
const identified = {
  image_id: numberOrText,
  category_id: numberOrText.optional(),
  bbox,
  score: z.number().nullish(),
  track_id: numberOrText.nullish(),
  instance_id: numberOrText.nullish(),
};
const annotationSchema = z.looseObject({
  ...identified,
  attributes: z.looseObject({ track_id: numberOrText.nullish() }).nullish(),
});
const imageSchema = z.looseObject({
  id: numberOrText,
  file_name: z.string().optional(),
  width: z.number().positive().optional(),
  height: z.number().positive().optional(),
  frame_id: z.int().nonnegative().optional(),
  frame_index: z.int().nonnegative().optional(),
  frame_number: z.int().nonnegative().optional(),
});
const documentSchema = z.looseObject({
  videos: z.array(z.unknown()).optional(),
  images: z.array(imageSchema).min(1),
  annotations: z.array(z.unknown()),
  categories: z.array(z.looseObject({ id: numberOrText, name: z.string() })).optional(),
});

/** Whether JSON looks like annotations with their images. */
export function isCocoDocument(json: unknown): boolean {
  return typeof json === 'object' && json !== null && 'images' in json && 'annotations' in json;
}

/** Whether JSON looks like a list of results. */
export function isCocoResults(json: unknown): json is readonly unknown[] {
  const [first] = Array.isArray(json) ? (json as readonly unknown[]) : [];
  return typeof first === 'object' && first !== null && 'image_id' in first && 'bbox' in first;
}

/**
 * The boxes of annotations with their images; annotations without a box are left out.
 *
 * @throws L2cafError `input-unreadable` with what is wrong, or when it is of several videos
 */
export function boxesOfCoco(path: string, json: unknown): ObjectList {
  const parsed = documentSchema.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw refusedObjects(path, `is not COCO as it should be: ${issue.path.join('.')}: ${issue.message}`);
  }
  const { images, annotations, categories = [], videos = [] } = parsed.data;
  if (videos.length > 1) {
    throw refusedObjects(path, `is of ${videos.length} videos`, 'keep the images and annotations of one video');
  }
  const names = new Map(categories.map(({ id, name }) => [String(id), name]));
  const unnumbered = images.filter((image) => frameOfImage(image) === undefined);
  const isByPicture = unnumbered.length > 0;
  const unknown = unnumbered.find(({ file_name: name }) => name === undefined);
  if (unknown !== undefined) {
    throw refusedObjects(path, `does not say which frame the image ${unknown.id} is`, 'give its images frame_index');
  }
  const frames = new Map(
    images.map((image) => {
      const { id, file_name: picture, width, height } = image;
      const of = width === undefined || height === undefined ? undefined : { width, height };
      return [String(id), { at: isByPicture ? 0 : frameOfImage(image)!, picture, of }];
    }),
  );
  const hasBox = (own: unknown): boolean =>
    typeof own === 'object' && own !== null && 'bbox' in own && Array.isArray(own.bbox) && own.bbox.length > 0;
  const boxed = annotations.map((own, i) => ({ own, place: `annotations.${i}` })).filter(({ own }) => hasBox(own));
  const boxes = boxesOf(path, boxed, names, (id) => frames.get(id));
  const without = annotations.length - boxed.length;
  return {
    ...{ path, format: 'COCO', axis: 'frames', boxes },
    firstFrame: isByPicture ? 0 : firstOf([...frames.values()].map(({ at }) => at)),
    ...(isByPicture && { isByPicture }),
    notes: without > 0 ? [`${without} annotations without a box were left out`] : [],
  };
}

/**
 * The boxes of a list of results, whose image ids are numbers of frames.
 *
 * @throws L2cafError `input-unreadable` with the entries that are wrong
 */
export function boxesOfCocoResults(path: string, json: readonly unknown[]): ObjectList {
  const entries = json.map((own, i) => ({ own, place: `entry ${i + 1}` }));
  const boxes = boxesOf(path, entries, new Map(), (id) => {
    const at = numberIn(id);
    return at === undefined ? undefined : { at };
  });
  return {
    ...{ path, format: 'a list of COCO results', axis: 'frames', boxes },
    firstFrame: firstOf(boxes.map(({ at }) => at)),
    notes: [],
  };
}

/** The picture that a box is of, as far as it is known. */
interface PictureOfBox {
  readonly picture?: string | undefined;
  readonly of?: ObjectBox['of'] | undefined;
}

function boxesOf(
  path: string,
  entries: readonly { readonly own: unknown; readonly place: string }[],
  names: ReadonlyMap<string, string>,
  frameOf: (imageId: string) => (Pick<ObjectBox, 'at'> & PictureOfBox) | undefined,
): ObjectBox[] {
  const problems: string[] = [];
  const boxes = entries.flatMap(({ own, place }): ObjectBox[] => {
    const parsed = annotationSchema.safeParse(own);
    if (!parsed.success) {
      const issue = parsed.error.issues[0]!;
      problems.push(`${place}: ${issue.path.join('.')}: ${issue.message}`);
      return [];
    }
    const { image_id: image, category_id: category, bbox: corners, score, attributes, ...ids } = parsed.data;
    const [x, y, width, height] = corners;
    const found = frameOf(String(image));
    if (found === undefined || !isBox({ x, y, width, height })) {
      problems.push(found === undefined ? `${place}: no image ${image}` : `${place}: no box: ${corners.join(', ')}`);
      return [];
    }
    const id = idOf(ids.track_id ?? ids.instance_id ?? attributes?.track_id);
    const label = category === undefined ? undefined : (names.get(String(category)) ?? `class ${category}`);
    const { at, picture, of } = found;
    return [
      {
        ...{ x, y, width, height, at },
        ...(picture !== undefined && { picture }),
        ...(of && { of }),
        ...(id !== undefined && { id }),
        ...(label !== undefined && { label }),
        ...(typeof score === 'number' && { score }),
      },
    ];
  });
  if (problems.length > 0) throw refusedEntries(path, 'entries that are no boxes', problems);
  return boxes;
}

function frameOfImage({ id, file_name: name, ...image }: z.infer<typeof imageSchema>): number | undefined {
  return image.frame_id ?? image.frame_index ?? image.frame_number ?? numberIn(name) ?? numberIn(String(id));
}
