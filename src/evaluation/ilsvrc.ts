/**
 * The validation pictures of ILSVRC 2012 with their boxes, as the challenge's archives unfold (`ILSVRC2012_img_val`,
 * `ILSVRC2012_bbox_val_v3`) and as Kaggle has them (`ILSVRC/Data/CLS-LOC/val`, `ILSVRC/Annotations/CLS-LOC/val`). The class
 * is told by the WordNet synset of the boxes; a list beside says what the synset is called.
 */
import { readdir } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { XMLParser } from 'fast-xml-parser';
import * as z from '#zod';
import { L2cafError, messageOf } from '../base/errors.ts';
import { exists } from '../base/files.ts';
import { readInput } from '../base/input-files.ts';
import type { StillTruth } from './still-truth.ts';
import type { Box } from './wsol.ts';

/**
 * Reads them; of two classes that are both called `crane`, the first is taken.
 *
 * @param folder that holds pictures, annotations and the list of synsets, anywhere below it where these archives have them
 * @throws L2cafError `input-not-found` when a part is missing; `input-unreadable` when one is malformed, or a picture has no
 *   boxes
 */
export async function readIlsvrc(folder: string): Promise<StillTruth[]> {
  const [pictures, annotations, synsets] = await Promise.all([
    firstOf(folder, PICTURES, 'pictures'),
    firstOf(folder, ANNOTATIONS, 'boxes'),
    firstOf(folder, SYNSETS, 'names of the synsets'),
  ]);
  const names = await readSynsets(synsets);
  const files = (await readdir(pictures, { recursive: true })).filter((file) => /\.jpe?g$/i.test(file)).sort();
  const boxed = new Map(
    (await readdir(annotations, { recursive: true }))
      .filter((file) => file.endsWith('.xml'))
      .map((file) => [basename(file, '.xml'), join(annotations, file)]),
  );
  const without = files.filter((file) => !boxed.has(stemOf(file)));
  if (without.length > 0) throw unreadable(annotations, `has no boxes for ${without.slice(0, 5).join(', ')}`);
  const stills: StillTruth[] = [];
  for (const file of files) {
    const { synset, boxes } = await readBoxes(boxed.get(stemOf(file))!);
    const label = names.get(synset);
    stills.push({ path: join(pictures, file), boxes, ...(label !== undefined && { label }) });
  }
  return stills;
}

const PICTURES = ['ILSVRC2012_img_val', 'ILSVRC/Data/CLS-LOC/val', 'Data/CLS-LOC/val', 'val', 'images'];
const ANNOTATIONS = [
  ...['ILSVRC2012_bbox_val_v3', 'ILSVRC/Annotations/CLS-LOC/val', 'Annotations/CLS-LOC/val', 'bbox'],
  'annotations',
];
const SYNSETS = ['LOC_synset_mapping.txt', 'synset_words.txt', 'words.txt'];

async function firstOf(folder: string, places: readonly string[], what: string): Promise<string> {
  for (const place of places) if (await exists(join(folder, place))) return join(folder, place);
  throw new L2cafError('input-not-found', `${folder} has no ${what} of ILSVRC: none of ${places.join(', ')}`, {
    hint: HINT,
  });
}

/** Lines such as `n01440764 tench, Tinca tinca`. */
async function readSynsets(path: string): Promise<ReadonlyMap<string, string>> {
  const lines = (await readInput(path, { maxBytes: MAX_BYTES })).toString('utf8').split(/\r?\n/);
  const names = lines.flatMap((line): [string, string][] => {
    const [, synset, name] = /^(n\d{8})\s+(.+)$/.exec(line) ?? [];
    return synset && name ? [[synset, name.trim()]] : [];
  });
  if (names.length === 0) throw unreadable(path, 'names no synsets: lines such as "n01440764 tench, Tinca tinca"');
  return new Map(names);
}

const number = z.coerce.number();
const corners = z.object({ xmin: number, ymin: number, xmax: number, ymax: number });
const annotation = z.object({
  annotation: z.object({ object: z.array(z.object({ name: z.string(), bndbox: corners })).min(1) }),
});
const parser = new XMLParser({ parseTagValue: false, isArray: (name) => name === 'object' });

async function readBoxes(path: string): Promise<{ readonly synset: string; readonly boxes: readonly Box[] }> {
  const text = (await readInput(path, { maxBytes: MAX_BYTES })).toString('utf8');
  try {
    const { object } = annotation.parse(parser.parse(text)).annotation;
    const { name: synset } = object[0]!;
    // The boxes of a picture are of its class; others are no truth about it.
    const own = object.filter(({ name }) => name === synset);
    return { synset, boxes: own.map(({ bndbox: { xmin, ymin, xmax, ymax } }): Box => [xmin, ymin, xmax, ymax]) };
  } catch (cause) {
    throw unreadable(path, `holds no boxes of ILSVRC: ${messageOf(cause).split('\n')[0]}`);
  }
}

/** A list of all synsets of WordNet has some 3 MB. */
const MAX_BYTES = 16e6;

const HINT = 'docs/evaluation.md describes the layouts; --format says which this is';

function stemOf(file: string): string {
  return basename(file, extname(file));
}

function unreadable(path: string, why: string): L2cafError {
  return new L2cafError('input-unreadable', `${path} ${why}`, { hint: HINT });
}
