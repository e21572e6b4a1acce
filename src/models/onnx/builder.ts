/** Puts ONNX graphs together in memory, node by node: names of tensors go in and out. */
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
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
      initializer: this.#constants,
      input: this.#inputs,
      output: this.#outputs,
    });
    const opsetImport = [create(OperatorSetIdProtoSchema, { domain: '', version: OPSET })];
    return toBinary(
      ModelProtoSchema,
      create(ModelProtoSchema, {
        irVersion: IR_VERSION,
        producerName: 'l2caf',
        producerVersion: VERSION,
        opsetImport,
        ...like,
        graph,
      }),
    );
  }
}
