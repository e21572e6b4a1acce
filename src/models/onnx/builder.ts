/** Puts ONNX graphs together in memory, node by node: names of tensors go in and out. */
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import {
  type AttributeProto,
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  type TensorProto,
  TensorProto_DataType,
  TensorProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from 'onnx-buf';
import { L2cafError } from '../../base/errors.ts';
import { VERSION } from '../../base/version.ts';
import type { NamedArray } from '../safetensors.ts';

/** The operators' version: `LayerNormalization` is among them, and every onnxruntime since 2022 knows them. */
const OPSET = 17n;
/** The file format's version that belongs to it. */
const IR_VERSION = 8n;

/** A size, the name of one that is free, or nothing for one that is free. */
export type Size = number | string | undefined;

/** What a node is told beside its inputs. */
export type NodeAttributes = Readonly<Record<string, number | string | readonly number[]>>;

/** Attributes that are real numbers even where they are whole. */
const REAL = new Set(['epsilon', 'alpha', 'ratio', 'scale', 'mean']);

const TYPES: Readonly<Record<string, TensorProto_DataType>> = {
  float32: TensorProto_DataType.FLOAT,
  float16: TensorProto_DataType.FLOAT16,
  float64: TensorProto_DataType.DOUBLE,
  int64: TensorProto_DataType.INT64,
  int32: TensorProto_DataType.INT32,
  bool: TensorProto_DataType.BOOL,
  uint8: TensorProto_DataType.UINT8,
};

/** A type by its name, or by ONNX's number. */
export type ElementType = string | TensorProto_DataType;

/** ONNX's number of a type. */
export function elementType(name: string, type: ElementType): TensorProto_DataType {
  const found = typeof type === 'string' ? TYPES[type] : type;
  if (found !== undefined) return found;
  throw new L2cafError('model-invalid', `${name} is of type ${type}, which is not supported`);
}

/** Name and type of an input or output; without sizes they are open, even in number. */
export function valueInfo(name: string, type: ElementType, sizes?: readonly Size[]): ValueInfoProto {
  const dim = sizes?.map((size) => {
    if (size === undefined) return create(TensorShapeProto_DimensionSchema);
    const isFixed = typeof size === 'number';
    return create(TensorShapeProto_DimensionSchema, {
      value: isFixed ? { case: 'dimValue', value: BigInt(size) } : { case: 'dimParam', value: size },
    });
  });
  const shape = dim === undefined ? {} : { shape: create(TensorShapeProtoSchema, { dim }) };
  const value = create(TypeProto_TensorSchema, { elemType: elementType(name, type), ...shape });
  return create(ValueInfoProtoSchema, {
    name,
    type: create(TypeProtoSchema, { value: { case: 'tensorType', value } }),
  });
}

/** A node. */
export function nodeOf(
  opType: string,
  input: readonly string[],
  output: readonly string[],
  attributes: NodeAttributes = {},
): NodeProto {
  const attribute = Object.entries(attributes).map(([name, value]) => attributeOf(name, value));
  return create(NodeProtoSchema, { opType, input: [...input], output: [...output], attribute });
}

function attributeOf(name: string, value: NodeAttributes[string]): AttributeProto {
  const Type = AttributeProto_AttributeType;
  if (typeof value === 'string') {
    return create(AttributeProtoSchema, { name, type: Type.STRING, s: Buffer.from(value) });
  }
  if (typeof value !== 'number') {
    return create(AttributeProtoSchema, { name, type: Type.INTS, ints: value.map(BigInt) });
  }
  if (REAL.has(name)) return create(AttributeProtoSchema, { name, type: Type.FLOAT, f: value });
  return create(AttributeProtoSchema, { name, type: Type.INT, i: BigInt(value) });
}

/** Whole numbers as a constant, `[n]`. */
export function integerTensor(name: string, values: readonly (number | bigint)[]): TensorProto {
  const rawData = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
  const dims = [BigInt(values.length)];
  return create(TensorProtoSchema, { name, dims, dataType: TensorProto_DataType.INT64, rawData });
}

/** A graph that is being put together. */
export class GraphBuilder {
  readonly #nodes: NodeProto[] = [];
  readonly #constants: TensorProto[] = [];
  readonly #inputs: ValueInfoProto[] = [];
  readonly #outputs: ValueInfoProto[] = [];

  /** An input, of real numbers unless it is said. Returns its name, as all of these do. */
  input(name: string, sizes: readonly Size[], type: ElementType = 'float32'): string {
    this.#inputs.push(valueInfo(name, type, sizes));
    return name;
  }

  /** Names a tensor as an output. */
  output(name: string, sizes: readonly Size[], type: ElementType = 'float32'): void {
    this.#outputs.push(valueInfo(name, type, sizes));
  }

  /** Real numbers as a constant. */
  floats(name: string, { shape, data }: NamedArray): string {
    const rawData = new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
    return this.tensor(
      create(TensorProtoSchema, { name, dims: shape.map(BigInt), dataType: TensorProto_DataType.FLOAT, rawData }),
    );
  }

  /** Whole numbers as a constant, `[n]`. */
  integers(name: string, values: readonly number[]): string {
    return this.tensor(integerTensor(name, values));
  }

  /** A constant as it is. */
  tensor(tensor: TensorProto): string {
    this.#constants.push(tensor);
    return tensor.name;
  }

  /** A node; its first output is called `name`. Further outputs may be named. */
  node(
    opType: string,
    input: readonly string[],
    name: string,
    attributes: NodeAttributes = {},
    outputs: readonly string[] = [name],
  ): string {
    this.#nodes.push({ ...nodeOf(opType, input, outputs, attributes), name: `${name} node` });
    return name;
  }

  /** A node as it is. */
  add(node: NodeProto): void {
    this.#nodes.push(node);
  }

  /** The same numbers in another type. */
  cast(input: string, name: string, type: string): string {
    return this.node('Cast', [input], name, { to: elementType(name, type) });
  }

  /** The graph as the bytes of an ONNX file; another model's versions and functions, where nodes come from there. */
  bytes(like: MessageInitShape<typeof ModelProtoSchema> = {}): Uint8Array {
    const graph = create(GraphProtoSchema, {
      name: 'network',
      node: this.#nodes,
      input: this.#inputs,
      output: this.#outputs,
    });
    const opsetImport = [create(OperatorSetIdProtoSchema, { domain: '', version: OPSET })];
    const model = create(ModelProtoSchema, {
      irVersion: IR_VERSION,
      producerName: 'l2caf',
      producerVersion: VERSION,
      opsetImport,
      ...like,
      graph,
    });
    return Buffer.concat([toBinary(ModelProtoSchema, model), ...this.#constants.flatMap(asPartOfModel)]);
  }
}

/** Numbers of fields in onnx.proto. */
const [GRAPH_OF_MODEL, INITIALIZER_OF_GRAPH, RAW_DATA_OF_TENSOR] = [7, 5, 9];

/**
 * A constant as more of a model's graph: readers of Protocol Buffers put the parts of a message together, and so its
 * values, which are most of the file, are copied once and not at every level.
 */
function asPartOfModel({ rawData, ...tensor }: TensorProto): Uint8Array[] {
  const rest = toBinary(TensorProtoSchema, { ...tensor, rawData: new Uint8Array() });
  const values = rawData.length > 0 ? [fieldHead(RAW_DATA_OF_TENSOR, rawData.length), rawData] : [];
  const initializer = within(INITIALIZER_OF_GRAPH, [rest, ...values]);
  return within(GRAPH_OF_MODEL, initializer);
}

/** Bytes as a field. */
function within(field: number, parts: readonly Uint8Array[]): Uint8Array[] {
  return [
    fieldHead(
      field,
      parts.reduce((sum, { length }) => sum + length, 0),
    ),
    ...parts,
  ];
}

/** The tag of a field that has a length, and that length. */
function fieldHead(field: number, length: number): Uint8Array {
  const writer = new BinaryWriter();
  return writer
    .uint32((field << 3) | WireType.LengthDelimited)
    .uint32(length)
    .finish();
}
