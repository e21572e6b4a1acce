/** Recurrent operators step by step give what onnxruntime's own operators give. */
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../../src/base/random.ts';
import { GraphBuilder, nodeOf } from '../../../src/models/onnx/builder.ts';
import { type OnnxTensor, openSession } from '../../../src/models/onnx/runtime.ts';
import { unrolled } from '../../../src/models/onnx/unroll.ts';

const [STEPS, BATCH, INPUT, SIZE] = [4, 3, 5, 6];
const GATES = { LSTM: 4, GRU: 3, RNN: 1 } as const;

interface Kind {
  readonly operator: keyof typeof GATES;
  readonly direction?: 'forward' | 'reverse' | 'bidirectional';
  readonly isLinearFirst?: boolean;
  readonly isBare?: boolean;
}

const KINDS: readonly Kind[] = [
  ...(['LSTM', 'GRU', 'RNN'] as const).flatMap((operator) =>
    (['forward', 'reverse', 'bidirectional'] as const).map((direction) => ({ operator, direction })),
  ),
  { operator: 'GRU', isLinearFirst: true },
  ...(['LSTM', 'GRU', 'RNN'] as const).map((operator) => ({ operator, isBare: true })),
  { operator: 'GRU', isLinearFirst: true, isBare: true },
];

describe.each(KINDS)('%o', (kind) => {
  it('is the same step by step', async () => {
    const outputs = kind.operator === 'LSTM' ? ['all', 'last', 'cell'] : ['all', 'last'];
    const [whole, steps] = [await run(kind, outputs, false), await run(kind, outputs, true)];
    for (const name of outputs) {
      expect(steps[name]!.dims).toEqual(whole[name]!.dims);
      const [ours, theirs] = [Array.from(steps[name]!.data, Number), Array.from(whole[name]!.data, Number)];
      for (const [i, value] of theirs.entries()) expect(ours[i]).toBeCloseTo(value, 5);
      expect(Math.max(...theirs) - Math.min(...theirs)).toBeGreaterThan(0.1);
    }
  });
});

it('leaves operators of unusual kinds as they are', () => {
  const node = (attributes: Parameters<typeof nodeOf>[3], inputs = ['x', 'w', 'r']) =>
    unrolled(nodeOf('LSTM', inputs, ['y'], { hidden_size: SIZE, ...attributes }), [STEPS, 1, INPUT]);
  expect(node({})).toBeDefined();
  expect(node({ layout: 1 })).toBeUndefined();
  expect(node({ input_forget: 1 })).toBeUndefined();
  expect(node({}, ['x', 'w', 'r', '', 'lengths'])).toBeUndefined();
  expect(node({}, ['x', 'w', 'r', '', '', '', '', 'peepholes'])).toBeUndefined();
  expect(unrolled(nodeOf('Relu', ['x'], ['y']), [STEPS, 1, INPUT])).toBeUndefined();
});

/** Outputs of one operator on noise, with states and biases unless it is bare. */
async function run(
  { operator, direction = 'forward', isLinearFirst, isBare }: Kind,
  outputs: readonly string[],
  isUnrolled: boolean,
): Promise<Record<string, OnnxTensor>> {
  const ways = direction === 'bidirectional' ? 2 : 1;
  const gates = GATES[operator];
  const graph = new GraphBuilder();
  const weights = (name: string, shape: readonly number[]): string =>
    graph.floats(name, { shape, data: noise(name.length + shape.length, shape) });
  graph.input('x', [STEPS, BATCH, INPUT]);
  const inputs = [
    'x',
    weights('weights', [ways, gates * SIZE, INPUT]),
    weights('recurrent', [ways, gates * SIZE, SIZE]),
  ];
  if (!isBare) {
    inputs.push(weights('bias', [ways, 2 * gates * SIZE]), '', weights('state', [ways, BATCH, SIZE]));
    if (operator === 'LSTM') inputs.push(weights('cell state', [ways, BATCH, SIZE]));
  }
  const attributes = { hidden_size: SIZE, direction, ...(isLinearFirst && { linear_before_reset: 1 }) };
  const node = nodeOf(operator, inputs, outputs, attributes);
  const written = isUnrolled ? unrolled(node, [STEPS, BATCH, INPUT])! : { nodes: [node], constants: [] };
  for (const one of written.constants) graph.tensor(one);
  for (const one of written.nodes) graph.add(one);
  graph.output('all', [STEPS, ways, BATCH, SIZE]);
  for (const name of outputs.slice(1)) graph.output(name, [ways, BATCH, SIZE]);
  const session = await openSession('a recurrent operator', graph.bytes());
  try {
    const shape = [STEPS, BATCH, INPUT];
    return await session.run({ x: { type: 'float32', dims: shape, data: noise(1, shape) } });
  } finally {
    session.release();
  }
}

function noise(seed: number, shape: readonly number[]): Float32Array {
  const random = createRandom(seed, shape.length);
  return Float32Array.from({ length: shape.reduce((all, n) => all * n, 1) }, () => 0.7 * random.normal());
}
