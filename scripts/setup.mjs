/**
 * Makes a fresh clone ready: installs the packages if the lock file changed, builds if a source is newer than the build,
 * and with --weights fetches the trunk's weights into the user's cache. Does nothing, fast, when all of that is done.
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

installPackages();
build();
if (process.argv.includes('--weights')) run('node', [join(root, 'dist', 'cli', 'main.js'), 'models', 'pull']);

function installPackages() {
  const stamp = join(root, 'node_modules', '.l2caf-setup');
  const wanted = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .update(`${process.platform} ${process.arch} ${major}`)
    .digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  console.error('installing packages …');
  // Not `npm ci`: it refuses a lock file that lacks the platform packages of other systems, and some registries lack them.
  run('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error']);
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
