import type { OnnxModel, OnnxValue } from "../onnx/model.js";
import type { Problem } from "./problems.js";

/** Lengths of symbolic dimensions: by their name, or by `input:axis` where they have none. */
export type FrozenDims = Readonly<Record<string, number>>;

/** Gives each symbolic dimension of the inputs its length; what follows from them is inferred anew. */
export function freeze(model: OnnxModel, dims: FrozenDims): { model: OnnxModel; problems: Problem[] } {
  const used = new Set<string>();
  const constants = new Set(model.graph.initializer.map(({ name }) => name));
  // An input that has an initializer is a default that a caller could override.
  const input = model.graph.input.filter(({ name }) => !constants.has(name)).map((value) => fix(value, dims, used));
  const output = model.graph.output.map(withoutShape);
  const problems = Object.keys(dims)
    .filter((name) => !used.has(name))
    .map((name) => ({
      where: name,
      what: "dimension",
      reason: "no input has it",
      remedy: "Leave it out, or name one that an input has",
    }));
  const irVersion = model.irVersion < 4n ? 4n : model.irVersion;
  return { model: { ...model, irVersion, graph: { ...model.graph, valueInfo: [], input, output } }, problems };
}

function fix(value: OnnxValue, dims: FrozenDims, used: Set<string>): OnnxValue {
  const tensor = value.type?.tensorType;
  if (!tensor?.shape) return value;
  const dim = tensor.shape.dim.map((given, axis) => {
    const name = given.dimParam || `${value.name}:${axis}`;
    const length = dims[name];
    if (given.dimValue !== undefined || length === undefined) return given;
    used.add(name);
    return { dimValue: BigInt(length) };
  });
  return { ...value, type: { tensorType: { ...tensor, shape: { dim } } } };
}

function withoutShape(value: OnnxValue): OnnxValue {
  const tensor = value.type?.tensorType;
  return tensor ? { ...value, type: { tensorType: { elemType: tensor.elemType } } } : value;
}
