/** What a card leaves open, found in the graph: what to explain, and what the inputs beside the pictures are fed. */
import { L2cafError } from '../../base/errors.ts';
import { product } from '../../base/matrix.ts';
import type { Card } from '../card.ts';
import { readNpy } from '../npy.ts';
import type { ModelOutput } from '../video-model.ts';
import type { OnnxGraph } from './graph.ts';
import { declared, MOST_VALUES, type Notes, shapeText } from './pictures.ts';
import type { OnnxTensor } from './runtime.ts';

/** Operators that turn scores into probabilities: what goes in is explained, not what comes out. */
const SQUASHING = ['Softmax', 'LogSoftmax', 'Sigmoid'];

/**
 * The tensor to explain: the one that is named, or the first output, before it was made into probabilities.
 *
 * @throws L2cafError `usage` when there is none of that name
 */
export function outputOf(
  graph: OnnxGraph,
  { output = {} }: Card,
  notes: Notes,
): { tensor: string; isSquashed: boolean } {
  const { producer, nodes, outputs, file } = graph;
  if (output.tensor !== undefined && !producer.has(output.tensor)) {
    throw new L2cafError('usage', `${file.path} has no tensor ${output.tensor}`, {
      hint: `its outputs: ${outputs.join(', ')}`,
    });
  }
  if (outputs.length > 1 && output.tensor === undefined) {
    notes.push(`of the outputs ${outputs.join(', ')} the first is explained (--explain names another)`);
  }
  let tensor = output.tensor ?? outputs[0]!;
  const behind = (): (typeof nodes)[number] | undefined => nodes[producer.get(tensor) ?? -1];
  while (['Identity', 'Cast'].includes(behind()?.opType ?? '')) tensor = behind()!.input[0]!;
  const isSquashed = SQUASHING.includes(behind()?.opType ?? '');
  if (isSquashed) tensor = behind()!.input[0]!;
  return { tensor, isSquashed };
}

/** An output as the contract has it. */
export function modelOutput(
  path: string,
  name: string,
  size: number,
  isSquashed: boolean,
  { output = {} }: Card,
  labels: readonly string[] | undefined,
): ModelOutput {
  if (labels && labels.length !== size) {
    throw new L2cafError('usage', `${path} has ${size} outputs, but there are ${labels.length} labels`);
  }
  const kind = output.kind ?? (labels || isSquashed ? 'scores' : 'embedding');
  const named = labels ?? (kind === 'embedding' ? undefined : Array.from({ length: size }, (_, i) => String(i)));
  return { name, kind, size, ...(named && { labels: named }) };
}

/**
 * What the other inputs are fed.
 *
 * @throws L2cafError `usage` when one is missing, `weights-invalid` when its file is no .npy of its shape
 */
export async function constantsOf(
  graph: OnnxGraph,
  { constants = {} }: Card,
  folder: (file: string) => string,
  pictures: string,
): Promise<Record<string, OnnxTensor>> {
  const feeds: Record<string, OnnxTensor> = {};
  for (const info of graph.file.graph.input) {
    const { name } = info;
    if (name === pictures || !graph.inputs.includes(name)) continue;
    const { dims, elemType } = declared(info) ?? { dims: [], elemType: 0 };
    const given = constants[name];
    if (given === undefined) {
      const size = shapeText(dims);
      throw new L2cafError(
        'usage',
        `${graph.file.path} has another input, ${name} (${size}), which nothing is known of`,
        {
          hint: isOfPictures(graph, dims, pictures)
            ? `if it is the same clip at another rate (SlowFast), export a model that makes it of its one input, as in docs/networks.md; ` +
              `else say what it holds: "constants": {"${name}": "${name}.npy"}, in the card`
            : `say what it holds: "constants": {"${name}": 0} or a .npy file, in the card`,
        },
      );
    }
    const { values, shape } = await constantValues(name, dims, given, folder);
    feeds[name] = constantTensor(graph.file.path, name, elemType, values, shape);
  }
  return feeds;
}

/** Whether an input has the axes of that of the pictures, but for one length: as many colours, rows and columns. */
function isOfPictures(graph: OnnxGraph, dims: readonly number[], pictures: string): boolean {
  const info = graph.file.graph.input.find(({ name }) => name === pictures);
  const own = (info && declared(info)?.dims) ?? [];
  return own.length >= 4 && own.length === dims.length && own.filter((n, i) => n !== dims[i]).length <= 1;
}

/**
 * What a card gives an input, and its shape: that of the array where there is one, else one event of what is declared.
 *
 * @throws L2cafError `usage` when it does not fit what the input declares
 */
async function constantValues(
  name: string,
  dims: readonly number[],
  given: string | number | readonly number[],
  folder: (file: string) => string,
): Promise<{ readonly values: Float32Array; readonly shape: readonly number[] }> {
  const one = dims.map((n) => (n < 0 ? 1 : n));
  const count = product(one);
  const takes = shapeText(dims);
  if (count > MOST_VALUES) throw new L2cafError('usage', `the input ${name} (${takes}) is larger than can be held`);
  if (typeof given === 'number') return { values: new Float32Array(count).fill(given), shape: one };
  const { data, shape } = typeof given === 'string' ? await readNpy(folder(given)) : { data: given, shape: one };
  const isDeclared = shape.length === dims.length && dims.every((n, i) => n < 0 || n === shape[i]);
  if (!isDeclared || (typeof given !== 'string' && given.length !== count)) {
    const has = typeof given === 'string' ? `the shape ${shape.join('×')}` : `${given.length} values`;
    throw new L2cafError('usage', `the constant ${name} has ${has}, its input takes ${takes}`);
  }
  return { values: Float32Array.from(data), shape };
}

function constantTensor(
  path: string,
  name: string,
  elemType: number,
  values: Float32Array,
  dims: readonly number[],
): OnnxTensor {
  switch (elemType) {
    case 1:
      return { type: 'float32', dims, data: values };
    case 6:
      return { type: 'int32', dims, data: Int32Array.from(values) };
    case 7:
      return { type: 'int64', dims, data: BigInt64Array.from(values, (value) => BigInt(Math.round(value))) };
    case 9:
      return { type: 'bool', dims, data: Uint8Array.from(values) };
    default:
      throw new L2cafError('usage', `${path}: its input ${name} is of a type that cannot be given`);
  }
}
