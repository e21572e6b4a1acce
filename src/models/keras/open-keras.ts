/** Opens a Keras network as its card says. */
import { dirname, extname } from 'node:path';
import { L2cafError } from '../../base/errors.ts';
import type { PictureSize } from '../../base/types.ts';
import { type EngineInfo, useBackend } from '../backend.ts';
import {
  type Card,
  cardBeside,
  cardWith,
  constantsOf,
  fitNotes,
  fitOf,
  labelsOf,
  preprocessingOf,
  questionsIn,
} from '../card.ts';
import type { EngineChoice } from '../choices.ts';
import { KerasNetwork } from './keras-network.ts';

/** How it is opened. */
interface Options {
  /** What is known beside its own card. */
  readonly card?: Card;
  readonly size?: PictureSize;
  /** Default `auto`. */
  readonly backend?: EngineChoice;
}

/** A Keras network that is ready, what a person should know of it, and the card that says all of it. */
export interface OpenKeras {
  readonly network: KerasNetwork;
  readonly backend: EngineInfo;
  readonly warnings: readonly string[];
  readonly card: Card;
}

/**
 * Opens it.
 *
 * @throws L2cafError as {@link KerasNetwork.open}; `usage` for what only ONNX files are explained with
 */
export async function openKeras(
  path: string,
  { card: said = {}, size, backend: choice = 'auto' }: Options,
): Promise<OpenKeras> {
  const isOfTensorFlowJs = extname(path).toLowerCase() === '.json'; // what would be its card is the network itself
  const beside = isOfTensorFlowJs ? {} : await cardBeside(path);
  const card = cardWith(beside, said);
  const { input = {}, layer = {}, output = {}, scores, filter, licences } = card;
  if (scores !== undefined || filter === 'volume') {
    const what = filter === 'volume' ? 'filters over all frames' : 'scores beside what is explained';
    throw new L2cafError('usage', `${path}: networks of Keras are explained without ${what}`, {
      hint: 'export it to ONNX for that (docs/networks.md)',
    });
  }
  if (typeof layer.tensor === 'object') {
    throw new L2cafError('usage', `${path}: a layer of a network of Keras is one tensor`, {
      hint: 'name a layer of l2caf models inspect',
    });
  }
  if (choice === 'onnxruntime') {
    throw new L2cafError('usage', `${path} runs on TensorFlow.js, not on onnxruntime`, {
      hint: 'leave --backend out, or export it to ONNX (docs/networks.md)',
    });
  }
  const warnings = fitNotes(card);
  const isSaid = input.range !== undefined || input.mean !== undefined || input.std !== undefined;
  if (!isSaid) warnings.push('pictures are given as numbers from 0 to 1 (--norm says otherwise)');
  const labels = await labelsOf(card, dirname(path));
  const described = { ...(output.kind && { kind: output.kind }), ...(labels && { labels: [...labels] }) };
  const asked = { ...described, ...questionsIn(output, labels, path) };
  const backend = await useBackend(choice);
  const wanted = size ?? (input.size && { width: input.size[1], height: input.size[0] });
  const constants = card.constants && (await constantsOf(card.constants, dirname(path)));
  const told: Card = {
    ...card,
    ...(!isSaid && { input: { ...input, range: [0, 1] } }),
    ...(constants && { constants }),
  };
  const network = await KerasNetwork.open(path, {
    preprocessing: preprocessingOf(told, path),
    ...(layer.tensor && layer.tensor !== 'last' && { layer: layer.tensor }),
    ...(output.tensor ? { outputs: [{ name: output.tensor, ...asked }] } : { first: asked }),
    ...(input.frames && { frames: input.frames }),
    ...(input.name && { input: input.name }),
    ...(input.layout && { layout: input.layout }),
    ...(constants && { constants }),
    ...(card.lambdas && { lambdas: card.lambdas }),
    ...(wanted && { size: wanted }),
    fit: fitOf(card),
    ...(card.input?.eventSec !== undefined && { eventSec: card.input.eventSec }),
    ...(licences && { licences }),
  });
  warnings.push(...network.notes);
  if (layer.tensor === undefined)
    warnings.push(`filters act on ${network.layer.name}: the last layer with height and width`);
  const { width, height } = network.input.size;
  const whole: Card = {
    ...told,
    input: { ...told.input, size: [height, width] },
    layer: { tensor: network.layer.name },
    output: { ...output, ...described },
  };
  return { network, backend, warnings, card: whole };
}
