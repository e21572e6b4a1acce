/** Networks of the user's, whatever their file: which names mean one, and opening it. */
import { stat } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { L2cafError } from '../base/errors.ts';
import { writeFileAtomically } from '../base/files.ts';
import type { PictureSize, ProgressListener } from '../base/types.ts';
import { type EngineInfo, useBackend } from './backend.ts';
import { type Card, cardBeside, cardPath, cardWith, fitNotes, fitOf, labelsOf, preprocessingOf } from './card.ts';
import type { EngineChoice } from './choices.ts';
import { KerasNetwork } from './keras/keras-network.ts';
import { foldsTime, hasTime, parseLayout } from './layout.ts';
import { readNpy } from './npy.ts';
import type { NetworkLayer, OnnxOptions, ReadNetwork } from './onnx/read.ts';
import type { Survey } from './onnx/survey.ts';
import type { VideoModel } from './video-model.ts';

/** What `models import` and `models export` call the network in its folder. */
export const IMPORTED_FILE = 'network.onnx';
/** What `models import` calls the table of where it can be cut. */
export const SURVEY_FILE = 'survey.json';
/** The files of the folder, beside those of weights. */
export const IMPORTED_FILES: readonly string[] = [IMPORTED_FILE, cardPath(IMPORTED_FILE), SURVEY_FILE];

/** An imported network that is ready. */
export interface OpenImported {
  readonly network: VideoModel;
  readonly backend: EngineInfo;
  /** What was guessed, and what a person should know. */
  readonly warnings: readonly string[];
  /** With which it is opened again as it is, without anything being guessed or looked for: it names no other files. */
  readonly card: Card;
}

/** How it is opened. */
export interface ImportedOptions {
  /** What is known beside its own card. */
  readonly card?: Card;
  /** Size of its pictures, where it takes any. */
  readonly size?: PictureSize;
  /** Frames of an event, where an ONNX file takes any number. */
  readonly frames?: number;
  /** Whether it was opened before, so that nothing needs to be tried again; default false. */
  readonly isSteady?: boolean;
  /** What runs Keras files; default `auto`. */
  readonly backend?: EngineChoice;
  readonly signal?: AbortSignal;
  readonly onProgress?: ProgressListener;
}

/** A network brought into a folder of its own. */
export interface ImportResult {
  /** What was written, the network first. */
  readonly files: readonly string[];
  readonly survey: Survey;
  readonly card: Card;
}

/**
 * Brings a network into a folder, which every command then takes by name: its file, those of its weights, a card with
 * nothing left to guess, and where it can be cut.
 *
 * @throws L2cafError as `OnnxNetwork.open` and `writeFileAtomically`
 */
export async function importNetwork(model: string, folder: string, options: OnnxOptions): Promise<ImportResult> {
  if (isKeras(model)) {
    throw new L2cafError('usage', `${model} need not be imported`, { hint: `give it as it is: --model ${model}` });
  }
  const path = await importedPath(model);
  const { layerOf, operatorsOf, readNetwork, survey } = await import('./onnx/read.ts');
  const { OnnxNetwork } = await import('./onnx/network.ts');
  const read = await readNetwork(path, options);
  const found = await survey(read, options);
  const { graph } = read;
  const whole: Card = { ...(await wholeCard(read, await layerOf(read, options, found))), model: IMPORTED_FILE };
  const target = (name: string): string => join(folder, name);
  const opened = await OnnxNetwork.open(path, { ...options, card: cardWith(options.card ?? {}, whole) });
  opened.dispose();
  for (const { path: name, data } of graph.file.externalData) await writeFileAtomically(target(name), data, [path]);
  await writeFileAtomically(target(IMPORTED_FILE), graph.file.bytes, [path]);
  await writeFileAtomically(cardPath(target(IMPORTED_FILE)), `${JSON.stringify(whole, null, 2)}\n`);
  const table = { sha256: graph.file.sha256, operators: Object.fromEntries(operatorsOf(read)), ...surveyJson(found) };
  await writeFileAtomically(target(SURVEY_FILE), `${JSON.stringify(table, null, 2)}\n`);
  const others = graph.file.externalData.map(({ path: name }) => name);
  const files = [...IMPORTED_FILES, ...others].map(target);
  return { files, survey: found, card: whole };
}

/** A card with nothing left to guess and all in it: labels and constants that lie in files of their own, too. */
async function wholeCard(
  { path, card, graph, pictures }: ReadNetwork,
  { tensor, layout, grid }: NetworkLayer,
): Promise<Card> {
  const { constants, layer, ...said } = card;
  const known = layer?.grid ?? (foldsTime(parseLayout(layout)) ? grid : undefined);
  const parts = graph.joins.get(tensor)?.parts;
  const labels = await labelsOf(card, dirname(path));
  const classes = await labelsOf({ output: card.scores }, dirname(path));
  return {
    ...cardWith(said, {
      input: {
        name: pictures.name,
        layout: pictures.layout.text,
        ...(hasTime(pictures.layout) && { frames: pictures.frames }),
        size: [pictures.size.height, pictures.size.width],
      },
      layer: { tensor: parts ? [...parts] : tensor, layout, ...(known && { grid: [...known] }) },
      output: {
        ...card.output,
        tensor: card.output?.tensor ?? graph.outputs[0]!,
        ...(labels && { labels: [...labels] }),
      },
    }),
    ...(card.scores && { scores: { ...card.scores, ...(classes && { labels: [...classes] }) } }),
    ...(constants && { constants: await copiedConstants(constants, dirname(path)) }),
  };
}

