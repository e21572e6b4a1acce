/**
 * The networks of this project as ONNX files with a card (docs/networks.md): for other programs, and for all that is done with
 * imported networks. Made from the weights in memory.
 */
import { join } from 'node:path';
import { writeFileAtomically } from '../base/files.ts';
import { removeSealed } from '../base/output.ts';
import { type Card, cardPath, normCard } from './card.ts';
import type { Head } from './head.ts';
import { imagenetLabels } from './imagenet.ts';
import { IMPORTED_FILE, SURVEY_FILE } from './imported.ts';
import { CLASSIFIER_TENSORS, resnetGraph, squeezenetGraph } from './onnx/classifier-graph.ts';
import { eventCard, eventGraph } from './onnx/event-graph.ts';
import { licencesOn, loadWeights, type PretrainedTrunk } from './pretrained.ts';
import { resnetLayout, stageNamed, stepNames } from './resnet.ts';
import { readSqueezeNet } from './squeezenet.ts';

/** A network as a file and what it does not say of itself. */
export interface ExportedNetwork {
  readonly bytes: Uint8Array;
  readonly card: Card;
}

/** The files of an exported network. */
export const EXPORTED_FILES: readonly string[] = [IMPORTED_FILE, cardPath(IMPORTED_FILE)];

/**
 * The event network: its embedding, which is explained, and its class scores. It takes any number of frames, and the card says
 * how many it was trained on; only so many where the LSTM's state chooses what is read.
 *
 * @throws L2cafError `weights-invalid` when the trunk's weights are not in the cache
 */
export async function exportEventNetwork(
  head: Head,
  pretrained: PretrainedTrunk,
  frames: number,
): Promise<ExportedNetwork> {
  const { width, height } = head.spec.inputSize;
  const stage = stageNamed(head.spec.stage);
  const spec = { ...pretrained.spec, upTo: stage };
  const { bytes, layer } = eventGraph(head, frames, spec, await loadWeights(pretrained, stage));
  const input: Card['input'] = { layout: 'b t c h w', frames, size: [height, width], ...normOf(pretrained) };
  const licences = licencesOn(pretrained, head);
  return { bytes, card: { ...eventCard(input, layer, head.spec), licences } };
}

/** Colours minus their means, from 0 to 255, as {@link preprocess} gives them. */
function normOf({ mean, channelOrder }: PretrainedTrunk): NonNullable<Card['input']> {
  const channels = channelOrder.toUpperCase() as 'BGR';
  return { channels, range: [0, 255], mean: [...mean], std: 1 };
}

/**
 * The whole pre-trained ResNet.
 *
 * @throws L2cafError `weights-invalid` when its weights are not in the cache
 */
export async function exportResNet(pretrained: PretrainedTrunk): Promise<ExportedNetwork> {
  const bytes = resnetGraph(pretrained, await loadWeights(pretrained, 'conv5', true));
  const { width, height } = pretrained.inputSize;
  const layer = stepNames(resnetLayout(pretrained.spec)).at(-1)!;
  const card = classifierCard(layer, [height, width], normOf(pretrained));
  return { bytes, card: { ...card, licences: licencesOn(pretrained) } };
}

/**
 * SqueezeNet 1.1 from the folder of its .npy files.
 *
 * @throws L2cafError `input-not-found`, `weights-invalid`
 */
export async function exportSqueezeNet(folder: string): Promise<ExportedNetwork> {
  const bytes = squeezenetGraph(await readSqueezeNet(folder));
  return { bytes, card: classifierCard('fire9', [224, 224], normCard('imagenet')) };
}

function classifierCard(layer: string, size: [number, number], norm: NonNullable<Card['input']>): Card {
  const { pictures, scores } = CLASSIFIER_TENSORS;
  return {
    input: { name: pictures, layout: 'b c h w', size, ...norm },
    layer: { tensor: layer, layout: 'b c h w' },
    output: { tensor: scores, kind: 'scores', labels: [...imagenetLabels()] },
  };
}

/**
 * Writes a network to a folder, which every command that takes imported networks then takes by name. Returns the files.
 *
 * @throws L2cafError `output-unwritable`, `output-exists` where there is something that is not l2caf's
 */
export async function writeExported(folder: string, { bytes, card }: ExportedNetwork): Promise<readonly string[]> {
  const [file, beside] = EXPORTED_FILES.map((name) => join(folder, name)) as [string, string];
  await removeSealed([join(folder, SURVEY_FILE)]); // of what was imported here before
  await writeFileAtomically(file, bytes);
  await writeFileAtomically(beside, `${JSON.stringify({ model: IMPORTED_FILE, ...card }, null, 2)}\n`);
  return [file, beside];
}
