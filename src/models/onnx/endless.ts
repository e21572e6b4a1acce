/** Loops that never end, or not while anybody waits: onnxruntime cannot be stopped inside of one. */
import type { GraphProto, NodeProto, TensorProto } from 'onnx-buf';

/** Many times what a loop over frames or steps has. */
const MOST_STEPS = 1_000_000n;

/** The first loop of a graph, or within one, whose number of steps is written down, is beyond all use, and that nothing ends before. */
export function endlessLoop(
  graph: GraphProto,
): { readonly node: NodeProto; readonly steps: bigint | undefined } | undefined {
  for (const node of graph.node) {
    const inner = node.attribute.flatMap(({ g, graphs }) => [...(g ? [g] : []), ...graphs]);
    if (node.opType === 'Loop') {
      const steps = node.input[0] ? numberOf(graph, node.input[0]) : undefined;
      const isKnown = !node.input[0] || steps !== undefined;
      const isLong = steps === undefined || steps > MOST_STEPS;
      if (isKnown && isLong && inner.some(keepsOn)) return { node, steps };
    }
    for (const one of inner) {
      const found = endlessLoop(one);
      if (found) return found;
    }
  }
  return undefined;
}

/** Whether the body of a loop goes on for the same reason for which it began: its condition is handed on, or written down. */
function keepsOn(body: GraphProto): boolean {
  let name = body.output[0]?.name;
  for (let steps = 0; steps <= body.node.length; steps++) {
    if (name === body.input[1]?.name || (name !== undefined && numberOf(body, name) === 1n)) return true;
    const node = body.node.find(({ output }) => output.includes(name ?? ''));
    if (node === undefined || !['Identity', 'Cast'].includes(node.opType)) return false;
    [name] = node.input;
  }
  return false;
}

/** A single whole number, or truth as 1, that is written down. */
function numberOf({ initializer, node }: GraphProto, name: string): bigint | undefined {
  const maker = node.find(({ opType, output }) => opType === 'Constant' && output[0] === name);
  const tensor = initializer.find((one) => one.name === name) ?? maker?.attribute.find(({ t }) => t)?.t;
  return tensor && firstOf(tensor);
}

function firstOf({ rawData, int64Data, int32Data }: TensorProto): bigint | undefined {
  if (rawData.length === 8) return Buffer.from(rawData).readBigInt64LE();
  if (rawData.length === 1) return BigInt(rawData[0]!);
  const [first] = int64Data.length > 0 ? int64Data : int32Data.map(BigInt);
  return first;
}
