import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { strToU8, zipSync } from 'fflate';
import { beforeAll, describe, expect, it } from 'vitest';
import * as tf from '../../../src/base/tensorflow.ts';
import { useBackend } from '../../../src/models/backend.ts';
import { KerasNetwork } from '../../../src/models/keras/keras-network.ts';
import {
  asH5,
  asModelJson,
  caseOf,
  FIXTURES,
  type FixtureCase,
  framesFor,
  type H5Parts,
  temporaryFolder,
} from './fixtures.ts';

let before = 0;

beforeAll(async () => {
  await useBackend('wasm');
  before = tf.memory().numTensors;
});

const fixture = caseOf('td-lstm');

/** Expects that a file is refused in one line, and that nothing is left of it. */
async function refused(path: string, code: string, message: RegExp, options = {}): Promise<void> {
  const opening = KerasNetwork.open(path, options).then((network) => network.dispose());
  await expect(opening).rejects.toMatchObject({
    name: 'L2cafError',
    code,
    message: expect.stringMatching(message),
  });
  await opening.catch((error: Error) => expect(error.message).not.toContain('\n'));
  expect(tf.memory().numTensors).toBe(before);
}

/** The fixture with its topology edited as text. */
function edited(pattern: RegExp, replacement: string, of: FixtureCase = fixture): FixtureCase {
  const text = JSON.stringify(of.topology);
  const topology = text.replace(pattern, replacement);
  expect(topology).not.toBe(text);
  return { ...of, topology: JSON.parse(topology) as FixtureCase['topology'] };
}

async function fileOf(name: string, content: Uint8Array | string): Promise<string> {
  const path = join(await temporaryFolder(), name);
  await writeFile(path, content);
  return path;
}

describe('an .h5 file', () => {
  const weightsWith = (change: (weights: H5Parts['weights']) => H5Parts['weights']) =>
    asH5(fixture, (parts) => ({ ...parts, weights: change(parts.weights) }));

  it('that is cut short is refused', async () => {
    const whole = await readFile(await asH5(fixture));
    await refused(
      await fileOf('net.h5', whole.subarray(0, whole.length / 2)),
      'model-invalid',
      /cannot be read as HDF5: .*truncated/,
    );
  });

  it('that is nothing of the kind is refused', async () => {
    await refused(await fileOf('net.h5', 'hello'), 'model-invalid', /neither a Keras file/);
    await refused(await fileOf('net.h5', ''), 'model-invalid', /neither a Keras file/);
    await refused(join(await temporaryFolder(), 'none.h5'), 'input-not-found', /none\.h5/);
  });

  it('with weights only is refused', async () => {
    await refused(
      await asH5(fixture, (parts) => ({ ...parts, config: undefined })),
      'model-invalid',
      /has weights only/,
    );
  });

  it('without the weights of a layer is refused', async () => {
    await refused(
      await weightsWith((weights) => weights.filter(({ layer }) => layer !== 'last')),
      'weights-invalid',
      /the layer LSTM last has 3 weights, but the file 0/,
    );
  });

  it('with weights of another shape is refused', async () => {
    await refused(
      await weightsWith((weights) =>
        weights.map((one) => (one.shape.length === 1 && one.layer === 'numbers' ? { ...one, shape: [1, 2] } : one)),
      ),
      'weights-invalid',
      /bias of the layer Dense numbers is \[2\], but the file has \[1, 2\]/,
    );
  });

  it('with weights in another order is refused', async () => {
    const square = edited(/"units":2/, '"units":6', fixture);
    const path = await asH5(square, (parts) => ({
      ...parts,
      weights: parts.weights.map((one) =>
        one.layer !== 'numbers'
          ? one
          : {
              ...one,
              ...(one.name.endsWith('kernel')
                ? { name: 'numbers/bias', shape: [6, 6], data: new Float32Array(36) }
                : { name: 'numbers/kernel', shape: [6], data: new Float32Array(6) }),
            },
      ),
    }));
    await refused(path, 'weights-invalid', /which is another weight/);
  });

  it('with weights that are not numbers is refused', async () => {
    await refused(
      await weightsWith((weights) =>
        weights.map((one) => ({ ...one, data: Float32Array.from(one.data, () => Number.NaN) })),
      ),
      'weights-invalid',
      /hold values that are not numbers/,
    );
  });

  it('with quantised weights is refused', async () => {
    await refused(
      await weightsWith((weights) => weights.map((one) => ({ ...one, data: Int8Array.from(one.data) }))),
      'weights-invalid',
      /not numbers of half, single or double precision/,
    );
  });
});

