/** An ONNX network of the user's before it is run: its file held against its card, probes for it, and the layer to cut it at. */
import { dirname, join } from 'node:path';
import { L2cafError } from '../../base/errors.ts';
import { createRandom } from '../../base/random.ts';
import type { ProgressListener } from '../../base/types.ts';
import { type Card, cardBeside, cardWith, fitNotes } from '../card.ts';
import {
  dimsOf,
  foldsTime,
  hasBatch,
  type LayoutSizes,
  parseLayout,
  scatter,
  stacksFrames,
  stridesOf,
} from '../layout.ts';
import { copiesIn, joinOf, joinsOf } from './copies.ts';
import { cutAt, tensorNamed } from './cut.ts';
import type { CutNetwork, Feeds } from './cut-network.ts';
import { readOnnx } from './file.ts';
import { graphOf, type Join, type OnnxGraph } from './graph.ts';
import { grow } from './growth.ts';
import { kindOf, type PictureInput, pictureInputOf } from './pictures.ts';
import type { ClipPart } from './places.ts';
import { requireOnnxruntime } from './pull-engine.ts';
import { constantsOf, outputOf } from './resolve.ts';
import { type OnnxTensor, tensorOf } from './runtime.ts';
import { type CutPoint, type NetworkSurveyOptions, type Survey, surveyNetwork, surveyTensor } from './survey.ts';

/** How a network is opened. */
export interface OnnxOptions {
  /** What the command line says instead of the card beside the file. */
  readonly card?: Card;
  /** What it is called; default: the file's name. */
  readonly id?: string;
  /** Whether it was opened before and has said the same of the same input twice; default false: that is tried. */
  readonly isSteady?: boolean;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ProgressListener | undefined;
}

/** A network whose card has been held against its graph. */
export interface ReadNetwork {
  readonly path: string;
  readonly graph: OnnxGraph;
  readonly card: Card;
  readonly pictures: PictureInput;
  readonly output: { readonly tensor: string; readonly isSquashed: boolean };
  /** What scores classes beside it. */
  readonly scores?: { readonly tensor: string; readonly isSquashed: boolean };
  readonly constants: Readonly<Record<string, OnnxTensor>>;
  readonly notes: readonly string[];
}

/**
 * Reads a network and its card, the one beside it or none; sees to it that there is what will run it.
 *
 * @throws L2cafError as `requireOnnxruntime`, `readOnnx`, `readCard`, `pictureInputOf`, `outputOf` and `constantsOf`
 */
export async function readNetwork(path: string, options: OnnxOptions = {}): Promise<ReadNetwork> {
  const { card = {}, signal } = options;
  const whole = cardWith(await cardBeside(path), card);
  if (whole.lambdas) {
    throw new L2cafError('usage', `${path}: an ONNX file has no Lambda layers`, {
      hint: 'leave "lambdas" out of its card',
    });
  }
  const graph = graphOf(await readOnnx(path, signal));
  const notes = fitNotes(whole);
  const pictures = pictureInputOf(graph, whole, notes);
  const output = outputOf(graph, whole, notes);
  const scores = whole.scores && outputOf(graph, { output: whole.scores }, notes);
  const constants = await constantsOf(graph, whole, (file) => join(dirname(path), file), pictures.name);
  await requireOnnxruntime('an ONNX network', options); // once it is known that the file can be used
  const isOther = scores && scores.tensor !== output.tensor;
  const read = { path, graph, card: whole, pictures, output, ...(isOther && { scores }), constants, notes };
  return { ...read, graph: { ...graph, joins: await joinsIn(read) } };
}

/** The layers of a network that lie in several tensors: the one that its card lists, or those that are found. */
async function joinsIn(read: ReadNetwork): Promise<ReadonlyMap<string, Join>> {
  const { graph, card } = read;
  const { tensor, layout } = card.layer ?? {};
  const { frames } = read.pictures;
  const probe = (part: ClipPart): Feeds | undefined => probeOf(read, part, 1);
  if (typeof tensor === 'object') {
    return joinOf(graph, tensor, layout === undefined ? undefined : parseLayout(layout), { probe, frames });
  }
  const groups = frames > 1 ? copiesIn(graph) : [];
  const named = tensor === undefined || tensor === 'last' ? undefined : tensorNamed(graph, tensor);
  if (named !== undefined && !groups.some((names) => names.includes(named))) return new Map();
  return joinsOf(graph, groups, { probe, frames });
}

/** Surveys a network that was read: where it can be cut. Throws as {@link surveyNetwork}. */
export function survey(
  network: ReadNetwork,
  options: OnnxOptions & { readonly first?: boolean } = {},
): Promise<Survey> {
  return surveyNetwork(network.graph, surveyOptions(network, options));
}

function surveyOptions(
  network: ReadNetwork,
  { first, signal, onProgress }: OnnxOptions & { readonly first?: boolean },
): NetworkSurveyOptions {
  const { pictures, output } = network;
  const { width, height } = pictures.size;
  return {
    probe: (part, events) => probeOf(network, part, events),
    output: output.tensor,
    pictures: pictures.name,
    frames: pictures.frames,
    isStacked: stacksFrames(pictures.layout),
    aspect: width / height,
    ...(first && { first }),
    signal,
    onProgress,
  };
}

