/** The paper's protocol for still pictures, on a tiny network whose answers are computed a second way. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as tf from '../../src/base/tensorflow.ts';
import { isLocalized } from '../../src/evaluation/localization.ts';
import { stillMap } from '../../src/evaluation/still-maps.ts';
import type { StillTruth } from '../../src/evaluation/still-truth.ts';
import { stillMethodsFor, studyStills } from '../../src/evaluation/stills-study.ts';
import { type Box, WSOL_SIDE } from '../../src/evaluation/wsol.ts';
import { toHeatmap } from '../../src/l2caf/heatmap.ts';
import { openImportedStill } from '../../src/stills/analyze.ts';
import { type OpenClassifier, stillNetwork } from '../../src/stills/still-network.ts';
import { rankOutputs } from '../../src/stills/targets.ts';
import { openPicture, picturePixels } from '../../src/video/media/picture.ts';
import { RANGE, TinyFolder } from '../models/onnx/tiny-folder.ts';
import { pictureCnn } from '../models/onnx/tiny-networks.ts';
import { openTinyClassifier } from '../support/tiny-classifier.ts';
import { namedClasses, writeSpots } from './tiny-stills.ts';

const LEVEL = 0.2;
let folder: string;
let model: OpenClassifier;
let stills: StillTruth[];
beforeAll(async () => {
  model = await openTinyClassifier();
  folder = await mkdtemp(join(tmpdir(), 'l2caf-study-'));
  stills = await writeSpots(folder);
});
afterAll(async () => {
  model.network.dispose();
  await rm(folder, { recursive: true });
});

const value = (study: Awaited<ReturnType<typeof studyStills>>, method: string, key: string): number =>
  study.table.rows.find(({ name }) => name === method)!.figures[key]!.value;

describe('studyStills', () => {
  it.each([
    ['l2caf-class', 5],
    ['gradcam', 5],
    ['cam', 5],
    ['l2caf-class', 1],
  ] as const)(
    '%s: one map of the true class gives what a map of each of the first %i predictions gives',
    async (method, count) => {
      const network = namedClasses(model);
      const study = await studyStills(network, stills, { methods: [method], level: LEVEL, seed: 0 });
      let hits = 0;
      for (const [index, { path, boxes, label }] of stills.entries()) {
        const picture = await openPicture(path);
        const tail = await network.tail(picturePixels(picture, network.inputSize));
        const scale = [64, 60, 64, 60].map((side) => WSOL_SIDE / side);
        const scaled = boxes.map((box) => box.map((side, i) => side * scale[i]!) as unknown as Box);
        let isHit = false;
        for (const prediction of rankOutputs(tail, network.output).slice(0, count)) {
          const target = { kind: 'class', index: prediction.index } as const;
          const map = await stillMap(tail, method, target, { seed: 0, index, viewed: async () => [] });
          const heatmap = toHeatmap(map, { height: WSOL_SIDE, width: WSOL_SIDE });
          const isClassCorrect = prediction.label === label;
          isHit ||= isLocalized({ heatmap, level: LEVEL, boxes: scaled, isClassCorrect });
        }
        if (isHit) hits++;
        tail.dispose();
      }
      expect(value(study, method, `top${count}`)).toBeCloseTo(hits / stills.length, 10);
    },
  );

  it('tells how often the network is right, whatever its maps are, and leaks nothing', async () => {
    const before = tf.memory().numTensors;
    const study = await studyStills(namedClasses(model), stills, {
      methods: ['centre', 'random'],
      level: LEVEL,
      seed: 0,
    });
    expect(tf.memory().numTensors).toBe(before);
    const { top1, top5, recallAt1 } = study.answers;
    expect(top1).toBeLessThanOrEqual(top5!);
    expect(recallAt1).toBeUndefined();
    for (const method of ['centre', 'random']) {
      expect(value(study, method, 'top5')).toBeLessThanOrEqual(Math.min(top5!, value(study, method, 'gtKnown')));
    }
  });

  it('has R@1 in place of top-1 for an embedding: the nearest other picture is of the same class', async () => {
    const network = stillNetwork(model, { asEmbedding: true });
    expect(network.output).toMatchObject({ kind: 'embedding', size: 12 });
    const study = await studyStills(network, stills, { level: LEVEL, seed: 0 });
    const { rows, measures } = study.table;
    expect(rows.map(({ name }) => name)).toEqual(stillMethodsFor(network.output));
    expect(measures.slice(0, 2).map(({ key }) => key)).toEqual(['box', 'recallAt1']);
    const embeddings: Float32Array[] = [];
    for (const { path } of stills) {
      const tail = await network.tail(picturePixels(await openPicture(path), network.inputSize));
      embeddings.push(tail.reference);
      tail.dispose();
    }
    const cosine = (a: Float32Array, b: Float32Array): number =>
      a.reduce((sum, x, i) => sum + x * b[i]!, 0) / Math.hypot(...a) / Math.hypot(...b);
    const right = embeddings.map((own, a) => {
      const likeness = embeddings.map((other, b) => (a === b ? Number.NEGATIVE_INFINITY : cosine(own, other)));
      return stills[likeness.indexOf(Math.max(...likeness))]!.label === stills[a]!.label;
    });
    expect(study.answers.recallAt1).toBeCloseTo(right.filter(Boolean).length / stills.length, 10);
    const oblivious = value(study, 'l2caf-oblivious', 'recallAt1');
    expect(oblivious).toBeLessThanOrEqual(Math.min(study.answers.recallAt1!, value(study, 'l2caf-oblivious', 'box')));
  });

  it('refuses maps of classes where there are none', async () => {
    const network = stillNetwork(model, { asEmbedding: true });
    const options = { methods: ['l2caf-class', 'cam', 'random'], level: LEVEL, seed: 0 };
    await expect(studyStills(network, stills, options)).rejects.toMatchObject({
      ...{ code: 'usage', message: expect.stringContaining('l2caf-class, cam') },
    });
  });

  it("measures the user's own networks", async () => {
    const own = await TinyFolder.make();
    try {
      const labels = ['class 0', 'class 1', 'class 2', 'd', 'e'];
      const open = await openImportedStill(await own.write(pictureCnn()), { card: { ...RANGE, output: { labels } } });
      try {
        const methods = ['l2caf-class', 'l2caf-oblivious', 'gradcam', 'cam', 'activation-norm', 'centre'];
        const { table, answers } = await studyStills(stillNetwork(open, {}), stills, {
          methods,
          level: LEVEL,
          seed: 0,
        });
        expect(table.rows.map(({ name }) => name)).toEqual(methods);
        expect(answers.top5).toBe(1); // it has five classes
        expect(() => stillNetwork(open, { asEmbedding: true })).toThrow('are no embedding');
      } finally {
        open.network.dispose();
      }
    } finally {
      await own.remove();
    }
  });
});
