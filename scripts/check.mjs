/** `npm run check`: every static check, all of them even if one fails, with a verdict per check. */
import { spawnSync } from 'node:child_process';
import './setup.mjs';

const checks = [
  ['types', 'tsc', ['-p', 'tsconfig.json']],
  ['types in the browser', 'tsc', ['-p', 'tsconfig.page.json']],
  ['lint, format, boundaries', 'biome', ['check', '--error-on-warnings']],
  ['docstrings', 'typedoc', ['--emit', 'none', '--logLevel', 'Warn', '--treatWarningsAsErrors']],
  ['unused code', 'knip', []],
];
const failed = checks.filter(([title, command, args]) => {
  const { status } = spawnSync('npx', ['--no-install', command, ...args], {
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
  console.log(`${status === 0 ? 'ok  ' : 'FAIL'} ${title}`);
  return status !== 0;
});
process.exit(failed.length === 0 ? 0 : 1);
