import { deflateSync } from 'node:zlib';

/** MATLAB files as SciPy writes them (`scipy.io.savemat`, compressed), without the text that says when. */
const FILES = {
  /** `annotations`: two structs with `bbox_x1` … `class`, `fname`, as in Stanford Cars. */
  annotations: [
    'AAAAAAAAAAAAAUlNDwAAAKgAAAB4nONjYGCwYGZgYAPSHEDMxAABrFA+I1QMRHMDcWJeXn5JYklmfl4xVB0LXJ0BECcl5VfEVxhC',
    '6EooXWEE5RsxJOckFoN0puUl5qYCaT6oPpj9nFjsh2EGsFsYGeTI1GdCpr5vZOqbTKY+Jqg+ByR9LFj0cSLpE4DyDYDAUC+rIB0q',
    'To79KWTqE8aij5uAPhagTgcm8vRtZiHPnYwUhq8RUvgCAAxZIZ4=',
  ].join(''),
  /** `class_names`: two cells of text. */
  names: [
    'AAAAAAAAAAAAAUlNDwAAAHEAAAB4nONjYGC4AcRsQMwBxIwMEMCKxGeC0txAnJyTWFwcn5eYm1oMVscHxAFI+lmw6JdCMlcAynf0',
    'VXBPzUstSsxR8CjNzU0tUggODVMwMjAwYICb60DAXD40c/lB5pamZCoEWegoOOeXFhxeyQAAhkcUcA==',
  ].join(''),
  /** `d` = [1.5 −2; 3 4e9], `i` = −7 as int64, `empty`. */
  numbers: [
    'AAAAAAAAAAAAAUlNDwAAADQAAAB4nONjYGAIAGI2IOaA0iDACuUzQTEjEKYAaU4gVmCAgR/2EJrDASpwAESknn3rCABxwwWyDwAA',
    'ACcAAAB4nONjYGCwAGI2IOYAYj4GCGCF8hnhmJEhE0jzQMV//ocAAEXCCOMPAAAAJQAAAHic42NgYLAAYjYg5oDSIMAK5cMAI1Qs',
    'NbegpBJIc0LFATX/AqY=',
  ].join(''),
};

/** The bytes of one of them. */
export function matFile(name: keyof typeof FILES): Buffer {
  return Buffer.concat([Buffer.alloc(116, ' '), Buffer.from(FILES[name], 'base64')]);
}

/** What {@link matlabFile} writes. */
type Written =
  | number
  | boolean
  | string
  | readonly string[]
  | readonly Readonly<Record<string, number | boolean | string>>[];

/**
 * A file as MATLAB itself writes it: numbers in as few bytes as they need, text in two bytes a letter, truth values, and every variable
 * compressed.
 */
export function matlabFile(variables: Readonly<Record<string, Written>>): Buffer {
  const header = Buffer.concat([
    Buffer.from('MATLAB 5.0 MAT-file'.padEnd(124)),
    Buffer.from([0, 1]),
    Buffer.from('IM'),
  ]);
  const written = Object.entries(variables).map(([name, value]) => {
    const data = deflateSync(arrayOf(name, value));
    const tag = Buffer.alloc(8);
    tag.writeUInt32LE(15);
    tag.writeUInt32LE(data.length, 4);
    return Buffer.concat([tag, data]);
  });
  return Buffer.concat([header, ...written]);
}

function arrayOf(name: string, value: Written): Buffer {
  if (typeof value === 'string') return matrix(name, 4, [1, value.length], [element(4, Buffer.from(value, 'utf16le'))]);
  if (typeof value === 'boolean') return matrix(name, 9, [1, 1], [element(2, Buffer.from([Number(value)]))], 2);
  if (typeof value === 'number') {
    const data = Buffer.alloc(value < 256 ? 1 : 2);
    data.writeUIntLE(value, 0, data.length);
    return matrix(name, 6, [1, 1], [element(data.length === 1 ? 2 : 4, data)]);
  }
  if (value.every((one) => typeof one === 'string')) {
    return matrix(
      name,
      1,
      [1, value.length],
      value.map((one) => arrayOf('', one)),
    );
  }
  const structs = value as readonly Readonly<Record<string, number | boolean | string>>[];
  const fields = Object.keys(structs[0]!);
  const names = Buffer.concat(fields.map((field) => Buffer.from(field.padEnd(32, '\0'))));
  const cells = structs.flatMap((struct) => fields.map((field) => arrayOf('', struct[field]!)));
  return matrix(name, 2, [1, structs.length], [element(5, Buffer.from([32, 0, 0, 0])), element(1, names), ...cells]);
}

function matrix(
  name: string,
  arrayClass: number,
  sides: readonly number[],
  content: readonly Buffer[],
  flags = 0,
): Buffer {
  const dimensions = Buffer.alloc(8);
  for (const [i, side] of sides.entries()) dimensions.writeInt32LE(side, 4 * i);
  const parts = [
    element(6, Buffer.from([arrayClass, flags, 0, 0, 0, 0, 0, 0])),
    element(5, dimensions),
    element(1, Buffer.from(name)),
    ...content,
  ];
  return element(14, Buffer.concat(parts));
}

/** A tagged piece of data, short ones within their tag. */
function element(type: number, data: Buffer): Buffer {
  const isSmall = data.length <= 4 && type !== 14;
  const tag = Buffer.alloc(isSmall ? 4 : 8);
  tag.writeUInt32LE(isSmall ? (data.length << 16) | type : type);
  if (!isSmall) tag.writeUInt32LE(data.length, 4);
  const end = isSmall ? 4 : Math.ceil(data.length / 8) * 8;
  return Buffer.concat([tag, data, Buffer.alloc(end - data.length)]);
}
