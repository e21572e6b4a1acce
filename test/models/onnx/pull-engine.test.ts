/** onnxruntime in the cache, where it is not installed: with small packages that are made here, and with the real one. */
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import * as tar from 'tar';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { cacheFolder } from '../../../src/base/cache-folder.ts';
import type { L2cafError } from '../../../src/base/errors.ts';
import { engineFor, useEngine } from '../../../src/models/backend.ts';
import type { NpmPackage } from '../../../src/models/npm-package.ts';
import {
  cachedState,
  type EngineRelease,
  engineFolder,
  lackOfBuild,
  locateOnnxruntime,
  nodePackageIn,
  ONNXRUNTIME,
} from '../../../src/models/onnx/locate.ts';
import {
  type PullEngineOptions,
  provideOnnxruntime,
  pullOnnxruntime,
  requireOnnxruntime,
} from '../../../src/models/onnx/pull-engine.ts';
import { difference } from '../../support/compare.ts';
import { canMount, smallDisk } from '../../support/full-disk.ts';
import { tinyNetwork } from '../../support/tiny-network.ts';

// As on a machine where nobody has installed it.
vi.mock('../../../src/base/optional.ts', async (original) => ({
  ...(await original<typeof import('../../../src/base/optional.ts')>()),
  missingPackages: (packages: readonly string[]) => packages,
}));

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-engine-'));
  vi.stubEnv('L2CAF_CACHE', join(folder, 'cache'));
  vi.stubEnv('L2CAF_TFJS_NODE', '');
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

/** A file, or a link, in a tarball. */
interface Entry {
  readonly path: string;
  readonly text?: string;
  readonly link?: string;
}

function tarballOf(entries: readonly Entry[]): Buffer {
  const blocks = entries.flatMap(({ path, text = '', link }) => {
    const header = new tar.Header({
      ...{ path, mode: 0o644, size: Buffer.byteLength(text), mtime: new Date(0) },
      ...(link === undefined ? { type: 'File' } : { type: 'SymbolicLink', linkpath: link }),
    });
    header.encode();
    const content = Buffer.alloc(512 * Math.ceil(Buffer.byteLength(text) / 512));
    content.write(text);
    return [header.block!, content];
  });
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(1024)]));
}

const HERE = `package/bin/napi-v6/${process.platform}/${process.arch}`;

const NODE: readonly Entry[] = [
  { path: 'package/package.json', text: '{"name":"onnxruntime-node","version":"9.9.9","main":"dist/index.js"}' },
  { path: 'package/dist/index.js', text: "exports.version = require('onnxruntime-common').version;" },
  { path: 'package/dist/index.js.map', text: '{}' },
  { path: 'package/script/install.js', text: "throw new Error('install scripts are not run')" },
  { path: 'package/bin/napi-v6/beos/ppc/onnxruntime_binding.node', text: 'of another machine' },
  { path: `${HERE}/onnxruntime_binding.node`, text: 'native code' },
];
const COMMON: readonly Entry[] = [
  { path: 'package/package.json', text: '{"name":"onnxruntime-common","version":"9.9.9","main":"dist/index.js"}' },
  { path: 'package/dist/index.js', text: "exports.version = '9.9.9';" },
];

const npmPackage = (name: string, content: Buffer): NpmPackage => ({
  npmPackage: name,
  integrity: `sha512-${createHash('sha512').update(content).digest('base64')}`,
  bytes: content.length,
});

/** Writes both tarballs of a release into a folder and describes it. */
async function releaseIn(
  into: string,
  { node = NODE, common = COMMON }: { node?: readonly Entry[]; common?: readonly Entry[] } = {},
): Promise<EngineRelease> {
  const [nodeTarball, commonTarball] = [tarballOf(node), tarballOf(common)];
  await mkdir(into, { recursive: true });
  await writeFile(join(into, 'onnxruntime-node-9.9.9.tgz'), nodeTarball);
  await writeFile(join(into, 'onnxruntime-common-9.9.9.tgz'), commonTarball);
  return {
    version: '9.9.9',
    node: npmPackage('onnxruntime-node@9.9.9', nodeTarball),
    common: npmPackage('onnxruntime-common@9.9.9', commonTarball),
  };
}

async function failure(release: EngineRelease, options: PullEngineOptions): Promise<L2cafError> {
  return pullOnnxruntime(options, release).then(
    () => expect.unreachable('the pull should fail'),
    (error: L2cafError) => error,
  );
}

