/** ONNX files as they come: read whole, checked before anything is made of them. */
import { createHash } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, sep } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import {
  type GraphProto,
  type ModelProto,
  ModelProtoSchema,
  type TensorProto,
  TensorProto_DataLocation,
} from 'onnx-buf';
import { L2cafError, messageOf } from '../../base/errors.ts';
import { readInput } from '../../base/input-files.ts';
import { endlessLoop } from './endless.ts';
import type { ExternalData } from './runtime.ts';

/** The largest file that protobuf can describe, bytes. */
const MAX_BYTES = 2 ** 31 - 1;

/** A file that was read. */
export interface OnnxFile {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly model: ModelProto;
  readonly graph: GraphProto;
  /** Files beside it that hold weights. */
  readonly externalData: readonly ExternalData[];
  /** Of the file and those beside it. */
  readonly sha256: string;
}

/**
 * Reads an ONNX file and the files of weights beside it.
 *
 * @throws L2cafError `input-not-found`, `input-unreadable`, `aborted`; `model-invalid` when it is no ONNX file, truncated,
 *   of training, quantised, too long, or names weights outside its folder
 */
export async function readOnnx(path: string, signal?: AbortSignal): Promise<OnnxFile> {
  const bytes = await readInput(path, { maxBytes: MAX_BYTES, signal }).catch((error: unknown) => {
    throw withHint(error, 'no more than 2 GB fit into one ONNX file: export it with external data');
  });
  const model = parsed(path, bytes);
  const { graph } = model;
  if (!graph || graph.node.length === 0) throw invalid(path, 'it holds no network', NOT_ONNX);
  if (graph.node.length > MOST_NODES) {
    const hint = 'export it for fewer frames, or without steps of time that are written out one by one';
    throw invalid(path, `it has ${graph.node.length} operators, more than ${MOST_NODES}`, hint);
  }
  const endless = endlessLoop(graph);
  if (endless) {
    const steps = endless.steps === undefined ? 'no end' : `${endless.steps} steps`;
    throw invalid(
      path,
      `its Loop ${endless.node.name || endless.node.output[0]} has ${steps}`,
      'export it with a loop over frames',
    );
  }
  if (model.irVersion < 3n) throw invalid(path, `it is of version ${model.irVersion} of ONNX`, 'export it again');
  checkTensors(path, graph);
  const externalData = await readExternal(path, graph, signal);
  for (const tensor of tensorsOf(graph)) if (isExternal(tensor)) externalBytes({ path, externalData }, tensor);
  const hash = createHash('sha256').update(bytes);
  for (const { data } of externalData) hash.update(data);
  return { path, bytes, model, graph, externalData, sha256: hash.digest('hex') };
}

/** Many times what networks have; making one of so many ready takes onnxruntime several seconds, each time that it is cut. */
const MOST_NODES = 50_000;

const NOT_ONNX = 'give a network as torch.onnx.export or tf2onnx writes it (docs/networks.md)';

function parsed(path: string, bytes: Buffer): ModelProto {
  const start = bytes.toString('latin1', 0, 4);
  if (start.startsWith('PK') || start.startsWith('\x80')) {
    const hint =
      'such files can run code when they are opened; export the network with torch.onnx.export (docs/networks.md)';
    throw invalid(path, 'it looks like a file of PyTorch, not of ONNX', hint);
  }
  try {
    return fromBinary(ModelProtoSchema, bytes);
  } catch (cause) {
    throw invalid(path, `it is no ONNX file, or a part of one (${messageOf(cause)})`, NOT_ONNX, cause);
  }
}

/** An error about a model file. */
export function invalid(path: string, why: string, hint?: string, cause?: unknown): L2cafError {
  return new L2cafError('model-invalid', `${path}: ${why}`, { ...(hint && { hint }), cause });
}

function withHint(error: unknown, hint: string): unknown {
  if (!(error instanceof L2cafError) || !error.message.includes('no more than')) return error;
  return new L2cafError(error.code, error.message, { hint, cause: error });
}

/** All tensors of constants, those inside loops and branches too. */
export function* tensorsOf(graph: GraphProto): Generator<TensorProto> {
  yield* graph.initializer;
  for (const node of graph.node) {
    for (const { t, g, tensors, graphs } of node.attribute) {
      if (t) yield t;
      yield* tensors;
      for (const inner of [...(g ? [g] : []), ...graphs]) yield* tensorsOf(inner);
    }
  }
}

