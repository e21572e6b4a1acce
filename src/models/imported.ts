/** Networks of the user's, whatever their file: which names mean one, and opening it. */
import { stat } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { L2cafError } from '../base/errors.ts';
import { writeFileAtomically } from '../base/files.ts';
import type { PictureSize, ProgressListener } from '../base/types.ts';
import type { EngineInfo } from './backend.ts';
import { type Card, cardPath, cardWith, constantsOf, labelsOf } from './card.ts';
import type { EngineChoice } from './choices.ts';
import { openKeras } from './keras/open-keras.ts';
import { foldsTime, hasTime, parseLayout } from './layout.ts';
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
    throw new L2cafError('usage', `${model} need not be imported`, {
      hint: `give it as it is: --model ${model}; what it does not say of itself lies beside it as a card (docs/networks.md)`,
    });
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
    ...(constants && { constants: await constantsOf(constants, dirname(path)) }),
  };
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

/** Files of TensorFlow that hold a graph of its own operators. */
const TENSORFLOW_FILES = ['.tflite', '.pb'];
/** The file by which a folder is one that TensorFlow saved a network in. */
const SAVED_MODEL = 'saved_model.pb';

async function isThere(folder: string, name: string): Promise<boolean> {
  return (await stat(join(folder, name)).catch(() => undefined)) !== undefined;
}

/** Whether the name of a model means a file of a network, or a folder into which one was imported. */
export async function isImported(model: string | undefined): Promise<boolean> {
  if (model === undefined) return false;
  if (isKeras(model)) return true;
  if (['.onnx', ...TORCH_FILES, ...TENSORFLOW_FILES].includes(extname(model).toLowerCase())) return true;
  return (await isThere(model, IMPORTED_FILE)) || (await isThere(model, SAVED_MODEL));
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

/**
 * The file of a network.
 *
 * @throws L2cafError `model-invalid` for a format that is not read
 */
export async function importedPath(model: string): Promise<string> {
  const extension = extname(model).toLowerCase();
  if (extension === '.onnx') return model;
  if (await isThere(model, IMPORTED_FILE)) return join(model, IMPORTED_FILE);
  const isSaved = await isThere(model, SAVED_MODEL);
  const [why, hint] = isSaved
    ? SAVED_MODEL_WORDS
    : (unreadWords(extension) ?? [`${extension} files are not read`, GIVE_ONNX]);
  throw new L2cafError('model-invalid', `${model}: ${why}`, { hint });
}

const GIVE_ONNX = 'give the network as ONNX (docs/networks.md)';

const SAVED_MODEL_WORDS = [
  'a SavedModel of TensorFlow is not read',
  'save it from Keras as .keras or .h5, or: python -m tf2onnx.convert --saved-model FOLDER --opset 17 --output net.onnx',
] as const;

/** Why a kind of file is not read, and what to do. */
function unreadWords(extension: string): readonly [why: string, hint: string] | undefined {
  if (TORCH_FILES.includes(extension)) {
    return [
      `${extension} files hold weights or code of PyTorch, not a network`,
      'export it: torch.onnx.export(model.eval(), example, "net.onnx") (docs/networks.md)',
    ];
  }
  if (extension === '.tflite') {
    return [
      '.tflite files are not read: they are mostly quantised, and lack the names of layers',
      'take the .h5 or .keras that it was made of, or: python -m tf2onnx.convert --tflite FILE --opset 17 --output net.onnx',
    ];
  }
  if (extension === '.pb') {
    return ['a .pb file of TensorFlow is not read', SAVED_MODEL_WORDS[1]];
  }
  return undefined;
}
