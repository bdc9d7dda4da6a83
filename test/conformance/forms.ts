import type { CourtModel, OnnxModel, Problem, Tensor } from "@assay/sdk";
import { encodeModel, onnxCode, PreparationError, prepareModel } from "@assay/sdk";

import { inProcess } from "../../provider-worker/test/support/inProcessRuntime.js";
import type { DataSet } from "./nodeTests.js";

/** A test's model, and what it still has to be given. */
export interface Form {
  readonly name: "as it is" | "first input only" | "first output only";
  readonly model: OnnxModel;
  readonly sets: readonly DataSet[];
}

export type Prepared = { readonly model: CourtModel } | { readonly problems: readonly Problem[] };

/**
 * The model as it is, and what people's models have instead: scales, shapes and weights as constants, where these tests
 * hand in everything, and one output, where these tests ask for masks and statistics too.
 */
export function formsOf(model: OnnxModel, sets: readonly DataSet[]): Form[] {
  const asItIs: Form = { name: "as it is", model, sets };
  const [only, ...more] = sets;
  if (!only || more.length > 0) return [asItIs];
  return [asItIs, ...withOneInput(model, only), ...withOneOutput(model, only)];
}

function withOneInput(model: OnnxModel, set: DataSet): Form[] {
  const [first, ...others] = set.inputs;
  if (!first || others.length === 0) return [];
  const constants = others.map(([name, tensor]) => initializer(name, tensor));
  const graph = { ...model.graph, initializer: [...model.graph.initializer, ...constants] };
  return [{ name: "first input only", model: { ...model, graph }, sets: [{ ...set, inputs: new Map([first]) }] }];
}

const OPTIONAL_OUTPUTS: readonly string[] = ["BatchNormalization", "Dropout", "LayerNormalization", "MaxPool"];

function withOneOutput(model: OnnxModel, set: DataSet): Form[] {
  const [first, ...others] = model.graph.output.map(({ name }) => name);
  const areOptional = model.graph.node.every(({ opType }) => OPTIONAL_OUTPUTS.includes(opType));
  if (first === undefined || others.length === 0 || !areOptional) return [];
  const node = model.graph.node.map((each) => ({
    ...each,
    output: each.output.filter((name) => !others.includes(name)),
  }));
  const graph = { ...model.graph, node, output: model.graph.output.slice(0, 1) };
  const outputs = new Map([...set.outputs].slice(0, 1));
  return [{ name: "first output only", model: { ...model, graph }, sets: [{ ...set, outputs }] }];
}

/** As `model:prepare` does it. What is thrown here beside a refusal is a bug. */
export async function prepare({ model, sets }: Form, tolerance: boolean): Promise<Prepared> {
  try {
    const options = { dims: lengthsOf(model, sets), tolerance };
    return { model: (await prepareModel(encodeModel(model), options, inProcess)).model };
  } catch (error) {
    if (error instanceof PreparationError) return { problems: error.problems };
    throw error;
  }
}

/** The lengths that symbolic dimensions have in the test's data. */
function lengthsOf({ graph }: OnnxModel, [set]: readonly DataSet[]): Record<string, number> {
  const given = graph.input.filter(({ name }) => set?.inputs.has(name));
  return Object.fromEntries(
    given.flatMap(({ name, type }) =>
      (type?.tensorType?.shape?.dim ?? []).flatMap(({ dimValue, dimParam }, axis) => {
        const length = set?.inputs.get(name)?.dims[axis];
        return dimValue !== undefined || length === undefined ? [] : [[dimParam || `${name}:${axis}`, length]];
      }),
    ),
  );
}

function initializer(name: string, { dtype, dims, data }: Tensor) {
  return { name, dims: dims.map(BigInt), dataType: onnxCode(dtype), rawData: data };
}
