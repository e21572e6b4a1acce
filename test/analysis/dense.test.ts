import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { analyzeDense, type DenseOptions } from '../../src/analysis/dense.ts';
import { parseAnalysis } from '../../src/analysis/document.ts';
import { analyzeEvent, type OpenModel, openClip } from '../../src/analysis/pipeline.ts';
import * as tf from '../../src/base/tensorflow.ts';
import type { Progress } from '../../src/base/types.ts';
import { RANGE, TinyFolder } from '../models/onnx/tiny-folder.ts';
import { cnnLstm, pictureCnn } from '../models/onnx/tiny-networks.ts';
import { makeClip } from '../support/clips.ts';
import { tinyModel } from '../support/tiny-model.ts';

let folder: string;
let model: OpenModel;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-dense-'));
  model = await tinyModel('wasm');
});
afterAll(async () => {
  model.network.dispose();
  await rm(folder, { recursive: true });
});

async function driveOf(path: string): Promise<DenseOptions> {
  return { ...(await openClip(path, {})), frames: 3, windowSec: 1.2, strideSec: 0.2, seed: 0 };
}

describe('a dense analysis', () => {
  it('finds in every window what an analysis of that window alone finds, and blends', async () => {
    const drive = await driveOf(await makeClip(join(folder, 'drive.mp4'), { frames: 60 }));
    const before = tf.memory().numTensors;
    const seen: Progress[] = [];
    const analysis = await analyzeDense(model, { ...drive, onProgress: (progress) => seen.push(progress) });
    expect(tf.memory().numTensors).toBe(before);
    const windows = analysis.windows!;
    expect(windows).toHaveLength(7);
    expect(analysis.frames.map(({ windows: count }) => count)).toEqual([1, 1, 2, 2, 3, 3, 3, 2, 2, 1, 1]);
    expect(seen.at(-1)).toEqual({ stage: 'analyzing', done: 11, total: 11, unit: 'frames' });
    expect(analysis.options.dense).toEqual({
      strideSec: expect.closeTo(0.2, 9),
      windowSec: expect.closeTo(1.2, 9),
      framesPerWindow: 3,
    });
    const sums = analysis.frames.map(({ filter }) => new Float64Array(filter.values.length));
    for (const { startSec, endSec, frames, losses, embedding, probabilities } of windows) {
      const alone = await analyzeEvent(model, { ...drive, span: { startSec, endSec } });
      expect(frames.map((frame) => analysis.frames[frame]?.timestampSec)).toEqual(
        alone.frames.map(({ timestampSec }) => timestampSec),
      );
      expect(losses).toEqual(alone.frames.map(({ loss }) => expect.closeTo(loss, 6)));
      expect(embedding).toEqual(alone.embedding.map((value) => expect.closeTo(value, 5)));
      expect(probabilities).toEqual(alone.frames.at(-1)?.probabilities?.map((value) => expect.closeTo(value, 5)));
      for (const [slot, frame] of frames.entries()) {
        for (const [i, value] of alone.frames[slot]!.filter.values.entries()) sums[frame]![i]! += value;
      }
    }
    for (const [i, { filter, probabilities }] of analysis.frames.entries()) {
      const length = Math.hypot(...sums[i]!);
      expect(filter.values).toEqual(Array.from(sums[i]!, (value) => expect.closeTo(value / length, 3)));
      expect(probabilities?.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 6);
    }
    expect(parseAnalysis(JSON.parse(JSON.stringify(analysis)), 'dense')).toMatchObject({ windows });
  });

  it('does not score windows in which the clip stands still, and says so', async () => {
    // Two seconds without a new frame, from 1.2 s on.
    const clip = await makeClip(join(folder, 'still.mp4'), { frames: 60, timesMs: 'N*40+gt(N\\,30)*2000' });
    const analysis = await analyzeDense(model, await driveOf(clip));
    const { span, windows } = analysis;
    expect(analysis.warnings.join()).toMatch(
      /\d\.\d s were not analyzed, as no window there has enough different frames/,
    );
    expect(windows!.some(({ startSec, endSec }) => startSec < 2.2 && endSec > 2.2)).toBe(false);
    expect(windows![0]!.startSec).toBe(span.startSec);
    for (const { frames } of windows!) expect(new Set(frames).size).toBe(3);
    for (const { windows: count } of analysis.frames) expect(count).toBeGreaterThan(0);
  });

  it('stops when asked to, wherever it is, and leaves no tensor', async () => {
    const drive = await driveOf(await makeClip(join(folder, 'stopped.mp4'), { frames: 60 }));
    const before = tf.memory().numTensors;
    for (const frames of [1, 6]) {
      const controller = new AbortController();
      const onProgress = ({ done }: Progress): void => {
        if (done === frames) controller.abort();
      };
      const stopped = analyzeDense(model, { ...drive, onProgress, signal: controller.signal });
      await expect(stopped).rejects.toMatchObject({ code: 'aborted' });
    }
    expect(tf.memory().numTensors).toBe(before);
  });

  it('reports what is wrong, also from its thread', async () => {
    const drive = await driveOf(await makeClip(join(folder, 'wrong.mp4'), { frames: 60 }));
    const run = (options: Partial<DenseOptions>) => analyzeDense(model, { ...drive, ...options });
    await expect(run({ strideSec: 0.01 })).rejects.toThrow('a stride of 0.01 s is shorter than a frame');
    await expect(run({ windowSec: 9 })).rejects.toMatchObject({ code: 'time-span' });
    await expect(run({ solver: 'closed-form' })).rejects.toMatchObject({
      code: 'usage',
      message: 'the closed-form solver cannot be used: the tail is not linear',
    });
    await expect(run({ target: { kind: 'class', label: 'up' } })).rejects.toThrow('no class named "up"');
  });
});

