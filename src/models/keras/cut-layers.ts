/** The layers at which a Keras network can be cut, and which of them is taken. */
import { L2cafError } from '../../base/errors.ts';
import { groupBy } from '../../base/group-by.ts';
import type { GridShape } from '../../base/types.ts';
import { nodesIn, tailBehind } from './keras-tail.ts';
import { shapeText } from './layer-config.ts';
import type { Node } from './node.ts';
import type { Graph } from './unfolded.ts';

/** A layer at which a network can be cut. */
export interface KerasLayer {
  readonly name: string;
  readonly className: string;
  /** In einops' notation. */
  readonly layout: 'b h w c' | 'b t h w c';
  /** Axis lengths after the batch. */
  readonly shape: readonly number[];
  readonly grid: GridShape;
}

/** Classes that make other axes of height and width. */
const NO_MAPS: ReadonlySet<string> = new Set(['Flatten', 'Reshape', 'Permute', 'RepeatVector']);

/** Layers whose outputs have height and width, last first; those that pass their input on, or a frame of it, are left out. */
export function layersOf({ nodes, input }: Graph): KerasLayer[] {
  const maps = new Set<Node>([input]);
  for (const node of nodes) {
    const isMap = node.shape.length >= 3 && !NO_MAPS.has(node.className) && nodesIn(node).some((one) => maps.has(one));
    if (isMap) maps.add(node);
  }
  maps.delete(input);
  return [...maps]
    .filter(({ layer }) => !layer!.isIdentity && layer!.takes === undefined)
    .map(described)
    .reverse();
}

function described({ name, className, shape }: Node): KerasLayer {
  const [height, width] = shape.slice(-3) as [number, number];
  return { name, className, layout: shape.length === 4 ? 'b t h w c' : 'b h w c', shape, grid: { height, width } };
}

/**
 * The last one that leads to all outputs, and beside which nothing else of the picture does; of a network of clips one that tells
 * frames apart. One that does not, or has a single row or column, only where there is no other.
 *
 * @throws L2cafError `model-invalid` when there is none
 */
export function lastLayer(
  { nodes, input }: Graph,
  layers: readonly KerasLayer[],
  outputs: readonly Node[],
): KerasLayer {
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const ofPicture = pictureNodes({ nodes, input });
  const isWhole = ({ name }: KerasLayer): boolean => {
    const cut = byName.get(name)!;
    const found = tailBehind(nodes, cut, outputs);
    return (
      outputs.every((node) => node !== cut && found.nodes.includes(node)) &&
      !found.others.some((one) => ofPicture.has(one))
    );
  };
  const hasCells = ({ grid }: KerasLayer): boolean => grid.height * grid.width > 1;
  const hasBoth = ({ grid }: KerasLayer): boolean => grid.height > 1 && grid.width > 1;
  const hasTime = ({ layout }: KerasLayer): boolean => input.shape.length < 4 || layout === 'b t h w c';
  const wanted: ((layer: KerasLayer) => boolean)[] = [
    (layer) => hasTime(layer) && hasBoth(layer) && isWhole(layer),
    (layer) => hasBoth(layer) && isWhole(layer),
    (layer) => hasCells(layer) && isWhole(layer),
    hasCells,
  ];
  for (const isWanted of wanted) {
    const found = layers.find(isWanted);
    if (found !== undefined) return found;
  }
  throw new L2cafError('model-invalid', 'the network has no layer with height and width at which it could be cut');
}

/** What is computed of the picture. */
function pictureNodes({ nodes, input }: Pick<Graph, 'nodes' | 'input'>): ReadonlySet<Node> {
  const found = new Set<Node>([input]);
  for (const node of nodes) if (nodesIn(node).some((one) => found.has(one))) found.add(node);
  return found;
}

/**
 * What a map of a layer does not show, in words: of the picture, what reaches an output beside the layer.
 *
 * @throws L2cafError `usage` where the layer is called for one frame of several
 */
export function beside(graph: Graph, name: string, outputs: readonly Node[]): string[] {
  const { nodes, input } = graph;
  const cut = nodes.find((node) => node.name === name)!;
  const ofPicture = pictureNodes(graph);
  const others = tailBehind(nodes, cut, outputs).others.filter((one) => ofPicture.has(one));
  if (others.length === 0) return [];
  const repeated = calledForFrames(graph, cut);
  if (repeated !== undefined) {
    throw new L2cafError(
      'usage',
      `the layer ${repeated.weights} is called ${repeated.calls} times, for one frame after another`,
      {
        hint: 'take frames as frames[:, k], or build the network with TimeDistributed, or export it to ONNX (docs/networks.md)',
      },
    );
  }
  const listed = others.slice(0, 3).map((one) => (one === input ? 'the input' : one.name));
  const more = others.length > 3 ? `, ${others.length - 3} more` : '';
  return [
    `beside the layer ${name} the output has the picture through ${listed.join(', ')}${more}: maps do not show that part`,
  ];
}

/** A layer of maps that is called several times, in a network of clips of which the cut has not all frames. */
function calledForFrames(
  { nodes, input }: Graph,
  cut: Node,
): { readonly weights: string; readonly calls: number } | undefined {
  if (input.shape.length !== 4 || (cut.shape.length === 4 && cut.shape[0]! > 1)) return undefined;
  const maps = nodes.filter(
    ({ shape, layer }) => shape.length === 3 && layer !== undefined && layer.weights.length > 0,
  );
  const times = groupBy(maps, ({ weights }) => weights);
  const found = [...times].find(([, calls]) => calls.length > 1);
  return found && { weights: found[0], calls: found[1].length };
}

/** A layer by its whole name, or by the end of it where that is enough. */
export function layerNamed({ nodes }: Graph, layers: readonly KerasLayer[], asked: string): KerasLayer {
  const node = nodeNamed(nodes, asked);
  if (node !== undefined && node.layer !== undefined && node.shape.length >= 3 && node.shape.length <= 4) {
    return layers.find(({ name }) => name === node.name) ?? described(node);
  }
  const why =
    node === undefined ? 'it is not there' : `it makes ${shapeText(node.shape)}, which has no height and width`;
  throw new L2cafError('usage', `the network cannot be cut at ${asked}: ${why}`, {
    hint: `layers with height and width: ${layers
      .slice(0, 8)
      .map(({ name }) => name)
      .join(', ')}`,
  });
}

/** A layer, whether it can be filtered or not. */
export function nodeNamed(nodes: readonly Node[], asked: string): Node | undefined {
  const exact = nodes.find(({ name }) => name === asked);
  const ends = nodes.filter(({ name }) => name.endsWith(`/${asked}`));
  return exact ?? (ends.length === 1 ? ends[0] : undefined);
}
