import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { build, type Plugin } from 'esbuild';

const ROOT = join(import.meta.dirname, '..', '..');

/** Programs that tests start as processes of their own, many times: compiled, they start in a third of the time. */
const PROGRAMS = [
  'batch/tiny-batch-program',
  'batch/tiny-worker',
  'batch/damaged-worker',
  'batch/failing-worker',
  'batch/slow-worker',
  'batch/tiny-queue-worker',
  'base/lock-program',
  'base/seal-program',
  'cli/ending-program',
];

/**
 * Before any test: the build that the tests of the command line run is that of the current sources. A type error does not
 * stop it (the compiler writes the files all the same); `npm run check` is there to find those.
 */
export async function setup(): Promise<void> {
  const { status } = spawnSync(process.execPath, [join(ROOT, 'scripts', 'setup.mjs'), '--build-only'], {
    stdio: 'inherit',
  });
  if (status !== 0) console.warn('the build reported errors');
  await build({
    entryPoints: PROGRAMS.map((name) => join(ROOT, 'test', `${name}.ts`)),
    outdir: join(ROOT, '.cache', 'test-programs'),
    entryNames: '[name]',
    bundle: true,
    format: 'esm',
    platform: 'node',
    packages: 'external',
    plugins: [sourcesFromBuild],
  });
}

/** What the programs use of `src` is the build's. */
const sourcesFromBuild: Plugin = {
  name: 'sources-from-build',
  setup: ({ onResolve }) => {
    onResolve({ filter: /\/src\/.*\.ts$/ }, ({ path }) => {
      return { path: path.replace(/^.*\/src\//, '../../dist/').replace(/\.ts$/, '.js'), external: true };
    });
  },
};
