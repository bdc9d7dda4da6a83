import type { OnnxModel } from "../onnx/model.js";

/** Leaves out nodes, and then constants, that no output depends on. */
export function trim(model: OnnxModel): OnnxModel {
  const { graph } = model;
  const needed = new Set(graph.output.map(({ name }) => name));
  const node = graph.node
    .toReversed()
    .filter(({ input, output }) => {
      if (!output.some((name) => needed.has(name))) return false;
      for (const name of input) needed.add(name);
      return true;
    })
    .toReversed();
  const initializer = graph.initializer.filter(({ name }) => needed.has(name ?? ""));
  return { ...model, graph: { ...graph, node, initializer } };
}
