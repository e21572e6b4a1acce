/**
 * Layers that lie in several tensors: a network that is called in a loop over frames is in its export once for each of them.
 * Copies are found by what they are made of, the same operators on the same weights, back to a piece of the input each; which
 * frame each has is found by changing frames of a clip of noise.
 */
import { createHash } from 'node:crypto';
import { toBinary } from '@bufbuild/protobuf';
import { type AttributeProto, AttributeProtoSchema, type TensorProto, TensorProtoSchema } from 'onnx-buf';
import { L2cafError } from '../../base/errors.ts';
import type { Layout } from '../layout.ts';
import { elementType, nodeOf } from './builder.ts';
import { extended, inlined, partOutput, tensorNamed, withOutputs } from './cut.ts';
import type { Feeds } from './cut-network.ts';
import type { Join, OnnxGraph } from './graph.ts';
import { type ClipPart, NOTHING } from './places.ts';
import { floatsOf, openSession } from './runtime.ts';

/** Operators that take a piece out of a tensor, and which of their inputs and attributes say which one. */
const PIECES: Readonly<Record<string, { readonly inputs: readonly number[]; readonly attributes: readonly string[] }>> =
  {
    Gather: { inputs: [1], attributes: [] },
    Slice: { inputs: [1, 2], attributes: ['starts', 'ends'] },
    Split: { inputs: [], attributes: [] },
    SequenceAt: { inputs: [1], attributes: [] },
  };

/** Operators that put what they read together anew: what comes out of them is no longer a piece of the input. */
const MIXING = /Conv|MatMul|Gemm|Einsum|Pool|^(LSTM|GRU|RNN)$/;

/** Operators that only tell how large a tensor is. */
const SIZES = ['Shape', 'Size'];
/** Operators that give lists of tensors. */
const LISTS = /^(SplitToSequence|Sequence(?!At))/;

/**
 * Tensors that are copies of each other, on different pieces of the input: in the order of the graph. Of each node the first
 * output counts.
 */
export function copiesIn(graph: OnnxGraph): string[][] {
  const { nodes, reads, fixed, inputs } = graph;
  /** Of the input, with nothing done to them that mixes their pixels. */
  const raw = new Set(inputs);
  /** What depends on no more than how large the input is: which pieces are taken. */
  const still = new Set(fixed);
  let pieces = 0;
  for (const [at, { opType, output }] of nodes.entries()) {
    const own = reads[at]!.filter((name) => !still.has(name));
    const into = SIZES.includes(opType) || own.length === 0 ? still : raw;
    if (into === raw && (MIXING.test(opType) || !own.every((name) => raw.has(name)))) continue;
    for (const name of output) into.add(name);
    if (into === raw && opType in PIECES) pieces += output.length;
  }
  if (pieces < 2) return [];
  const groups = new Map<number, string[]>();
  for (const [name, kind] of kindsOf(graph, raw, still)) {
    if (raw.has(name) || still.has(name) || LISTS.test(nodes[graph.producer.get(name)!]!.opType)) continue;
    groups.set(kind, [...(groups.get(kind) ?? []), name]);
  }
  return [...groups.values()].filter(({ length }) => length > 1);
}

/** First outputs of nodes, and what they are made of: the same number for copies. */
function kindsOf(graph: OnnxGraph, raw: ReadonlySet<string>, still: ReadonlySet<string>): Map<string, number> {
  const { nodes } = graph;
  const numbers = new Map<string, number>();
  const numberOf = (what: string): number => {
    const known = numbers.get(what) ?? numbers.size;
    numbers.set(what, known);
    return known;
  };
  /** What each tensor is made of, in words. */
  const made = new Map<string, string>();
  const constants = new Map<string, string>();
  const wordsOf = (name: string): string => {
    const known = made.get(name) ?? constants.get(name);
    if (known !== undefined) return known;
    const tensor = graph.constants.get(name);
    const words = tensor ? contentOf(graph, tensor) : name;
    constants.set(name, words);
    return words;
  };
  const kinds = new Map<string, number>();
  for (const [at, { opType, domain, input, output, attribute }] of nodes.entries()) {
    if (opType === 'Identity') {
      made.set(output[0]!, wordsOf(input[0]!)); // exporters share weights so
      continue;
    }
    const piece = PIECES[opType];
    const isPiece = piece !== undefined && raw.has(input[0]!);
    const hasGraph = attribute.some(({ g, graphs }) => g !== undefined || graphs.length > 0);
    const told = attribute.filter(({ name }) => !(isPiece && piece.attributes.includes(name)));
    const read = input.map((name, i) => (isPiece && piece.inputs.includes(i) && still.has(name) ? '*' : wordsOf(name)));
    const what = [opType, domain, ...told.map(attributeWords).sort(), ...read, ...(hasGraph ? [at] : [])];
    const kind = numberOf(JSON.stringify(what));
    for (const [i, name] of output.entries()) made.set(name, isPiece ? `#${kind}` : `#${kind}.${i}`);
    if (output[0]) kinds.set(output[0], kind);
  }
  return kinds;
}

function attributeWords(attribute: AttributeProto): string {
  return shortened(toBinary(AttributeProtoSchema, attribute.docString ? { ...attribute, docString: '' } : attribute));
}

