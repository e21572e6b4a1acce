import { mkdtemp, readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Analysis, parseAnalysis, readAnalysis, writeAnalysis } from '../../src/analysis/document.ts';
import { isUntrained, layerName, modelName } from '../../src/analysis/model-words.ts';
import { exampleAnalysis } from '../support/example-analysis.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-analysis-'));
});

const writeJson = async (value: unknown): Promise<string> => {
  const path = join(folder, 'changed.json');
  await writeFile(path, typeof value === 'string' ? value : JSON.stringify(value));
  return path;
};

describe('the analysis document', () => {
  it('is read back as it was written', async () => {
    const path = join(folder, 'analysis.json');
    await writeAnalysis(path, exampleAnalysis());
    expect(await readAnalysis(path)).toEqual(exampleAnalysis());
  });

  it('knows the one kind of network that older documents do not name', async () => {
    const { kind: _, ...model } = exampleAnalysis().model;
    expect(await readAnalysis(await writeJson({ ...exampleAnalysis(), model }))).toEqual(exampleAnalysis());
  });

  it('does not take the importance of earlier documents for what it is now', async () => {
    const frames = exampleAnalysis().frames.map((frame) => ({ ...frame, importance: 0.5 }));
    const earlier = { ...exampleAnalysis(), frames };
    expect(await readAnalysis(await writeJson(earlier))).toEqual(exampleAnalysis());
    const now = { ...earlier, importance: { absent: 'left-out' as const } };
    expect(await readAnalysis(await writeJson(now))).toEqual(now);
  });

  it('holds a network of the user', async () => {
    const model = {
      kind: 'imported',
      ...{ id: 'pilot', sha256: 'e'.repeat(64), format: 'onnx', output: 'logits' },
      ...{ layer: '/layer4/Relu', layout: '(b t) c h w' },
      ...{ inputSize: { width: 64, height: 64 }, grid: { height: 2, width: 2 } },
    } as const;
    const analysis = { ...exampleAnalysis(), model };
    expect(await readAnalysis(await writeJson(analysis))).toEqual(analysis);
    expect([modelName(model), layerName(model), isUntrained(model)]).toEqual(['pilot', 'pilot at /layer4/Relu', false]);
    const { layer: __, ...unfinished } = model;
    await expect(readAnalysis(await writeJson({ ...analysis, model: unfinished }))).rejects.toThrow('model.layer');
  });

  it.each<[string, (analysis: Analysis) => unknown, string]>([
    [
      'another version',
      (a) => ({ ...a, schema: 'l2caf-analysis/99' }),
      'has the schema "l2caf-analysis/99", this version reads',
    ],
    ['something that is no analysis', () => [1, 2], 'has the schema undefined'],
    ['text', () => 'hello', 'is not JSON'],
    ['a missing field', ({ span: _, ...rest }) => rest, 'span: Invalid input'],
    ['an empty span', (a) => ({ ...a, span: { startSec: 2, endSec: 2 } }), 'the span ends before it starts'],
    [
      'a filter of the wrong length',
      (a) => ({ ...a, frames: [{ ...a.frames[0]!, filter: { height: 2, width: 2, values: [1] } }] }),
      'frames.0: a filter has the wrong number of values',
    ],
    [
      'a window of frames that are not there',
      (a) => ({ ...a, windows: [{ startSec: 0, endSec: 3, frames: [0, 2], losses: [1, 1], embedding: [0] }] }),
      'windows: a window names a frame that is not there',
    ],
    [
      'probabilities of unnamed classes',
      (a) => ({ ...a, frames: a.frames.map((frame) => ({ ...frame, probabilities: [0.5, 0.5] })) }),
      'labels: a frame or window has another number of probabilities',
    ],
    [
      'frames in another order',
      (a) => ({ ...a, frames: [...a.frames].reverse() }),
      'frames: the frames are not in the order of their times',
    ],
    [
      'a trace of another size than its filter',
      (a) => ({ ...a, frames: a.frames.map((frame) => ({ ...frame, trace: [[1, 0]] })) }),
      'frames.0.trace: a trace does not fit its filter',
    ],
    [
      'a trace with more looks than losses',
      (a) => ({ ...a, frames: a.frames.map((frame) => ({ ...frame, trace: Array(3).fill(frame.filter.values) })) }),
      'frames.0.trace: a trace does not fit its filter',
    ],
    [
      'a grid that is too fine',
      (a) => ({ ...a, model: { ...a.model, grid: { height: 1000, width: 1000 } } }),
      'model.grid.height: Too big',
    ],
    ['no frames', (a) => ({ ...a, frames: [] }), 'frames: Too small'],
  ])('with %s is refused', async (_, change, message) => {
    const error = await readAnalysis(await writeJson(change(exampleAnalysis()))).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'analysis-invalid', message: expect.stringContaining(message) });
  });

  it('knows the part of the picture that the network saw, which is within it', () => {
    const analysis = exampleAnalysis();
    const crop = { x: 0, y: 44, width: 640, height: 272 };
    const source = { ...analysis.source, crop };
    expect(parseAnalysis({ ...analysis, source }, 'a.json').source.crop).toEqual(crop);
    const beyond = { ...source, crop: { ...crop, y: 100 } };
    expect(() => parseAnalysis({ ...analysis, source: beyond }, 'a.json')).toThrow(/source\.crop: .* not within/);
  });

  it('is never written when it could not be read back', async () => {
    const before = await readdir(folder);
    const broken = { ...exampleAnalysis(), embedding: [Number.NaN] };
    await expect(writeAnalysis(join(folder, 'nan.json'), broken)).rejects.toThrow('embedding.0');
    expect(await readdir(folder)).toEqual(before);
  });

  it('says when it is not there', async () => {
    await expect(readAnalysis(join(folder, 'nothing.json'))).rejects.toMatchObject({ code: 'input-not-found' });
  });
});
