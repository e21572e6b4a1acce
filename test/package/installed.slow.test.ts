/**
 * What somebody gets who installs the package: packed, put into an empty folder without running any install script (as
 * policies demand), it analyzes a clip, types a program that uses the library, and stays small.
 */
import { execFile } from 'node:child_process';
import { copyFile, lstat, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, posix } from 'node:path';
import { promisify } from 'node:util';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Analysis, readAnalysis } from '../../src/analysis/document.ts';
import { RESNET50_IMAGENET, weightsPath } from '../../src/models/pretrained.ts';
import { pullTrunk } from '../../src/models/pull.ts';
import { probeClip } from '../../src/video/media/probe.ts';
import { type CliResult, runNode } from '../cli/run-cli.ts';

const root = join(import.meta.dirname, '..', '..');
const FIXTURE = join(root, 'fixtures', 'clips', 'traffic_light_red.mp4');
/** What a plain install may take, in megabytes; most of it are ffmpeg, ffprobe, TensorFlow.js and the canvas. */
const MOST_MB = 350;

const execute = promisify(execFile);
const npm = (args: readonly string[], cwd: string): Promise<{ stdout: string }> =>
  execute('npm', [...args, '--no-audit', '--no-fund'], { cwd, shell: process.platform === 'win32' });

let folder: string;
let installed: string;
beforeAll(async () => {
  await pullTrunk(RESNET50_IMAGENET);
  folder = await mkdtemp(join(tmpdir(), 'l2caf-installed-'));
  // Without scripts, because prepack makes the build anew, and other tests are using it.
  const { stdout } = await npm(['pack', '--ignore-scripts', '--silent', '--pack-destination', folder], root);
  await writeFile(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
  await npm(['install', '--ignore-scripts', '--prefer-offline', join(folder, stdout.trim())], folder);
  installed = join(folder, 'node_modules', 'l2caf');
}, 300_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Runs the installed command, without the native backend that a machine of tests may have elsewhere. */
function l2caf(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<CliResult> {
  return runNode(join(installed, 'dist', 'cli', 'main.js'), args, {
    cwd: folder,
    env: { L2CAF_TFJS_NODE: '', ...env },
  });
}

describe('the package', () => {
  it('holds what runs, and what is written about it', async () => {
    const files = await readdir(installed, { recursive: true });
    expect(files.filter((path) => /\.(map|tsbuildinfo|ts)$/.test(path) && !path.endsWith('.d.ts'))).toEqual([]);
    for (const path of ['README.md', 'LICENSE', 'CHANGELOG.md']) expect(files).toContain(path);
    const manifest = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8')) as { sideEffects: string[] };
    for (const path of manifest.sideEffects) expect(files).toContain(join(path));
    const broken: string[] = [];
    for (const path of files.filter((name) => name.endsWith('.md'))) {
      const text = await readFile(join(installed, path), 'utf8');
      for (const [, target] of text.matchAll(/\]\(([^)#\s]+)[^)]*\)/g)) {
        const linked = posix.join(posix.dirname(path), target!);
        if (!/^[a-z]+:/.test(target!) && !files.includes(linked)) broken.push(`${path}: ${target}`);
      }
    }
    expect(broken).toEqual([]);
  });

  it(`takes less than ${MOST_MB} MB with all that it needs`, async () => {
    const bytes = await sizeOf(join(folder, 'node_modules'));
    expect(bytes / 1e6).toBeLessThan(MOST_MB);
    expect(bytes / 1e6).toBeGreaterThan(100);
  });

  it('types programs that use the library, those of the documents among them', async () => {
    const isDeclaration = (name: string): boolean => name.includes('/l2caf/dist/');
    const programs = await Promise.all(
      [PROGRAM, ...(await programsOf('README.md')), ...(await programsOf('docs/library.md'))].map(async (text, i) => {
        const path = join(folder, `program${i}.ts`);
        await writeFile(path, text);
        return path;
      }),
    );
    expect(programs.length).toBeGreaterThanOrEqual(3);
    for (const moduleResolution of [ts.ModuleResolutionKind.NodeNext, ts.ModuleResolutionKind.Bundler]) {
      const module =
        moduleResolution === ts.ModuleResolutionKind.Bundler ? ts.ModuleKind.ESNext : ts.ModuleKind.NodeNext;
      const checked = ts.createProgram(programs, {
        module,
        moduleResolution,
        target: ts.ScriptTarget.ES2023,
        strict: true,
        noEmit: true,
        types: ['node'],
        typeRoots: [join(root, 'node_modules', '@types')],
      });
      // Other packages' declarations have errors of their own.
      const ours = checked
        .getSourceFiles()
        .filter(({ fileName: name }) => programs.includes(name) || isDeclaration(name));
      expect(ours.length).toBeGreaterThan(10);
      const problems = ours
        .flatMap((file) => [...checked.getSyntacticDiagnostics(file), ...checked.getSemanticDiagnostics(file)])
        .map(({ file, messageText }) => `${file?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`);
      expect(problems).toEqual([]);
    }
  });

  it('fetches onnxruntime once, and runs with it', async () => {
    const env = { L2CAF_CACHE: join(folder, 'cache') };
    await mkdir(join(folder, 'cache', 'trunks'), { recursive: true });
    await copyFile(weightsPath(RESNET50_IMAGENET), join(folder, 'cache', 'trunks', 'resnet50-imagenet.safetensors'));
    const analyzed = async (): Promise<Analysis> => {
      const { exitCode, stdout, stderr } = await l2caf(['analyze', FIXTURE, '-o', 'fetched', '--json', '-q'], env);
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
      return JSON.parse(stdout) as Analysis;
    };
    expect(await analyzed()).toMatchObject({
      options: { backend: 'onnxruntime' },
    });
    const doctor = await l2caf(['doctor'], env);
    expect(doctor.stdout).toMatch(/^ok +onnx +onnxruntime-node [\d.]+: .*cache.engines.*\(pulled into the cache\)$/m);
    const pulled = await l2caf(['models', 'pull', '--engine'], { ...env, npm_config_registry: 'http://127.0.0.1:9/' });
    expect(pulled).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('engines') });
  });

  it('analyzes a clip', async () => {
    const out = join(folder, 'out');
    const { exitCode, stderr } = await l2caf(['analyze', FIXTURE, '-o', out, '-q']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect((await readdir(out)).sort()).toEqual(['analysis.json', 'overlay.mp4', 'report.html', 'strip.png']);
    expect((await readAnalysis(join(out, 'analysis.json'))).frames.length).toBe(3);
    expect((await probeClip(join(out, 'overlay.mp4'))).durationSec).toBeGreaterThan(1);
  });

  it('is a library that finds filters', async () => {
    await writeFile(join(folder, 'library.js'), LIBRARY);
    const { exitCode, stdout, stderr } = await runNode(join(folder, 'library.js'), [], { cwd: folder });
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({ solver: 'gd', cells: 6 });
  });

  it.each([
    [
      'index',
      ['index', 'none', '-o', 'db'],
      /^error: .* needs packages that are not installed: @lancedb\/lancedb, apache-arrow\n.*npm install @lancedb\/lancedb@[\d.]+ apache-arrow@[\d.]+.*\n$/,
    ],
    [
      'worker',
      ['worker', '--queue', 'redis://127.0.0.1:1', '-q'],
      /^error: .* not installed: bullmq, ioredis\n.*npm install bullmq@[\d.]+ ioredis@[\d.]+.*\n$/,
    ],
    [
      '--backend webgpu',
      ['analyze', FIXTURE, '-q', '-o', 'gpu', '--backend', 'webgpu'],
      /^error: .*\n.*npm install webgpu@[\d.]+ @tensorflow\/tfjs-backend-webgpu@[\d.]+.*\n$/,
    ],
  ])('says what to install for %s', async (_, args, message) => {
    const { exitCode, stdout, stderr } = await l2caf(args);
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
    expect(stderr).toMatch(message);
  });
});

/** The TypeScript in a document of the package, a program per block. */
async function programsOf(path: string): Promise<string[]> {
  const text = await readFile(join(installed, path), 'utf8');
  return [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, program]) => program!);
}

/** Bytes of all files in a folder. */
async function sizeOf(path: string): Promise<number> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const sizes = await Promise.all(files.map(async (entry) => (await lstat(join(entry.parentPath, entry.name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** Uses the library's types; what is expected to be an error is none where a type is lost. */
const PROGRAM = `
import { type Analysis, analyzeEvent, L2cafError, openClip, openModel, renderVideo, type Tail, solveFilters } from 'l2caf';
const { clip, span } = await openClip('drive.mp4', { startSec: 62, endSec: 65 });
const model = await openModel({ backend: 'auto' });
const analysis: Analysis = await analyzeEvent(model, { clip, span, frames: 3, seed: 0 });
await renderVideo(analysis, 'overlay.mp4');
export const losses = async (tail: Tail): Promise<number[]> => (await solveFilters(tail)).filters.map(({ loss }) => loss);
export const isOurs = (error: unknown): error is L2cafError => error instanceof L2cafError;
// @ts-expect-error an analysis is not a number
export const wrong: number = analysis;
// @ts-expect-error there is no such backend
await openModel({ backend: 'abacus' });
`;

/** Finds a filter by descent, which needs gradients. */
const LIBRARY = `
import { pooledDenseTail, solveFilters, useBackend } from 'l2caf';
await useBackend('wasm');
const grid = { height: 2, width: 3 };
const features = Float32Array.from({ length: 24 }, (_, i) => Math.sin(i));
const kernel = Float32Array.from({ length: 20 }, (_, i) => Math.cos(i));
const tail = pooledDenseTail({ grid, features, kernel, bias: new Float32Array(5) });
const { filters, options } = await solveFilters(tail, { solver: 'gd' });
console.log(JSON.stringify({ solver: options.solver, cells: filters[0].values.length }));
`;
