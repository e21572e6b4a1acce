import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadImage } from '@napi-rs/canvas';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import type { Analysis } from '../../src/analysis/document.ts';
import { sha256OfFile } from '../../src/base/files.ts';
import type { EventNetworkDescription } from '../../src/models/video-model.ts';
import { describeDifferences } from '../../src/rendering/comparison.ts';
import { probeClip } from '../../src/video/media/probe.ts';
import { runCli } from '../cli/run-cli.ts';
import { makeClip } from '../support/clips.ts';
import { exampleAnalysis } from '../support/example-analysis.ts';

const withOptions = (options: Partial<Analysis['options']>): Analysis => {
  const analysis = exampleAnalysis();
  return { ...analysis, options: { ...analysis.options, ...options } };
};

const withHead = (head: EventNetworkDescription['head']): Analysis => {
  const analysis = exampleAnalysis();
  return { ...analysis, model: { ...(analysis.model as EventNetworkDescription), head } };
};

describe('titles say what tells analyses apart', () => {
  const plain = exampleAnalysis();
  const other = { ...exampleAnalysis({ path: '/clips/b.mp4' }), span: { startSec: 1, endSec: 2.5 } };
  test.each<[string, Analysis[], string[]]>([
    ['methods', [plain, withOptions({ method: 'gradcam-abs', solver: 'none' })], ['L2-CAF', 'Grad-CAM-abs']],
    ['clips', [plain, other], ['a.mp4 0.00–3.00 s', 'b.mp4 1.00–2.50 s']],
    ['constraints', [plain, withOptions({ constraint: 'softmax' })], ['constraint l2', 'constraint softmax']],
    [
      'targets',
      ['oblivious', 'similar:/x/b.mp4@12-15', 'class:left_turn', 'output:steering'].map((target) =>
        withOptions({ target }),
      ),
      ['the whole output', 'similarity to b.mp4 12–15 s', 'class left_turn', 'number steering'],
    ],
    [
      'models',
      [plain, withHead({ kind: 'trained', id: 'driving', sha256: 'd'.repeat(64) })],
      ['untrained head, seed 0', 'model driving'],
    ],
    ['nothing', [plain, plain], ['a.mp4 0.00–3.00 s', 'a.mp4 0.00–3.00 s']],
  ])('%s', (_, analyses, titles) => {
    expect(describeDifferences(analyses)).toEqual(titles);
  });
});

