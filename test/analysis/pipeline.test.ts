import { mkdtemp, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { analyzeDense } from '../../src/analysis/dense.ts';
import { readAnalysis, writeAnalysis } from '../../src/analysis/document.ts';
import { analyzeEvent, type EventOptions, openClip } from '../../src/analysis/pipeline.ts';
import * as tf from '../../src/base/tensorflow.ts';
import type { Progress } from '../../src/base/types.ts';
import { figuresOf } from '../../src/batch/event-figures.ts';
import { renderFilm, renderStrip, renderVideo } from '../../src/rendering/rendering.ts';
import { probeClip } from '../../src/video/media/probe.ts';
import { drawGrey, makeClip, makeDamagedEnd } from '../support/clips.ts';
import { makePictures, makeTub, pictureOf } from '../support/pictures.ts';
import { tinyModel } from '../support/tiny-model.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-pipeline-'));
});
afterEach(() => vi.unstubAllEnvs());

async function eventOf(path: string): Promise<EventOptions> {
  return { ...(await openClip(path, {})), frames: 3, solver: 'auto', preset: 'paper', seed: 0 };
}

describe('the main job, on a tiny network', () => {
  it('analyzes, writes down, reads back and draws an event, and leaks no tensor', async () => {
    const clip = await makeClip(join(folder, 'clip.mp4'), { frames: 30, width: 320, height: 180 });
    const before = tf.memory().numTensors;
    const model = await tinyModel('wasm');
    const seen: Progress[] = [];
    const analysis = await analyzeEvent(model, {
      ...(await eventOf(clip)),
      onProgress: (progress) => seen.push(progress),
    });
    model.network.dispose();
    expect(tf.memory().numTensors).toBe(before);

    expect(analysis.frames.map(({ timestampSec }) => timestampSec)).toEqual([0.2, 0.6, 1]);
    for (const { filter, loss, peakCell, importance } of analysis.frames) {
      expect(Number.isFinite(importance)).toBe(true);
      expect(Math.hypot(...filter.values)).toBeCloseTo(1, 5);
      expect(loss).toBeGreaterThan(0);
      const peak = Math.abs(filter.values[peakCell.row * filter.width + peakCell.column]!);
      expect(peak).toBe(Math.max(...filter.values.map(Math.abs)));
    }
    expect(analysis.embedding.length).toBe(32);
    expect(analysis.warnings).toEqual(['a tiny model for tests']);
    expect(new Set(seen.map(({ stage }) => stage)).size).toBeGreaterThan(1);

    const path = join(folder, 'analysis.json');
    await writeAnalysis(path, analysis);
    const again = await readAnalysis(path);
    await renderStrip(again, join(folder, 'strip.png'));
    expect((await readFile(join(folder, 'strip.png'))).subarray(1, 4).toString()).toBe('PNG');
    const styles = [
      { signed: true, ribbon: true },
      { normalize: 'clip' as const, ignore: [{ x: 0, y: 100, width: 320, height: 80 }] },
    ];
    for (const style of styles) await renderVideo(again, join(folder, 'styled.mp4'), style);
    const video = await renderVideo(again, join(folder, 'overlay.mp4'));
    expect(video).toMatchObject({ frames: 30, constantRate: true });
    expect(await probeClip(join(folder, 'overlay.mp4'))).toMatchObject({
      width: 320,
      height: 180,
      frameRate: { numerator: 25, denominator: 1 },
    });
  });

  it('takes a tub for a clip, with what was recorded, as one event and as windows', async () => {
    const records = Array.from({ length: 20 }, (_, index) => ({ index, stampMs: 50 * index, angle: index }));
    const tub = await makeTub(join(folder, 'tub'), records, { deleted: [3] });
    const model = await tinyModel('wasm');
    const event = await eventOf(tub);
    const analysis = await analyzeEvent(model, event);
    const dense = await analyzeDense(model, { ...event, windowSec: 0.6, strideSec: 0.2 });
    model.network.dispose();
    const steering = analysis.frames.map(({ timestampSec }) => Math.round(timestampSec / 0.05));
    expect(analysis.signals).toMatchObject({ names: ['user/angle'], values: [steering] });
    expect(dense.signals?.values[0]).toHaveLength(dense.frames.length);
    expect(analysis.warnings).toContain('1 deleted record of the tub is left out');
    const path = join(folder, 'analysis.json');
    await writeAnalysis(path, analysis);
    const video = await renderVideo(await readAnalysis(path), join(folder, 'tub.mp4'), { ribbon: true });
    expect(video).toMatchObject({ frames: 19, hasAudio: false });
    await writeFile(join(tub, 'images', '5_cam_image_array_.jpg'), await pictureOf(0));
    await expect(renderVideo(analysis, join(folder, 'tub.mp4'))).rejects.toMatchObject({ code: 'input-changed' });
  });

  it('opens a folder of pictures again as it was opened', async () => {
    const pictures = await makePictures(join(folder, 'pictures'), ['1.png', '2.png', '3.png', '4.png'], 'png');
    const model = await tinyModel('wasm');
    const opened = await openClip(pictures, { fps: 4 });
    const analysis = await analyzeEvent(model, { ...opened, frames: 2, solver: 'auto', preset: 'paper', seed: 0 });
    model.network.dispose();
    expect(analysis.source).toMatchObject({ fps: 4, durationSec: 1, frameRate: { numerator: 4, denominator: 1 } });
    expect((await renderVideo(analysis, join(folder, 'pictures.mp4'))).durationSec).toBeCloseTo(1, 3);
  });

  it('gives the same numbers for the same seed, and other filters for another', async () => {
    const clip = await makeClip(join(folder, 'clip.mp4'), { frames: 12 });
    const model = await tinyModel('wasm');
    const event = { ...(await eventOf(clip)), frames: 1, solver: 'gd' as const };
    const values = async (seed: number): Promise<number[][]> =>
      (await analyzeEvent(model, { ...event, seed })).frames.map(({ filter }) => filter.values);
    const first = await values(0);
    expect(await values(0)).toEqual(first);
    expect(await values(1)).not.toEqual(first);
    model.network.dispose();
  });

  it('marks frames that are damaged in the file, or refuses them', async () => {
    const path = await makeDamagedEnd(join(folder, 'damaged.mp4'), 300, { frames: 30 });
    const model = await tinyModel('wasm');
    const event = await eventOf(path);
    const analysis = await analyzeEvent(model, event);
    expect(analysis.frames.map(({ damaged }) => damaged)).toEqual([undefined, undefined, true]);
    expect(analysis.warnings.join()).toMatch(/the video is damaged: the frames? at/);
    await writeAnalysis(join(folder, 'analysis.json'), analysis);
    expect(await readAnalysis(join(folder, 'analysis.json'))).toEqual(analysis);
    expect(figuresOf(analysis).frames.map(({ damaged }) => damaged)).toEqual([undefined, undefined, true]);
    const dense = { ...event, windowSec: 0.6, strideSec: 0.2 };
    expect((await analyzeDense(model, dense)).frames.at(-1)).toMatchObject({ damaged: true });
    const refused = { code: 'input-unreadable', message: expect.stringMatching(/damaged\.mp4: the video is damaged/) };
    await expect(analyzeEvent(model, { ...event, strict: true })).rejects.toMatchObject(refused);
    await expect(analyzeDense(model, { ...dense, strict: true })).rejects.toMatchObject(refused);
    const intact = { ...event, span: { startSec: 0, endSec: 0.4 }, strict: true };
    expect((await analyzeEvent(model, intact)).warnings).toEqual(['a tiny model for tests']);
    model.network.dispose();
  });

  it('refuses a source that is replaced after it was opened', async () => {
    const path = await makeClip(join(folder, 'clip.mp4'), { frames: 30 });
    const model = await tinyModel('wasm');
    const event = await eventOf(path);
    await makeClip(path, { frames: 30, draw: drawGrey(90) });
    await expect(analyzeEvent(model, event)).rejects.toMatchObject({ code: 'input-changed' });
    await expect(analyzeDense(model, { ...event, windowSec: 0.6, strideSec: 0.2 })).rejects.toMatchObject({
      code: 'input-changed',
    });
    model.network.dispose();
  });

  it('refuses to draw on a source that has changed', async () => {
    const clip = await makeClip(join(folder, 'clip.mp4'), { frames: 12 });
    const model = await tinyModel('wasm');
    const analysis = await analyzeEvent(model, await eventOf(clip));
    model.network.dispose();
    await rename(await makeClip(join(folder, 'other.mp4'), { frames: 13 }), clip);
    const files = await readdir(folder);
    await expect(renderVideo(analysis, join(folder, 'overlay.mp4'))).rejects.toMatchObject({ code: 'input-changed' });
    await expect(renderStrip(analysis, join(folder, 'strip.png'))).rejects.toMatchObject({ code: 'input-changed' });
    expect(await readdir(folder)).toEqual(files);
  });

  it('stops when asked to, wherever it is, and leaves no tensor and no file', async () => {
    const clip = await makeClip(join(folder, 'clip.mp4'), { frames: 12 });
    const model = await tinyModel('wasm');
    const event = await eventOf(clip);
    const before = tf.memory().numTensors;
    const files = await readdir(folder);
    for (const stage of ['decoding', 'embedding', 'filters']) {
      const controller = new AbortController();
      const onProgress = (progress: Progress): void => {
        if (progress.stage === stage) controller.abort();
      };
      const work = { onProgress, signal: controller.signal, solver: 'gd' as const };
      await expect(analyzeEvent(model, { ...event, ...work })).rejects.toMatchObject({ code: 'aborted' });
    }
    expect(tf.memory().numTensors).toBe(before);
    expect(await readdir(folder)).toEqual(files);
    model.network.dispose();
  });

  it('offers every method, target, several starts and a trace, in one document', async () => {
    const clip = await makeClip(join(folder, 'clip.mp4'), { frames: 12 });
    const other = await openClip(await makeClip(join(folder, 'other.mp4'), { frames: 20, draw: drawGrey(200) }), {});
    const model = await tinyModel('wasm');
    const event = await eventOf(clip);
    await analyzeEvent(model, event); // makes what a network keeps for verdicts
    const before = tf.memory().numTensors;
    const analyses = {
      gradcam: await analyzeEvent(model, { ...event, method: 'gradcam' }),
      abs: await analyzeEvent(model, { ...event, method: 'gradcam-abs' }),
      class: await analyzeEvent(model, { ...event, target: { kind: 'class', label: 'right' } }),
      similar: await analyzeEvent(model, { ...event, target: { kind: 'similar', ...other } }),
      traced: await analyzeEvent(model, { ...event, starts: 3, trace: true }),
    };
    expect(tf.memory().numTensors).toBe(before);
    for (const [name, analysis] of Object.entries(analyses))
      await writeAnalysis(join(folder, `${name}.json`), analysis);

    expect(analyses.gradcam.frames.every(({ filter }) => filter.values.every((value) => value >= 0))).toBe(true);
    expect(analyses.abs.options).toMatchObject({ method: 'gradcam-abs', target: 'oblivious' });
    expect(analyses.class.options.target).toBe('class:right');
    expect(analyses.class.classes?.map(({ label }) => label).sort()).toEqual(['left', 'right']);
    expect(analyses.class.classes?.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 6);
    const { labels, classes, frames } = analyses.class;
    expect(frames.map(({ probabilities }) => probabilities?.length)).toEqual([2, 2, 2]);
    expect(frames.at(-1)?.probabilities).toEqual(
      labels?.map((name) => classes?.find(({ label }) => label === name)?.probability),
    );
    expect(analyses.similar.options.target).toBe(`similar:${other.clip.path}`);
    for (const { starts, trace, lossHistory, filter } of analyses.traced.frames) {
      expect(starts?.length).toBe(3);
      expect(trace?.length).toBe(lossHistory.length);
      expect(trace?.at(-1)).toEqual(filter.values);
    }
    const wrong = { ...event, target: { kind: 'class', label: 'up' } as const };
    const stages: string[] = [];
    const onProgress = ({ stage }: Progress): number => stages.push(stage);
    await expect(analyzeEvent(model, { ...wrong, onProgress })).rejects.toThrow('the model has no class named "up"');
    expect(stages).toEqual([]); // before anything is decoded
    model.network.dispose();
  });

  it('refuses frames of the wrong size', async () => {
    const model = await tinyModel('wasm');
    const frames = { rgb: new Uint8Array(32 * 32 * 3), shape: [1, 32, 32, 3] as const, timestampsSec: [0] };
    await expect(model.network.features(frames)).rejects.toThrow('expects frames of 64x64, got 32x32');
    model.network.dispose();
  });
});

