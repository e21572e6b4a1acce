/**
 * Bundles the browser's side of the HTML pages (src/report/page) into dist/report/pages: one script and one style sheet
 * per page, which src/report/html.ts puts into every page it writes. Drawing code is shared with the video: in a browser,
 * its canvas is the browser's own.
 */
import { join } from 'node:path';
import { build } from 'esbuild';

const root = join(import.meta.dirname, '..');
const pages = join(root, 'src', 'report', 'page');

await build({
  entryPoints: ['report', 'index'].flatMap((name) =>
    ['ts', 'css'].map((kind) => ({ in: join(pages, `${name}.${kind}`), out: name })),
  ),
  outdir: join(root, 'dist', 'report', 'pages'),
  bundle: true,
  minify: true,
  format: 'iife',
  charset: 'utf8',
  target: ['chrome123', 'firefox128', 'safari17.5'],
  legalComments: 'inline',
  alias: { '@napi-rs/canvas': join(pages, 'canvas.ts') },
  logLevel: 'warning',
});
