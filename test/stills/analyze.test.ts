import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadImage } from '@napi-rs/canvas';
import { beforeAll, describe, expect, it } from 'vitest';
import * as tf from '../../src/base/tensorflow.ts';
import { analyzePicture, type StillOptions } from '../../src/stills/analyze.ts';
import { parsePictureAnalysis, writePictureAnalysis } from '../../src/stills/document.ts';
import { drawConstraintsFigure, drawMapsFigure, drawSanityFigure } from '../../src/stills/drawing.ts';
import { defaultStyle } from '../../src/video/drawing/style.ts';
import { openPicture } from '../../src/video/media/picture.ts';
import { STILL_OPTIONS, writeSpot } from '../support/still-picture.ts';
import { openTinyClassifier } from '../support/tiny-classifier.ts';

let path: string;
beforeAll(async () => {
  path = join(await mkdtemp(join(tmpdir(), 'l2caf-still-')), 'picture.png');
  await writeSpot(path, [60, 40], [35, 5, 20]);
});

describe('analyzePicture', () => {
  it('finds one map per class under every constraint, checks its sanity, is drawn, and leaks no tensor', async () => {
    const before = tf.memory().numTensors;
    const model = await openTinyClassifier();
    const analysis = await analyzePicture(model, path, { ...STILL_OPTIONS, compareConstraints: true, sanity: true });
    model.network.dispose();
    expect(tf.memory().numTensors).toBe(before);

    expect(analysis.source).toMatchObject({ path, width: 60, height: 40 });
    expect(analysis.model).toMatchObject({ id: 'tiny', layer: 'last', grid: { height: 4, width: 4 } });
    expect(analysis.options).toMatchObject({ solver: 'closed-form', solverReason: 'the tail is linear' });
    const probabilities = analysis.predictions.map(({ probability }) => probability);
    expect(probabilities).toEqual([...probabilities].sort((a, b) => b - a));
    for (const [i, { target, filter }] of analysis.maps.entries()) {
      expect(target).toEqual({ kind: 'class', ...analysis.predictions[i]! });
      expect(Math.hypot(...filter.values)).toBeCloseTo(1, 5);
    }
    expect(analysis.constraints!.map(({ constraint }) => constraint)).toEqual(['l2', 'l1', 'softmax', 'gaussian']);
    expect(analysis.constraints![0]!.maps).toEqual(analysis.maps);
    expect(analysis.sanity!.steps.map(({ part }) => part)).toEqual(['classifier', 'last', 'first']);

    await writePictureAnalysis(`${path}.json`, analysis);
    const picture = await openPicture(path);
    for (const draw of [drawMapsFigure, drawConstraintsFigure, drawSanityFigure]) {
      const [plain, signed] = [false, true].map((isSigned) =>
        Buffer.from(draw(picture, analysis, { overlay: defaultStyle, signed: isSigned })),
      );
      expect((await loadImage(plain!)).width).toBeGreaterThan(400);
      expect(plain!.equals(signed!)).toBe(false);
    }
  });

  it('explains the classes that are asked for, or all outputs at once, by any method and layer', async () => {
    const model = await openTinyClassifier();
    const chosen = await analyzePicture(model, path, {
      ...STILL_OPTIONS,
      target: { kind: 'classes', indices: [7, 3] },
    });
    expect(chosen.maps.map(({ target }) => target.kind === 'class' && target.index)).toEqual([7, 3]);
    const first = await analyzePicture(model, path, {
      ...STILL_OPTIONS,
      target: { kind: 'oblivious' },
      layer: 'first',
    });
    expect(first.maps).toMatchObject([{ target: { kind: 'oblivious' }, filter: { height: 8, width: 8 } }]);
    expect(first.options.solver).toBe('gauss-newton');
    const gradcam = await analyzePicture(model, path, { ...STILL_OPTIONS, method: 'gradcam' });
    expect(gradcam.options).toMatchObject({ method: 'gradcam', solver: 'gradient' });
    expect(gradcam.maps.every(({ opposingShare }) => opposingShare === 0)).toBe(true);
    const { options, maps } = await analyzePicture(model, path, { ...STILL_OPTIONS, method: 'cam' });
    expect(options).toMatchObject({ method: 'cam', solver: 'dense layer' });
    expect(maps.every(({ filter }) => Math.min(...filter.values) === 0)).toBe(true);
    await expect(analyzePicture(model, path, { ...STILL_OPTIONS, method: 'cam', layer: 'first' })).rejects.toThrow(
      'cam needs a network that ends in global average pooling',
    );
    model.network.dispose();
  });

  it('is the same for the same seed', async () => {
    const model = await openTinyClassifier();
    const run = async () => {
      const { timingsSec: _, ...rest } = await analyzePicture(model, path, {
        ...STILL_OPTIONS,
        solver: 'gd',
        sanity: true,
      });
      return rest;
    };
    expect(await run()).toEqual(await run());
    model.network.dispose();
  });

  it('refuses what it cannot do, and leaks no tensor', async () => {
    const model = await openTinyClassifier();
    const before = tf.memory().numTensors;
    const run = (options: Partial<StillOptions>) => analyzePicture(model, path, { ...STILL_OPTIONS, ...options });
    await expect(run({ size: { width: 50, height: 32 } })).rejects.toThrow('cannot take pictures of 50x32');
    await expect(run({ layer: 'conv9' })).rejects.toMatchObject({ code: 'usage', hint: 'its layers: first, last' });
    await expect(run({ target: { kind: 'classes', indices: [10] } })).rejects.toThrow('there is no class 10');
    await expect(run({ layer: 'first', solver: 'closed-form' })).rejects.toThrow('the tail is not linear');
    await expect(run({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'aborted' });
    expect(tf.memory().numTensors).toBe(before);
    model.network.dispose();
  });
});

describe('parsePictureAnalysis', () => {
  it('names the first wrong field', async () => {
    const model = await openTinyClassifier();
    const analysis = await analyzePicture(model, path, STILL_OPTIONS);
    model.network.dispose();
    const written = JSON.parse(JSON.stringify(analysis)) as unknown; // which knows no -0
    expect(parsePictureAnalysis(written)).toEqual(written);
    const [map] = analysis.maps;
    const short = { ...map!, filter: { ...map!.filter, values: [1] } };
    expect(() => parsePictureAnalysis({ ...analysis, maps: [short] })).toThrow(/maps\.0\.filter: .*number of values/);
    expect(() => parsePictureAnalysis({ ...analysis, schema: 'l2caf-picture/9' })).toThrow(/schema/);
  });
});