describe('the backends', () => {
  const others = ['cpu', 'tensorflow', 'onnxruntime'] as const;
  const isInstalled = { cpu: true, tensorflow: process.env['L2CAF_TFJS_NODE'] !== undefined, onnxruntime: true };
  it.for(others)('%s gives the features and filters of wasm within 1e-3', async (name, { skip }) => {
    skip(!isInstalled[name], 'not installed: set L2CAF_TFJS_NODE to a folder with @tensorflow/tfjs-node');
    const clip = await makeClip(join(folder, 'clip.mp4'), { frames: 12 });
    const run = async (
      backend: 'wasm' | (typeof others)[number],
    ): Promise<{ embedding: number[]; filters: number[][] }> => {
      const model = await tinyModel(backend);
      const { embedding, frames } = await analyzeEvent(model, await eventOf(clip));
      model.network.dispose();
      return { embedding, filters: frames.map(({ filter }) => filter.values) };
    };
    const expected = await run('wasm');
    const actual = await run(name);
    const apart = (a: number[], b: number[]): number => Math.max(...a.map((value, i) => Math.abs(value - b[i]!)));
    expect(apart(actual.embedding, expected.embedding)).toBeLessThan(1e-3);
    for (const [i, filter] of actual.filters.entries()) expect(apart(filter, expected.filters[i]!)).toBeLessThan(1e-3);
  });
});

