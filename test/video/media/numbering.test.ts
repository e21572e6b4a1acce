import { describe, expect, it } from 'vitest';
import { numberedFrames } from '../../../src/video/media/numbering.ts';

describe('numberedFrames', () => {
  it('takes numbers for numbers, whatever their length', () => {
    const { names, places, missing } = numberedFrames(['10.jpg', '9.jpg', '0011.jpg', '8.JPG']);
    expect(names).toEqual(['8.JPG', '9.jpg', '10.jpg', '0011.jpg']);
    expect(places).toEqual([0, 1, 2, 3]);
    expect(missing).toBe(0);
  });

  it('leaves room for numbers that are left out, in the usual steps', () => {
    expect(numberedFrames(['f1.png', 'f2.png', 'f3.png', 'f6.png'])).toMatchObject({
      places: [0, 1, 2, 5],
      missing: 2,
    });
    expect(numberedFrames(['f10.png', 'f20.png', 'f30.png', 'f50.png'])).toMatchObject({
      places: [0, 1, 2, 4],
      missing: 1,
    });
  });

  it('does not count what is no count', () => {
    const stamps = ['1706151421914.jpg', '1706151421963.jpg', '1706151422013.jpg', '1706151422500.jpg'];
    expect(numberedFrames(stamps)).toMatchObject({ names: stamps, places: [0, 1, 2, 3], missing: 0 });
    const days = ['d2_f1.jpg', 'd1_f9.jpg', 'd1_f10.jpg'];
    expect(numberedFrames(days)).toMatchObject({ names: ['d1_f9.jpg', 'd1_f10.jpg', 'd2_f1.jpg'], places: [0, 1, 2] });
  });

  it('takes the longest series, and names the others', () => {
    const { names, others } = numberedFrames(['cover.jpg', 'a1.jpg', 'a2.jpg', 'a2.png', 'b1.jpg']);
    expect(names).toEqual(['a1.jpg', 'a2.jpg']);
    expect(others).toEqual(['cover.jpg', 'a2.png', 'b1.jpg']);
  });

  it('tells of two files of one number', () => {
    expect(numberedFrames(['1.jpg', '01.jpg', '2.jpg']).twice).toEqual(['1.jpg', '01.jpg']);
  });

  it('keeps the order of numbers that no double holds', () => {
    const names = ['9007199254740993.jpg', '9007199254740992.jpg', '9007199254740994.jpg'];
    expect(numberedFrames(names).names).toEqual([...names].sort());
  });

  it('finds nothing among names without numbers', () => {
    expect(numberedFrames(['a.jpg', 'b.jpg']).names).toEqual([]);
    expect(numberedFrames([]).names).toEqual([]);
  });
});
