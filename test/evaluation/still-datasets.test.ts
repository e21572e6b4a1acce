/** The layouts of still-picture data sets, each as a miniature; and what is wrong with them, said before anything runs. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readBoxesCsv } from '../../src/evaluation/boxes-csv.ts';
import type { StillFormat } from '../../src/evaluation/choices.ts';
import { formatOf, readStills, readUnseen } from '../../src/evaluation/still-datasets.ts';
import { matFile, matlabFile } from './mat-files.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-stills-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** Writes a miniature; returns its folder. */
async function miniature(name: string, files: Readonly<Record<string, string | Buffer>>): Promise<string> {
  for (const [file, content] of Object.entries(files)) {
    const path = join(folder, name, file);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
  }
  return join(folder, name);
}

describe('formatOf', () => {
  it.each<[StillFormat, string]>([
    ['cub', 'bounding_boxes.txt'],
    ['cars', 'cars_test/a.jpg'],
    ['ilsvrc', 'ILSVRC/Data/CLS-LOC/val/a.JPEG'],
    ['tiny-imagenet', 'val_annotations.txt'],
    ['masks', 'masks/a.png'],
  ])('tells %s by %s', async (format, file) => {
    expect(await formatOf(await miniature(`format ${format}`, { [file]: '' }))).toBe(format);
  });

  it('takes a file for a list of boxes, and refuses what it does not know', async () => {
    const at = await miniature('format none', { 'list.csv': '' });
    expect(await formatOf(join(at, 'list.csv'))).toBe('boxes');
    await expect(formatOf(at)).rejects.toThrow(/is none of boxes, masks/);
    await expect(formatOf(join(at, 'nowhere'))).rejects.toMatchObject({ code: 'input-not-found' });
  });
});

