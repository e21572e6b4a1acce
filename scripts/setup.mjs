/**
 * Makes a fresh clone ready: installs the packages of the lock file if that has changed, builds if a source is newer than
 * the build, and with --weights fetches the trunk's weights into the user's cache, and the engine that runs it where it is not
 * installed (not with --no-engine). With --build-only it installs nothing, for programs that have loaded packages already. Does nothing, fast, when all of that is done.
 * Plain JavaScript without dependencies, because it runs before there are any.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const major = Number(process.versions.node.split('.')[0]);
if (major < 20) {
  console.error(`l2caf needs Node 20 or newer, this is ${process.versions.node}`);
  process.exit(1);
}

if (!process.argv.includes('--build-only')) installPackages();
build();
if (process.argv.includes('--weights')) {
  const without = process.argv.includes('--no-engine') ? ['--no-engine'] : [];
  run('node', [join(root, 'dist', 'cli', 'main.js'), 'models', 'pull', ...without]);
}

function installPackages() {
  const stamp = join(root, 'node_modules', '.l2caf-setup');
  const wanted = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .update(`${process.platform} ${process.arch} ${major}`)
    .digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  console.error('installing packages …');
  run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']);
  writeFileSync(stamp, wanted);
}

function build() {
  const info = join(root, 'dist', '.tsbuildinfo');
  const builtAt = existsSync(info) ? statSync(info).mtimeMs : 0;
  const sources = readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  const inputs = [
    ...sources.map((entry) => join(entry.parentPath, entry.name)),
    join(root, 'tsconfig.json'),
    join(root, 'tsconfig.build.json'),
    join(root, 'scripts', 'bundle.mjs'),
    join(root, 'scripts', 'schemas.mjs'),
  ];
  if (inputs.every((path) => statSync(path).mtimeMs < builtAt)) return;
  console.error('building …');
  run('npm', ['run', '--silent', 'build']);
  writeFileSync(info, readFileSync(info)); // tsc leaves the file alone when only times changed
}

function run(command, args) {
  const result = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2], shell: process.platform === 'win32' });
  if (result.error) throw result.error;
  if (result.status !== 0) process.exit(result.status ?? 1);
}
