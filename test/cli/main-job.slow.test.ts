import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { readAnalysis } from '../../src/analysis/document.ts';
import { RESNET50_IMAGENET } from '../../src/models/pretrained.ts';
import { pullTrunk } from '../../src/models/pull.ts';
import { probeClip } from '../../src/video/media/probe.ts';
import { type ClipOptions, makeClip } from '../support/clips.ts';
import { runCli } from './run-cli.ts';

const FIXTURE = join(import.meta.dirname, '..', '..', 'fixtures', 'clips', 'traffic_light_red.mp4');
const RESULTS = ['analysis.json', 'overlay.mp4', 'report.html', 'strip.png'];

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-main-'));
  await pullTrunk(RESNET50_IMAGENET);
});

it('doctor --probe measures the engines that are here, the one that is used first', async () => {
  const { stdout, exitCode } = await runCli(['doctor', '--probe', '--json', '--backend', 'wasm']);
  expect(exitCode).toBe(0);
  const findings = JSON.parse(stdout) as { name: string; found: string; msPerFrame?: number; advice?: string }[];
  const [used, ...others] = findings.filter(({ name }) => name === 'probe');
  expect(used!.found).toMatch(/^wasm: [\d.]+ ms per frame of 384x224, used \(asked for\)$/);
  const measured = others.filter(({ msPerFrame }) => msPerFrame !== undefined);
  expect(measured.map(({ found }) => found.split(':')[0])).toContain('onnxruntime');
  expect(measured.every(({ msPerFrame }) => msPerFrame! < used!.msPerFrame!)).toBe(true); // by several times
  expect(used!.advice).toMatch(/ is faster here: --backend /);
});

describe('analyze with the real network', () => {
  it('writes its files, prints the table, and render draws them again in another style', async () => {
    const out = join(folder, 'out');
    const result = await runCli(['analyze', FIXTURE, '-o', out]);
    expect(result.exitCode).toBe(0);
    expect((await readdir(out)).sort()).toEqual(RESULTS);
    expect(result.stdout).toMatch(
      /frame +time +loss +iterations +status +peak cell +importance +verdict\n +1 +0\.\d\d s/,
    );
    for (const name of RESULTS) expect(result.stdout).toContain(join(out, name));
    const analysis = await readAnalysis(join(out, 'analysis.json'));
    expect(analysis.frames.length).toBe(3);

    const again = await runCli([
      'render',
      join(out, 'analysis.json'),
      '-o',
      join(out, 'heat.mp4'),
      '--style',
      'heatmap',
      '-q',
    ]);
    expect(again).toMatchObject({ exitCode: 0, stdout: `${join(out, 'heat.mp4')}\n` });
    const [first, second] = await Promise.all(
      [join(out, 'overlay.mp4'), join(out, 'heat.mp4')].map((path) => readFile(path)),
    );
    expect(first!.equals(second!)).toBe(false);
  });

  it('prints one JSON document with --json, the same for the same seed', async () => {
    const { stdout } = await runCli(['analyze', FIXTURE, '--json', '-q', '-o', join(folder, 'json')]);
    const { timingsSec: _, ...found } = JSON.parse(stdout) as Record<string, unknown>;
    const { timingsSec: __, ...first } = await readAnalysis(join(folder, 'out', 'analysis.json')); // of the test before
    expect(found).toEqual(JSON.parse(JSON.stringify(first)));
  });

  it('takes video that is upright, of odd sizes, with 10 bits and 4:2:2', async () => {
    const kind: ClipOptions = { frames: 20, width: 90, height: 161, output: ['-pix_fmt', 'yuv422p10le'] };
    const clip = await makeClip(join(folder, 'odd.mkv'), kind);
    const out = join(folder, 'odd');
    expect(await runCli(['analyze', clip, '-q', '-o', out])).toMatchObject({ exitCode: 0 });
    const video = await probeClip(join(out, 'overlay.mp4'));
    expect(video).toMatchObject({ width: 90, height: 160, pixelFormat: 'yuv420p' });
  });

  it('says so when ffmpeg fails half-way, and leaves no half-written file', async () => {
    const place = await mkdtemp(join(folder, 'failing-'));
    const { findFfmpeg } = await import('../../src/video/media/binaries.ts');
    const { path } = await findFfmpeg();
    // Works for everything but encoding, where it dies after a moment.
    const script = `#!/bin/sh\ncase "$*" in *filter_complex*libx264*) sleep 0.3; echo "disk on fire" >&2; exit 1;; esac\nexec '${path}' "$@"\n`;
    await writeFile(join(place, 'ffmpeg'), script, { mode: 0o755 });
    const result = await runCli(['analyze', FIXTURE, '-q', '-o', join(place, 'out')], {
      env: { FFMPEG_PATH: join(place, 'ffmpeg') },
    });
    expect(result.exitCode).toBe(1);
    expect(result.stderr).toMatch(/error: .*disk on fire/);
    expect((await readdir(join(place, 'out'))).sort()).toEqual(['analysis.json', 'strip.png']);
  });
});
