/** What networks say and refuse, small part by small part. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import * as tf from '../../src/base/tensorflow.ts';
import { autoBackend, useBackend, useEngine } from '../../src/models/backend.ts';
import { type LayeredNetwork, layerIndex, runSteps, withoutClasses } from '../../src/models/classification-network.ts';
import { classifierTail, vanillaTail } from '../../src/models/classifier-tail.ts';
import { findClassifier } from '../../src/models/classifiers.ts';
import { measureEngines } from '../../src/models/engine-speed.ts';
import { untrainedHead } from '../../src/models/head.ts';
import { findClass, imagenetLabels, labelIndex, shortLabel } from '../../src/models/imagenet.ts';
import { calibrationInWords, loadModel, saveFamiliarity, saveModel } from '../../src/models/model-directory.ts';
import { findPretrained, licencesOn, loadWeights, preprocess, RESNET50_IMAGENET } from '../../src/models/pretrained.ts';
import { outputNamed, readsPictures, scoresOf, unlearningOf, type VideoModel } from '../../src/models/video-model.ts';

let folder: string;
beforeAll(async () => {
  await useBackend('cpu');
  folder = await mkdtemp(join(tmpdir(), 'l2caf-networks-'));
  vi.stubEnv('L2CAF_CACHE', join(folder, 'cache'));
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

describe('a backend', () => {
  it('says what it is, and why', async () => {
    expect(await useBackend('cpu')).toEqual({
      name: 'cpu',
      detail: `plain JavaScript, tfjs ${tf.version_core}`,
      reason: 'asked for',
    });
    const wasm = { name: 'wasm', detail: `tfjs-backend-wasm ${tf.version_core}, SIMD, one thread` };
    expect(await useBackend('wasm')).toEqual({ ...wasm, reason: 'asked for' });
    expect(await useEngine('wasm')).toEqual({ ...wasm, reason: 'asked for' });
    vi.stubEnv('L2CAF_TFJS_NODE', folder); // where no native package lies
    expect(await autoBackend()).toBe('wasm');
    expect(await useBackend('auto')).toEqual({
      ...wasm,
      reason: 'auto: no @tensorflow/tfjs-node or tfjs-node-gpu is installed',
    });
    await expect(useBackend('tensorflow')).rejects.toMatchObject({
      ...{ code: 'backend-unavailable', message: 'the tensorflow backend is not installed' },
      hint: expect.stringMatching(/@tensorflow\/tfjs-node.* \(or tfjs-node-gpu\), or use --backend wasm$/),
    });
    await expect(useBackend('gpu' as never)).rejects.toThrow('gpu');
    await useBackend('cpu');
  });

  it('is measured where it is there, and else said why not', async () => {
    const lacking = { onnxruntime: 'a', tensorflow: 'b', webgpu: 'c', wasm: 'd' };
    expect(await measureEngines(lacking)).toEqual(Object.entries(lacking).map(([name, why]) => ({ name, why })));
    await expect(measureEngines(lacking, AbortSignal.abort())).rejects.toMatchObject({ code: 'aborted' });
    const { wasm: _, ...others } = lacking;
    await expect(measureEngines(others)).rejects.toMatchObject({ code: 'weights-invalid' }); // of the trunk, in the cache
  });
});

/** Two steps on pictures of two cells: twice the picture, then one more; two channels, three classes. */
const layered: LayeredNetwork = {
  id: 'toy',
  steps: [
    { name: 'double', apply: (x) => tf.mul(x, 2) },
    { name: 'add', apply: (x) => tf.add(x, 1) },
  ],
  ...{ defaultLayer: 'add', classes: 3 },
  dense: { kernel: Float32Array.of(1, 0, 2, 0, 1, -1), bias: Float32Array.of(10, 20, 30) },
};

