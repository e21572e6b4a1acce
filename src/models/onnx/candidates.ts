/** Which tensors of a network may be layers, as far as its graph tells without being run. */
import { L2cafError } from '../../base/errors.ts';
import { ancestors, descendants, type OnnxGraph, partsOf } from './graph.ts';

/**
 * Tensors between the inputs and the output, last first.
 *
 * @throws L2cafError `model-invalid` when there is nothing between them
 */
export function candidatesOf(graph: OnnxGraph, output: string, inputs: readonly string[]): string[] {
  const { nodes, reads, fixed, producer, file, joins } = graph;
  const behind = descendants(graph, inputs);
  if (!behind.has(producer.get(output) ?? -1)) {
    throw new L2cafError(
      'model-invalid',
      `${file.path}: its output ${output} does not depend on its input ${inputs.join(', ')}`,
    );
  }
  const before = [...ancestors(graph, [output])];
  const read = new Set(before.flatMap((at) => reads[at]!));
  const together = new Map([...joins].flatMap(([name, { parts }]) => parts.map((part) => [part, name] as const)));
  const names = before
    .sort((a, b) => b - a)
    .filter((at) => behind.has(at) && !['Shape', 'Size'].includes(nodes[at]!.opType))
    .map((at) => nodes[at]!.output[0]!)
    .filter((name) => name !== output && read.has(name) && !fixed.has(name))
    .map((name) => together.get(name) ?? name);
  return [...new Set(names)];
}

/** Whether a tensor takes more from the pictures than how large they are. */
export function showsPicture(graph: OnnxGraph, tensor: string, pictures: string): boolean {
  const { nodes, producer, reads, constants } = graph;
  const open = [tensor];
  const seen = new Set<string>();
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (seen.has(name) || constants.has(name)) continue;
    seen.add(name);
    const at = producer.get(name);
    if (at === undefined && name === pictures) return true;
    if (at !== undefined && nodes[at]!.opType !== 'Shape') open.push(...reads[at]!);
  }
  return false;
}

/** Operators that give the same values another name or shape: the tensor before them is meant. */
const RENAMING = ['Identity', 'Dropout', 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze'];

/** What a tensor only renames, or all parts of a layer do. */
export function renamedBy(graph: OnnxGraph, tensor: string): string | undefined {
  const { nodes, producer, joins } = graph;
  const join = joins.get(tensor);
  if (join) {
    const renamed = join.parts.map((part) => renamedBy(graph, part));
    return [...joins].find(([, { parts }]) => parts.every((part, i) => part === renamed[i]))?.[0];
  }
  const node = nodes[producer.get(tensor) ?? -1];
  return node && RENAMING.includes(node.opType) && producer.has(node.input[0]!) ? node.input[0] : undefined;
}

/** Operators that leave the picture what it is: other axes, other numbers for the same brightness, a part. */
const KEEPS_PICTURE: ReadonlySet<string> = new Set([
  ...[
    ...RENAMING,
    'Transpose',
    'Cast',
    'CastLike',
    'Slice',
    'Split',
    'Gather',
    'Concat',
    'Pad',
    'Clip',
    'Shape',
    'Expand',
  ],
  ...[
    'Add',
    'Sub',
    'Mul',
    'Div',
    'Neg',
    'BatchNormalization',
    'Constant',
    'ConstantOfShape',
    'Range',
    'Where',
    'Equal',
  ],
]);

/** Whether a tensor is still the picture: nothing has been computed of it that would be a layer. */
export function isPicture(graph: OnnxGraph, tensor: string): boolean {
  return [...ancestors(graph, partsOf(graph, tensor))].every((at) => KEEPS_PICTURE.has(graph.nodes[at]!.opType));
}

/** Operators that only make a layer coarser: the one before them shows more. */
export const COARSER = /Pool$|^Reduce|^Pad$|^Resize$/;
