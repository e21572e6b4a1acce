import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  fromOptional,
  installCommand,
  missingPackages,
  QUEUE_PACKAGES,
  SEARCH_PACKAGES,
  WEBGPU_PACKAGES,
} from '../../src/base/optional.ts';
import { ONNXRUNTIME } from '../../src/models/onnx/locate.ts';
import { RESNET50_IMAGENET } from '../../src/models/pretrained.ts';

const root = join(import.meta.dirname, '..', '..');
const manifest = createRequire(import.meta.url)('../../package.json') as {
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
  peerDependencies: Record<string, string>;
  peerDependenciesMeta: Record<string, { optional?: boolean }>;
};

/** A peer that the tests never install: its own install step downloads. */
const ABSENT = '@tensorflow/tfjs-node-gpu';

describe('optional packages', () => {
  it('are optional peers, so that nobody gets them unasked, and there in a clone', () => {
    const named = [...SEARCH_PACKAGES, ...QUEUE_PACKAGES, ...WEBGPU_PACKAGES];
    for (const name of named) {
      expect(manifest.peerDependencies[name], name).toBeDefined();
      expect(manifest.devDependencies[name], name).toBe(manifest.peerDependencies[name]);
    }
    expect(missingPackages(named)).toEqual([]);
    for (const name of Object.keys(manifest.peerDependencies)) {
      expect(manifest.peerDependenciesMeta[name]?.optional, name).toBe(true);
      expect(manifest.dependencies[name], name).toBeUndefined();
    }
  });

  it('are loaded where they are installed', async () => {
    const { Redis } = await fromOptional('a queue', QUEUE_PACKAGES, () => import('ioredis'));
    expect(Redis).toBeTypeOf('function');
  });

  it.skipIf(missingPackages([ABSENT]).length === 0)('are named, all in one command, where one is missing', async () => {
    const packages = ['ioredis', ABSENT];
    const load = () => Promise.reject(new Error('it was loaded all the same'));
    await expect(fromOptional('a queue', packages, load)).rejects.toMatchObject({
      code: 'package-missing',
      message: `a queue needs a package that is not installed: ${ABSENT}`,
      hint: expect.stringContaining(`npm install ioredis@6.0.0 ${ABSENT}@4.22.0`),
    });
  });

  it('are named with why, where one is there and of no use', async () => {
    const load = () => Promise.reject(new Error('no native binding\nat somewhere'));
    await expect(fromOptional('a queue', QUEUE_PACKAGES, load)).rejects.toMatchObject({
      code: 'package-missing',
      message: 'bullmq or ioredis cannot be loaded: no native binding',
      hint: expect.stringContaining(installCommand(QUEUE_PACKAGES)),
    });
  });
});

it.each(['README.md', 'docs/batch.md', 'docs/retrieval.md', 'docs/architecture.md', 'docs/own-network.md'])(
  '%s names versions that package.json asks for, or that are fetched',
  (path) => {
    expect(existsSync(join(root, path))).toBe(true);
    const text = readFileSync(join(root, path), 'utf8');
    const { node, common } = ONNXRUNTIME;
    const fetched = new Map(
      [RESNET50_IMAGENET.source, node, common].map(({ npmPackage }) => npmPackage.split('@') as [string, string]),
    );
    for (const [, name, version] of text.matchAll(/((?:@[\w-]+\/)?[\w-]+)@(\d+\.\d+\.\d+)/g)) {
      const range =
        fetched.get(name!) ??
        manifest.peerDependencies[name!] ??
        manifest.dependencies[name!] ??
        manifest.devDependencies[name!];
      expect(range?.replace(/^[\^~]/, ''), `${name}@${version}`).toBe(version);
    }
  },
);
