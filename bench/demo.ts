/** Time of `npm run demo` in a fresh clone: with nothing cached, and again with everything there. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { writeResults } from './results.ts';
import { root, temporaryFolder } from './support.ts';

/** Clones the last commit into a temporary folder and runs the demo there twice. */
export async function run(): Promise<void> {
  const folder = temporaryFolder();
  const clone = join(folder, 'clone');
  spawnSync('git', ['clone', '-q', root, clone], { stdio: 'inherit' });
  const env = { ...process.env, L2CAF_CACHE: join(folder, 'l2caf'), npm_config_cache: join(folder, 'npm') };
  const rows: string[][] = [];
  for (const name of ['empty caches (packages, weights)', 'second run']) {
    const start = performance.now();
    const { status, stderr } = spawnSync('npm', ['run', '--silent', 'demo'], { cwd: clone, env, encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr);
    rows.push([name, ((performance.now() - start) / 1000).toFixed(1)]);
  }
  await writeResults({
    name: 'demo',
    command: 'npm run bench -- demo',
    tables: [{ columns: ['demo', 'seconds'], rows }],
  });
}