describe('a .keras file', () => {
  const parts = async () => ({
    'config.json': strToU8(JSON.stringify(fixture.topology)),
    'model.weights.h5': new Uint8Array(await readFile(await asH5(fixture))),
  });

  it('that is cut short is refused', async () => {
    const whole = await readFile(join(FIXTURES, 'td-lstm.keras'));
    await refused(
      await fileOf('net.keras', whole.subarray(0, whole.length / 2)),
      'model-invalid',
      /cannot be unpacked/,
    );
  });

  it.each(['config.json', 'model.weights.h5'])('without %s is refused', async (name) => {
    const { [name]: _, ...others } = (await parts()) as Record<string, Uint8Array>;
    await refused(await fileOf('net.keras', zipSync(others)), 'model-invalid', new RegExp(`lacks ${name}`));
  });

  it('that unpacks to far more than it is, is refused', async () => {
    const bomb = zipSync({ ...(await parts()), 'config.json': new Uint8Array(1 << 24) });
    await refused(await fileOf('net.keras', bomb), 'model-invalid', /would be unpacked to 16777216 bytes/);
    const liar = Buffer.from(zipSync({ ...(await parts()), 'config.json': new Uint8Array(1 << 22) }));
    for (let at = liar.indexOf('PK'); at >= 0; at = liar.indexOf('PK', at + 2)) {
      if (liar.readUInt32LE(at) === 0x02014b50 && liar.readUInt32LE(at + 24) === 1 << 22)
        liar.writeUInt32LE(100, at + 24);
    }
    await refused(await fileOf('net.keras', liar), 'model-invalid', /./);
  });

  it('with weights in no folder is refused', async () => {
    await refused(
      await fileOf('net.keras', zipSync(await parts())),
      'weights-invalid',
      /has 2 weights, but the file 0/,
    );
  });
});

describe('a model.json', () => {
  it.each(['../elsewhere.bin', '/etc/hostname', 'https://example.org/weights.bin', 'link/weights.bin'])(
    'that names weights outside its folder is refused: %s',
    async (name) => {
      const path = await asModelJson(fixture, (json) => ({
        ...json,
        weightsManifest: (json['weightsManifest'] as object[]).map((group) => ({ ...group, paths: [name] })),
      }));
      const elsewhere = join(await temporaryFolder(), 'folder');
      await mkdir(elsewhere);
      await writeFile(join(elsewhere, 'weights.bin'), 'secret');
      await symlink(elsewhere, join(dirname(path), 'link'));
      await refused(path, 'weights-invalid', /names weights outside its folder/);
    },
  );

  it('whose weights are too short, too long, missing or quantised is refused', async () => {
    const path = await asModelJson(fixture);
    const shard = join(dirname(path), 'group1-shard1of1.bin');
    const whole = await readFile(shard);
    await writeFile(shard, whole.subarray(4));
    await refused(path, 'weights-invalid', /end before the weights/);
    await writeFile(shard, Buffer.concat([whole, whole.subarray(0, 4)]));
    await refused(path, 'weights-invalid', /longer than their weights/);
    const group = { paths: ['none.bin'], weights: [{ name: 'a', shape: [1], dtype: 'float32' }] };
    await refused(
      await asModelJson(fixture, (json) => ({ ...json, weightsManifest: [group] })),
      'input-not-found',
      /none\.bin/,
    );
    const quantised = {
      ...group,
      weights: [{ ...group.weights[0], quantization: { dtype: 'uint8', min: 0, scale: 1 } }],
    };
    await refused(
      await asModelJson(fixture, (json) => ({ ...json, weightsManifest: [quantised] })),
      'weights-invalid',
      /are quantised/,
    );
  });

  it('of a graph model is refused', async () => {
    const path = await asModelJson(fixture, (json) => ({ ...json, format: 'graph-model' }));
    await refused(path, 'model-invalid', /graph model/);
  });
});

