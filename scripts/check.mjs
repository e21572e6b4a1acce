/** `npm run check`: every static check, all of them even if one fails, with a verdict per check. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import './setup.mjs';

process.chdir(join(import.meta.dirname, '..'));
const onWindows = { shell: process.platform === 'win32' };
const folder = join('.cache', 'package');
mkdirSync(folder, { recursive: true });
// Without scripts, because prepack makes the build anew, which setup has just seen to.
const packing = ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder];
const packed = join(folder, execFileSync('npm', packing, { encoding: 'utf8', ...onWindows }).trim());

const checks = [
  ['types', 'tsc', ['-p', 'tsconfig.json']],
  ['types in the browser', 'tsc', ['-p', 'tsconfig.page.json']],
  ['types of the examples', 'tsc', ['-p', 'tsconfig.examples.json']],
  ['lint, format', 'biome', ['check', '--error-on-warnings']],
  ['boundaries', 'depcruise', ['--config', '.dependency-cruiser.mjs', 'src', 'bench', 'fixtures', 'test']],
  ['docstrings', 'typedoc', ['--emit', 'none', '--logLevel', 'Warn', '--treatWarningsAsErrors']],
  ['public types, the site and its links', 'typedoc', ['--options', 'typedoc.site.json', '--logLevel', 'Warn']],
  ['unused code', 'knip', []],
  ['the package', 'publint', ['run', '--strict', packed]],
  ['its types for those who import it', 'attw', [packed, '--profile', 'esm-only', '--format', 'ascii', '--quiet']],
];
const failed = checks.filter(([title, command, args]) => {
  const { status } = spawnSync('npx', ['--no-install', command, ...args], { stdio: 'inherit', ...onWindows });
  console.log(`${status === 0 ? 'ok  ' : 'FAIL'} ${title}`);
  return status !== 0;
});
process.exit(failed.length === 0 ? 0 : 1);
