/**
 * Bundles into dist what cannot be used as it is written: the browser's side of the HTML pages (src/report/page), one
 * script and one style sheet per page, which src/report/html.ts puts into every page it writes (drawing code is shared
 * with the video: in a browser, its canvas is the browser's own); and the gradients of TensorFlow.js, for src/base/tensorflow.ts.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

const root = join(import.meta.dirname, '..');
const dist = join(root, 'dist');
const pages = join(root, 'src', 'report', 'page');
const common = { bundle: true, minify: true, charset: 'utf8', legalComments: 'inline', logLevel: 'warning' };

await build({
  ...common,
  entryPoints: ['report', 'index'].flatMap((name) =>
    ['ts', 'css'].map((kind) => ({ in: join(pages, `${name}.${kind}`), out: name })),
  ),
  outdir: join(dist, 'report', 'pages'),
  format: 'iife',
  target: ['chrome123', 'firefox128', 'safari17.5'],
  alias: { '@napi-rs/canvas': join(pages, 'canvas.ts') },
});

await build({
  ...common,
  entryPoints: ['@tensorflow/tfjs-core/dist/register_all_gradients.js'],
  outfile: join(dist, 'tensorflow-gradients.js'),
  format: 'esm',
  platform: 'node',
  target: 'node20',
});
writeFileSync(join(dist, 'tensorflow-gradients.d.ts'), 'export {};\n');