describe('readStills', () => {
  it('reads boxes with sizes or corners, several per picture', async () => {
    const at = await miniature('boxes', {
      'a.csv': 'file,x,y,w,h,class\none.png,1,2,10,20,dog\none.png,5,5,1,1,dog\n"two, too.png",0,0,3,4,cat\n',
      'b.csv': 'image,x0,y0,x1,y1,source\none.png,1,2,11,22,me\n',
    });
    expect(await readStills(join(at, 'a.csv'), 'boxes')).toEqual([
      { path: join(at, 'one.png'), boxes: [[1, 2, 11, 22], [5, 5, 6, 6]], label: 'dog' }, // biome-ignore format: a line per picture
      { path: join(at, 'two, too.png'), boxes: [[0, 0, 3, 4]], label: 'cat' },
    ]);
    expect(await readStills(join(at, 'b.csv'), 'boxes')).toEqual([
      { path: join(at, 'one.png'), boxes: [[1, 2, 11, 22]] },
    ]);
  });

  it('reads what pictures are for and their masks from the same list', async () => {
    const at = await miniature('stills', {
      'stills.csv':
        'file,x,y,w,h,class,split,seen,mask\na.jpg,1,2,3,4,van,test,1,m/a.png\nb.jpg,1,2,3,4,suv,train,0,m/b.png\n',
      'wrong.csv': 'file,x,y,w,h,split\na.jpg,1,2,3,4,evaluation\n',
    });
    const path = join(at, 'stills.csv');
    const [van, suv] = [
      {
        path: join(at, 'a.jpg'),
        boxes: [[1, 2, 4, 6]],
        label: 'van',
        split: 'test',
        maskPath: join(at, 'm/a.png'),
        isSeen: true,
      },
      {
        path: join(at, 'b.jpg'),
        boxes: [[1, 2, 4, 6]],
        label: 'suv',
        split: 'train',
        maskPath: join(at, 'm/b.png'),
        isSeen: false,
      },
    ];
    expect(await readStills(path, 'boxes')).toEqual([van]);
    expect(await readStills(path, 'boxes', 'train')).toEqual([suv]);
    expect(await readStills(path, 'boxes', 'all')).toEqual([van, suv]);
    expect(await readUnseen(path, 'boxes')).toEqual([suv]);
    await expect(readStills(path, 'boxes', 'val')).rejects.toThrow('holds no pictures for val');
    await expect(readStills(join(at, 'wrong.csv'), 'boxes')).rejects.toThrow(/no boxes \(1\):\n.*evaluation/);
  });

  it('reads pictures and their masks', async () => {
    const at = await miniature('masks', { 'images/a.jpg': '', 'masks/a.png': '' });
    expect(await readStills(at, 'masks')).toEqual([
      { path: join(at, 'images', 'a.jpg'), boxes: [], maskPath: join(at, 'masks', 'a.png') },
    ]);
  });

  it('reads tiny-imagenet as it is distributed, and from one list', async () => {
    const at = await miniature('tiny-imagenet-200', {
      'words.txt': 'n01443537\tgoldfish, Carassius auratus\nn02\tother\n',
      'val/val_annotations.txt': 'val_0.JPEG\tn01443537\t0\t32\t44\t62\n',
    });
    const still = { boxes: [[0, 32, 44, 62]], label: 'goldfish, Carassius auratus' };
    const path = (file: string) => join(at, 'val', 'images', file);
    expect(await readStills(join(at, 'val'), 'tiny-imagenet')).toEqual([{ path: path('val_0.JPEG'), ...still }]);
    await miniature('tiny-imagenet-200', {
      'val/boxes.csv': 'image,wnid,class_name,x0,y0,x1,y1\nv.JPEG,n1,"goldfish, Carassius auratus",0,32,44,62\n',
    });
    expect(await readStills(join(at, 'val'), 'tiny-imagenet')).toEqual([{ path: path('v.JPEG'), ...still }]);
  });

  it('reads the test pictures of CUB, with masks where they are', async () => {
    const at = await miniature('cub', {
      'images.txt': '1 001.Auk/a b.jpg\n2 001.Auk/c.jpg\n',
      'bounding_boxes.txt': '1 60.0 27.0 325.0 304.0\n2 1.0 2.0 3.0 4.0\n',
      'train_test_split.txt': '1 1\n2 0\n',
      'image_class_labels.txt': '1 1\n2 1\n',
      'classes.txt': '1 001.Auk\n',
    });
    const path = join(at, 'images', '001.Auk/c.jpg');
    expect(await readStills(at, 'cub')).toEqual([
      { path, boxes: [[1, 2, 4, 6]], label: '001.Auk', split: 'test', isSeen: true },
    ]);
    expect(await readUnseen(at, 'cub')).toHaveLength(1); // none of its classes is unseen: those for testing
    expect(await readStills(at, 'cub', 'train')).toMatchObject([{ boxes: [[60, 27, 385, 331]], split: 'train' }]);
    await expect(readStills(at, 'cub', 'val')).rejects.toThrow('holds no pictures for val');
    await mkdir(join(at, 'segmentations'));
    expect(await readStills(at, 'cub')).toMatchObject([{ maskPath: join(at, 'segmentations', '001.Auk/c.png') }]);
  });

  it('reads the CSV form of Stanford Cars, in folders per class or not', async () => {
    const at = await miniature('cars', {
      'names.csv': 'AM General Hummer SUV 2000\n"Audi R8, Coupe"\n',
      'anno_test.csv': '00001.jpg,30,52,246,147,2\n',
      'cars_test/Audi R8/00001.jpg': '',
    });
    expect(await readStills(at, 'cars')).toEqual([
      {
        path: join(at, 'cars_test', 'Audi R8', '00001.jpg'),
        boxes: [[30, 52, 246, 147]],
        label: 'Audi R8, Coupe',
        isSeen: true,
        split: 'test',
      },
    ]);
  });

  it("reads Kaggle's form of Stanford Cars, with its pictures for training, whose names are the same", async () => {
    const at = await miniature('cars kaggle', {
      'names.csv': `${Array.from({ length: 120 }, (_, i) => `Car ${i + 1}`).join('\n')}\n`,
      'anno_test.csv': '00001.jpg,30,52,246,147,2\n',
      'anno_train.csv': '00001.jpg,1,2,3,4,120\n',
      'car_data/car_data/test/Car 2/00001.jpg': '',
      'car_data/car_data/train/Car 120/00001.jpg': '',
    });
    expect(await formatOf(at)).toBe('cars');
    const pathOf = (part: string, car: string) => join(at, 'car_data', 'car_data', part, car, '00001.jpg');
    expect(await readStills(at, 'cars')).toMatchObject([
      { path: pathOf('test', 'Car 2'), label: 'Car 2', isSeen: true },
    ]);
    const train = [{ path: pathOf('train', 'Car 120'), boxes: [[1, 2, 3, 4]], label: 'Car 120', isSeen: false }];
    expect(await readStills(at, 'cars', 'train')).toMatchObject(train);
    expect(await readUnseen(at, 'cars')).toMatchObject(train); // of an unseen class, whatever it is for
  });

  it('reads the one list of all of Stanford Cars, as MATLAB wrote it', async () => {
    const row = (file: string, number: number, isTest: boolean) => ({
      ...{ relative_im_path: `car_ims/${file}`, bbox_x1: 112, bbox_y1: 7, bbox_x2: 853, bbox_y2: 717 },
      ...{ class: number, test: isTest },
    });
    const names = Array.from({ length: 196 }, (_, i) => (i === 98 ? 'Chevrolet Citroën 2012' : `Car ${i + 1}`));
    const at = await miniature('cars of one list', {
      'cars_annos.mat': matlabFile({
        annotations: [row('000001.jpg', 1, false), row('000002.jpg', 98, true), row('000003.jpg', 99, true)],
        class_names: names,
      }),
      'car_ims/000001.jpg': '',
      'car_ims/000002.jpg': '',
      'car_ims/000003.jpg': '',
    });
    expect(await formatOf(at)).toBe('cars');
    const boxes = [[112, 7, 853, 717]];
    expect(await readStills(at, 'cars')).toEqual([
      { path: join(at, 'car_ims', '000002.jpg'), boxes, label: 'Car 98', isSeen: true, split: 'test' },
      { path: join(at, 'car_ims', '000003.jpg'), boxes, label: names[98], isSeen: false, split: 'test' },
    ]);
    expect(await readStills(at, 'cars', 'train')).toMatchObject([{ label: 'Car 1' }]);
    expect(await readUnseen(at, 'cars')).toMatchObject([{ label: names[98] }]);
  });

  it("takes boxes of the devkit's lists without classes, and leaves out pictures for training that are not there", async () => {
    const box = { bbox_x1: 30, bbox_y1: 52, bbox_x2: 246, bbox_y2: 147 };
    const at = await miniature('cars devkit as it was', {
      'devkit/cars_test_annos.mat': matlabFile({ annotations: [{ ...box, fname: '00001.jpg' }] }),
      'devkit/cars_train_annos.mat': matlabFile({ annotations: [{ ...box, class: 1, fname: '00001.jpg' }] }),
      'devkit/cars_meta.mat': matlabFile({ class_names: ['Audi', 'BMW'] }),
      'cars_test/00001.jpg': '',
    });
    expect(await readStills(at, 'cars', 'all')).toEqual([
      { path: join(at, 'cars_test', '00001.jpg'), boxes: [[30, 52, 246, 147]], split: 'test' },
    ]);
    await miniature('cars devkit as it was', { 'cars_train/00001.jpg': '' });
    expect(await readStills(at, 'cars', 'train')).toMatchObject([
      { path: join(at, 'cars_train', '00001.jpg'), label: 'Audi', split: 'train' },
    ]);
  });

  it('reads the MATLAB files of Stanford Cars', async () => {
    const at = await miniature('cars devkit', {
      'devkit/cars_test_annos_withlabels.mat': matFile('annotations'),
      'devkit/cars_meta.mat': matFile('names'),
      'cars_test/00001.jpg': '',
      'cars_test/00002.jpg': '',
    });
    expect(await readStills(at, 'cars')).toEqual([
      {
        path: join(at, 'cars_test', '00001.jpg'),
        boxes: [[30, 52, 246, 147]],
        label: 'Audi R8, Coupé',
        isSeen: true,
        split: 'test',
      },
      {
        path: join(at, 'cars_test', '00002.jpg'),
        boxes: [[100, 19, 576, 1203]],
        label: 'AM General Hummer SUV 2000',
        isSeen: true,
        split: 'test',
      },
    ]);
  });

  it.each([
    ['its own', 'ILSVRC2012_img_val', 'ILSVRC2012_bbox_val_v3/val'],
    ["Kaggle's", 'ILSVRC/Data/CLS-LOC/val', 'ILSVRC/Annotations/CLS-LOC/val'],
  ])('reads the validation pictures of ILSVRC in %s folders', async (name, pictures, annotations) => {
    const object = (synset: string, corners: readonly number[]) => {
      const sides = ['xmin', 'ymin', 'xmax', 'ymax'].map((side, i) => `<${side}>${corners[i]}</${side}>`);
      return `<object><name>${synset}</name><difficult>0</difficult><bndbox>${sides.join('')}</bndbox></object>`;
    };
    const one = object('n01440764', [3, 4, 50, 60]);
    const two = object('n01443537', [1, 2, 30, 40]) + object('n01443537', [5, 6, 7, 8]);
    const at = await miniature(`ilsvrc ${name}`, {
      'LOC_synset_mapping.txt': 'n01440764 tench, Tinca tinca\nn01443537 goldfish, Carassius auratus\n',
      [`${pictures}/ILSVRC2012_val_00000002.JPEG`]: '',
      [`${pictures}/ILSVRC2012_val_00000001.JPEG`]: '',
      [`${annotations}/ILSVRC2012_val_00000001.xml`]: `<annotation><folder>val</folder>${one}</annotation>`,
      [`${annotations}/ILSVRC2012_val_00000002.xml`]: `<annotation>${two}</annotation>`,
    });
    const path = (n: number) => join(at, pictures, `ILSVRC2012_val_0000000${n}.JPEG`);
    expect(await readStills(at, 'ilsvrc')).toEqual([
      { path: path(1), boxes: [[3, 4, 50, 60]], label: 'tench, Tinca tinca' },
      { path: path(2), boxes: [[1, 2, 30, 40], [5, 6, 7, 8]], label: 'goldfish, Carassius auratus' }, // biome-ignore format: a line per picture
    ]);
  });

  it.each<[string, StillFormat, Record<string, string>, RegExp]>([
    ['ILSVRC without boxes', 'ilsvrc', { 'val/a.JPEG': '', 'words.txt': 'n1 x' }, /no boxes of ILSVRC: none of/],
    [
      'a picture of ILSVRC without boxes',
      'ilsvrc',
      { 'val/a.JPEG': '', 'bbox/b.xml': '<annotation/>', 'words.txt': 'n01440764 tench' },
      /no boxes for a\.JPEG/,
    ],
    [
      'boxes that are none',
      'ilsvrc',
      { 'val/a.JPEG': '', 'bbox/a.xml': '<annotation><object/></annotation>', 'words.txt': 'n01440764 tench' },
      /a\.xml holds no boxes of ILSVRC/,
    ],
    ['a folder without its lists', 'cub', { x: '' }, /cannot read .*images\.txt/],
    ['a picture without mask', 'masks', { 'images/a.jpg': '', 'masks/b.png': '' }, /no mask for a\.jpg/],
    ['no annotations', 'cars', { 'cars_test/00001.jpg': '' }, /none of cars_annos\.mat, anno_test\.csv and/],
    ['a damaged MATLAB file', 'cars', { 'devkit/cars_test_annos.mat': '' }, /not a MATLAB file of level 5/],
    ['a line that is cut off', 'tiny-imagenet', { 'val_annotations.txt': 'a.JPEG\tn1\t0\n' }, /line 1: 3 fields, 6/],
    [
      'a line without a box',
      'tiny-imagenet',
      { 'val_annotations.txt': 'a.JPEG\tn1\t9\t0\t3\tx\n', 'words.txt': 'n1\tx\n' },
      /without a box/,
    ],
  ])('refuses %s', async (name, format, files, message) => {
    await expect(readStills(await miniature(`bad ${name}`, files), format)).rejects.toThrow(message);
  });
});

