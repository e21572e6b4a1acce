/** A video as numbered pictures: each frame once, in order, whatever the clip's rate does. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCanvas, loadImage } from '@napi-rs/canvas';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Analysis } from '../../src/analysis/document.ts';
import { sha256OfFile } from '../../src/base/files.ts';
import { isSequence, renderSequence } from '../../src/rendering/sequence.ts';
import { defaultStyle } from '../../src/video/drawing/style.ts';
import { probeClip } from '../../src/video/media/probe.ts';
import { ffmpeg, makeClip, readNumber } from '../support/clips.ts';
import { exampleAnalysis } from '../support/example-analysis.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-sequence-test-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function analysisOf(path: string, end?: number): Promise<Analysis> {
  const { width, height, frameRate, durationSec } = await probeClip(path);
  const example = exampleAnalysis({ path, sha256: await sha256OfFile(path), width, height, frameRate, durationSec });
  const head = { kind: 'trained', id: 'tiny', sha256: 'a'.repeat(64) } as const; // no title over the numbers
  const model = { ...example.model, head } as Analysis['model'];
  return { ...example, model, span: { startSec: 0, endSec: end ?? durationSec } };
}

/** Nothing that hides a number. */
const options = {
  style: { ...defaultStyle, showLegend: false, showMarks: false, kind: 'heatmap' as const, opacity: 0 },
};

async function pixelsOf(path: string): Promise<Uint8ClampedArray> {
  const picture = await loadImage(await readFile(path));
  const context = createCanvas(picture.width, picture.height).getContext('2d');
  context.drawImage(picture, 0, 0);
  return context.getImageData(0, 0, picture.width, picture.height).data;
}

async function numbersIn(out: string): Promise<number[]> {
  const names = (await readdir(out)).filter((name) => name.endsWith('.png')).sort();
  return Promise.all(
    names.map(async (name) => {
      const { width, height } = await loadImage(await readFile(join(out, name)));
      return readNumber(new Uint8Array(await pixelsOf(join(out, name))), width, height, 4);
    }),
  );
}

describe('numbered pictures', () => {
  it.each([
    ['of a constant rate', { frames: 20, rate: '10' }],
    ['of a variable rate', { frames: 20, timesMs: '40*N+200*gt(N\\,2)' }],
  ])('are each frame once: %s', async (name, how) => {
    const clip = await makeClip(join(folder, `${name.replaceAll(' ', '-')}.mp4`), how);
    const out = join(folder, name);
    const rendered = await renderSequence(await analysisOf(clip), join(out, 'f-%03d.png'), options);
    expect(await readdir(out)).toContain('f-000.png');
    const numbers = await numbersIn(out);
    expect(numbers).toEqual(Array.from({ length: rendered.frames }, (_, i) => i));
    expect(rendered.frames).toBeGreaterThanOrEqual(19); // the last of a variable rate begins where the span ends
  });

  it('are as drawn, not encoded in between: where nothing is drawn, the colours of the clip', async () => {
    for (const [name, tags] of [
      ['untagged.mp4', []],
      ['hd.mp4', ['-colorspace', 'bt709', '-color_primaries', 'bt709', '-color_trc', 'bt709', '-color_range', 'tv']],
    ] as const) {
      const clip = join(folder, name);
      // Noise of many colours, which an encoder smooths.
      const graph =
        'nullsrc=s=96x64:r=10:d=1,format=yuv420p,geq=lum=random(1)*200+20:cb=random(2)*200+28:cr=random(3)*200+28';
      await ffmpeg(['-f', 'lavfi', '-i', graph, '-c:v', 'libx264', '-crf', '30', ...tags, clip]);
      const out = join(folder, `${name}-frames`);
      const analysis = await analysisOf(clip);
      await renderSequence(analysis, join(out, '%d.png'), options);
      await ffmpeg([
        '-i',
        clip,
        '-sws_flags',
        'bicubic+accurate_rnd+full_chroma_int',
        '-start_number',
        '0',
        join(out, 'own-%d.png'),
      ]);
      for (const number of [0, 9]) {
        const [drawn, own] = await Promise.all(
          [`${number}.png`, `own-${number}.png`].map((file) => pixelsOf(join(out, file))),
        );
        const worst = drawn!.reduce((most, value, i) => Math.max(most, Math.abs(value - own![i]!)), 0);
        expect(worst).toBeLessThanOrEqual(3);
      }
    }
  });

  it('leave none of a longer run behind, and what is not theirs alone', async () => {
    const clip = await makeClip(join(folder, 'again.mp4'), { frames: 20, rate: '10' });
    const out = join(folder, 'again');
    await renderSequence(await analysisOf(clip, 2), join(out, '%d.png'), options);
    expect(await readdir(out)).toHaveLength(20);
    await writeFile(join(out, '0019.png'), 'mine'); // not a name of this pattern
    await writeFile(join(out, '18.png'), 'mine');
    await renderSequence(await analysisOf(clip, 0.5), join(out, '%d.png'), options);
    expect((await readdir(out)).sort()).toEqual(['0.png', '0019.png', '1.png', '18.png', '2.png', '3.png', '4.png']);
  });

  it('are told by their name', async () => {
    expect(['a/%05d.png', '%d.PNG', 'x.png', '%05d.mp4', '%5d.png'].map(isSequence)).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
    const clip = await makeClip(join(folder, 'name.mp4'), { frames: 5 });
    const analysis = await analysisOf(clip, 0.2);
    await expect(renderSequence(analysis, join(folder, '%d-%d.png'))).rejects.toThrow(/with one number/);
    await expect(renderSequence(analysis, join(folder, '%d.png'), { maxBytes: 1 })).rejects.toThrow(/of a video, not/);
  });
});
