import {
  AttributeType,
  type OnnxAttribute,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
  type OnnxValue,
} from "../onnx/model.js";
import { isExternal, tensorFromOnnx } from "../onnx/tensor.js";
import { DTYPES } from "../tensor/dtype.js";
import type { Problem } from "./problems.js";

const OLDEST_OPSET = 6;
const NEWEST_OPSET = 23;
const STANDARD: readonly (string | undefined)[] = [undefined, "", "ai.onnx"];
const CODES: readonly number[] = Object.values(DTYPES).map(({ onnx }) => onnx);

/** What must not even be given to onnxruntime, or could mean something else than it seems to. */
export function structureProblems(model: OnnxModel): Problem[] {
  return [
    ...fileProblems(model),
    ...model.graph.node.flatMap(nodeProblems),
    ...constantProblems(model),
    ...model.graph.input.flatMap((value) => portProblems("input", value)),
    ...model.graph.output.flatMap((value) => portProblems("output", value)),
  ];
}

/** The version of the standard operators; zero if the file does not say. */
export function opsetOf(model: OnnxModel): number {
  return Number(standardOpsets(model)[0] ?? 0n);
}

function standardOpsets({ opsetImport }: OnnxModel): bigint[] {
  return opsetImport.flatMap(({ domain, version }) => (STANDARD.includes(domain) ? [version] : []));
}

function fileProblems(model: OnnxModel): Problem[] {
  const opset = opsetOf(model);
  const found: Problem[] = [];
  const refuse = (what: string, reason: string, remedy: string) =>
    found.push({ where: model.graph.name ?? "", what, reason, remedy });
  if (opset < OLDEST_OPSET || opset > NEWEST_OPSET) {
    refuse("opset", `version ${opset} is unknown`, `Convert the model to opset ${OLDEST_OPSET} to ${NEWEST_OPSET}`);
  }
  if (standardOpsets(model).length > 1) {
    refuse("opset", "it is said more than once, and readers differ in which they take", "Say it once");
  }
  if (model.trainingInfo?.length) refuse("training info", "it changes constants", "Export the model for inference");
  if (model.functions?.length) refuse("functions", "they hide operators", "Inline them when the model is exported");
  if (model.graph.sparseInitializer?.length) refuse("sparse constants", "they have no commitment", "Make them dense");
  return found;
}

function nodeProblems(node: OnnxNode): Problem[] {
  const where = node.name || (node.output[0] ?? "");
  const found: Problem[] = [];
  if (!STANDARD.includes(node.domain)) {
    const reason = `it is of the domain ${JSON.stringify(node.domain)}`;
    found.push({ where, what: node.opType, reason, remedy: "Use operators of ai.onnx" });
  }
  if (node.opType === "Split" && node.output.includes("")) {
    const reason = "a part of it has no name, which ends the process that runs onnxruntime";
    found.push({ where, what: node.opType, reason, remedy: "Name all of its outputs" });
  }
  for (const attribute of node.attribute) {
    const reason = whyAttribute(attribute);
    if (reason) found.push({ where, what: node.opType, reason, remedy: "Unroll or inline it, with plain attributes" });
  }
  return found;
}

function whyAttribute({ name, type, g, graphs, t, refAttrName }: OnnxAttribute): string | undefined {
  if (g || graphs?.length || type === AttributeType.graph) return `its attribute ${name} is a graph: control flow`;
  if (refAttrName) return `its attribute ${name} refers to a function's`;
  if (t && (isExternal(t) || !CODES.includes(t.dataType))) return `its attribute ${name} is no tensor of numbers`;
  const broken = t && whyUnreadable(t);
  if (broken) return `its attribute ${name} cannot be read: ${broken}`;
  if (!Object.values<number>(AttributeType).includes(type)) return `its attribute ${name} has the type ${type}`;
  return undefined;
}

function constantProblems({ graph }: OnnxModel): Problem[] {
  const inputs = new Set(graph.input.map(({ name }) => name));
  return graph.initializer.flatMap((constant) => {
    const problem = { where: constant.name ?? "", what: "constant" };
    if (inputs.has(problem.where)) {
      return [{ ...problem, reason: "it is an input too", remedy: "Leave it out of the inputs" }];
    }
    if (isExternal(constant)) {
      return [{ ...problem, reason: "its data lies outside of the file", remedy: "Save the model as one file" }];
    }
    if (!CODES.includes(constant.dataType)) {
      return [{ ...problem, reason: `it has the type ${constant.dataType}`, remedy: "Use numbers of 8 to 64 bits" }];
    }
    const broken = whyUnreadable(constant);
    return broken ? [{ ...problem, reason: `it cannot be read: ${broken}`, remedy: "Mend the file" }] : [];
  });
}

function whyUnreadable(tensor: OnnxTensor): string | undefined {
  try {
    tensorFromOnnx(tensor);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function portProblems(what: string, { name, type }: OnnxValue): Problem[] {
  // The type of an output may be left out: running the model tells it.
  if (what === "output" && !type) return [];
  const tensor = type?.tensorType;
  if (!tensor || !CODES.includes(tensor.elemType)) {
    return [{ where: name, what, reason: "it is no tensor of numbers", remedy: "Use tensors of 8 to 64 bits" }];
  }
  if (what === "output") return [];
  if (!tensor.shape) return [{ where: name, what, reason: "it has no shape", remedy: "Give the model a fixed shape" }];
  return tensor.shape.dim.flatMap(({ dimValue, dimParam }, axis) => {
    if (dimValue !== undefined && dimValue > 0n) return [];
    const symbol = dimParam || `${name}:${axis}`;
    return [
      { where: name, what, reason: `axis ${axis} has no fixed length`, remedy: `Fix it, such as by --dim ${symbol}=1` },
    ];
  });
}