describe('readBoxesCsv', () => {
  it('keeps frames, and names every line that is wrong', async () => {
    const at = await miniature('csv', {
      'good.csv': 'video,frame,x,y,w,h,class\nv.mp4,3,0,0,2,2,cyclist\n',
      'bad.csv': 'file,frame,x,y,w,h\na.mp4,0,0,0,2,2\na.mp4,-1,0,0,2,2\na.mp4,0,0,0,x,2\na.mp4,0,0,0,-2,2\n',
      'columns.csv': 'file,x,y\na,1,2\n',
      'empty.csv': 'file,x,y,w,h\n',
    });
    expect(await readBoxesCsv(join(at, 'good.csv'))).toEqual([
      { file: 'v.mp4', frame: 3, box: [0, 0, 2, 2], class: 'cyclist' },
    ]);
    await expect(readBoxesCsv(join(at, 'bad.csv'))).rejects.toThrow(/\(3\):\n {2}line 3.*\n {2}line 4.*\n {2}line 5/);
    await expect(readBoxesCsv(join(at, 'columns.csv'))).rejects.toThrow(/lacks columns.*file, x, y/);
    await expect(readBoxesCsv(join(at, 'empty.csv'))).rejects.toThrow(/no boxes/);
    await expect(readBoxesCsv(join(at, 'none.csv'))).rejects.toMatchObject({ code: 'input-not-found' });
  });
});
