import type { RuntimeName } from "../../src/graph/fileRuntime.js";
import { withRuntime } from "../../src/graph/fileRuntime.js";
import type { OnnxAttribute, OnnxModel, OnnxNode, OnnxTensor, OnnxValue } from "../../src/onnx/index.js";
import { AttributeType, encodeModel } from "../../src/onnx/index.js";
import { onnxCode, type DType, type Tensor } from "../../src/tensor/index.js";

type AttributeValue = number | bigint | string | readonly number[] | { float: number } | { tensor: Tensor };

export interface NodeDescription {
  op: string;
  inputs: string[];
  outputs: string[];
  attributes?: Readonly<Record<string, AttributeValue>>;
  domain?: string;
}

/** A dimension that is text is symbolic. */
export type PortDescription = readonly [dtype: DType, dims: readonly (number | string)[]];

export interface ModelDescription {
  nodes: NodeDescription[];
  inputs: Readonly<Record<string, PortDescription>>;
  outputs: Readonly<Record<string, PortDescription | undefined>>;
  constants?: Readonly<Record<string, Tensor>>;
  opset?: number;
  /** Native if left out. */
  runtime?: RuntimeName;
}

/** An ONNX file of a few nodes. */
export function onnxFile(description: ModelDescription): Uint8Array {
  return encodeModel(onnxModel(description));
}

export function onnxModel(description: ModelDescription): OnnxModel {
  const { nodes, inputs, outputs, constants = {}, opset = 17, runtime = "native" } = description;
  const model = {
    irVersion: 8n,
    opsetImport: [{ domain: "", version: BigInt(opset) }],
    graph: {
      name: "test",
      node: nodes.map(onnxNode),
      initializer: Object.entries(constants).map(([name, tensor]) => onnxTensor(tensor, name)),
      input: Object.entries(inputs).map(([name, port]) => onnxValue(name, port)),
      output: Object.entries(outputs).map(([name, port]) => (port ? onnxValue(name, port) : { name })),
    },
  };
  return withRuntime(model, runtime);
}

export function onnxTensor({ dtype, dims, data }: Tensor, name?: string): OnnxTensor {
  return { ...(name === undefined ? {} : { name }), dims: dims.map(BigInt), dataType: onnxCode(dtype), rawData: data };
}

function onnxNode({ op, inputs, outputs, attributes = {}, domain }: NodeDescription): OnnxNode {
  return {
    input: inputs,
    output: outputs,
    name: outputs[0] ?? op,
    opType: op,
    ...(domain === undefined ? {} : { domain }),
    attribute: Object.entries(attributes).map(([name, value]) => onnxAttribute(name, value)),
  };
}

function onnxAttribute(name: string, value: AttributeValue): OnnxAttribute {
  if (typeof value === "string") return { name, type: AttributeType.string, s: new TextEncoder().encode(value) };
  if (typeof value === "number" || typeof value === "bigint")
    return { name, type: AttributeType.int, i: BigInt(value) };
  if ("float" in value) return { name, type: AttributeType.float, f: value.float };
  if ("tensor" in value) return { name, type: AttributeType.tensor, t: onnxTensor(value.tensor) };
  return { name, type: AttributeType.ints, ints: value.map(BigInt) };
}

function onnxValue(name: string, [dtype, dims]: PortDescription): OnnxValue {
  const dim = dims.map((each) => (typeof each === "string" ? { dimParam: each } : { dimValue: BigInt(each) }));
  return { name, type: { tensorType: { elemType: onnxCode(dtype), shape: { dim } } } };
}