/** Constants with the numbers of their files in them. */
async function copiedConstants(
  constants: NonNullable<Card['constants']>,
  folder: string,
): Promise<NonNullable<Card['constants']>> {
  const entries = Object.entries(constants).map(async ([name, value]) => {
    return [name, typeof value === 'string' ? [...(await readNpy(resolve(folder, value))).data] : value] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

/** A survey in plain values. */
export function surveyJson({ points, unseen, proposal }: Survey) {
  return {
    unseen,
    proposal: proposal && { tensor: proposal.point.tensor, why: proposal.why },
    points: points.map(({ tensor, parts, operator, dims, layout, sizes, beside, tail }) => ({
      ...{
        tensor,
        ...(parts && { parts }),
        operator,
        dims,
        layout: layout.text,
        grid: [sizes.t, sizes.h, sizes.w],
        channels: sizes.c,
        beside,
      },
      ...tail,
    })),
  };
}

/** Files that hold networks of Keras and of TensorFlow.js; those of the latter are called model.json. */
const KERAS_FILES = ['.h5', '.hdf5', '.keras', '.json'];

/** Files of PyTorch, which are told how to be exported. */
const TORCH_FILES = ['.pt', '.pth', '.ckpt', '.safetensors'];

/** Whether the name of a model means a file of a network, or a folder into which one was imported. */
export async function isImported(model: string | undefined): Promise<boolean> {
  if (model === undefined) return false;
  if (isKeras(model)) return true;
  if (['.onnx', ...TORCH_FILES, '.tflite', '.pb'].includes(extname(model).toLowerCase())) return true;
  return (await stat(join(model, IMPORTED_FILE)).catch(() => undefined)) !== undefined;
}

/**
 * Opens it.
 *
 * @throws L2cafError `model-invalid` for a format that is not read, saying how to export; else as `OnnxNetwork.open`
 */
export async function openImported(model: string, options: ImportedOptions): Promise<OpenImported> {
  if (isKeras(model)) return openKeras(model, options);
  const { card = {}, size, frames, isSteady = false, signal, onProgress } = options;
  const path = await importedPath(model);
  const input = { ...(size && { size: [size.height, size.width] as [number, number] }), ...(frames && { frames }) };
  const wanted = Object.keys(input).length > 0 ? cardWith(card, { input }) : card;
  const id = basename(path) === IMPORTED_FILE ? basename(dirname(resolve(path))) : undefined;
  const { OnnxNetwork } = await import('./onnx/network.ts'); // takes a fifth of a second: only where it is needed
  const network = await OnnxNetwork.open(path, { card: wanted, isSteady, signal, onProgress, ...(id && { id }) });
  try {
    return {
      network,
      backend: { name: 'onnxruntime', detail: 'onnxruntime-node, on the CPU', reason: 'what runs ONNX files' },
      warnings: network.notes,
      card: await wholeCard(network.read, network.layer),
    };
  } catch (error) {
    network.dispose();
    throw error;
  }
}

/** Whether a file is one of Keras or TensorFlow.js. */
export function isKeras(model: string): boolean {
  return KERAS_FILES.includes(extname(model).toLowerCase());
}

async function openKeras(
  path: string,
  { card: said = {}, size, backend: choice = 'auto' }: ImportedOptions,
): Promise<OpenImported> {
  const isOfTensorFlowJs = extname(path).toLowerCase() === '.json'; // what would be its card is the network itself
  const beside = isOfTensorFlowJs ? {} : await cardBeside(path);
  const card = cardWith(beside, said);
  const { input = {}, layer = {}, output = {}, scores, constants, filter, licences } = card;
  if ((constants ?? scores) !== undefined || filter === 'volume') {
    const other = constants ? 'further inputs' : 'scores beside what is explained';
    const what = filter === 'volume' ? 'filters over all frames' : other;
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
  const backend = await useBackend(choice);
  const wanted = size ?? (input.size && { width: input.size[1], height: input.size[0] });
  const told: Card = isSaid ? card : { ...card, input: { ...input, range: [0, 1] } };
  const network = await KerasNetwork.open(path, {
    preprocessing: preprocessingOf(told, path),
    ...(layer.tensor && layer.tensor !== 'last' && { layer: layer.tensor }),
    ...(output.tensor ? { outputs: [{ name: output.tensor, ...described }] } : { first: described }),
    ...(input.frames && { frames: input.frames }),
    ...(wanted && { size: wanted }),
    fit: fitOf(card),
    ...(card.input?.eventSec !== undefined && { eventSec: card.input.eventSec }),
    ...(licences && { licences }),
  });
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

/**
 * The file of a network.
 *
 * @throws L2cafError `model-invalid` for a format that is not read
 */
export async function importedPath(model: string): Promise<string> {
  const extension = extname(model).toLowerCase();
  const isFolder = (await stat(model).catch(() => undefined))?.isDirectory() ?? false;
  if (isFolder) return join(model, IMPORTED_FILE);
  if (extension === '.onnx') return model;
  const isTorch = TORCH_FILES.includes(extension);
  const why = isTorch
    ? `${extension} files hold weights or code of PyTorch, not a network`
    : `${extension} files are not read`;
  throw new L2cafError('model-invalid', `${model}: ${why}`, {
    hint: isTorch
      ? 'export it: torch.onnx.export(model.eval(), example, "net.onnx") (docs/networks.md)'
      : 'give the network as ONNX (docs/networks.md)',
  });
}
