/**
 * What can be asked for: names and what they mean, apart from the code that does it, so that a command can list them without
 * loading that.
 */
import { L2cafError } from '../base/errors.ts';
import type { ShallowCnnSpec } from './shallow-cnn.ts';

/**
 * Backends a user can ask for; `auto` is `tensorflow` where installed, else `wasm`. `webgpu` must be asked for: it is
 * slower than either on a machine whose only adapter is made of software.
 */
export const BACKEND_CHOICES = ['auto', 'tensorflow', 'webgpu', 'wasm', 'cpu'] as const;
/** See {@link BACKEND_CHOICES}. */
export type BackendChoice = (typeof BACKEND_CHOICES)[number];

const [AUTO, ...BACKENDS] = BACKEND_CHOICES;

/**
 * Engines a user can ask for to run an event network: those, and `onnxruntime`, which runs the trunk several times as fast
 * and leaves the rest to `tensorflow` or `wasm`. `auto` is `onnxruntime` where it is installed or can be fetched.
 */
export const ENGINE_CHOICES = [AUTO, 'onnxruntime', ...BACKENDS] as const;
/** See {@link ENGINE_CHOICES}. */
export type EngineChoice = (typeof ENGINE_CHOICES)[number];

/** What onnxruntime may compute on, as far as its build can. */
export const DEVICES = ['cpu', 'cuda', 'dml', 'coreml', 'webgpu'] as const;
/** See {@link DEVICES}. */
export type Device = (typeof DEVICES)[number];

/** The environment variable that names one of {@link DEVICES}, which worker processes inherit; default: the CPU. */
export const DEVICE_VARIABLE = 'L2CAF_DEVICE';

/**
 * What onnxruntime is to compute on.
 *
 * @throws L2cafError `usage` when the environment names something else
 */
export function deviceWanted(): Device {
  const named = process.env[DEVICE_VARIABLE] || 'cpu';
  const device = DEVICES.find((one) => one === named);
  if (device !== undefined) return device;
  throw new L2cafError('usage', `${DEVICE_VARIABLE} names ${named}, which onnxruntime does not compute on`, {
    hint: `one of ${DEVICES.join(', ')}`,
  });
}

/** Backends for classification networks: their tails hold what iterates, which must not run on a GPU. */
export const CLASSIFIER_BACKENDS = BACKEND_CHOICES.filter((name) => name !== 'webgpu');
/** See {@link CLASSIFIER_BACKENDS}. */
export type ClassifierBackend = Exclude<BackendChoice, 'webgpu'>;

/** What a filter spans: one slice of time, or all of them. */
export const FILTER_SPANS = ['slice', 'volume'] as const;
/** What outputs are. */
export const OUTPUT_KINDS = ['scores', 'embedding', 'numbers'] as const;

/** Ways in which pictures are usually given to networks. */
export const NORMS = ['imagenet', 'kinetics', '0..1', '-1..1', '0..255'] as const;
/** One of {@link NORMS}. */
export type Norm = (typeof NORMS)[number];

/** Stages after which a trunk can be trimmed; their strides are 4, 8, 16 and 32 pixels. */
export const STAGES = ['conv2', 'conv3', 'conv4', 'conv5'] as const;
/** See {@link STAGES}. */
export type Stage = (typeof STAGES)[number];

/** 1×1 to 64 channels, 3×3 of stride 2 to 32 channels. */
export const DEFAULT_SHALLOW_CNN: ShallowCnnSpec = [
  { kernelSize: 1, stride: 1, channels: 64 },
  { kernelSize: 3, stride: 2, channels: 32 },
];

/** Shallow CNN, LSTM and embedding sizes that are used unless asked otherwise. */
export const DEFAULT_HEAD = { shallowCnn: DEFAULT_SHALLOW_CNN, lstmUnits: 128, embeddingSize: 64 } as const;

/** Id of the trunk that is used unless another is asked for. */
export const DEFAULT_TRUNK = 'resnet50-imagenet';

/**
 * Heads for still pictures: `gap`, global average pooling and a dense layer over classes; `acol`, two such branches of which the
 * second sees what the first one has not found; `adl`, as `gap`, trained with attention-based dropout; `retrieval`, an embedding.
 */
export const STILL_HEADS = ['gap', 'acol', 'adl', 'retrieval'] as const;
/** See {@link STILL_HEADS}. */
export type StillHeadKind = (typeof STILL_HEADS)[number];
