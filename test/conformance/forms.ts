import type { CourtModel, OnnxModel, Problem, Tensor } from "@assay/sdk";
import { encodeModel, onnxCode, PreparationError, prepareModel } from "@assay/sdk";

import { inProcess } from "../../provider-worker/test/support/inProcessRuntime.js";
import type { DataSet } from "./nodeTests.js";

/** A test's model, and what it still has to be given. */
export interface Form {
  readonly name: "as it is" | "first input only";
  readonly model: OnnxModel;
  readonly sets: readonly DataSet[];
}

export type Prepared = { readonly model: CourtModel } | { readonly problems: readonly Problem[] };

/**
 * The model as it is, and with all inputs but the first as its constants: these tests hand in scales, shapes and
 * weights as inputs, which the models that people use have inside.
 */
export function formsOf(model: OnnxModel, sets: readonly DataSet[]): Form[] {
  const [set] = sets;
  const asItIs: Form = { name: "as it is", model, sets };
  if (!set || sets.length > 1 || set.inputs.size < 2) return [asItIs];
  const [[first, x] = ["", undefined], ...others] = set.inputs;
  if (!x) return [asItIs];
  const constants = others.map(([name, tensor]) => initializer(name, tensor));
  const graph = { ...model.graph, initializer: [...model.graph.initializer, ...constants] };
  const inputs = new Map([[first, x]]);
  return [asItIs, { name: "first input only", model: { ...model, graph }, sets: [{ ...set, inputs }] }];
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
