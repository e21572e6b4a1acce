/** Figures 10 and 11: a column for each constraint, or for each part that was drawn anew, and what their maps measure. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadImage } from '@napi-rs/canvas';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as tf from '../../src/base/tensorflow.ts';
import { sparseness } from '../../src/evaluation/complexity.ts';
import { PAPER_FIGURES } from '../../src/evaluation/reproduce/choices.ts';
import { methodFigure } from '../../src/evaluation/reproduce/method-figures.ts';
import { measuresOfFigure, noteOfFigure, pictureFigure } from '../../src/evaluation/reproduce/picture-figures.ts';
import type { StillTruth } from '../../src/evaluation/still-truth.ts';
import { studyStills } from '../../src/evaluation/stills-study.ts';
import { analyzePicture } from '../../src/stills/analyze.ts';
import { type OpenClassifier, stillNetwork } from '../../src/stills/still-network.ts';
import { STILL_OPTIONS } from '../support/still-picture.ts';
import { openTinyClassifier } from '../support/tiny-classifier.ts';
import { writeSpots } from './tiny-stills.ts';

let folder: string;
let model: OpenClassifier;
let stills: StillTruth[];
beforeAll(async () => {
  model = await openTinyClassifier();
  folder = await mkdtemp(join(tmpdir(), 'l2caf-figures-'));
  stills = await writeSpots(folder);
});
afterAll(async () => {
  model.network.dispose();
  await rm(folder, { recursive: true });
});

const OPTIONS = { seed: 0, level: 0.2 };
const { fig6, fig7, fig10, fig11 } = PAPER_FIGURES;

describe('pictureFigure', () => {
  it('measures the maps of the first class under each constraint, and shows four pictures', async () => {
    const before = tf.memory().numTensors;
    const { rows, png } = await pictureFigure(fig11, model, stills, OPTIONS);
    expect(tf.memory().numTensors).toBe(before);
    expect(rows.map(({ name }) => name)).toEqual(['l2', 'l1', 'softmax', 'gaussian']);
    expect(rows[0]).toMatchObject({ group: 'tiny', counts: { pictures: 6 } });
    const keys = measuresOfFigure(fig11).map(({ key }) => key);
    expect(keys).toEqual(['box', 'lift', 'sparseness']);

    // Nobody names these classes, so that the study takes the first one, too.
    const methods = ['l2caf-class'];
    const { table } = await studyStills(stillNetwork(model, {}), stills, { methods, ...OPTIONS });
    expect(rows[0]!.figures['box']!.value).toBeCloseTo(table.rows[0]!.figures['gtKnown']!.value, 10);
    const one = await pictureFigure(fig11, model, stills.slice(0, 1), OPTIONS);
    const target = { kind: 'top', count: 1 } as const;
    const analysis = await analyzePicture(model, stills[0]!.path, {
      ...STILL_OPTIONS,
      target,
      compareConstraints: true,
    });
    for (const [i, { maps }] of analysis.constraints!.entries()) {
      const { values, ...grid } = maps[0]!.filter;
      const own = sparseness({ ...grid, values: Float32Array.from(values) });
      expect(one.rows[i]!.figures['sparseness']!.value).toBeCloseTo(own, 6);
    }
    const [all, single] = [await loadImage(Buffer.from(png)), await loadImage(Buffer.from(one.png))];
    expect(all.height / single.height).toBeGreaterThan(2.5); // four rows, and the same words
  });

  it('says how like the maps stay as the network forgets, from the output down', async () => {
    const { rows } = await pictureFigure(fig10, model, stills, OPTIONS);
    expect(rows.map(({ name }) => name)).toEqual(['trained', '+ classifier', '+ last', '+ first']);
    const value = (row: number, key: string): number => rows[row]!.figures[key]!.value;
    expect([value(0, 'rankCorrelation'), value(0, 'ssim')]).toEqual([1, 1]);
    for (const row of [1, 2, 3]) expect(value(row, 'rankCorrelation')).toBeLessThan(0.9);
    const plain = await pictureFigure(fig11, model, stills, OPTIONS);
    expect(value(0, 'lift')).toBe(plain.rows[0]!.figures['lift']!.value);
    expect(noteOfFigure(fig10, 0.2)).toMatch(/high means that the map does not depend/);
  });

  it('compares methods over the same pictures, as the tables do, with the boxes that they give', async () => {
    const before = tf.memory().numTensors;
    const { rows, png, refused } = await methodFigure(fig6, stillNetwork(model, {}), stills, OPTIONS);
    expect(tf.memory().numTensors).toBe(before);
    const methods = rows.map(({ name }) => name);
    expect(methods).toEqual(fig6.methods!.filter((method) => methods.includes(method)));
    expect(methods).toEqual(expect.arrayContaining(['gradcam', 'l2caf-class', 'l2caf-oblivious']));
    expect(methods.length + refused.length).toBe(fig6.methods!.length);
    const { table } = await studyStills(stillNetwork(model, {}), stills, { methods, ...OPTIONS });
    for (const [i, { figures }] of rows.entries()) {
      expect(figures['box']!.value).toBeCloseTo(table.rows[i]!.figures['gtKnown']!.value, 10);
    }
    const { width, height } = await loadImage(Buffer.from(png));
    expect(width / height).toBeGreaterThan(0.5);
    const embedding = stillNetwork(model, { asEmbedding: true });
    const retrieval = await methodFigure(fig7, embedding, stills, OPTIONS);
    expect(retrieval.rows.map(({ name }) => name)).toEqual(['gradcam', 'gradcam-abs', 'l2caf-oblivious']);
  });

  it('can be stopped', async () => {
    const stopped = pictureFigure(fig10, model, stills, { ...OPTIONS, signal: AbortSignal.abort() });
    await expect(stopped).rejects.toMatchObject({ code: 'aborted' });
  });
});