describe('l2caf compare and figure', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'l2caf-compare-'));
    const path = await makeClip(join(folder, 'clip.mp4'), { frames: 75, width: 320, height: 180 });
    const source = { path, sha256: await sha256OfFile(path) };
    const analysis = exampleAnalysis(source);
    await writeFile(join(folder, 'a.json'), JSON.stringify(analysis));
    const { options } = analysis;
    await writeFile(
      join(folder, 'b.json'),
      JSON.stringify({ ...analysis, options: { ...options, method: 'gradcam' } }),
    );
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('a figure has a row per analysis, the same bytes each time, and a resolution for print', async () => {
    const run = (out: string, ...more: string[]) =>
      runCli(['figure', 'a.json', 'b.json', '-o', out, '-q', ...more], { cwd: folder });
    const read = (name: string) => readFile(join(folder, name));
    expect(await run('figure.png')).toMatchObject({ exitCode: 0, stdout: 'figure.png\n' });
    await run('again.png');
    const [png, again] = [await read('figure.png'), await read('again.png')];
    expect(again.equals(png)).toBe(true);
    expect(png.subarray(37, 41).toString()).toBe('pHYs');
    expect((await loadImage(png)).width).toBeCloseTo(2100, -2);
    await run('figure.svg', '--titles', 'First,Second', '--caption', 'A caption');
    const svg = (await read('figure.svg')).toString();
    expect(svg).toContain('>First · UNTRAINED HEAD</text>');
    expect(svg).toContain('>A caption</text>');
    // Two sampled moments in each of the two events.
    expect(svg.match(/data:image\/jpeg/g)).toHaveLength(4);
    await run('figure.pdf', '--style', 'both');
    await run('again.pdf', '--style', 'both');
    const [pdf, pdfAgain] = [await read('figure.pdf'), await read('again.pdf')];
    expect(pdfAgain.equals(pdf)).toBe(true);
    const text = pdf.toString('latin1');
    // The same frames; contours are lines, and text is text in fonts of the file.
    expect(text.match(/\/Filter \/DCTDecode/g)).toHaveLength(4);
    expect(text).toContain('/FontFile2');
    const [, widthPt] = /\/MediaBox \[0 0 ([\d.]+) [\d.]+\]/.exec(text)!;
    expect(Number(widthPt)).toBeCloseTo(((await loadImage(png)).width / 300) * 72, 0);
    const made = ['figure.png', 'again.png', 'figure.svg', 'figure.pdf', 'again.pdf'];
    for (const name of made) await rm(join(folder, name));
    expect(await run('figure.gif')).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('a .png, an .svg or a .pdf file, not figure.gif'),
    });
    expect((await run('figure.png', '--titles', 'one')).stderr).toMatch(/as many titles, not 1/);
  });

  it('writes one video and prints its name', async () => {
    const result = await runCli(['compare', 'a.json', 'b.json', '-o', 'both.mp4', '--layout', 'row', '-q'], {
      cwd: folder,
    });
    expect(result).toMatchObject({ exitCode: 0, stdout: 'both.mp4\n' });
    expect(await probeClip(join(folder, 'both.mp4'))).toMatchObject({ width: 648, durationSec: 3 });
    await rm(join(folder, 'both.mp4'));
  });

  it('takes folders of analyses, as other commands do', async () => {
    for (const name of ['a', 'b']) {
      await mkdir(join(folder, 'runs', name), { recursive: true });
      await copyFile(join(folder, `${name}.json`), join(folder, 'runs', name, 'analysis.json'));
    }
    const compared = await runCli(['compare', join('runs', 'a'), join('runs', 'b'), '-q'], { cwd: folder });
    expect(compared).toMatchObject({ exitCode: 0, stdout: `${join('runs', 'a', 'compare.mp4')}\n` });
    const drawn = await runCli(['figure', 'runs', '-o', 'runs.svg', '-q'], { cwd: folder });
    expect(drawn).toMatchObject({ exitCode: 0, stdout: 'runs.svg\n' });
    expect((await readFile(join(folder, 'runs.svg'), 'utf8')).match(/data:image\/jpeg/g)).toHaveLength(4);
    const film = await runCli(['film', 'runs', '-q'], { cwd: folder });
    expect(film).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('shows one analysis, and there are 2') });
    await rm(join(folder, 'runs'), { recursive: true });
    await rm(join(folder, 'runs.svg'));
  });

  it.each<[string, string[], RegExp, number]>([
    ['more than anybody could look at', Array<string>(37).fill('a.json'), /cannot show 37 analyses, at most 36/, 2],
    ['a single analysis', ['a.json'], /^error: to compare, give at least two analyses/, 2],
    ['too few titles', ['a.json', 'b.json', '--titles', 'one'], /2 analyses need as many titles, not 1/, 2],
    ['an analysis that is not there', ['a.json', 'c.json'], /cannot read c\.json/, 1],
    ['its own source as output', ['a.json', 'b.json', '-o', 'clip.mp4'], /clip\.mp4 is what this run reads/, 2],
    [
      'another kind of file',
      ['a.json', 'b.json', '-o', 'out.avi'],
      /a video is an \.mp4, a \.webm or a \.gif file, not out\.avi/,
      2,
    ],
  ])('refuses %s', async (_, args, message, exitCode) => {
    const before = await readdir(folder);
    const result = await runCli(['compare', ...args], { cwd: folder });
    expect(result).toMatchObject({ exitCode, stdout: '' });
    expect(result.stderr).toMatch(message);
    expect(result.stderr).not.toMatch(/^\s+at /m);
    expect(await readdir(folder)).toEqual(before);
  });
});
