/**
 * Still pictures with boxes or masks of their object, from the layouts in which people have them. All readers give the
 * same list, so a further layout is one more function.
 */
import { readdir } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { parseCsv } from '../base/csv.ts';
import { L2cafError, messageOf } from '../base/errors.ts';
import { exists, isFolder } from '../base/files.ts';
import { groupBy } from '../base/group-by.ts';
import { readInput } from '../base/input-files.ts';
import { readBoxesCsv } from './boxes-csv.ts';
import { STILL_FORMATS, type StillFormat } from './choices.ts';
import { readIlsvrc } from './ilsvrc.ts';
import { type MatStruct, type MatValue, readMatFile } from './mat-file.ts';
import type { StillSplit, StillTruth } from './still-truth.ts';
import type { Box } from './wsol.ts';

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
  ['cars', ['cars_test']],
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
/** Likewise of the 196 of Stanford Cars. */
const CARS_SEEN = 98;

/** A line of Stanford Cars' annotations; classes count from 1. */
interface CarRow {
  readonly file: string;
  readonly corners: readonly string[];
  readonly classNumber: number;
}

async function readCars(folder: string): Promise<StillTruth[]> {
  const { rows, names } = (await exists(join(folder, 'anno_test.csv')))
    ? await readCarsCsv(folder)
    : await readCarsDevkit(folder);
  const images = join(folder, 'cars_test');
  const entries = await readdir(images, { recursive: true }).catch((cause: unknown) => {
    throw new L2cafError('input-not-found', `cannot read ${images}: ${messageOf(cause)}`, { cause });
  });
  const pathOf = new Map(entries.map((entry) => [basename(entry), join(images, entry)]));
  return rows.map(({ file, corners, classNumber }) => {
    const label = names[classNumber - 1];
    const path = pathOf.get(file);
    if (path === undefined) throw unreadable(folder, `has no picture ${file} in cars_test`);
    return {
      ...{ path, boxes: [boxOf(corners, folder)] },
      ...(label !== undefined && { label, isSeen: classNumber <= CARS_SEEN }),
    };
  });
}

interface CarList {
  readonly rows: readonly CarRow[];
  readonly names: readonly string[];
}

async function readCarsCsv(folder: string): Promise<CarList> {
  const csv = async (name: string): Promise<string[][]> =>
    parseCsv(await text(join(folder, name)), name, ',').map(({ fields }) => [...fields]);
  const names = (await csv('names.csv')).map((fields) => fields.join(', '));
  const rows = (await csv('anno_test.csv')).map(([file = '', ...rest]) => ({
    file,
    corners: rest.slice(0, 4),
    classNumber: Number(rest[4]),
  }));
  return { rows, names };
}

/** The MATLAB files, in `devkit` or beside it; without the labelled ones, pictures have no class. */
async function readCarsDevkit(folder: string): Promise<CarList> {
  const find = async (name: string): Promise<Map<string, MatValue> | undefined> => {
    for (const path of [join(folder, 'devkit', name), join(folder, name)]) {
      if (!(await exists(path))) continue;
      return readMatFile(await readInput(path, { maxBytes: MAX_FILE_BYTES }), path);
    }
    return undefined;
  };
  const list = (await find('cars_test_annos_withlabels.mat')) ?? (await find('cars_test_annos.mat'));
  const structs = list?.get('annotations') as readonly MatStruct[] | undefined;
  if (structs === undefined) {
    throw unreadable(folder, 'has neither anno_test.csv nor cars_test_annos.mat with the annotations');
  }
  const number = (value: MatValue | undefined): number => Number(value?.[0]);
  const rows = structs.map((annotation) => ({
    file: String(annotation['fname']),
    corners: ['x1', 'y1', 'x2', 'y2'].map((side) => String(number(annotation[`bbox_${side}`]))),
    classNumber: number(annotation['class']),
  }));
  const names = (await find('cars_meta.mat'))?.get('class_names') ?? [];
  return { rows, names: names as readonly string[] };
}

/** The first four fields as a box. */
function boxOf(fields: readonly string[], where: string): Box {
  const [left, top, right, bottom] = fields.slice(0, 4).map(Number);
  const box = [left, top, right, bottom] as const;
  if (!box.every((value) => Number.isFinite(value)) || box[2]! < box[0]! || box[3]! < box[1]!) {
    throw unreadable(where, `has a line without a box: ${fields.join(' ')}`);
  }
  return box as unknown as Box;
}

/** The lines of a list, each of at least `columns` fields; the last one takes what is left. */
async function table(path: string, columns: number, separator = '\t'): Promise<string[][]> {
  const lines = (await text(path)).split(/\r?\n/).filter((line) => line.trim() !== '');
  return lines.map((line, i) => {
    const fields = line.trim().split(separator);
    if (fields.length >= columns) return [...fields.slice(0, columns - 1), fields.slice(columns - 1).join(separator)];
    throw unreadable(path, `line ${i + 1}: ${fields.length} fields, ${columns} expected`);
  });
}

/** Lists of the largest data sets have some ten million bytes. */
const MAX_FILE_BYTES = 256e6;

async function text(path: string): Promise<string> {
  const bytes = await readInput(path, { maxBytes: MAX_FILE_BYTES }).catch((cause: unknown) => {
    if (!(cause instanceof L2cafError)) throw cause;
    const hint = 'docs/evaluation.md describes the layouts; --format says which this is';
    throw new L2cafError(cause.code, cause.message, { hint, cause });
  });
  return bytes.toString('utf8');
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

function unreadable(path: string, why: string): L2cafError {
  return new L2cafError('input-unreadable', `${path} ${why}`, {
    hint: 'docs/evaluation.md describes the layouts; --format says which this is',
  });
}