describe('openClip', () => {
  it('says what is wrong with a file or a span', async () => {
    await writeFile(join(folder, 'text.mp4'), 'this is no video');
    await expect(openClip(join(folder, 'text.mp4'), {})).rejects.toMatchObject({ code: 'input-unreadable' });
    const clip = await makeClip(join(folder, 'clip.mp4'), { frames: 12 });
    await expect(openClip(clip, { startSec: 5 })).rejects.toMatchObject({ code: 'time-span' });
  });
});

describe('renderFilm', () => {
  it('shows every look of a trace as MP4 or GIF, and says when there is none', async () => {
    const clip = await makeClip(join(folder, 'clip.mp4'), { frames: 12 });
    const model = await tinyModel('wasm');
    const event = { ...(await eventOf(clip)), solver: 'gd' as const };
    const analysis = await analyzeEvent(model, { ...event, trace: true });
    const bare = { ...analysis, frames: analysis.frames.map(({ trace: _, ...frame }) => frame) };
    model.network.dispose();
    const looks = Math.max(...analysis.frames.map(({ trace }) => trace!.length));
    await renderFilm(analysis, join(folder, 'film.mp4'));
    const film = await probeClip(join(folder, 'film.mp4'));
    expect(film.durationSec).toBeCloseTo((looks + 8) / 4, 1); // four pictures a second, the last one for two seconds more
    await renderFilm(analysis, join(folder, 'film.gif'));
    expect((await readFile(join(folder, 'film.gif'))).subarray(0, 4).toString()).toBe('GIF8');
    await expect(renderFilm(analysis, join(folder, 'film.avi'))).rejects.toThrow(
      'a video is an .mp4, a .webm or a .gif file',
    );
    await expect(renderFilm(bare, join(folder, 'none.mp4'))).rejects.toMatchObject({ code: 'usage' });
    const [first, ...others] = analysis.frames;
    const { trace: _, ...untraced } = others[0]!;
    const partly = { ...analysis, frames: [first!, untraced, ...others.slice(1)] };
    await expect(renderFilm(partly, join(folder, 'partly.mp4'))).rejects.toMatchObject({ code: 'usage' });
    const single = { ...analysis, frames: [{ ...first!, trace: first!.trace!.slice(0, 1) }] };
    await renderFilm(single, join(folder, 'single.gif'));
    expect((await probeClip(join(folder, 'single.gif'))).durationSec).toBeCloseTo(9 / 4, 1);
    const reversed = { ...analysis, frames: [...analysis.frames].reverse() };
    await expect(renderStrip(reversed, join(folder, 'reversed.png'))).rejects.toMatchObject({
      code: 'analysis-invalid',
    });
  });
});