/** What a constant holds: exporters may write the same weights once for each copy. */
function contentOf({ file }: OnnxGraph, tensor: TensorProto): string {
  const { dims, dataType } = tensor;
  return shortened(toBinary(TensorProtoSchema, { ...inlined(file, tensor), name: '', docString: '', dims, dataType }));
}

function shortened(bytes: Uint8Array): string {
  const isLong = bytes.length > 64;
  return isLong ? createHash('sha256').update(bytes).digest('base64') : Buffer.from(bytes).toString('latin1');
}

/** How a network is asked which frame a copy has. */
interface FrameProbe {
  readonly probe: (part: ClipPart, events: 1) => Feeds | undefined;
  readonly frames: number;
}

/**
 * Copies as layers, by name: one part for each frame in order of time, or, where copies have several frames each, in the order of
 * the graph. Copies that do not differ in their frames are left out.
 *
 * @throws L2cafError `model-invalid` when the network cannot be run
 */
export async function joinsOf(
  graph: OnnxGraph,
  groups: readonly (readonly string[])[],
  { probe, frames }: FrameProbe,
): Promise<Map<string, Join>> {
  const joins = new Map<string, Join>();
  const some = groups.filter(({ length }) => length <= frames);
  if (some.length === 0) return joins;
  const { file } = graph;
  const names = some.flat();
  /** A number that changes with any of a tensor's, also where their sum does not, as behind a softmax. */
  const sum = (name: string): string => partOutput(`sum of ${name}`);
  const shape = (name: string): string => partOutput(`shape of ${name}`);
  const nodes = [
    ...names.flatMap((name) => [
      nodeOf('Cast', [name], [`${sum(name)} in float32`], { to: elementType(name, 'float32') }),
      nodeOf('ReduceLogSumExp', [`${sum(name)} in float32`], [sum(name)], { keepdims: 0 }),
    ]),
    ...some.map(([name]) => nodeOf('Shape', [name!], [shape(name!)])),
  ];
  const outputs = [...names.map(sum), ...some.map(([name]) => shape(name!))];
  const session = await openSession(file.path, extended(file, nodes, outputs), file.externalData);
  try {
    const at = async (part: ClipPart) => session.run(probe(part, 1)!, outputs);
    const before = await at(NOTHING);
    /** Numbers of frames, one in the other: which bits of them a copy moves with. */
    const bits = new Map(names.map((name) => [name, 0]));
    for (let bit = 1; bit < frames; bit *= 2) {
      const after = await at((t) => (t & bit) !== 0);
      for (const name of names) {
        const [was, is] = [floatsOf(before[sum(name)]!)[0], floatsOf(after[sum(name)]!)[0]];
        if (!Object.is(was, is)) bits.set(name, bits.get(name)! | bit);
      }
    }
    for (const group of some) {
      const numbers = new Set(group.map((name) => bits.get(name)!));
      if (numbers.size < group.length) continue;
      const isOneEach = group.length === frames && [...numbers].every((number) => number < frames);
      const parts = isOneEach ? group.toSorted((a, b) => bits.get(a)! - bits.get(b)!) : group;
      const rank = before[shape(group[0]!)]!.data.length;
      if (rank < 3) continue; // no places
      joins.set(nameOfJoin(parts), { parts, axis: axisAt(rank) });
    }
    return joins;
  } finally {
    session.release();
  }
}

/**
 * A layer of tensors that are listed in order of time.
 *
 * @param layout of all together, where it is known
 * @throws L2cafError `usage` when there is no such tensor, or no time in the layout; else as {@link joinsOf}
 */
export async function joinOf(
  graph: OnnxGraph,
  names: readonly string[],
  layout: Layout | undefined,
  probe: FrameProbe,
): Promise<Map<string, Join>> {
  const parts = names.map((name) => {
    const tensor = tensorNamed(graph, name);
    if (tensor !== undefined) return tensor;
    throw new L2cafError('usage', `the network has no tensor or node named ${name}`, {
      hint: 'l2caf models inspect lists them',
    });
  });
  const twice = parts.find((part, i) => parts.indexOf(part) < i);
  if (twice !== undefined) throw new L2cafError('usage', `${twice} is listed twice among the tensors of a layer`);
  const axis = layout
    ? layout.axes.findIndex(({ names: [name] }) => name === 't')
    : await axisOf(graph, parts[0]!, probe);
  if (axis < 0) {
    throw new L2cafError(
      'usage',
      `${layout?.text} does not say along which axis the tensors of the layer follow in time`,
      {
        hint: 'begin that axis with t: "(t b) c h w"',
      },
    );
  }
  return new Map([[nameOfJoin(parts), { parts, axis }]]);
}

/** The axis along which tensors of a tensor's rank are joined. */
async function axisOf(graph: OnnxGraph, tensor: string, { probe }: FrameProbe): Promise<number> {
  const { path, externalData } = graph.file;
  const session = await openSession(path, withOutputs(graph, [tensor]), externalData);
  try {
    return axisAt((await session.run(probe(NOTHING, 1)!, [tensor]))[tensor]!.dims.length);
  } finally {
    session.release();
  }
}

/** Maps of single frames are put one after another; volumes along their time. */
function axisAt(rank: number): number {
  return rank === 5 ? 2 : 0;
}

/** What a layer of several tensors is called. */
export function nameOfJoin(parts: readonly string[]): string {
  return `${parts[0]} ×${parts.length}`;
}