/** Operators of a network, most frequent first. */
export function operatorsOf({ graph }: ReadNetwork): readonly (readonly [operator: string, count: number])[] {
  const counts = new Map<string, number>();
  for (const { opType } of graph.nodes) counts.set(opType, (counts.get(opType) ?? 0) + 1);
  return [...counts].sort(([, a], [, b]) => b - a);
}

/** A clip of noise, of which a part is other noise; undefined for more events than an input without a batch takes. */
export function probeOf({ pictures, constants }: ReadNetwork, part: ClipPart, events: 1 | 2): Feeds | undefined {
  if (events > 1 && !hasBatch(pictures.layout)) return undefined;
  const sizes = clipSizes(pictures);
  const [random, other] = [createRandom(0, 1), createRandom(0, 2)];
  const values = new Float32Array(sizes.t * sizes.h * sizes.w * sizes.c);
  const { isBytes } = kindOf(pictures);
  let at = 0;
  for (let t = 0; t < sizes.t; t++) {
    for (let h = 0; h < sizes.h; h++) {
      for (let w = 0; w < sizes.w; w++) {
        const isChanged = part(t, h, w, sizes);
        for (let c = 0; c < sizes.c; c++) {
          const [usual, changed] = [random.uniform(), other.uniform()];
          const value = isChanged ? changed : usual;
          values[at++] = isBytes ? 255 * value : 2 * value - 1;
        }
      }
    }
  }
  const clip = pictureTensor(pictures, values);
  const axis = pictures.layout.axes.findIndex(({ names }) => names.includes('b'));
  const others = Object.entries(constants).map(([name, tensor]) => {
    return [name, tensor.dims.length === 0 ? tensor : grow(tensor, { axis: 0 }, events)];
  });
  return { ...Object.fromEntries(others), [pictures.name]: grow(clip, { axis }, events) };
}

function clipSizes({ frames, channels, size: { height, width } }: Omit<PictureInput, 'name'>): LayoutSizes {
  return { t: frames, h: height, w: width, c: channels };
}

/** Numbers of a clip, `[t, h, w, c]`, as the network takes them. */
export function pictureTensor(pictures: Omit<PictureInput, 'name'>, values: Float32Array): OnnxTensor {
  const { layout, type } = pictures;
  const sizes = clipSizes(pictures);
  const ordered = new Float32Array(values.length);
  scatter(values, sizes, stridesOf(layout, sizes), ordered);
  return tensorOf(type, ordered, dimsOf(layout, sizes));
}

/** A layer to filter, and how it lies over the picture. */
export interface NetworkLayer {
  readonly tensor: string;
  readonly layout: string;
  /** Slices of time, rows and columns, where they are known. */
  readonly grid?: readonly [t: number, h: number, w: number];
  /** Why it was taken; absent for one that the card names. */
  readonly why?: string;
  /** The network cut there, where the search for it has left it open; the caller disposes of it. */
  readonly network?: CutNetwork;
}

/**
 * The layer that the card names, or the one that a survey proposes.
 *
 * @param found a survey, where there has been one
 * @throws L2cafError `usage` when there is none, it does not lie between input and output, or its layout cannot be told;
 *   else as `surveyNetwork`
 */
export async function layerOf(read: ReadNetwork, options: OnnxOptions, found?: Survey): Promise<NetworkLayer> {
  const { graph, card, output, path } = read;
  const { tensor, layout } = card.layer ?? {};
  if (tensor === undefined || tensor === 'last') {
    const { proposal } = found ?? (await survey(read, { ...options, first: true }));
    if (proposal) {
      const { point, why, network } = proposal;
      return { ...named(point), why, ...(network && { network }) };
    }
    const inside = graph.nodes.find(({ opType }) => ['Loop', 'Scan', 'If'].includes(opType))?.opType;
    throw new L2cafError('usage', `${path} has no layer that holds a place for every part of the picture`, {
      hint: inside
        ? `what lies inside of its ${inside} cannot be cut: export it without torch.jit.script, so that loops are written out`
        : 'l2caf models inspect shows what there is; name a layer and its layout if one was missed',
    });
  }
  const { layer } = cutAt(graph, typeof tensor === 'object' ? [...graph.joins.keys()][0]! : tensor, [output.tensor]); // before it is run, which takes its time
  const said = layout === undefined ? undefined : parseLayout(layout);
  if (said && (!foldsTime(said) || card.layer?.grid)) return { tensor: layer, layout: said.text };
  const point = await surveyTensor(graph, layer, surveyOptions(read, options), said);
  if (point) return named(point);
  if (said) return { tensor: layer, layout: said.text };
  throw new L2cafError('usage', `how the layer ${layer} lies over the picture cannot be told`, {
    hint: 'say it: --layout "(b t) c h w"; l2caf models inspect lists layers of which it was found out',
  });
}

function named({ tensor, layout, sizes }: CutPoint): NetworkLayer {
  return { tensor, layout: layout.text, grid: [sizes.t, sizes.h, sizes.w] };
}
