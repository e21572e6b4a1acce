import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

/**
 * Before any test: the build that the tests of the command line run is that of the current sources. A type error does not
 * stop it (the compiler writes the files all the same); `npm run check` is there to find those.
 */
export function setup(): void {
  const root = join(import.meta.dirname, '..');
  const { status } = spawnSync(process.execPath, [join(root, 'scripts', 'setup.mjs')], { stdio: 'inherit' });
  if (status !== 0) console.warn('the build reported errors');
}
