/** ONNX files and cards that are wrong, each refused in one line that says what it is. */
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { create, fromBinary } from '@bufbuild/protobuf';
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  TensorProto_DataType,
  TensorProtoSchema,
} from 'onnx-buf';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { L2cafError } from '../../../src/base/errors.ts';
import type { Card } from '../../../src/models/card.ts';
import { OnnxNetwork } from '../../../src/models/onnx/network.ts';
import { RANGE, TinyFolder } from './tiny-folder.ts';
import { cnnLstm, pictureCnn, TinyGraph } from './tiny-networks.ts';

let folder: TinyFolder;
beforeAll(async () => {
  folder = await TinyFolder.make();
});
afterAll(() => folder.remove());

/** How a file is refused. */
async function refusal(bytes: Uint8Array, card: Card = RANGE): Promise<L2cafError> {
  const path = await folder.write({ bytes });
  const error = await OnnxNetwork.open(path, { card }).then(
    () => new Error('it was opened'),
    (thrown: unknown) => thrown as L2cafError,
  );
  const { code, message } = error as L2cafError;
  expect(code, message).toMatch(/^(usage|model-invalid|input-unreadable|input-not-found)$/);
  expect(message).not.toMatch(/\n|\.cc:|\.ts:|undefined|\[object/);
  expect(message.length).toBeLessThan(400);
  return error as L2cafError;
}

type Size = number | string;

/** A network of pictures whose end, behind `features` (4×4×8), is made by `finish`. */
function ending(
  finish: (graph: TinyGraph, features: string) => void,
  dims: readonly Size[] = [1, 3, 16, 16],
  events: Size = 1,
): Uint8Array {
  const graph = new TinyGraph();
  const early = graph.convolution(graph.input('pictures', dims), 'early', [6, 3, 3, 3], [2, 2]);
  finish(graph, graph.convolution(early, 'features', [8, 6, 3, 3], [2, 2]));
  graph.output('scores', [events, 5]);
  return graph.files().bytes;
}

/** The usual end. */
function scores(graph: TinyGraph, features: string): void {
  graph.dense(graph.pooled(features), 'scores', [8, 5]);
}

const { FLOAT, STRING, BOOL } = TensorProto_DataType;

/** An end that adds weights `dims`, of which the file holds `values`. */
function adding(
  dims: readonly bigint[],
  values: Partial<{ rawData: Uint8Array<ArrayBuffer>; floatData: number[] }>,
): Uint8Array {
  return ending((graph, features) => {
    const added = graph.tensor(
      create(TensorProtoSchema, { name: 'added', dims: [...dims], dataType: FLOAT, ...values }),
    );
    scores(graph, graph.node('Add', [features, added], 'sum'));
  });
}

describe('a file', () => {
  it('of very many operators is refused before anything is made ready', async () => {
    const chain = (graph: TinyGraph, from: string): void => {
      let last = from;
      for (let i = 0; i < 50_000; i++) last = graph.node('Relu', [last], `relu ${i}`);
      scores(graph, last);
    };
    expect((await refusal(ending(chain))).message).toMatch(/it has \d+ operators, more than 50000/);
  }, 60_000);

  const good = pictureCnn().bytes;

  it.each<[string, Uint8Array, string]>([
    ['that is empty', new Uint8Array(0), 'it holds no network'],
    ['of text', Buffer.from('hello, this is no network'), 'it is no ONNX file'],
    ['of JSON', Buffer.from('{"format": "layers-model"}'), 'it is no ONNX file'],
    ['of random bytes', Uint8Array.from({ length: 3000 }, (_, i) => (i * i * 31 + 7 * i) & 255), 'it is no ONNX file'],
    ['that was cut off', good.subarray(0, good.length - 300), 'or a part of one'],
    ['of which half is there', good.subarray(0, good.length >> 1), 'or a part of one'],
    ['of PyTorch', Buffer.from('PK\x03\x04archive/data.pkl', 'latin1'), 'it looks like a file of PyTorch'],
    ['of PyTorch before 1.6', Buffer.from('\x80\x02c__main__\nNet\n', 'latin1'), 'it looks like a file of PyTorch'],
  ])('%s', async (_, bytes, why) => {
    const { code, message, hint } = await refusal(bytes);
    expect(code).toBe('model-invalid');
    expect(message).toContain(why);
    expect(hint).toContain('torch.onnx.export');
  });

  it('that is not there, or a folder', async () => {
    await expect(OnnxNetwork.open(join(folder.path, 'none.onnx'))).rejects.toMatchObject({ code: 'input-not-found' });
    await expect(OnnxNetwork.open(folder.path)).rejects.toMatchObject({ code: 'input-unreadable' });
  });
});

describe('a graph', () => {
  it.each<[string, () => Uint8Array, string]>([
    ['whose weights are too many', () => adding([100000n, 100000n, 100000n], {}), 'weights added have the shape'],
    ['whose weights are fewer than none', () => adding([-1n, 2n], {}), 'weights added have the shape -1×2'],
    ['whose weights are not there', () => adding([20000n, 20000n], {}), 'weights added hold 0 values'],
    ['whose weights are too few', () => adding([2n], { floatData: [1] }), 'hold 1 values, their shape 2 needs 2'],
    ['whose weights end in between', () => adding([2n], { rawData: new Uint8Array(7) }), 'hold 1.75 values'],
    [
      'whose weights are text',
      () =>
        ending((graph, features) => {
          const text = { name: 'text', dims: [1n], dataType: STRING, stringData: [Buffer.from('hi')] };
          scores(graph, graph.node('Add', [features, graph.tensor(create(TensorProtoSchema, text))], 'sum'));
        }),
      "Type 'tensor(string)' of input parameter (text) of operator (Add) in node (sum node) is invalid",
    ],
    [
      'that reads what there is not',
      () => ending((graph, features) => scores(graph, graph.node('Add', [features, 'nothing'], 'sum'))),
      'Add sum node reads nothing, which nobody has computed by then',
    ],
    [
      'that goes in a circle',
      () =>
        ending((graph, features) => {
          graph.node('Add', [features, 'b'], 'a');
          scores(graph, graph.node('Relu', ['a'], 'b'));
        }),
      'Add a node reads b, which nobody has computed by then',
    ],
    [
      'that computes a tensor twice',
      () => ending((graph, features) => scores(graph, graph.node('Relu', [features], 'early'))),
      'early',
    ],
    [
      'with an operator that is not known',
      () => ending((graph, features) => scores(graph, graph.node('Frobnicate', [features], 'strange'))),
      '("strange node", Frobnicate',
    ],
    [
      'whose shapes do not fit',
      () => ending((graph, features) => graph.dense(graph.pooled(features), 'scores', [9, 5])),
      'scores node',
    ],
    [
      'that is quantised',
      () =>
        ending((graph, features) => {
          scores(graph, features);
          graph.node('QuantizeLinear', [features, 'early.bias'], 'steps');
        }),
      'it is quantised (QuantizeLinear)',
    ],
    [
      'that takes its statistics from the input',
      () =>
        ending((graph, features) => {
          const weights = ['scale', 'shift', 'mean', 'variance'].map((name) => graph.weights(name, [8]));
          const training = { training_mode: 1 };
          scores(graph, graph.node('BatchNormalization', [features, ...weights], 'norm', training, ['norm', 'm', 'v']));
        }),
      'it was exported as it was trained: BatchNormalization norm node',
    ],
    [
      'that is left with dropout on',
      () =>
        ending((graph, features) => {
          const ratio = { name: 'ratio', dataType: FLOAT, floatData: [0.5] };
          const mode = { name: 'training', dataType: BOOL, rawData: Uint8Array.of(1) };
          const inputs = [ratio, mode].map((tensor) => graph.tensor(create(TensorProtoSchema, tensor)));
          scores(graph, graph.node('Dropout', [features, ...inputs], 'dropped'));
        }),
      'it was exported as it was trained: Dropout dropped node drops values by chance',
    ],
    [
      'that says something else each time',
      () =>
        ending((graph, features) => {
          const chance = graph.node('RandomNormalLike', [features], 'chance');
          scores(graph, graph.node('Add', [features, chance], 'noisy'));
        }),
      'differs from one run to the next',
    ],
    [
      'whose output is no number',
      () =>
        ending((graph, features) => scores(graph, graph.node('Log', [graph.node('Neg', [features], 'neg')], 'log'))),
      'its output scores is not a number',
    ],
    ['whose output is a list', () => ending(listed), 'scores'],
    [
      'without input',
      () => {
        const graph = new TinyGraph();
        graph.node('Relu', [graph.weights('pictures', [1, 3, 16, 16])], 'scores');
        graph.output('scores', [1, 3, 16, 16]);
        return graph.files().bytes;
      },
      'it has no input',
    ],
    [
      'without output',
      () => {
        const graph = new TinyGraph();
        graph.node('Relu', [graph.input('pictures', [1, 3, 16, 16])], 'scores');
        return graph.files().bytes;
      },
      'it has no output',
    ],
    [
      'with a loop that has no end',
      () => ending((graph, features) => repeated(graph, features, '')),
      'its Loop scores has no end',
    ],
    [
      'with a loop of a thousand million steps',
      () => ending((graph, features) => repeated(graph, features, graph.number('steps', 1e9))),
      'its Loop scores has 1000000000 steps',
    ],
    [
      'whose output does not depend on its input',
      () => {
        const graph = new TinyGraph();
        graph.input('pictures', [1, 3, 16, 16]);
        graph.node('Relu', [graph.weights('fixed', [1, 3, 16, 16])], 'scores');
        graph.output('scores', [1, 3, 16, 16]);
        return graph.files().bytes;
      },
      'its output scores does not depend on its input pictures',
    ],
    ['for two events at once', () => ending(scores, [2, 3, 16, 16], 2), 'was exported for 2 events at once'],
    ['of pictures that nobody can hold', () => ending(scores, [1, 3, 1e6, 1e6]), 'more than can be held'],
    ['of four channels', () => ending(scores, [1, 4, 16, 16]), 'which axis of its input pictures (1×4×16×16) holds'],
    ['of a picture without rows', () => ending(scores, [1, 3, 0, 16]), 'takes pictures of any size'],
  ])('%s', async (_, make, why) => {
    expect((await refusal(make())).message).toContain(why);
  });
});

it('a network whose layers all lie inside of a branch is told how to be exported', async () => {
  const branch = (name: string) => {
    const inner = new TinyGraph();
    const features = inner.convolution('pictures', `${name} features`, [8, 3, 3, 3], [2, 2]);
    inner.dense(inner.pooled(features), name, [8, 5]);
    inner.output(name, [1, 5]);
    return fromBinary(ModelProtoSchema, inner.bytes()).graph!;
  };
  const graph = new TinyGraph();
  const sum = graph.node('ReduceSum', [graph.input('pictures', [1, 3, 16, 16])], 'sum', { keepdims: 0 });
  const isBright = graph.node('Greater', [sum, graph.values('zero', [], Float32Array.of(0))], 'is bright');
  const attribute = ['then', 'else'].map((name) =>
    create(AttributeProtoSchema, {
      name: `${name}_branch`,
      type: AttributeProto_AttributeType.GRAPH,
      g: branch(name),
    }),
  );
  graph.add(create(NodeProtoSchema, { opType: 'If', input: [isBright], output: ['scores'], attribute }));
  graph.output('scores', [1, 5]);
  const { message, hint } = await refusal(graph.files().bytes);
  expect(message).toContain('has no layer that holds a place for every part of the picture');
  expect(hint).toContain('what lies inside of its If cannot be cut');
});

/** An end that doubles its scores in a loop that nothing but its number of steps ends. */
function repeated(graph: TinyGraph, features: string, steps: string): void {
  const inner = new TinyGraph();
  inner.input('step', [], 'int64');
  inner.node('Identity', [inner.input('is on', [], 'bool')], 'goes on');
  const scores = inner.input('some scores', [1, 5]);
  inner.output('goes on', [], 'bool');
  inner.output(inner.node('Add', [scores, scores], 'twice'), [1, 5]);
  const body = fromBinary(ModelProtoSchema, inner.bytes()).graph!;
  const start = graph.dense(graph.pooled(features), 'start', [8, 5]);
  const attribute = [create(AttributeProtoSchema, { name: 'body', type: AttributeProto_AttributeType.GRAPH, g: body })];
  graph.add(create(NodeProtoSchema, { opType: 'Loop', input: [steps, '', start], output: ['scores'], attribute }));
  graph.output('scores', [1, 5]);
}

/** An end that puts its scores into a list. */
function listed(graph: TinyGraph, features: string): void {
  graph.node('SequenceConstruct', [graph.dense(graph.pooled(features), 'row', [8, 5])], 'scores');
}

describe('weights beside the file', () => {
  it.each(['/etc/passwd', '/dev/zero', '../outside.bin', 'inner/../../outside.bin', '.', 'link.bin'])(
    'that lie in %s are not read',
    async (external) => {
      await mkdir(join(folder.path, 'inner'), { recursive: true });
      await symlink('/etc/passwd', join(folder.path, 'link.bin')).catch(() => {});
      const { code, message, hint } = await refusal(pictureCnn({ external }).bytes);
      expect(code).toBe('model-invalid');
      expect(message).toContain(`its weights lie in ${external}, outside its folder`);
      expect(hint).toContain('keep the files');
    },
  );

  it('are missing', async () => {
    const { message } = await refusal(pictureCnn({ external: 'missing.bin' }).bytes);
    expect(message).toContain('its weights lie in missing.bin, which cannot be read');
  });

  it('are too short', async () => {
    const { bytes, external } = pictureCnn({ external: 'short.bin' });
    await writeFile(join(folder.path, 'short.bin'), external.subarray(0, external.length - 1));
    expect((await refusal(bytes)).message).toContain('the weights scores.bias reach beyond the end of short.bin');
  });
});

describe('what a card or the command line says', () => {
  const layer = (tensor: string, layout?: string): Card => ({ ...RANGE, layer: { tensor, ...(layout && { layout }) } });
  const input = (said: Card['input']): Card => ({ input: { ...RANGE.input, ...said } });

  it.each<[string, Card, string]>([
    ['nothing of how pictures are given', {}, 'does not say how it wants its pictures'],
    ['a layer that there is not', layer('nothing'), 'has no tensor or node named nothing'],
    ['the output as layer', layer('scores', 'b c h w'), 'the layer scores does not lead to scores'],
    ['weights as layer', layer('early.weight', 'b c h w'), 'the layer early.weight does not depend on the input'],
    ['a layer without space', layer('flat', 'b c h w'), 'the layer flat has the shape 1×8: it is no b c h w'],
    ['such a layer without its layout', layer('flat'), 'how the layer flat lies over the picture cannot be told'],
    ['a layer of one place', layer('pooled', 'b c h w'), 'it has one place for the whole picture'],
    ['a layout that is none', layer('features', 'b c h q'), '"b c h q" is no layout'],
    ['a layout that does not fit', layer('features', 'b c t h w'), 'has the shape 1×8×4×4: it is no b c t h w'],
    [
      'another grid',
      { ...RANGE, layer: { tensor: 'features', layout: 'b c h w', grid: [7, 7] } },
      'its grid is 4x4, not 7x7',
    ],
    [
      'an input that there is not',
      input({ name: 'frames' }),
      'has no input frames: its inputs are pictures (?×3×16×16)',
    ],
    ['an input layout that does not fit', input({ layout: 'b t c h w' }), 'has 4 axes, "b t c h w" does not fit'],
    ['axes in the wrong order', input({ layout: 'b h w c' }), 'takes 16 channels, not 3'],
    ['another size', input({ size: [32, 16] }), 'was exported for 16 rows, not 32'],
    ['an output that there is not', { ...RANGE, output: { tensor: 'nothing' } }, 'has no tensor nothing'],
    [
      'an output before the layer',
      { ...layer('features', 'b c h w'), output: { tensor: 'early' } },
      'the layer features does not lead to early',
    ],
    ['too few labels', { ...RANGE, output: { labels: ['a', 'b'] } }, 'has 5 outputs, but there are 2 labels'],
    ['a std of 0', input({ std: 0 }), 'input.std: 0, 0, 0 is not above 0'],
  ])('%s', async (_, card, why) => {
    expect((await refusal(pictureCnn().bytes, card)).message).toContain(why);
  });

  it('another number of frames', async () => {
    const { message, hint } = await refusal(cnnLstm().bytes, { input: { ...RANGE.input, frames: 8 } });
    expect(message).toContain('was exported for 3 frames, not 8');
    expect(hint).toContain('that axis dynamic');
  });

  it('an input of yes and no as pictures, or a size that nobody can hold', async () => {
    const graph = new TinyGraph();
    graph.cast(graph.input('numbers', [1, 3, 16, 16], 'bool'), 'scores', 'float32');
    graph.output('scores', [1, 3, 16, 16]);
    const named = await refusal(graph.files().bytes, input({ name: 'numbers' }));
    expect(named.message).toContain('its input numbers takes neither real numbers nor whole ones');
    const free = ending(scores, [1, 3, 'h', 'w']);
    expect((await refusal(free, input({ size: [1e6, 1e6] }))).message).toContain('more than can be held');
    expect((await refusal(free)).message).toContain('takes pictures of any size');
  });

  it('a file beside the network that is no card', async () => {
    const path = await folder.write(pictureCnn(), 'uncarded');
    await writeFile(join(folder.path, 'uncarded.json'), '{"epochs": 3}');
    await expect(OnnxNetwork.open(path, { card: RANGE })).rejects.toMatchObject({
      code: 'model-invalid',
      message: expect.stringContaining('epochs'),
    });
  });
});
