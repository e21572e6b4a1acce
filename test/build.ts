import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

/** Before any test: the build that the tests of the command line run is that of the current sources. */
export function setup(): void {
  const { status } = spawnSync(process.execPath, [join(import.meta.dirname, '..', 'scripts', 'setup.mjs')], {
    stdio: 'inherit',
  });
  if (status !== 0) throw new Error('the build failed');
}
