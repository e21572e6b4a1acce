/** What is affine behind a layer, and that filters are added up there. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { affineSplit } from '../../../src/models/onnx/affine.ts';
import { nodeOf } from '../../../src/models/onnx/builder.ts';
import { withOutputs } from '../../../src/models/onnx/cut.ts';
import { readOnnx } from '../../../src/models/onnx/file.ts';
import { FrameTail } from '../../../src/models/onnx/frame-tail.ts';
import { AffineFront } from '../../../src/models/onnx/front.ts';
import { graphOf } from '../../../src/models/onnx/graph.ts';
import { openSession } from '../../../src/models/onnx/runtime.ts';
import type { Evaluate } from '../../../src/models/onnx/same-outputs.ts';
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

describe('a tail whose frames go through it one by one', () => {
  it.each([
    ['with a ReLU before its LSTM', 'early', true],
    ['that is affine up to its LSTM', 'features', false],
  ] as const)('%s', async (_, layer, isTaken) => {
    const { tail, event, whole } = await tailOf(cnnLstm({ dynamic: true }), { ...LSTM, layer });
    const found = await FrameTail.open(tail, event, 'reshaped', whole);
    expect(found !== undefined).toBe(isTaken);
    if (found === undefined) return;
    const cells = tail.sizes.h * tail.sizes.w;
    const slots = [2, 0, 1, 1, 2, 0, 2];
    const filters = Float32Array.from({ length: slots.length * cells }, (_, i) => Math.sin(i * 1.7));
    const [ours, theirs] = [
      await found.evaluate(event, filters, slots, 'logits'),
      await whole(event, filters, slots, 'logits'),
    ];
    expect([...ours]).toEqual([...theirs].map((value) => expect.closeTo(value, 5)));
    found.dispose();
  });

  it('is left whole where they give something else', async () => {
    const { tail, event, whole } = await tailOf(cnnLstm({ dynamic: true }), { ...LSTM, layer: 'early' });
    const other: typeof whole = async (...given) => (await whole(...given)).map((value) => 1.01 * value);
    expect(await FrameTail.open(tail, event, 'reshaped', other)).toBeUndefined();
  });

  it('is left whole in three dimensions', async () => {
    const { tail, event, whole } = await tailOf(conv3d(), VOLUME);
    expect(await FrameTail.open(tail, event, 'reshaped', whole)).toBeUndefined();
  });
});

/** The front of a network, held against its whole tail, which `change` may change. */
async function frontOf(files: TinyFiles, tiny: TinyCut, change = (values: Float32Array) => values) {
  const { tail, event, whole } = await tailOf(files, tiny);
  const front = await AffineFront.open(tail, event, 'reshaped', async (...given) => change(await whole(...given)));
  return { front, dispose: () => front?.dispose() };
}

/** The tail of a network, and what the whole of it gives. */
async function tailOf(files: TinyFiles, tiny: TinyCut) {
  const { network, feeds } = await folder.cut(files, tiny);
  const graph = graphOf(await readOnnx(await folder.write(files)));
  const { cut, layout, sizes } = network;
  const names = graph.nodes.flatMap(({ output }) => output);
  const session = await openSession('all of it', withOutputs(graph, names));
  const seen = new Map(Object.entries({ ...feeds, ...(await session.run(feeds, names)) }));
  session.release();
  const event = await network.run(feeds);
  const whole: Evaluate = async (_, filters, slots, output) => {
    // One by one, which is never in parts.
    const { evaluate } = network.tail(event, output);
    const cells = filters.length / slots.length;
    const rows: number[] = [];
    for (const [row, slot] of slots.entries()) {
      rows.push(...(await evaluate(filters.slice(row * cells, (row + 1) * cells), [slot])));
    }
    return Float32Array.from(rows);
  };
  return { tail: { graph, cut, layout, sizes, seen, growth: new Map() }, event, whole };
}