describe('a topology', () => {
  const cases: [what: string, fixture: FixtureCase, code: string, message: RegExp][] = [
    [
      'of a class of its own',
      edited(/"class_name":"Sequential"/, '"class_name":"MyPilot"'),
      'model-invalid',
      /class of its own, MyPilot/,
    ],
    [
      'with an unknown layer',
      edited(/"class_name":"Dense"/, '"class_name":"MyAttention"'),
      'model-invalid',
      /MyAttention embedding is of a class that is not supported/,
    ],
    [
      'with a layer of a class that every object has',
      edited(/"class_name":"Dense"/, '"class_name":"constructor"'),
      'model-invalid',
      /class that is not supported: constructor/,
    ],
    [
      'with an activation that every object has',
      edited(/"units":6,"activation":"relu"/, '"units":6,"activation":"constructor"'),
      'model-invalid',
      /activation "constructor", which is not supported/,
    ],
    ['with code', edited(/"class_name":"Dense"/, '"class_name":"Lambda"'), 'model-invalid', /Lambda embedding is code/],
    [
      'with a layer of huge size',
      edited(/"units":6/, '"units":1000000000'),
      'model-invalid',
      /makes 1000000000 values of one event, which is too many/,
    ],
    [
      'with a size that is none',
      edited(/"units":6/, '"units":-1'),
      'model-invalid',
      /needs a whole number from 1 on as units/,
    ],
    [
      'with an unknown activation',
      edited(/"units":6,"activation":"relu"/, '"units":6,"activation":"my_function"'),
      'model-invalid',
      /activation "my_function", which is not supported/,
    ],
    [
      'with a softmax over the columns of channels first',
      edited(/"activation":"sigmoid"/, '"activation":"softmax"', caseOf('channels-first')),
      'model-invalid',
      /a softmax over its columns/,
    ],
    [
      'with numbers of one byte',
      edited(/("name":"embedding".*?)"name":"float32"/, '$1"name":"int8_from_float32"'),
      'model-invalid',
      /dtype "int8_from_float32"/,
    ],
    [
      'with the same name twice',
      edited(/"name":"embedding"/, '"name":"numbers"'),
      'model-invalid',
      /two layers are called numbers/,
    ],
    ['for no pictures', edited(/\[null,3,8,10,3\]/, '[null,8]'), 'model-invalid', /reads \[8\], not pictures/],
    [
      'for pictures of five channels',
      edited(/\[null,3,8,10,3\]/, '[null,3,8,10,5]'),
      'model-invalid',
      /1 or 3 channels|not pictures/,
    ],
    [
      'for pictures smaller than its windows',
      edited(/\[null,3,8,10,3\]/, '[null,3,2,2,3]'),
      'model-invalid',
      /leaves nothing/,
    ],
    ['for huge pictures', edited(/\[null,3,8,10,3\]/, '[null,3,900000,900000,3]'), 'model-invalid', /too many/],
    [
      'that reads its own output',
      edited(/"keras_history":\["conv",0,0\]/g, '"keras_history":["add_1",0,0]', caseOf('shared')),
      'model-invalid',
      /reads its own output|is not there/,
    ],
    [
      'that is given a mask of its own',
      edited(/"class_name":"Any"/, '"class_name":"Sum"', caseOf('apart')),
      'model-invalid',
      /the layer bidirectional is called with mask, which is not supported/,
    ],
    [
      'that normalises by the event itself',
      edited(/("class_name":"BatchNormalization".*?"kwargs":\{)/, '$1"training":true,', caseOf('residual')),
      'model-invalid',
      /batch_normalization is called with training=True: it normalises by the event itself/,
    ],
    [
      'that reads what is not there',
      edited(/"keras_history":\["re_lu",0,0\]/, '"keras_history":["gone",0,0]', caseOf('residual')),
      'model-invalid',
      /gone .* is not there/,
    ],
  ];

  it.each(cases)('%s is refused', async (_, one, code, message) => {
    await refused(await asModelJson(one), code, message);
  });

  it.each([null, [], 'text', { class_name: 'Functional' }, { class_name: 'Sequential', config: { layers: [] } }])(
    'that is %j is refused',
    async (topology) => {
      await refused(await asModelJson({ ...fixture, topology: topology as never }), 'model-invalid', /./);
    },
  );

  it('of networks within networks without end is refused', async () => {
    let layers: object[] = [{ class_name: 'Flatten', config: { name: 'flat' } }];
    for (let depth = 0; depth < 40; depth++)
      layers = [{ class_name: 'Sequential', config: { name: `n${depth}`, layers } }];
    const start = { class_name: 'InputLayer', config: { name: 'in', batch_shape: [null, 8, 8, 3] } };
    const topology = { class_name: 'Sequential', config: { name: 'all', layers: [start, ...layers] } };
    await refused(
      await asModelJson({ ...fixture, topology: topology as never, weights: [] }),
      'model-invalid',
      /without end/,
    );
  });
});

describe('further inputs', () => {
  const withSpeed = caseOf('with-speed');

  it.each([
    [{}, 'usage', /reads speed \[2\] beside the pictures: say what it is given/],
    [{ constants: { speed: [1, 2, 3] } }, 'usage', /input speed takes 2 finite numbers, not 3/],
    [{ constants: { speed: [1, Number.NaN] } }, 'usage', /input speed takes 2 finite numbers/],
    [{ constants: { speed: 1, wind: 2 } }, 'usage', /has no further input wind/],
    [{ constants: { speed: 1 }, input: 'sound' }, 'usage', /has no input sound/],
    [{ constants: { frames: 1 }, input: 'speed' }, 'model-invalid', /reads \[2\], not pictures/],
  ])('are refused where they do not fit: %j', async (options, code, message) => {
    await refused(await asModelJson(withSpeed), code, message, options);
  });
});

describe('calls', () => {
  it.each([
    [
      'of an output that is not there',
      /"keras_history":\["features",0,1\]/,
      '"keras_history":["features",0,2]',
      /features of .* has no output 2/,
    ],
    ['with a mask', /"kwargs":\{\}/, '"kwargs":{"mask":true}', /called with mask, which is not supported/],
    [
      'with an array that is not whole',
      /\{"class_name":"__keras_tensor__"/,
      '{"class_name":"__tensor__","config":{"value":[[1,2],[3]]}},{"class_name":"__keras_tensor__"',
      /not an array of numbers/,
    ],
  ])('%s are refused', async (_, pattern, replacement, message) => {
    await refused(await asModelJson(edited(pattern, replacement, caseOf('two-maps'))), 'model-invalid', message);
  });
});

describe('a Lambda', () => {
  it('is what it is said to be, as a layer of a class of its own is, and never run', async () => {
    const shared = caseOf('norms');
    const rescaling = /"module":"keras.layers","class_name":"Rescaling","config":\{"name":"rescaling"/;
    const lambda =
      '"module":"keras.layers","class_name":"Lambda","config":{"function":{"class_name":"__lambda__","config":{"code":"…"}},"name":"rescaling"';
    const path = await asModelJson(edited(rescaling, lambda, shared));
    await refused(path, 'model-invalid', /Lambda rescaling is code/);
    const said = [
      { scale: 1 / 127.5, offset: -1 },
      { layer: 'Rescaling', scale: 1 / 127.5, offset: -1 },
    ];
    for (const rescaling of said) {
      const network = await KerasNetwork.open(path, { lambdas: { rescaling } });
      const tail = network.tail(await network.features(framesFor(shared)));
      expect([...tail.reference]).toEqual(shared.outputs[0]!.map((value) => expect.closeTo(value, 3)));
      tail.dispose();
      network.dispose();
    }
    const own = lambda.replace('"Lambda"', '"Normed"');
    const ofOwnClass = await asModelJson(edited(rescaling, own, shared));
    await refused(ofOwnClass, 'model-invalid', /Normed rescaling is of a class that is not supported/);
    const network = await KerasNetwork.open(ofOwnClass, { lambdas: { rescaling: said[0]! } });
    network.dispose();
    const more = { rescaling: said[0]!, conv2d: said[0]! };
    await refused(path, 'usage', /says what the layer conv2d does, but there is none of that name that is not known/, {
      lambdas: more,
    });
    const wrong = { rescaling: { layer: 'Elsewhere' } };
    await refused(path, 'model-invalid', /\(as Elsewhere\) is of a class that is not supported/, { lambdas: wrong });
  });
});

describe('outputs that are not numbers', () => {
  it('are told of', async () => {
    const path = await asH5(fixture, (parts) => ({
      ...parts,
      weights: parts.weights.map((one) =>
        one.layer === 'numbers' ? { ...one, data: Float32Array.from(one.data, () => 3e38) } : one,
      ),
    }));
    const network = await KerasNetwork.open(path);
    const maps = await network.features(framesFor(fixture));
    expect(() => network.tail(maps)).toThrow(/outputs that are not numbers/);
    network.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('are told of where they are maps', async () => {
    const path = await asH5(fixture, (parts) => ({
      ...parts,
      weights: parts.weights.map((one) =>
        one.layer === 'time_distributed' ? { ...one, data: Float32Array.from(one.data, () => 3e38) } : one,
      ),
    }));
    const network = await KerasNetwork.open(path);
    await expect(network.features(framesFor(fixture))).rejects.toThrow(/maps that are not numbers/);
    network.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});
