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
