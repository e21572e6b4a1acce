/**
 * The lock file serves every platform and every registry. npm has left the packages of other platforms out of it at times,
 * and then `npm ci` refuses it, or a machine gets no native code; and it may write the registry's address into it.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

interface LockedPackage {
  readonly version: string;
  readonly integrity?: string;
  readonly resolved?: string;
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const root = join(import.meta.dirname, '..', '..');
const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
  packages: Record<string, LockedPackage>;
};

/** What a package at `path` gets by the name, as Node looks for it: beside it, or further up. */
function resolved(path: string, name: string): LockedPackage | undefined {
  for (let at = path; ; at = at.slice(0, Math.max(0, at.lastIndexOf('/node_modules/')))) {
    const found = packages[`${at && `${at}/`}node_modules/${name}`];
    if (found !== undefined || at === '') return found;
  }
}

/** Names of a package's dependencies that the lock file lacks. */
function lacking(path: string, names: Readonly<Record<string, string>> = {}): string[] {
  return Object.keys(names)
    .filter((name) => resolved(path, name) === undefined)
    .map((name) => `${path}: ${name}`);
}

it('names every dependency, those for other platforms too', () => {
  const entries = Object.entries(packages);
  expect(entries.flatMap(([path, { optionalDependencies }]) => lacking(path, optionalDependencies))).toEqual([]);
  expect(entries.flatMap(([path, { dependencies }]) => lacking(path, dependencies))).toEqual([]);
});

/** What is not made for a platform: users bring their own ffmpeg there, or have no search. */
const UNSUPPORTED: Readonly<Record<string, readonly string[]>> = {
  'win32 arm64': ['@ffmpeg-installer/ffmpeg', '@ffprobe-installer/ffprobe'],
  'darwin x64': ['@lancedb/lancedb'],
};

it.each(['linux', 'darwin', 'win32'].flatMap((os) => ['x64', 'arm64'].map((cpu) => [os, cpu] as const)))(
  'has the native packages for %s on %s',
  (os, cpu) => {
    const none = UNSUPPORTED[`${os} ${cpu}`] ?? [];
    for (const name of [
      '@napi-rs/canvas',
      '@ffmpeg-installer/ffmpeg',
      '@ffprobe-installer/ffprobe',
      '@lancedb/lancedb',
      'esbuild',
      '@biomejs/biome',
      'rolldown',
    ]) {
      const path = `node_modules/${name}`;
      const parts = Object.keys(packages[path]!.optionalDependencies!).map((part) => resolved(path, part)!);
      const fitting = parts.filter((part) => part.os?.includes(os) && part.cpu?.includes(cpu));
      expect(fitting.length > 0, `${name} for ${os} ${cpu}`).toBe(!none.includes(name));
    }
  },
);

it('has a checksum for every package, and no address', () => {
  for (const [path, { integrity, resolved }] of Object.entries(packages)) {
    if (path === '') continue;
    expect(integrity, path).toMatch(/^sha512-/);
    expect(resolved, path).toBeUndefined();
  }
});