describe('a dense analysis with a network of the user’s', () => {
  it.each([
    ['of single pictures, once', pictureCnn(), 11],
    ['of frames in order, in every window', cnnLstm(), 3 * 7],
  ])('shows it every frame: %s', async (_, files, seen) => {
    const networks = await TinyFolder.make();
    const network = await networks.open(files);
    const count = vi.spyOn(network, 'features');
    const opened: OpenModel = { network, backend: { name: 'onnxruntime', detail: '', reason: '' }, warnings: [] };
    const drive = await driveOf(await makeClip(join(folder, 'seen.mp4'), { frames: 60 }));
    const { windows } = await analyzeDense(opened, drive);
    expect(count.mock.calls.reduce((sum, [{ shape }]) => sum + shape[0], 0)).toBe(seen);
    for (const { startSec, endSec, losses, embedding } of windows!) {
      const alone = await analyzeEvent(opened, { ...drive, span: { startSec, endSec } });
      expect(losses).toEqual(alone.frames.map(({ loss }) => expect.closeTo(loss, 6)));
      expect(embedding).toEqual(alone.embedding.map((value) => expect.closeTo(value, 5)));
    }
    await networks.remove();
  });
});

describe('one event', () => {
  it('that is far longer than those that the network was trained on is warned of', async () => {
    const networks = await TinyFolder.make();
    const network = await networks.open(cnnLstm(), { input: { ...RANGE.input, eventSec: 1 } });
    const opened: OpenModel = { network, backend: { name: 'onnxruntime', detail: '', reason: '' }, warnings: [] };
    const { clip } = await openClip(await makeClip(join(folder, 'long.mp4'), { frames: 60 }), {});
    const warningsOf = async (endSec: number): Promise<readonly string[]> =>
      (await analyzeEvent(opened, { clip, span: { startSec: 0, endSec }, frames: 3, seed: 0 })).warnings;
    expect(await warningsOf(2.4)).toEqual([
      '2.4 s are more than twice as long as the events of 1 s that the network was trained on',
    ]);
    expect(await warningsOf(2)).toEqual([]);
    await networks.remove();
  });
});
