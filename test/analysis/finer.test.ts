import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { analyzeDense } from '../../src/analysis/dense.ts';
import { parseAnalysis } from '../../src/analysis/document.ts';
import { viewsOf } from '../../src/analysis/finer.ts';
import { analyzeEvent, openClip } from '../../src/analysis/pipeline.ts';
import * as tf from '../../src/base/tensorflow.ts';
import type { ProgressListener } from '../../src/base/types.ts';
import { findAttention } from '../../src/l2caf/method.ts';
import { sampleFrames } from '../../src/video/media/sample.ts';
import { makeClip } from '../support/clips.ts';
import { tinyModel } from '../support/tiny-model.ts';

afterEach(() => vi.unstubAllEnvs());

describe('the views of frames', () => {
  it('are moved by a quarter of a cell, and go on beyond their edges', () => {
    // Two frames of 4×8, whose red says the column and whose green the row: cells of 4×4.
    const rgb = Uint8Array.from({ length: 2 * 4 * 8 * 3 }, (_, i) => {
      const pixel = Math.floor(i / 3);
      return [pixel % 8, Math.floor(pixel / 8) % 4, Math.floor(pixel / 32)][i % 3]!;
    });
    const views = [...viewsOf({ rgb, shape: [2, 4, 8, 3] }, { height: 1, width: 2 })];
    const shifts = [
      [-1, -1],
      [1, -1],
      [-1, 1],
      [1, 1],
    ] as const;
    for (const [view, [x, y]] of shifts.entries()) {
      for (let pixel = 0; pixel < 64; pixel++) {
        const column = Math.min(7, Math.max(0, (pixel % 8) + x));
        const row = Math.min(3, Math.max(0, (Math.floor(pixel / 8) % 4) + y));
        expect([...views[view]!.rgb.subarray(3 * pixel, 3 * pixel + 3)]).toEqual([column, row, Math.floor(pixel / 32)]);
      }
    }
  });
});

describe('finer maps', () => {
  it('are woven from the filters of the views, of an event and of windows; all else is of the frames as they are', async () => {
    const path = await makeClip(join(await mkdtemp(join(tmpdir(), 'l2caf-finer-')), 'clip.mp4'), {
      ...{ frames: 30, rate: '10' },
      draw: (n, width, height) =>
        Uint8Array.from({ length: width * height }, (_, i) => (((i % width) + 5 * n) ** 2 + i) % 251),
    });
    const { clip, span } = await openClip(path, {});
    const event = { clip, span, frames: 3, seed: 0 };
    const before = tf.memory().numTensors;
    const model = await tinyModel('wasm');
    const { network } = model;
    const told: string[] = [];
    const onProgress: ProgressListener = ({ stage, done, total }) => {
      if (stage === 'filters') told.push(`${done}/${total}`);
    };
    const [coarse, fine] = [
      await analyzeEvent(model, event),
      await analyzeEvent(model, { ...event, fine: true, onProgress }),
    ];
    const all = 4 * fine.frames.length; // of four views, counted once
    expect(told.at(-1)).toBe(`${all}/${all}`);
    expect(told).toHaveLength(all);
    const slide = { windowSec: 1.5, strideSec: 0.5 };
    const dense = await analyzeDense(model, { ...event, ...slide, fine: true });

    const sampled = await sampleFrames(clip, { span, count: 3, size: network.input.size });
    const ofViews: Float32Array[][] = [];
    for (const view of viewsOf(sampled, network.grid)) {
      const tail = network.tail(await network.features(view));
      ofViews.push((await findAttention(tail, 'l2caf', { seed: 0 })).filters.map(({ values }) => values));
      tail.dispose();
    }
    network.dispose();
    expect(tf.memory().numTensors).toBe(before);
    const { height, width } = network.grid;
    for (const [frame, { filter }] of fine.frames.entries()) {
      expect(filter).toMatchObject({ height: 2 * height, width: 2 * width });
      expect(Math.hypot(...filter.values)).toBeCloseTo(1, 5);
      for (let y = 0; y < 2 * height; y++) {
        for (let x = 0; x < 2 * width; x++) {
          const view = 2 * (y % 2) + (x % 2);
          const own = ofViews[view]![frame]![(y >> 1) * width + (x >> 1)]!;
          expect(filter.values[y * 2 * width + x]).toBeCloseTo(own / 2, 5); // four of unit length
        }
      }
    }
    expect(fine.embedding).toEqual(coarse.embedding);
    expect(fine.frames.map(({ importance }) => importance)).toEqual(coarse.frames.map(({ importance }) => importance));
    expect([coarse.options.fine, fine.options.fine, dense.options.fine]).toEqual([undefined, true, true]);
    for (const document of [fine, dense])
      expect(parseAnalysis(JSON.parse(JSON.stringify(document)), 'it')).toBeDefined();
    for (const { filter } of dense.frames) expect(filter).toMatchObject({ height: 2 * height, width: 2 * width });
  });
});
