/** Separated values: fields, lines, and that one line that is out of order does not take others with it. */
import { describe, expect, it } from 'vitest';
import { csvText, parseCsv, readCsv } from '../../src/base/csv.ts';

const fieldsOf = (text: string): (readonly string[])[] => readCsv(text).records.map(({ fields }) => fields);
const linesOf = (text: string): number[] => readCsv(text).records.map(({ line }) => line);

describe('readCsv', () => {
  it('reads quoted fields, doubled quotes, empty fields and any line ending', () => {
    for (const end of ['\n', '\r\n', '\r']) {
      expect(fieldsOf(`\uFEFFa,"b, c",d${end}1,"say ""hi""",${end},,3${end}`)).toEqual([
        ['a', 'b, c', 'd'],
        ['1', 'say "hi"', ''],
        ['', '', '3'],
      ]);
    }
  });
  it('takes white space around quotation marks for none of the field', () => {
    expect(fieldsOf('a,b\n1, "x, y" \n 2 ,\t"z"\n')).toEqual([
      ['a', 'b'],
      ['1', 'x, y'],
      ['2', 'z'],
    ]);
  });
  it.each([
    ['a;b;c\n1,5;2;3\n', ['1,5', '2', '3']],
    ['a\tb\n1\t2, 3\n', ['1', '2, 3']],
    ['a|b\n1|2\n', ['1', '2']],
    ['"a;x","b"\n"1","2;3"\n', ['1', '2;3']],
    ['sep=;\r\na;b\r\n1;2\r\n', ['1', '2']],
  ])('finds the delimiter of %j', (text, row) => {
    expect(fieldsOf(text)[1]).toEqual(row);
  });
  it('keeps the line a record starts on, over blank lines and line breaks in quotes', () => {
    for (const end of ['\n', '\r\n', '\r']) {
      expect(linesOf(['a,b', '', '"x', 'y",2', ',', '3,4', ''].join(end))).toEqual([1, 3, 6]);
    }
    expect(linesOf('sep=,\na,b\n1,2\n')).toEqual([2, 3]);
  });
  it('tells which lines are misquoted and reads on with the next', () => {
    const { records, misquoted } = readCsv('a,b\n1,"two\n3,"four"\n5,s"ix\n7,8\n9,"ten\n');
    expect(misquoted).toEqual([2, 4, 6]);
    expect(records.map(({ line, fields }) => [line, ...fields])).toEqual([
      [1, 'a', 'b'],
      [3, '3', 'four'],
      [5, '7', '8'],
    ]);
    expect(() => parseCsv('a,b\n1,"2\n', 'x.csv')).toThrow(/x\.csv, line 2: a quotation mark/);
  });
  it('keeps the lines of records and mistakes after lines that are blank, or of white space', () => {
    for (const end of ['\n', '\r\n', '\r']) {
      const lines = ['\uFEFF', '  ', 'a,b', '', ' \t ', '', '1,2', '', '', '3,"4', '', '5,6', '', ''];
      const { records, misquoted } = readCsv(lines.join(end));
      expect(records.map(({ line, fields }) => [line, ...fields])).toEqual([
        [3, 'a', 'b'],
        [7, '1', '2'],
        [12, '5', '6'],
      ]);
      expect(misquoted).toEqual([10]);
    }
    expect(linesOf('a\tb\n\n\t\n1\t2\n')).toEqual([1, 4]);
  });
  it('passes over millions of blank lines', () => {
    const text = `a,b\n${'\n'.repeat(2e6)}1,2\n`;
    expect(linesOf(text)).toEqual([1, 2e6 + 2]); // as records, they took minutes
  });
  it('reads a field of 20 MB', () => {
    const huge = 'x""'.repeat(7e6);
    expect(readCsv(`a,b\n1,"${huge}"\n2,3\n`).records.map(({ line, fields }) => [line, fields[1]!.length])).toEqual([
      [1, 1],
      [2, 14e6],
      [3, 1],
    ]);
  });
});

describe('csvText', () => {
  it('quotes what would be read otherwise, and nothing else', () => {
    const records = [
      ['a', 'b, c', 'say "hi"'],
      ['', 'x\ny', 'z\r'],
      ['1.5', 'ä; |', '\t'],
    ];
    expect(csvText(records)).toBe('a,"b, c","say ""hi"""\n,"x\ny","z\r"\n1.5,ä; |,\t\n');
    const [first, second] = records;
    expect(fieldsOf(csvText([first!, second!.slice(0, 2)]))).toEqual([first, second!.slice(0, 2)]);
  });
});