/** All files in the cache, and staging folders of pulls. */
async function cached(): Promise<string[]> {
  const entries = await readdir(cacheFolder(), { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => !entry.isDirectory() || entry.name.startsWith('.pull'))
    .map(({ name }) => name)
    .sort();
}

const load = (release: EngineRelease): unknown => createRequire(import.meta.url)(nodePackageIn(engineFolder(release)));

describe('pullOnnxruntime', () => {
  it.each([
    ['a folder of tarballs', ''],
    ['a tarball beside the other', 'onnxruntime-node-9.9.9.tgz'],
  ])('takes from %s what this machine needs', async (_, name) => {
    const release = await releaseIn(join(folder, 'own'));
    const stages = new Set<string>();
    const from = join(folder, 'own', name);
    const made = await pullOnnxruntime({ from, onProgress: ({ stage }) => stages.add(stage) }, release);
    expect(made).toBe(engineFolder(release));
    expect(await cached()).toEqual([
      ...['files.json', 'index.js', 'index.js', 'onnxruntime_binding.node', 'package.json', 'package.json'],
    ]);
    expect([...stages]).toEqual([]); // nothing is fetched
    expect(load(release)).toEqual({ version: '9.9.9' });
    expect(await cachedState(release, true)).toBe('ready');
  });

  it.each([
    ['a path that does not exist', async () => {}, 'nowhere', 'input-not-found', 'does not exist'],
    [
      'a tarball that is cut off',
      (own: string) => truncate(join(own, 'onnxruntime-node-9.9.9.tgz'), 100),
      '',
      'package-invalid',
      'is damaged or not onnxruntime-node@9.9.9',
    ],
    [
      'a tarball of another package',
      (own: string) => writeFile(join(own, 'onnxruntime-node-9.9.9.tgz'), tarballOf(COMMON)),
      '',
      'package-invalid',
      'is damaged or not onnxruntime-node@9.9.9',
    ],
    [
      'a tarball of the smaller package that is another one',
      (own: string) => writeFile(join(own, 'onnxruntime-common-9.9.9.tgz'), tarballOf(NODE)),
      '',
      'package-invalid',
      'is damaged or not onnxruntime-common@9.9.9',
    ],
    [
      'a tarball without the other beside it',
      (own: string) => rm(join(own, 'onnxruntime-common-9.9.9.tgz')),
      'onnxruntime-node-9.9.9.tgz',
      'input-not-found',
      'onnxruntime-common-9.9.9.tgz does not exist',
    ],
    ['a folder without tarballs', async () => {}, '..', 'input-not-found', 'does not exist'],
  ])('refuses %s and leaves nothing behind', async (_, spoil, name, code, message) => {
    const own = join(folder, 'own');
    const release = await releaseIn(own);
    await spoil(own);
    const error = await failure(release, { from: join(own, name) });
    expect(error.code).toBe(code);
    expect(error.message).toContain(message);
    expect(await cached()).toEqual([]);
  });

  it('refuses a package without a build for this machine', async () => {
    const release = await releaseIn(folder, { node: NODE.filter(({ path }) => !path.startsWith(HERE)) });
    const error = await failure(release, { from: folder });
    expect(error).toMatchObject({ code: 'package-invalid', hint: 'use --backend wasm' });
    expect(error.message).toBe(`onnxruntime-node@9.9.9 holds no build for ${process.platform} ${process.arch}`);
    expect(await cached()).toEqual([]);
  });

  it('unpacks nothing outside of its folder, and no links', async () => {
    const evil: readonly Entry[] = [
      { path: 'package/dist/../../../../../evil.js', text: 'evil' },
      { path: `${HERE}/../../../../../evil.js`, text: 'evil' },
      { path: '/evil.js', text: 'evil' },
      { path: '../evil.js', text: 'evil' },
      { path: 'package/dist/link.js', link: folder },
      { path: 'package/dist/link.js/evil.js', text: 'evil' },
    ];
    const release = await releaseIn(join(folder, 'own'), { node: [...NODE, ...evil] });
    await pullOnnxruntime({ from: join(folder, 'own') }, release);
    const all = await readdir(folder, { recursive: true, withFileTypes: true });
    expect(all.filter((entry) => entry.isSymbolicLink())).toEqual([]);
    expect(all.filter(({ name }) => name === 'evil.js').map((entry) => entry.parentPath)).toEqual([
      join(nodePackageIn(engineFolder(release)), 'dist', 'link.js'), // a folder of its own, as there is no link
    ]);
  });

  it('puts it there once when several do so at once', async () => {
    const release = await releaseIn(join(folder, 'own'));
    const from = join(folder, 'own');
    const made = await Promise.all(Array.from({ length: 4 }, () => pullOnnxruntime({ from }, release)));
    expect(new Set(made)).toEqual(new Set([engineFolder(release)]));
    expect(await cachedState(release, true)).toBe('ready');
    expect((await cached()).filter((name) => name.startsWith('.pull'))).toEqual([]);
  });

  it('notices damage, and replaces what is damaged', async () => {
    const release = await releaseIn(join(folder, 'own'));
    const from = join(folder, 'own');
    expect(await cachedState(release)).toBe('absent');
    await pullOnnxruntime({ from }, release);
    const file = join(nodePackageIn(engineFolder(release)), 'dist', 'index.js');
    const content = await readFile(file, 'utf8');
    await writeFile(file, content.replace('version', 'virsion'));
    expect(await cachedState(release)).toBe('ready'); // of the same size
    expect(await cachedState(release, true)).toBe('damaged');
    await truncate(file, 10);
    expect(await cachedState(release)).toBe('damaged');
    await pullOnnxruntime({ from }, release);
    expect(await readFile(file, 'utf8')).toBe(content);
    await rm(join(engineFolder(release), 'files.json'));
    expect(await cachedState(release)).toBe('damaged');
    expect((await cached()).filter((name) => name.startsWith('.pull'))).toEqual([]);
  });

  it('says so when the cache cannot be written', async () => {
    const release = await releaseIn(join(folder, 'own'));
    await writeFile(join(folder, 'file'), '');
    vi.stubEnv('L2CAF_CACHE', join(folder, 'file', 'cache'));
    const error = await failure(release, { from: join(folder, 'own') });
    expect(error).toMatchObject({ code: 'output-unwritable', hint: expect.stringContaining('L2CAF_CACHE') });
    expect(error.message).toMatch(/^cannot write to the cache /);
  });

  it('stops when asked to', async () => {
    const release = await releaseIn(join(folder, 'own'));
    const error = await failure(release, { from: join(folder, 'own'), signal: AbortSignal.abort() });
    expect(error.code).toBe('aborted');
    expect(await cached()).toEqual([]);
  });
});

describe('from a registry', () => {
  let server: Server;
  let asked: string[];
  let answers: Map<string, Buffer>;
  beforeEach(async () => {
    [asked, answers] = [[], new Map()];
    server = createServer(({ url = '' }, response) => {
      asked.push(url);
      const answer = answers.get(url);
      response.writeHead(answer ? 200 : 404).end(answer ?? '{}');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    vi.stubEnv('npm_config_registry', `${address()}/`);
  });
  afterEach(() => void server.close());

  const address = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  /** Publishes both tarballs of a folder. */
  async function publish(from: string, { node, common }: EngineRelease): Promise<void> {
    for (const { npmPackage: id, integrity } of [node, common]) {
      const [name, version] = id.split('@') as [string, string];
      const tarball = `/${name}/-/${name}-${version}.tgz`;
      answers.set(tarball, await readFile(join(from, `${name}-${version}.tgz`)));
      const manifest = { name, version, dist: { tarball: `${address()}${tarball}`, integrity } };
      const document = { name, 'dist-tags': { latest: version }, versions: { [version]: manifest } };
      answers.set(`/${name}`, Buffer.from(JSON.stringify(document)));
    }
  }

  it('is fetched through npm, once', async () => {
    const release = await releaseIn(join(folder, 'own'));
    await publish(join(folder, 'own'), release);
    await pullOnnxruntime({}, release);
    expect(load(release)).toEqual({ version: '9.9.9' });
    expect(asked).toContain('/onnxruntime-node/-/onnxruntime-node-9.9.9.tgz');
    const { length } = asked;
    await pullOnnxruntime({}, release);
    expect(asked.length).toBe(length);
  });

  it.skipIf(!canMount)('says that the disk is full, and not that the network is at fault', async () => {
    const release = await releaseIn(join(folder, 'own'));
    await publish(join(folder, 'own'), release);
    const disk = await smallDisk(join(folder, 'disk'), 1 << 20);
    vi.stubEnv('L2CAF_CACHE', disk.folder);
    await disk.leave(0);
    try {
      expect(await failure(release, {})).toMatchObject({
        code: 'output-unwritable',
        message: expect.stringMatching(/^cannot write to the cache .*: the disk is full$/),
      });
    } finally {
      await disk.remove();
    }
  });

  it('is refused where the registry has other content of that version', async () => {
    const release = await releaseIn(join(folder, 'own'));
    const forged = await releaseIn(join(folder, 'forged'), { node: [...NODE, { path: 'package/dist/more.js' }] });
    await publish(join(folder, 'forged'), forged);
    expect(await failure(release, {})).toMatchObject({ code: 'package-invalid' });
    expect(await cached()).toEqual([]);
  });

  it('is done without where it cannot be fetched, in words, and tried again the next day or when it is asked for', async () => {
    expect(await locateOnnxruntime()).toBeUndefined();
    const first = await useEngine('auto', {});
    expect(first.name).toBe('wasm');
    expect(first.warning).toMatch(
      /^onnxruntime cannot be fetched: 404 .* \(l2caf models pull --engine tries again\); wasm is used, which is slower$/,
    );
    const { length } = asked;
    expect(length).toBeGreaterThan(0);
    const heard: string[] = [];
    expect(await engineFor('auto', { onWarning: (text) => heard.push(text) })).toBe('wasm');
    expect(heard).toEqual([
      expect.stringMatching(/^onnxruntime cannot be fetched: 404 .*, as of today \(.*; wasm is used/),
    ]);
    expect(asked.length).toBe(length);
    const note = join(cacheFolder(), 'engines', 'not-fetched.txt');
    await utimes(note, 0, 0);
    expect(await provideOnnxruntime({})).toMatch(/404/);
    expect(asked.length).toBeGreaterThan(length);
    const again = asked.length;
    await expect(requireOnnxruntime('an ONNX network', {})).rejects.toMatchObject({
      code: 'package-missing',
      message: expect.stringMatching(/^an ONNX network needs onnxruntime, and it is not there: .*404/),
      hint: expect.stringMatching(
        /models pull --engine --from .*, or npm install onnxruntime-node@[\d.]+ --ignore-scripts$/,
      ),
    });
    expect(asked.length).toBeGreaterThan(again);
    await expect(useEngine('onnxruntime')).rejects.toMatchObject({ code: 'package-missing' });
  });

  it('is not fetched unless it is wanted', async () => {
    expect(await useEngine('wasm', {})).not.toHaveProperty('warning');
    expect(await useEngine('auto')).toMatchObject({ name: 'wasm' });
    expect(await engineFor('cpu', {})).toBe('cpu');
    expect(asked).toEqual([]);
  });
});

it('says of which machines there is no build', () => {
  expect(lackOfBuild('linux', 'x64', true)).toBeUndefined();
  expect(lackOfBuild('darwin', 'arm64', false)).toBeUndefined();
  expect(lackOfBuild('darwin', 'x64', false)).toBe('onnxruntime has no build for darwin x64');
  expect(lackOfBuild('linux', 'x64', false)).toBe('onnxruntime has no build for linux x64 without glibc');
});

it('is pulled in the version that the tests run with, and that package.json asks for', async () => {
  const root = join(import.meta.dirname, '..', '..', '..');
  const { packages } = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { version: string; integrity: string }>;
  };
  const { version, node, common } = ONNXRUNTIME;
  for (const { npmPackage: id, integrity } of [node, common]) {
    const name = id.split('@')[0]!;
    expect(id).toBe(`${name}@${version}`);
    expect(packages[`node_modules/${name}`]).toMatchObject({ version, integrity });
  }
});

const real = dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'));
const commonOf = dirname(dirname(dirname(createRequire(join(real, 'dist/x.js')).resolve('onnxruntime-common'))));

describe.skipIf(lackOfBuild(process.platform, process.arch, true) !== undefined)('the real one', () => {
  let own: string;
  let release: EngineRelease;
  beforeAll(async () => {
    own = await mkdtemp(join(tmpdir(), 'l2caf-real-'));
    const packed = async (name: string, cwd: string, paths: string[]): Promise<NpmPackage> => {
      const file = join(own, `${name.replace('@', '-')}.tgz`);
      await tar.create({ file, cwd, prefix: 'package', gzip: { level: 1 }, portable: true }, paths);
      return npmPackage(name, await readFile(file));
    };
    release = {
      version: ONNXRUNTIME.version,
      node: await packed(ONNXRUNTIME.node.npmPackage, real, [
        ...['package.json', 'dist', `bin/napi-v6/${process.platform}/${process.arch}`],
      ]),
      common: await packed(ONNXRUNTIME.common.npmPackage, commonOf, ['package.json', 'dist']),
    };
  });
  afterAll(() => rm(own, { recursive: true }));

  it('runs networks from the cache as it does where it is installed', async () => {
    const { version } = ONNXRUNTIME;
    await pullOnnxruntime({ from: own }, release);
    expect(await locateOnnxruntime()).toMatchObject({ from: 'cache', version });
    expect(await engineFor('auto')).toBe('onnxruntime');
    expect(await useEngine('auto')).toEqual({
      name: 'onnxruntime',
      detail: `onnxruntime-node ${version} on the CPU; filters on wasm`,
      reason: 'auto: onnxruntime-node is in the cache',
    });
    const frames = { rgb: new Uint8Array(64 * 64 * 3).map((_, i) => (i * 7919) % 251), shape: [1, 64, 64, 3] as const };
    const features: Float32Array[] = [];
    for (const engine of ['wasm', 'onnxruntime'] as const) {
      const { network } = await tinyNetwork(engine);
      features.push(await network.trunkFeatures(frames));
      network.dispose();
    }
    expect(difference(features[1]!, features[0]!)).toBeLessThan(1e-5);
  });
});
