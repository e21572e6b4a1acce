/**
 * Stanford Cars (Krause et al. 2013) in the layouts in which it is distributed: `cars_test` and `cars_train` with the lists of the
 * devkit, `car_ims` with one list of all (`cars_annos.mat`), or Kaggle's form, whose lists are CSV. Classes count from 1.
 */
import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { parseCsv } from '../base/csv.ts';
import { exists } from '../base/files.ts';
import { readInput } from '../base/input-files.ts';
import { type MatStruct, type MatValue, readMatFile } from './mat-file.ts';
import { boxOf, MAX_FILE_BYTES, textOf, unreadable } from './still-files.ts';
import type { StillTruth } from './still-truth.ts';

/** Of 196 classes, the first are those that retrieval networks are trained on by convention (Song et al. 2016). */
const CARS_SEEN = 98;

const PARTS = ['test', 'train'] as const;
type Part = (typeof PARTS)[number];

/** A picture as lists state it. */
interface CarRow {
  /** Its name; in a list of all, with its folder. */
  readonly file: string;
  readonly corners: readonly string[];
  /** Not a number where the class is not told. */
  readonly classNumber: number;
  readonly part: Part;
}

interface CarList {
  readonly rows: readonly CarRow[];
  readonly names: readonly string[];
}

/**
 * Reads it: the pictures for testing, and those for training where they are there.
 *
 * @throws L2cafError `input-not-found`, `input-unreadable`
 */
export async function readCars(folder: string): Promise<StillTruth[]> {
  const { rows, names } = (await listOfAll(folder)) ?? (await csvLists(folder)) ?? (await devkitLists(folder));
  const pictures = new Map<Part, ReadonlyMap<string, string>>();
  for (const part of PARTS) pictures.set(part, await picturesOf(folder, part));
  const stills = rows.flatMap(({ file, corners, classNumber, part }): StillTruth[] => {
    const known = pictures.get(part)!;
    if (part === 'train' && known.size === 0) return []; // left out by who has no use for them
    const path = known.get(basename(file));
    if (path === undefined) throw unreadable(folder, `has no picture ${file} for ${part}ing`);
    const label = names[classNumber - 1];
    return [
      {
        ...{ path, boxes: [boxOf(corners, folder)], split: part },
        ...(label !== undefined && { label, isSeen: classNumber <= CARS_SEEN }),
      },
    ];
  });
  if (stills.length > 0) return stills;
  throw unreadable(folder, 'holds no pictures of its lists');
}

/** Where the pictures of a part lie: the devkit's folders, the one of all, or Kaggle's, which have folders for the classes. */
async function picturesOf(folder: string, part: Part): Promise<ReadonlyMap<string, string>> {
  const places = [`cars_${part}`, 'car_ims', join('car_data', 'car_data', part), join('car_data', part)];
  for (const place of places.map((name) => join(folder, name))) {
    if (!(await exists(place))) continue;
    const entries = await readdir(place, { recursive: true });
    return new Map(entries.map((entry) => [basename(entry), join(place, entry)]));
  }
  return new Map();
}

/** `cars_annos.mat`, which names all pictures and their classes, and which are for testing. */
async function listOfAll(folder: string): Promise<CarList | undefined> {
  const list = await matFileIn(folder, 'cars_annos.mat');
  const structs = list?.get('annotations') as readonly MatStruct[] | undefined;
  if (structs === undefined) return undefined;
  const rows = structs.map((annotation): CarRow => {
    const part = numberOf(annotation['test']) === 1 ? 'test' : 'train';
    return { ...rowOf(annotation), file: String(annotation['relative_im_path']), part };
  });
  return { rows, names: namesIn(list) };
}

async function csvLists(folder: string): Promise<CarList | undefined> {
  if (!(await exists(join(folder, 'anno_test.csv')))) return undefined;
  const csv = async (name: string): Promise<string[][]> =>
    parseCsv(await textOf(join(folder, name)), name, ',').map(({ fields }) => [...fields]);
  const rows: CarRow[] = [];
  for (const part of PARTS) {
    const name = `anno_${part}.csv`;
    if (part === 'train' && !(await exists(join(folder, name)))) continue;
    for (const [file = '', ...rest] of await csv(name)) {
      rows.push({ file, corners: rest.slice(0, 4), classNumber: Number(rest[4]), part });
    }
  }
  return { rows, names: (await csv('names.csv')).map((fields) => fields.join(', ')) };
}

/** The devkit's lists; without the labelled one, pictures for testing have no class. */
async function devkitLists(folder: string): Promise<CarList> {
  const rows: CarRow[] = [];
  for (const part of PARTS) {
    const list =
      (await matFileIn(folder, `cars_${part}_annos_withlabels.mat`)) ??
      (await matFileIn(folder, `cars_${part}_annos.mat`));
    const structs = (list?.get('annotations') ?? []) as readonly MatStruct[];
    rows.push(...structs.map((annotation) => ({ ...rowOf(annotation), part })));
  }
  if (!rows.some(({ part }) => part === 'test')) {
    throw unreadable(folder, 'has none of cars_annos.mat, anno_test.csv and cars_test_annos.mat with the annotations');
  }
  return { rows, names: namesIn(await matFileIn(folder, 'cars_meta.mat')) };
}

function rowOf(annotation: MatStruct): Omit<CarRow, 'part'> {
  return {
    file: String(annotation['fname']),
    corners: ['x1', 'y1', 'x2', 'y2'].map((side) => String(numberOf(annotation[`bbox_${side}`]))),
    classNumber: numberOf(annotation['class']),
  };
}

function numberOf(value: MatValue | undefined): number {
  return Number(value?.[0]);
}

function namesIn(file: ReadonlyMap<string, MatValue> | undefined): readonly string[] {
  return (file?.get('class_names') ?? []) as readonly string[];
}

/** A MATLAB file beside the pictures, or in the folder of the devkit. */
async function matFileIn(folder: string, name: string): Promise<ReadonlyMap<string, MatValue> | undefined> {
  for (const place of ['devkit', join('car_devkit', 'devkit'), '.']) {
    const path = join(folder, place, name);
    if (await exists(path)) return readMatFile(await readInput(path, { maxBytes: MAX_FILE_BYTES }), path);
  }
  return undefined;
}