describe('a classification network', () => {
  const picture = (): tf.Tensor4D => tf.tensor4d([1, 2, 3, 4], [1, 1, 2, 2]);

  it('runs its steps, and frees all but the last map', () => {
    const x = picture();
    const before = tf.memory().numTensors;
    const y = runSteps(layered.steps, x);
    expect([...y.dataSync()]).toEqual([3, 5, 7, 9]);
    expect(tf.memory().numTensors).toBe(before + 1);
    tf.dispose([x, y]);
  });

  it('is cut after a layer, by the last in closed form, with the same answer everywhere', async () => {
    const before = tf.memory().numTensors;
    const x = picture();
    const [last, first, slow] = [
      classifierTail(layered, x),
      classifierTail(layered, x, 'double'),
      vanillaTail(layered, x, 'double'),
    ];
    // Pooled (5, 7): 5 + 10, 7 + 20, 10 − 7 + 30
    for (const tail of [last, first, slow]) expect([...tail.reference]).toEqual([15, 27, 33]);
    expect(last.linear!(0)).toEqual({
      matrix: Float64Array.of(1.5, 3.5, 2.5, 4.5, 0.5, 2.5),
      bias: Float64Array.of(10, 20, 30),
    });
    expect(first).not.toHaveProperty('linear');
    const filter = Float32Array.of(2, 0);
    expect([...(await last.evaluate(filter, [0]))]).toEqual([13, 25, 31]); // pooled (3, 5)
    for (const tail of [first, slow])
      expect([...(await tail.evaluate(filter, [0]))]).toEqual([13, 25, 31].map((value) => expect.closeTo(value, 4)));
    expect([...first.mapOf(0)]).toEqual([2, 4, 6, 8]);
    for (const tail of [last, first, slow]) tail.dispose();
    x.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('without classes answers with its pooled map; pooled scores are less their mean', async () => {
    const x = picture();
    const embedding = classifierTail(withoutClasses(layered), x);
    expect([...embedding.reference]).toEqual([5, 7]);
    expect(withoutClasses(layered)).toMatchObject({ answer: 'embedding', classes: 2 });
    expect(withoutClasses(layered)).not.toHaveProperty('dense');
    expect(withoutClasses(withoutClasses(layered)).classes).toBe(2);
    const { dense: _, ...pooled } = layered;
    const scores = classifierTail({ ...pooled, classes: 2 }, x);
    expect([...scores.reference]).toEqual([-1, 1]);
    expect([...scores.linear!(0).matrix]).toEqual([-0.5, -0.5, 0.5, 0.5]);
    expect(() => withoutClasses(pooled)).toThrow(
      expect.objectContaining({
        ...{ code: 'usage', message: 'what toy pools are the scores of its classes already: there is no embedding' },
        hint: 'use a network with a dense layer, such as resnet50-imagenet',
      }),
    );
    for (const tail of [embedding, scores]) tail.dispose();
    x.dispose();
  });

  it('is found by its name or folder, with the parts that it can forget', async () => {
    const { id, layers, parts, weightsSha256 } = await findClassifier('resnet50-imagenet');
    expect([id, weightsSha256]).toEqual(['resnet50-imagenet', RESNET50_IMAGENET.weightsSha256]);
    expect(parts.map(({ name }) => name)).toEqual(['classifier', 'conv5', 'conv4', 'conv3', 'conv2', 'conv1']);
    expect(
      parts.map(({ owns }) => ['fc/kernel', 'conv5_block1_1_conv/kernel', 'conv1_conv/bias'].filter(owns).join()),
    ).toEqual(['fc/kernel', 'conv5_block1_1_conv/kernel', '', '', '', 'conv1_conv/bias']);
    expect(layers.length).toBeGreaterThan(5);
    for (const name of ['conv1.npy', 'a.npy', 'notes.txt']) await writeFile(join(folder, name), name);
    const squeezenet = await findClassifier(folder);
    expect(squeezenet.parts.map(({ name }) => name)).toEqual([
      'conv10',
      'fire8–9',
      'fire6–7',
      'fire4–5',
      'fire2–3',
      'conv1',
    ]);
    const owners = Array.from({ length: 26 }, (_, i) =>
      squeezenet.parts.findIndex(({ owns }) => owns(`conv${i}/kernel`)),
    );
    expect(owners).toEqual([
      5,
      ...new Array(6).fill(4),
      ...new Array(6).fill(3),
      ...new Array(6).fill(2),
      ...new Array(6).fill(1),
      0,
    ]);
    expect(squeezenet.parts.some(({ owns }) => owns('dense/kernel'))).toBe(false);
    await expect(findClassifier(join(folder, 'none'))).rejects.toMatchObject({
      ...{ code: 'model-unknown', message: `there is no classification network ${join(folder, 'none')}` },
      hint: 'give resnet50-imagenet or the folder with the .npy files of SqueezeNet 1.1',
    });
  });

  it('has no other layers', () => {
    expect(layerIndex('toy', ['a', 'b'], 'b')).toBe(1);
    expect(() => layerIndex('toy', ['a', 'b'], 'c')).toThrow(
      expect.objectContaining({ code: 'usage', message: 'toy has no layer named c', hint: 'its layers: a, b' }),
    );
  });
});

describe('the classes of ImageNet', () => {
  it('have names, the first of several when they are short', () => {
    expect(imagenetLabels()).toHaveLength(1000);
    expect([shortLabel(1), shortLabel(1000)]).toEqual(['goldfish', 'class 1000']);
    expect([findClass('Goldfish'), findClass(' carassius auratus '), findClass('7')]).toEqual([1, 1, 7]);
  });

  it('are asked for by name or number, and similar ones are told', () => {
    const labels = ['red car', 'blue car, Azure', 'bus'];
    const find = (name: string) => labelIndex(labels, name, { what: 'class', otherwise: 'look' });
    expect([find('BUS'), find('azure'), find('blue car'), find('0'), find('2')]).toEqual([2, 1, 1, 0, 2]);
    for (const [name, hint] of [
      ['car', 'did you mean red car | blue car, Azure?'],
      ['3', 'look'],
      ['-1', 'look'],
      ['tree', 'look'],
    ] as const)
      expect(() => find(name)).toThrow(
        expect.objectContaining({ code: 'usage', message: `there is no class named "${name}"`, hint }),
      );
    expect(() => labelIndex(new Array(9).fill('car a'), 'car', { what: 'class', otherwise: '' })).toThrow(
      expect.objectContaining({ hint: `did you mean ${new Array(5).fill('car a').join(' | ')}?` }),
    );
  });
});

describe('a video model', () => {
  const outputs = [
    { name: 'e', kind: 'embedding', size: 2 },
    { name: 's', kind: 'scores', size: 3 },
  ] as const;

  it('has outputs by name, or the first; those that score', () => {
    expect([outputNamed(outputs)?.name, outputNamed(outputs, 's')?.name, outputNamed(outputs, 'x')]).toEqual([
      'e',
      's',
      undefined,
    ]);
    expect([scoresOf(outputs)?.name, scoresOf(outputs.slice(0, 1))]).toEqual(['s', undefined]);
    const size = { width: 1, height: 1 };
    expect([{ frames: 1, size }, { frames: 2, size }, { usualFrames: 3, size }, { size }].map(readsPictures)).toEqual([
      true,
      false,
      true,
      false,
    ]);
  });

  it('that cannot forget says so', () => {
    expect(() => unlearningOf({ id: 'net' } as VideoModel)).toThrow(
      expect.objectContaining({
        ...{
          code: 'usage',
          message: 'the weights of net cannot be drawn anew',
          hint: 'export it to ONNX for that (docs/networks.md)',
        },
      }),
    );
    const unlearning = { parts: ['a'], behind: 1, without: async () => ({}) as VideoModel };
    expect(unlearningOf({ id: 'net', unlearning: () => unlearning } as unknown as VideoModel)).toBe(unlearning);
  });
});

describe('a trunk', () => {
  it('takes blue first, less the mean of each colour', () => {
    const x = preprocess(RESNET50_IMAGENET, { rgb: Uint8Array.of(1, 2, 3, 255, 0, 128), shape: [1, 1, 2, 3] });
    const [blue, green, red] = RESNET50_IMAGENET.mean;
    expect([...x.dataSync()]).toEqual(
      [3 - blue, 2 - green, 1 - red, 128 - blue, -green, 255 - red].map((value) => expect.closeTo(value, 4)),
    );
    x.dispose();
  });

  it('is known by its name, with its licences behind those of its head', async () => {
    expect(findPretrained('resnet50-imagenet')).toBe(RESNET50_IMAGENET);
    expect(() => findPretrained('vgg')).toThrow(
      expect.objectContaining({
        code: 'model-unknown',
        message: 'there is no model named vgg',
        hint: 'known models: resnet50-imagenet',
      }),
    );
    expect(
      licencesOn(RESNET50_IMAGENET, { facts: { licences: [{ of: 'head', licence: 'MIT' }] } }).map(({ of }) => of),
    ).toEqual([...['head', 'trunk resnet50-imagenet', 'training data ImageNet-1k']]);
    await expect(loadWeights(RESNET50_IMAGENET, 'conv2')).rejects.toMatchObject({
      ...{ code: 'weights-invalid', hint: 'l2caf models pull resnet50-imagenet' },
      message: expect.stringMatching(
        /^the cached weights of resnet50-imagenet are absent: .*trunks.resnet50-imagenet\.safetensors$/,
      ),
    });
  });
});

it('a model keeps what its training events were like', async () => {
  const spec = {
    ...{ trunk: 'resnet50-imagenet', stage: 'conv4', trunkGrid: { height: 2, width: 2 }, trunkChannels: 1024 },
    ...{ inputSize: { width: 32, height: 32 }, shallowCnn: [], lstmUnits: 2, embeddingSize: 2 },
  };
  const training = { seed: 1, options: {}, domains: [] };
  const path = join(folder, 'model');
  const familiarity = {
    mean: new Float32Array(1024).fill(2),
    directions: new Float32Array(2048),
    variances: Float32Array.of(3, 1),
    floor: 0.5,
    limit: 7,
  };
  await saveModel(path, untrainedHead(spec, 0), {
    ...{ id: 'm', l2cafVersion: '0', frames: 3, training, figures: {} },
  });
  expect((await loadModel(path)).head.facts?.familiarity).toBeUndefined();
  await saveFamiliarity(path, familiarity);
  expect((await loadModel(path)).head.facts?.familiarity).toEqual(familiarity);
  const again = join(folder, 'again');
  await saveModel(again, untrainedHead(spec, 0), {
    ...{ id: 'm', l2cafVersion: '0', frames: 3, training, figures: {} },
    familiarity,
  });
  expect((await loadModel(again)).head.facts?.familiarity).toEqual(familiarity);
  expect(calibrationInWords(1.5, { events: 9, measuredOn: 'val', before: 0.2, after: 0.1 } as never)).toBe(
    'temperature 1.5 (of 9 events); expected error 0.2 before, 0.1 after, on val',
  );
});
