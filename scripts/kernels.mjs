/** Makes src/base/matrix-kernels-wasm.ts of src/base/matrix-kernels.as; with `--check`, says whether it is current. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import asc from 'assemblyscript/asc';

const base = join(import.meta.dirname, '..', 'src', 'base');
const target = join(base, 'matrix-kernels-wasm.ts');
const source = readFileSync(join(base, 'matrix-kernels.as'), 'utf8');
/** @type {Uint8Array | undefined} */
let binary;
const { error, stderr } = await asc.main(
  [
    'kernels.ts',
    '--outFile',
    'kernels.wasm',
    '-O3',
    '--enable',
    'simd',
    '--runtime',
    'stub',
    '--noAssert',
    '--importMemory',
  ],
  {
    readFile: (name) => (name === 'kernels.ts' ? source : null),
    writeFile: (name, contents) => {
      if (name === 'kernels.wasm') binary = /** @type {Uint8Array} */ (contents);
    },
    listFiles: () => [],
  },
);
if (error || !binary) throw new Error(`the kernels do not compile: ${error?.message}\n${stderr.toString()}`);
const text = `/** Made by \`npm run kernels\` from matrix-kernels.as. */
export const MATRIX_KERNELS_WASM =
  '${Buffer.from(binary).toString('base64')}';
`;
if (!process.argv.includes('--check')) writeFileSync(target, text);
else if (readFileSync(target, 'utf8') !== text) {
  console.error('src/base/matrix-kernels-wasm.ts is not what matrix-kernels.as makes: npm run kernels');
  process.exitCode = 1;
}
