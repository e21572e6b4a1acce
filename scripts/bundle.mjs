/**
 * Bundles into dist what cannot be used as it is written: the browser's side of the HTML pages (src/report/page), one
 * script and one style sheet per page, which src/report/html.ts puts into every page it writes (drawing code is shared
 * with the video: in a browser, its canvas is the browser's own); TensorFlow.js, for src/base/tensorflow.ts; and of zod what
 * is used, since all of it, error messages in fifty languages among it, takes a tenth of a second to load.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { build } from 'esbuild';

const root = join(import.meta.dirname, '..');
const dist = join(root, 'dist');
const pages = join(root, 'src', 'report', 'page');
const common = { bundle: true, minify: true, charset: 'utf8', legalComments: 'inline', logLevel: 'warning' };

/** In a browser the drawing code gets the browser's canvas. */
const canvasOfBrowser = {
  name: 'canvas-of-browser',
  setup: ({ onResolve }) => onResolve({ filter: /\/canvas\.ts$/ }, () => ({ path: join(pages, 'canvas.ts') })),
};

await build({
  ...common,
  entryPoints: ['report', 'index', 'map'].flatMap((name) =>
    ['ts', 'css'].map((kind) => ({ in: join(pages, `${name}.${kind}`), out: name })),
  ),
  outdir: join(dist, 'report', 'pages'),
  format: 'iife',
  target: ['chrome123', 'firefox128', 'safari17.5'],
  plugins: [canvasOfBrowser],
});

// Node loads the core's CommonJS three times as fast through `require` as through `import`, which reads it for names first:
// here they are written down. What is required is the one copy that `import '@tensorflow/tfjs-core'` of others gives too.
const CORE = '@tensorflow/tfjs-core';
const require = createRequire(import.meta.url);
const core = require(CORE);
writeFileSync(
  join(dist, 'tensorflow.js'),
  `import { createRequire } from 'node:module';
const core = createRequire(import.meta.url)('${CORE}');
export const { ${Object.keys(core).join(', ')} } = core;
`,
);
writeFileSync(join(dist, 'tensorflow.d.ts'), `export * from '${CORE}';\n`);

/** Modules of the core whose every name it offers itself (`base` is most of it) come from there, not a second time. */
const fromCore = {
  name: 'from-core',
  setup: ({ onResolve }) => {
    const folder = dirname(require.resolve(CORE));
    onResolve({ filter: /^\.\.?\// }, ({ path, resolveDir }) => {
      const file = `${resolve(resolveDir, path)}.js`;
      if (![join(folder, 'ops'), folder].includes(dirname(file))) return undefined;
      const names = [...readFileSync(file, 'utf8').matchAll(/^export (?:const|function) (\w+)/gm)].map(
        ([, name]) => name,
      );
      const isOffered = file === join(folder, 'base.js') || (names.length > 0 && names.every((name) => name in core));
      return isOffered ? { path: './tensorflow.js', external: true, sideEffects: false } : undefined;
    });
  },
};

await build({
  ...common,
  entryPoints: [`${CORE}/dist/register_all_gradients.js`],
  outfile: join(dist, 'tensorflow-gradients.js'),
  format: 'esm',
  platform: 'node',
  target: 'node20',
  plugins: [fromCore],
});
writeFileSync(join(dist, 'tensorflow-gradients.d.ts'), 'export {};\n');

const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).filter((path) =>
  path.endsWith('.ts'),
);
const used = sources.flatMap((path) => readFileSync(join(root, 'src', path), 'utf8').match(/\bz\.\w+/g) ?? []);
const zod = await import('zod');
const names = [...new Set(used.map((name) => name.slice(2)))].filter((name) => name in zod);
await build({
  ...common,
  stdin: { contents: `export { ${names.sort().join(', ')} } from 'zod';`, resolveDir: root },
  outfile: join(dist, 'zod.js'),
  format: 'esm',
  platform: 'node',
  target: 'node20',
});
writeFileSync(join(dist, 'zod.d.ts'), "export * from 'zod';\n");