/** Bytes of one value, by ONNX's number of its type; of those that are checked. */
const BYTES: Readonly<Record<number, number>> = { 1: 4, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 16: 2 };

function checkTensors(path: string, graph: GraphProto): void {
  for (const tensor of tensorsOf(graph)) {
    const { name, dims, dataType, rawData } = tensor;
    const count = dims.reduce((product, n) => product * n, 1n);
    const shape = dims.join('×');
    if (dims.some((n) => n < 0n) || count > 2n ** 31n)
      throw invalid(path, `the weights ${name} have the shape ${shape}`);
    const each = BYTES[dataType];
    if (isExternal(tensor) || each === undefined) continue;
    const held = rawData.length > 0 ? rawData.length / each : valuesIn(tensor);
    if (BigInt(Math.ceil(held)) !== count || !Number.isInteger(held)) {
      const why = `the weights ${name} hold ${held} values, their shape ${shape} needs ${count}`;
      throw invalid(path, why, 'the file is damaged: export it again');
    }
  }
}

/** Whether a tensor lies in a file beside the network. */
export function isExternal({ dataLocation }: TensorProto): boolean {
  return dataLocation === TensorProto_DataLocation.EXTERNAL;
}

/** How many values a tensor holds that are written out one by one. */
function valuesIn({ floatData, int32Data, int64Data, doubleData }: TensorProto): number {
  return Math.max(floatData.length, int32Data.length, int64Data.length, doubleData.length);
}

async function readExternal(path: string, graph: GraphProto, signal?: AbortSignal): Promise<ExternalData[]> {
  const names = new Set<string>();
  for (const tensor of tensorsOf(graph)) {
    if (!isExternal(tensor)) continue;
    const { name, externalData } = tensor;
    const location = externalData.find(({ key }) => key === 'location')?.value;
    if (!location) throw invalid(path, `the weights ${name} lie in a file that it does not name`);
    names.add(location);
  }
  const folder = dirname(path);
  const files: ExternalData[] = [];
  for (const name of names) {
    if (isAbsolute(name) || !isInside(folder, join(folder, name))) throw outside(path, name);
    const file = await realpath(join(folder, name)).catch((cause: unknown) => {
      throw invalid(
        path,
        `its weights lie in ${name}, which cannot be read: ${messageOf(cause)}`,
        KEEP_TOGETHER,
        cause,
      );
    });
    if (!isInside(await realpath(folder), file)) throw outside(path, name);
    files.push({ path: name, data: await readInput(file, { maxBytes: MAX_BYTES, signal }) });
  }
  return files;
}

const KEEP_TOGETHER = 'keep the files that the export wrote together';

function outside(path: string, name: string): L2cafError {
  return invalid(path, `its weights lie in ${name}, outside its folder`, KEEP_TOGETHER);
}

function isInside(folder: string, file: string): boolean {
  const way = relative(folder, file);
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

/** The bytes of a tensor that lies in a file beside the network. */
export function externalBytes(
  { path, externalData }: Pick<OnnxFile, 'path' | 'externalData'>,
  tensor: TensorProto,
): Uint8Array<ArrayBuffer> {
  const entry = (key: string): string | undefined => tensor.externalData.find((item) => item.key === key)?.value;
  const file = externalData.find((each) => each.path === entry('location'))!.data;
  const offset = Number(entry('offset') ?? 0);
  const count = Number(tensor.dims.reduce((product, n) => product * n, 1n));
  const length = Number(entry('length') ?? count * (BYTES[tensor.dataType] ?? 0));
  if (!(offset >= 0 && length >= 0 && offset + length <= file.length)) {
    throw invalid(path, `the weights ${tensor.name} reach beyond the end of ${entry('location')}`, KEEP_TOGETHER);
  }
  return new Uint8Array(file.subarray(offset, offset + length));
}

/** Version of the operators; 0 where it is not said. */
export function opsetOf({ model }: Pick<OnnxFile, 'model'>): number {
  return Number(model.opsetImport.find(({ domain }) => domain === '' || domain === 'ai.onnx')?.version ?? 0);
}
