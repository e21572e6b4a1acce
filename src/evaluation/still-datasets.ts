/**
 * Still pictures with boxes or masks of their object, from the layouts in which people have them. All readers give the
 * same list, so a further layout is one more function.
 */
import { readdir } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { L2cafError, messageOf } from '../base/errors.ts';
import { exists, isFolder } from '../base/files.ts';
import { groupBy } from '../base/group-by.ts';
import { readBoxesCsv } from './boxes-csv.ts';
import { readCars } from './cars.ts';
import { STILL_FORMATS, type StillFormat } from './choices.ts';
import { readIlsvrc } from './ilsvrc.ts';
import { boxOf, textOf, unreadable } from './still-files.ts';
import type { StillSplit, StillTruth } from './still-truth.ts';

/**
 * Reads a data set: the pictures of one split, or all. Those of which it does not say what they are for belong to any.
 *
 * @param path a folder, or the CSV file of `boxes`
 * @throws L2cafError `input-not-found` when a list or folder is absent, `input-unreadable` when one is malformed or holds no such picture
 */
export async function readStills(
  path: string,
  format: StillFormat,
  wanted: StillSplit = 'test',
): Promise<StillTruth[]> {
  const stills = await READERS[format](path);
  const chosen = stills.filter(({ split = wanted }) => wanted === 'all' || split === wanted);
  if (chosen.length === 0) throw unreadable(path, `holds no pictures${wanted === 'all' ? '' : ` for ${wanted}`}`);
  return chosen;
}

/**
 * The pictures that a retrieval network is measured on: all of the classes that it was not to see, or those for testing where
 * the data set does not say. Throws as {@link readStills}.
 */
export async function readUnseen(path: string, format: StillFormat): Promise<StillTruth[]> {
  const unseen = (await readStills(path, format, 'all')).filter(({ isSeen }) => isSeen === false);
  return unseen.length > 0 ? unseen : readStills(path, format);
}

/** The list of drawn pictures where the folder is named that `npm run fixtures -- --stills` made; else the path itself. */
export async function stillsIn(path: string): Promise<string> {
  const list = join(path, 'stills.csv');
  return (await exists(list)) ? list : path;
}

/**
 * The format that a data set has, as its files tell.
 *
 * @throws L2cafError `input-not-found` when there is no such file or folder, `input-unreadable` when none fits
 */
export async function formatOf(path: string): Promise<StillFormat> {
  if (!(await exists(path))) throw new L2cafError('input-not-found', `there is no ${path}`);
  if (!(await isFolder(path))) return 'boxes';
  for (const [format, files] of MARKS) {
    for (const file of files) if (await exists(join(path, file))) return format;
  }
  throw unreadable(path, `is none of ${STILL_FORMATS.join(', ')}, as far as its files tell`);
}

/** A file or folder that only this format has; the first that fits counts. */
const MARKS: readonly (readonly [StillFormat, readonly string[]])[] = [
  ['cub', ['bounding_boxes.txt']],
  ['cars', ['cars_test', 'cars_annos.mat', 'anno_test.csv']],
  ['ilsvrc', ['ILSVRC2012_img_val', 'ILSVRC/Data/CLS-LOC/val', 'Data/CLS-LOC/val']],
  ['tiny-imagenet', ['val_annotations.txt', 'boxes.csv']],
  ['masks', ['masks']],
];

const READERS: Readonly<Record<StillFormat, (path: string) => Promise<StillTruth[]>>> = {
  boxes: (path) => readBoxed(path, dirname(path)),
  masks: readMasked,
  'tiny-imagenet': readTinyImageNet,
  cub: readCub,
  cars: readCars,
  ilsvrc: readIlsvrc,
};

