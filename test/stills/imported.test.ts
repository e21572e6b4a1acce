import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Card } from '../../src/models/card.ts';
import { analyzePicture, openImportedStill, type StillOptions } from '../../src/stills/analyze.ts';
import { parsePictureAnalysis, writePictureAnalysis } from '../../src/stills/document.ts';
import type { OpenStill } from '../../src/stills/still-network.ts';
import { RANGE, TinyFolder } from '../models/onnx/tiny-folder.ts';
import { cnnLstm, hiddenScaleCnn, pictureCnn } from '../models/onnx/tiny-networks.ts';
import { STILL_OPTIONS, writeSpot } from '../support/still-picture.ts';

const LABELS = ['ant', 'bee', 'cat', 'dog', 'elk'];

let folder: TinyFolder;
let picture: string;
const opened: OpenStill[] = [];

beforeAll(async () => {
  folder = await TinyFolder.make();
  picture = join(folder.path, 'picture.png');
  await writeSpot(picture, [48, 32], [28, 4, 16]);
});

afterAll(async () => {
  for (const { network } of opened) network.dispose();
  await folder.remove();
});

async function open(files: Parameters<TinyFolder['write']>[0], card: Card = {}): Promise<OpenStill> {
  const model = await openImportedStill(await folder.write(files), { card: { ...RANGE, ...card } });
  opened.push(model);
  return model;
}

describe('analyzePicture of an imported network', () => {
  it('explains its classes by name, says what it is, and can be written', async () => {
    const model = await open(pictureCnn(), { output: { labels: LABELS } });
    const analysis = await analyzePicture(model, picture, STILL_OPTIONS);
    expect(analysis.model).toMatchObject({
      ...{ format: 'onnx', layer: 'features', layout: 'b c h w', output: 'scores' },
      ...{ inputSize: { width: 16, height: 16 }, grid: { height: 4, width: 4 } },
    });
    expect(analysis.source).toMatchObject({ path: picture, width: 48, height: 32 });
    expect(analysis.options).toMatchObject({ backend: 'onnxruntime', solver: 'closed-form' });
    expect(analysis.predictions.map(({ label }) => label).sort()).toEqual(LABELS);
    expect(analysis.warnings).toEqual([expect.stringContaining('filters act on features')]);
    for (const [i, { target, filter }] of analysis.maps.entries()) {
      expect(target).toEqual({ kind: 'class', ...analysis.predictions[i]! });
      expect(Math.hypot(...filter.values)).toBeCloseTo(1, 5);
    }
    await writePictureAnalysis(`${picture}.json`, analysis);
    expect(parsePictureAnalysis(JSON.parse(JSON.stringify(analysis)))).toEqual(analysis);
  });

  it('explains numbers and embeddings, by Grad-CAM too', async () => {
    const steering = await open(pictureCnn(), { output: { kind: 'numbers', labels: LABELS } });
    const { maps, numbers, predictions } = await analyzePicture(steering, picture, STILL_OPTIONS);
    expect(numbers?.names).toEqual(LABELS);
    expect(predictions).toEqual([]);
    expect(maps.map(({ target }) => target)).toEqual(
      [0, 1].map((index) => ({ kind: 'output', index, label: LABELS[index], value: numbers!.values[index] })),
    );
    const embedding = await open(hiddenScaleCnn());
    const found = await analyzePicture(embedding, picture, {
      ...STILL_OPTIONS,
      target: { kind: 'oblivious' },
      method: 'gradcam',
    });
    expect(found.options).toMatchObject({ method: 'gradcam', solver: 'gradient' });
    expect(found.maps[0]).toMatchObject({ target: { kind: 'oblivious' }, opposingShare: 0 });
    expect(found.numbers).toBeUndefined();
  });

  it('has class activation maps where it is pooling and a dense layer behind the layer', async () => {
    const model = await open(pictureCnn(), { output: { labels: LABELS } });
    const of = async (method: 'cam' | 'gradcam') =>
      (await analyzePicture(model, picture, { ...STILL_OPTIONS, method, target: { kind: 'top', count: 5 } })).maps;
    const [cam, gradcam] = [await of('cam'), await of('gradcam')];
    for (const [i, { target, filter }] of cam.entries()) {
      expect(target).toEqual(gradcam[i]!.target);
      // Grad-CAM cuts off what CAM lifts: where both are above 0 they rise alike.
      const both = filter.values.map((value, cell) => [value, gradcam[i]!.filter.values[cell]!] as const);
      const shown = both.filter(([, positive]) => positive > 0);
      for (const [a, b] of shown) {
        for (const [c, d] of shown) if (b > d + 0.01) expect(a).toBeGreaterThan(c);
      }
    }
  });

  it('refuses what it cannot do in words', async () => {
    await expect(openImportedStill(await folder.write(cnnLstm()), { card: RANGE })).rejects.toMatchObject({
      ...{ code: 'usage', message: expect.stringMatching(/^net\d+ reads 3 frames of an event, not single pictures$/) },
      hint: expect.stringContaining('l2caf analyze'),
    });
    const model = await open(pictureCnn());
    const run = (options: Partial<StillOptions>) => analyzePicture(model, picture, { ...STILL_OPTIONS, ...options });
    await expect(run({})).rejects.toThrow('outputs are an embedding');
    await expect(run({ target: { kind: 'oblivious' }, layer: 'early' })).rejects.toThrow(
      'opened at the layer features',
    );
    await expect(run({ size: { width: 32, height: 32 } })).rejects.toThrow('takes pictures of 16x16');
  });
});
