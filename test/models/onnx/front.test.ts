/** What is affine behind a layer, and that filters are added up there. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { affineSplit } from '../../../src/models/onnx/affine.ts';
import { nodeOf } from '../../../src/models/onnx/builder.ts';
import { withOutputs } from '../../../src/models/onnx/cut.ts';
import { readOnnx } from '../../../src/models/onnx/file.ts';
import { AffineFront } from '../../../src/models/onnx/front.ts';
import { graphOf } from '../../../src/models/onnx/graph.ts';
import { openSession } from '../../../src/models/onnx/runtime.ts';
import { type TinyCut, TinyFolder } from './tiny-folder.ts';
import { cnnLstm, conv3d, pictureCnn, type TinyFiles } from './tiny-networks.ts';

let folder: TinyFolder;
beforeAll(async () => {
  folder = await TinyFolder.make();
});
afterAll(() => folder.remove());

describe('what is affine behind a layer', () => {
  const split = (...nodes: Parameters<typeof nodeOf>[]) => {
    const { front, frontier, rest } = affineSplit(
      nodes.map((each) => nodeOf(...each)),
      'layer',
      ['out'],
    );
    const names = (all: typeof front) => all.map(({ opType }) => opType);
    return { front: names(front), frontier, rest: names(rest) };
  };

  it('ends before the first operator that is not', () => {
    const found = split(
      ['Conv', ['layer', 'weights'], ['a']],
      ['GlobalAveragePool', ['a'], ['b']],
      ['Relu', ['b'], ['out']],
    );
    expect(found).toEqual({
      front: ['Conv', 'GlobalAveragePool'],
      frontier: ['b'],
      rest: ['Relu'],
    });
  });

  it('is all, where no operator is otherwise', () => {
    const found = split(['Mul', ['layer', 'gate'], ['a']], ['Gemm', ['a', 'w', 'bias'], ['out']]);
    expect(found).toEqual({ front: ['Mul', 'Gemm'], frontier: ['out'], rest: [] });
  });

  it('holds no products of the layer with itself, and nothing that divides by it or rounds it', () => {
    for (const node of [
      ['MatMul', ['layer', 'layer'], ['a']],
      ['Div', ['one', 'layer'], ['a']],
      ['Conv', ['picture', 'layer'], ['a']],
      ['Cast', ['layer'], ['a'], { to: 7 }],
      ['Where', ['layer', 'one', 'other'], ['a']],
      ['MaxPool', ['layer'], ['a']],
    ] as Parameters<typeof nodeOf>[]) {
      const { front, frontier, rest } = split(node, ['Neg', ['a'], ['out']]);
      expect([front, frontier, rest]).toEqual([[], ['layer'], [node[0], 'Neg']]);
    }
  });

  it('reads shapes without depending on them', () => {
    const found = split(
      ['Shape', ['layer'], ['size']],
      ['Reshape', ['layer', 'size'], ['a']],
      ['Sigmoid', ['a'], ['out']],
    );
    expect(found).toEqual({ front: ['Reshape'], frontier: ['a'], rest: ['Sigmoid'] });
  });
});

const PICTURE: TinyCut = {
  ...{ layer: 'features', layout: 'b c h w', output: 'scores', inputs: { pictures: [1, 3, 16, 16] } },
};
const LSTM: TinyCut = {
  ...{ layer: 'features', layout: '(b t) c h w', output: 'logits', inputs: { frames: [1, 3, 3, 16, 16] } },
};
const VOLUME: TinyCut = {
  ...{ layer: 'features', layout: 'b c t h w', output: 'scores', inputs: { clip: [1, 3, 4, 16, 16] } },
};

it.each([
  ['of pictures', () => pictureCnn(), PICTURE, true],
  ['with an LSTM', () => cnnLstm(), LSTM, true],
  ['in three dimensions', () => conv3d(), VOLUME, true],
  ['whose pictures go through a wide convolution', () => pictureCnn(), { ...PICTURE, layer: 'pictures' }, false],
] as const)('a network %s is taken apart where that takes less', async (_, make, tiny, isTaken) => {
  const { front, dispose } = await frontOf(make(), tiny);
  expect(front !== undefined).toBe(isTaken);
  dispose();
});

it('is left aside when it gives something else than the whole tail', async () => {
  const { front, dispose } = await frontOf(cnnLstm(), LSTM, (values) => values.map((value) => 1.01 * value));
  expect(front).toBeUndefined();
  dispose();
});

/** The front of a network, held against its whole tail, which `change` may change. */
async function frontOf(files: TinyFiles, tiny: TinyCut, change = (values: Float32Array) => values) {
  const { network, feeds } = await folder.cut(files, tiny);
  const graph = graphOf(await readOnnx(await folder.write(files)));
  const { cut, layout, sizes } = network;
  const names = graph.nodes.flatMap(({ output }) => output);
  const session = await openSession('all of it', withOutputs(graph, names));
  const seen = new Map(Object.entries({ ...feeds, ...(await session.run(feeds, names)) }));
  session.release();
  const event = await network.run(feeds);
  const tail = { graph, cut, layout, sizes, seen, growth: new Map() };
  const front = await AffineFront.open(tail, event, 'reshaped', async (_, filters, slots, output) =>
    change(await network.tail(event, output).evaluate(filters, slots)),
  );
  return { front, dispose: () => front?.dispose() };
}
