import type { OnnxAttribute, OnnxNode } from "../onnx/model.js";
import { tensorFromOnnx } from "../onnx/tensor.js";
import type { Layout } from "../tensor/layout.js";
import { elementCount, toTypedArray, type Tensor } from "../tensor/tensor.js";
import type { Shape } from "./values.js";
import type { Instruction } from "./instruction.js";
import { Refusal, UnknownShape } from "./problems.js";
import type { Numeric } from "./types.js";

/** A tensor of a graph that is being lowered, known by identity. */
export interface Value extends Shape {
  /** The ONNX value whose elements it has; undefined for one that a lowering put in between. */
  readonly name?: string;
  readonly constant?: Tensor;
}

/** An operand and the layout it should have; without one any will do. */
export interface Wanted {
  readonly value: Value;
  readonly layout?: Layout;
  /** The operator can read no other layout. */
  readonly firmly?: boolean;
}

/** A node before its operands have layouts and places in the trace. */
export interface Draft {
  readonly instruction: Instruction;
  readonly operands: readonly (Wanted | undefined)[];
  readonly output: Value;
  /** Order of summation; none where results do not depend on one. */
  readonly numeric?: Numeric;
  /** Orders of which one is that of onnxruntime; a probe finds out which. */
  readonly variants?: readonly Variant[];
  /** How many terms an element of it is the sum of. */
  readonly terms?: number;
  /** How many elements are computed in an order of their own; all of them if left out. */
  readonly fewest?: number;
}

/** A way in which onnxruntime may compute a node. */
export interface Variant {
  readonly instruction: Instruction;
  readonly numeric: Numeric;
  /** Other operands than those of the draft. */
  readonly operands?: readonly (Wanted | undefined)[];
  /** Nodes that compute them. */
  readonly before?: readonly Draft[];
}

/** Turns an ONNX node into nodes of the court; throws a `Refusal` if it cannot. */
export type Lowering = (node: NodeView) => Draft[];

/** Any layout will do. */
export const anyLayout = (value: Value): Wanted => ({ value });

/** An ONNX node with its operands found and its attributes read. */
export class NodeView {
  constructor(
    private readonly node: OnnxNode,
    private readonly values: ReadonlyMap<string, Value>,
    /** Version of the operators. */
    readonly opset: number,
  ) {}

  /** All inputs, none of them left out. */
  inputs(): Value[] {
    return this.node.input.map((_, i) => this.input(i));
  }

  input(index: number): Value {
    const value = this.optional(index);
    if (!value) throw new Refusal(`input ${index} is missing`, "Mend the model");
    return value;
  }

  optional(index: number): Value | undefined {
    const name = this.node.input[index];
    return name ? this.valueOf(name) : undefined;
  }

  /** An input that must be a constant, such as a scale. */
  constant(index: number, what: string): Tensor {
    const { constant } = this.input(index);
    if (!constant) throw new Refusal(`${what} is not constant`, "Make it a constant of the model");
    return constant;
  }

  optionalConstant(index: number, what: string): Tensor | undefined {
    return this.optional(index) ? this.constant(index, what) : undefined;
  }

  /** The integers of an input that must be constant. */
  integers(index: number, what: string): number[] | undefined {
    const constant = this.optionalConstant(index, what);
    return constant && Array.from(toTypedArray(constant), Number);
  }

  output(index = 0): Value {
    return this.valueOf(this.node.output[index] ?? "");
  }

  /** Outputs that something may read. */
  outputs(): { index: number; value: Value }[] {
    return this.node.output.flatMap((name, index) => (name ? [{ index, value: this.valueOf(name) }] : []));
  }

  int(name: string, otherwise: number): number {
    const found = this.attribute(name);
    return found ? Number(found.i ?? 0n) : otherwise;
  }

  ints(name: string): number[] | undefined {
    return this.attribute(name)?.ints?.map(Number);
  }

  float(name: string, otherwise: number): number {
    const found = this.attribute(name);
    return found ? (found.f ?? 0) : otherwise;
  }

  text(name: string, otherwise: string): string {
    const found = this.attribute(name);
    return found ? new TextDecoder().decode(found.s) : otherwise;
  }

  private attribute(name: string): OnnxAttribute | undefined {
    return this.node.attribute.find((each) => each.name === name);
  }

  private valueOf(name: string): Value {
    const value = this.values.get(name);
    if (!value) throw new UnknownShape(name);
    if (elementCount(value.dims) === 0) {
      throw new Refusal(`${JSON.stringify(name)} has no elements`, "Leave out what computes nothing");
    }
    return value;
  }
}

/** The tensor of a `Constant` node. */
export function constantOf(node: OnnxNode): Tensor | undefined {
  const [attribute] = node.attribute;
  switch (attribute?.name) {
    case "value":
      return attribute.t && tensorFromOnnx(attribute.t);
    case "value_int":
      return tensorFromOnnx({ dims: [], dataType: 7, int64Data: [attribute.i ?? 0n] });
    case "value_ints":
      return tensorFromOnnx({
        dims: [BigInt(attribute.ints?.length ?? 0)],
        dataType: 7,
        int64Data: attribute.ints ?? [],
      });
    case "value_float":
      return tensorFromOnnx({ dims: [], dataType: 1, floatData: [attribute.f ?? 0] });
    case "value_floats":
      return tensorFromOnnx({
        dims: [BigInt(attribute.floats?.length ?? 0)],
        dataType: 1,
        floatData: attribute.floats ?? [],
      });
    default:
      return undefined;
  }
}
