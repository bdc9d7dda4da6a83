import type { OnnxModel, OnnxNode } from "../onnx/model.js";
import { tensorFromOnnx } from "../onnx/tensor.js";
import type { Tensor } from "../tensor/tensor.js";
import { constantOf, NodeView, type Draft, type Value } from "./draft.js";
import type { Shape } from "./values.js";
import { CANONICAL, EXACT, TOLERANCE } from "./lowering/index.js";
import type { ProfileKind } from "./profile.js";
import { Refusal, UnknownShape, type Problem } from "./problems.js";
import { opsetOf } from "./structure.js";
import { whyUnsupported } from "./unsupported.js";

export interface Lowered {
  readonly kind: ProfileKind;
  readonly sums: SumsProfile;
  readonly opset: number;
  readonly nodes: readonly LoweredNode[];
  readonly values: ReadonlyMap<string, Value>;
  readonly problems: readonly Problem[];
  /** Nodes about which nothing can be said, because they read what could not be computed. */
  readonly unknown: readonly Problem[];
}

/** An ONNX node and what it becomes. */
export interface LoweredNode {
  readonly node: OnnxNode;
  readonly drafts: readonly Draft[];
}

/** How sums of floats are judged. */
export type SumsProfile = Exclude<ProfileKind, "Exact">;
const SUMS = { Canonical: CANONICAL, Tolerance: TOLERANCE } as const;

/** Each ONNX node as nodes of the court, and every reason why one cannot be. */
export function lower(model: OnnxModel, shapes: ReadonlyMap<string, Shape>, sums: SumsProfile = "Canonical"): Lowered {
  const values = valuesOf(model, shapes);
  const opset = opsetOf(model);
  const nodes: LoweredNode[] = [];
  const problems: Problem[] = [];
  const unknown: Problem[] = [];
  for (const node of model.graph.node) {
    if (node.opType === "Constant") continue;
    try {
      nodes.push({ node, drafts: lowerNode(node, values, sums, opset) });
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      for (const each of [error, ...error.more]) {
        (each instanceof UnknownShape ? unknown : problems).push(problemOf(node, each));
      }
    }
  }
  const kind = nodes.some(({ node }) => Object.hasOwn(SUMS[sums], node.opType)) ? sums : "Exact";
  return { kind, sums, opset, nodes, values, problems, unknown };
}

/** Nodes that cannot be judged whatever their operands are, leaving out those that only compute constants. */
export function operatorProblems(model: OnnxModel, sums: SumsProfile): Problem[] {
  const constant = new Set(model.graph.initializer.map(({ name }) => name ?? ""));
  return model.graph.node.flatMap((node) => {
    const { opType, input, output } = node;
    const fixed = input.length > 0 && input.every((name) => name === "" || constant.has(name));
    if (opType === "Constant" || opType === "Shape" || fixed) {
      for (const name of output) constant.add(name);
      return [];
    }
    const why = whyUnsupported(opType, sums);
    return why ? [problemOf(node, why)] : [];
  });
}

/** Throws a `Refusal` if the court cannot judge the node. */
export function lowerNode(
  node: OnnxNode,
  values: ReadonlyMap<string, Value>,
  sums: SumsProfile,
  opset: number,
): Draft[] {
  const why = whyUnsupported(node.opType, sums);
  const lowering = SUMS[sums][node.opType] ?? EXACT[node.opType];
  if (why || !lowering) throw new Refusal(why?.reason ?? "", why?.remedy ?? "");
  return lowering(new NodeView(node, values, opset));
}

function problemOf(
  { name, output, opType }: OnnxNode,
  { reason, remedy }: Pick<Problem, "reason" | "remedy">,
): Problem {
  return { where: name || (output[0] ?? ""), what: opType, reason, remedy };
}

function valuesOf({ graph }: OnnxModel, shapes: ReadonlyMap<string, Shape>): Map<string, Value> {
  const values = new Map<string, Value>();
  for (const [name, { dtype, dims }] of shapes) values.set(name, { name, dtype, dims });
  for (const tensor of graph.initializer) setConstant(values, tensor.name ?? "", tensorFromOnnx(tensor));
  for (const node of graph.node.filter(({ opType }) => opType === "Constant")) {
    const tensor = constantOf(node);
    if (tensor) setConstant(values, node.output[0] ?? "", tensor);
  }
  return values;
}

function setConstant(values: Map<string, Value>, name: string, constant: Tensor): void {
  values.set(name, { name, dtype: constant.dtype, dims: constant.dims, constant });
}
