/**
 * What installing takes, in space and time, with all packages in npm's cache: a clone with everything for its tests, and
 * the package in somebody's empty folder. Beside each other for the last commit and, with its name, an earlier one.
 */
import { spawnSync } from 'node:child_process';
import { lstatSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeResults } from './results.ts';
import { root, temporaryFolder } from './support.ts';

/** @param args an earlier commit, optional */
export async function run([before]: readonly string[]): Promise<void> {
  const after = installs('HEAD');
  const earlier = before === undefined ? undefined : installs(before);
  const rows = after.map(({ name, sizeMib, seconds }, i) => [
    name,
    ...(earlier ? shown(earlier[i]!) : []),
    ...shown({ sizeMib, seconds }),
  ]);
  await writeResults({
    name: 'install',
    command: `npm run bench -- install${before === undefined ? '' : ' BEFORE'}`,
    tables: [
      {
        columns: ['', ...(earlier ? ['before: MiB', 'before: seconds'] : []), 'MiB', 'seconds'],
        rows,
        notes: [
          `npm ${output('npm', ['--version'], root)}, Node ${process.versions.node}, ${process.platform} ${process.arch}.`,
        ],
      },
      {
        title: 'What a plain install is made of',
        columns: ['package', 'MiB'],
        rows: after[1]!.parts.slice(0, 10).map(([name, sizeMib]) => [name, sizeMib.toFixed(0)]),
      },
    ],
  });
}

/** How an install went. */
interface Install {
  readonly name: string;
  readonly sizeMib: number;
  readonly seconds: number;
  /** Packages, or the scopes that they are in, the largest first. */
  readonly parts: readonly (readonly [string, number])[];
}

/** Installs a commit's clone and its package, twice each; the second time counts, when npm has everything. */
function installs(commit: string): [Install, Install] {
  const folder = temporaryFolder();
  const clone = join(folder, 'clone');
  output('git', ['clone', '-q', root, clone], folder);
  output('git', ['checkout', '-q', commit], clone);
  // A lock file that lacks the packages of other platforms is refused by `npm ci`.
  const isComplete = spawnSync('npm', ['ci', '--dry-run'], { cwd: clone }).status === 0;
  const all = measured('a clone, with all for its tests', clone, [isComplete ? 'ci' : 'install']);
  output('npm', ['run', '--silent', 'build'], clone);
  const packed = output('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder], clone);
  const user = join(folder, 'user');
  mkdirSync(user);
  const plain = measured('the package, in an empty folder', user, ['install', join(folder, packed)]);
  rmSync(folder, { recursive: true });
  return [all, plain];
}

function measured(name: string, folder: string, command: readonly string[]): Install {
  const packages = join(folder, 'node_modules');
  let seconds = 0;
  for (let i = 0; i < 2; i++) {
    rmSync(packages, { recursive: true, force: true });
    if (command[0] === 'install' && command.length > 1) {
      rmSync(join(folder, 'package-lock.json'), { force: true });
      writeFileSync(join(folder, 'package.json'), '{ "private": true }');
    }
    const start = performance.now();
    output('npm', [...command, '--no-audit', '--no-fund', '--loglevel=error'], folder);
    seconds = (performance.now() - start) / 1000;
  }
  const parts = readdirSync(packages)
    .map((part) => [part, sizeMib(join(packages, part))] as const)
    .sort(([, a], [, b]) => b - a);
  return { name, seconds, sizeMib: parts.reduce((sum, [, size]) => sum + size, 0), parts };
}

/** What a file or a folder takes on the disk. */
function sizeMib(path: string): number {
  const own = (lstatSync(path).blocks * 512) / 2 ** 20;
  if (!lstatSync(path).isDirectory()) return own;
  return readdirSync(path).reduce((sum, name) => sum + sizeMib(join(path, name)), own);
}

function shown({ sizeMib, seconds }: Pick<Install, 'sizeMib' | 'seconds'>): [string, string] {
  return [sizeMib.toFixed(0), seconds.toFixed(1)];
}

/** What a command prints; throws with what it says when it fails. */
function output(command: string, args: readonly string[], cwd: string): string {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
  return stdout.trim();
}
