import { deflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { readMatFile } from '../../src/evaluation/mat-file.ts';
import { matFile } from './mat-files.ts';

describe('readMatFile', () => {
  it('reads numbers, columns first, text in cells, and structs', () => {
    expect([...readMatFile(matFile('numbers'), 'numbers.mat')]).toEqual([
      ['d', [1.5, 3, -2, 4e9]],
      ['i', [-7]],
      ['empty', []],
    ]);
    expect(readMatFile(matFile('names'), 'names.mat').get('class_names')).toEqual([
      'AM General Hummer SUV 2000',
      'Audi R8, Coupé',
    ]);
    expect(readMatFile(matFile('annotations'), 'annotations.mat').get('annotations')).toMatchObject([
      { bbox_x1: [30], bbox_y2: [147], class: [2], fname: '00001.jpg' },
      { bbox_y2: [1203], class: [1], fname: '00002.jpg' },
    ]);
  });

  it('says what cannot be read', () => {
    const whole = matFile('names');
    const read = (file: Buffer) => () => readMatFile(file, 'x.mat');
    expect(read(Buffer.from('\x89HDF'))).toThrow('x.mat is not a MATLAB file of level 5');
    expect(read(whole.subarray(0, -9))).toThrow('x.mat cannot be read: it is cut off');
    const outside = deflateSync(Buffer.from([9, 0, 0, 0, 0, 0, 0, 0]));
    const tag = Buffer.from([15, 0, 0, 0, outside.length, 0, 0, 0]);
    expect(read(Buffer.concat([whole.subarray(0, 128), tag, outside]))).toThrow('data of type 9 outside an array');
  });
});
