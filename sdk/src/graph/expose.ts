import { decodeModel, encodeModel, type OnnxModel } from "../onnx/model.js";
import { runtimeOf, withRuntime } from "./fileRuntime.js";
import { makesTensors } from "./unsupported.js";

/**
 * The same model with every intermediate tensor as an output, for the same runtime. Run without rewriting, it computes the same bits: what
 * is read of a node does not change how it is computed.
 */
export function expose(file: Uint8Array): Uint8Array {
  return encodeModel(withRuntime(withAllOutputs(decodeModel(file)), runtimeOf(file)));
}

function withAllOutputs(model: OnnxModel): OnnxModel {
  const { graph } = model;
  const known = new Set(graph.output.map(({ name }) => name));
  const more = graph.node
    .filter(({ opType }) => makesTensors(opType))
    .flatMap(({ output }) => output.filter((name) => name !== "" && !known.has(name)));
  return { ...model, graph: { ...graph, output: [...graph.output, ...more.map((name) => ({ name }))] } };
}