async function readBoxed(csvPath: string, folder: string): Promise<StillTruth[]> {
  const byFile = groupBy(await readBoxesCsv(csvPath), ({ file }) => file);
  return [...byFile].map(([file, own]) => {
    const { class: label, split, mask, seen } = own[0]!;
    return {
      path: join(folder, file),
      boxes: own.map(({ box }) => box),
      ...(mask !== undefined && { maskPath: join(folder, mask) }),
      ...(label !== undefined && { label }),
      ...(split !== undefined && { split }),
      ...(seen !== undefined && { isSeen: seen }),
    };
  });
}

async function readMasked(folder: string): Promise<StillTruth[]> {
  const pictures = await list(join(folder, 'images'));
  const masks = new Set(await list(join(folder, 'masks')));
  const without = pictures.filter((name) => !masks.has(`${stem(name)}.png`));
  if (without.length > 0) throw unreadable(folder, `has no mask for ${without.slice(0, 5).join(', ')}`);
  return pictures.map((name) => ({
    path: join(folder, 'images', name),
    boxes: [],
    maskPath: join(folder, 'masks', `${stem(name)}.png`),
  }));
}

async function readTinyImageNet(folder: string): Promise<StillTruth[]> {
  const images = join(folder, 'images');
  if (await exists(join(folder, 'boxes.csv'))) return readBoxed(join(folder, 'boxes.csv'), images);
  const rows = await table(join(folder, 'val_annotations.txt'), 6);
  const wordsPath = (await exists(join(folder, 'words.txt'))) ? folder : dirname(folder);
  const words = new Map((await table(join(wordsPath, 'words.txt'), 2)).map(([id, name]) => [id!, name!]));
  return rows.map(([name, id, ...corners]) => {
    const label = words.get(id!);
    return { path: join(images, name!), boxes: [boxOf(corners, folder)], ...(label !== undefined && { label }) };
  });
}

async function readCub(folder: string): Promise<StillTruth[]> {
  const byId = async (file: string, columns: number): Promise<Map<string, string[]>> =>
    new Map((await table(join(folder, file), columns, ' ')).map(([id, ...rest]) => [id!, rest]));
  const images = await byId('images.txt', 2);
  const boxes = await byId('bounding_boxes.txt', 5);
  const splits = await byId('train_test_split.txt', 2);
  const classOf = await byId('image_class_labels.txt', 2);
  const classes = await byId('classes.txt', 2);
  const hasMasks = await exists(join(folder, 'segmentations'));
  return [...images].map(([id, [file]]) => {
    const [x, y, w, h] = (boxes.get(id) ?? []).map(Number);
    const corners = [x!, y!, x! + w!, y! + h!].map(String);
    const label = classes.get(classOf.get(id)?.[0] ?? '')?.[0];
    const mask = join(folder, 'segmentations', file!.replace(/\.[^.]+$/, '.png'));
    return {
      path: join(folder, 'images', file!),
      boxes: [boxOf(corners, `${folder}: picture ${id}`)],
      ...(hasMasks && { maskPath: mask }),
      ...(label !== undefined && { label }),
      split: splits.get(id)?.[0] === '1' ? 'train' : 'test',
      isSeen: Number(classOf.get(id)?.[0]) <= CUB_SEEN,
    };
  });
}

/** Of two hundred classes, the first are those that retrieval networks are trained on by convention (Song et al. 2016). */
const CUB_SEEN = 100;
/** The lines of a list, each of at least `columns` fields; the last one takes what is left. */
async function table(path: string, columns: number, separator = '\t'): Promise<string[][]> {
  const lines = (await textOf(path)).split(/\r?\n/).filter((line) => line.trim() !== '');
  return lines.map((line, i) => {
    const fields = line.trim().split(separator);
    if (fields.length >= columns) return [...fields.slice(0, columns - 1), fields.slice(columns - 1).join(separator)];
    throw unreadable(path, `line ${i + 1}: ${fields.length} fields, ${columns} expected`);
  });
}

async function list(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((cause: unknown) => {
    throw new L2cafError('input-not-found', `cannot read ${folder}: ${messageOf(cause)}`, { cause });
  });
  return names.filter((name) => !name.startsWith('.')).sort();
}

function stem(name: string): string {
  return basename(name, extname(name));
}
