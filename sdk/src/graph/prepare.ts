import { AssayError } from "../errors.js";
import { decodeModel, encodeModel } from "../onnx/model.js";
import type { Hex } from "../tensor/bytes.js";
import { contentHash } from "../tensor/content.js";
import { keccak256Text } from "../tensor/hash.js";
import { assemble, type Assembly } from "./assemble.js";
import type { Value } from "./draft.js";
import { hashGraph, metaHeader, nodesRoot } from "./encode.js";
import { runtimeOf, withRuntime, type RuntimeName } from "./fileRuntime.js";
import { freeze, type FrozenDims } from "./freeze.js";
import { lower, operatorProblems, type SumsProfile } from "./lower.js";
import { openDivisors } from "./openness.js";
import { settleOrders } from "./orders.js";
import { PreparationError, type Problem } from "./problems.js";
import { hashProfile, profileOf, type Profile } from "./profile.js";
import { rehearse } from "./rehearsal.js";
import type { GraphRuntime } from "./runtime.js";
import { inferShapes, inputShapes } from "./shapes.js";
import { stripSoftmax } from "./softmax.js";
import { structureProblems } from "./structure.js";
import { trim } from "./trim.js";
import type { Graph, Port } from "./types.js";

export interface PrepareOptions {
  /** Lengths of symbolic dimensions of the inputs. */
  readonly dims?: FrozenDims;
  /** End the model before its final Softmax. */
  readonly stripSoftmax?: boolean;
  /** Let an ArgMax that reads that Softmax read its operand instead. */
  readonly argMaxOfLogits?: boolean;
  /** Judge sums of floats within the bound that holds for any order: profile Tolerance. */
  readonly tolerance?: boolean;
  /** By whose kernels everybody runs it: `native` if left out. */
  readonly runtime?: RuntimeName;
}

/** A model as the court sees it. */
export interface CourtModel extends Assembly {
  /** The registered ONNX file. */
  readonly file: Uint8Array;
  readonly profile: Profile;
  readonly graph: Graph;
  readonly commitment: Hex;
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
}

export interface PreparedModel {
  readonly model: CourtModel;
  readonly originalHash: Hex;
  readonly options: PrepareOptions;
  /** What the prepared model does otherwise than the original, for people. */
  readonly changes: readonly string[];
}

/** Makes of an ONNX file the file to register and its graph. Throws a `PreparationError` that lists every obstacle. */
export async function prepareModel(
  bytes: Uint8Array,
  options: PrepareOptions,
  runtime: GraphRuntime,
): Promise<PreparedModel> {
  const frozen = freeze(decodeModel(bytes), options.dims ?? {});
  const { model, problems, changes } = options.stripSoftmax
    ? stripSoftmax(frozen.model, { argMaxOfLogits: options.argMaxOfLogits ?? false })
    : { model: frozen.model, problems: [], changes: [] };
  const trimmed = trim(model);
  const found = [...frozen.problems, ...problems, ...structureProblems(trimmed)];
  const sums = options.tolerance ? "Tolerance" : "Canonical";
  if (found.length > 0) throw new PreparationError([...found, ...operatorProblems(trimmed, sums)]);
  const named = withRuntime(trimmed, options.runtime ?? "native");
  const file = await runtime.optimise(encodeModel(named)).catch((error: unknown) => {
    throw new PreparationError([doesNotRun(error), ...operatorProblems(trimmed, sums)]);
  });
  return { model: await readModel(file, runtime, sums), originalHash: contentHash(bytes), options, changes };
}

/** The graph of a registered ONNX file, which is taken as it is. */
export async function readModel(
  file: Uint8Array,
  runtime: GraphRuntime,
  sums: SumsProfile = "Canonical",
): Promise<CourtModel> {
  const name = runtimeOf(file);
  const model = withRuntime(decodeModel(file), name);
  const structure = structureProblems(model);
  if (structure.length > 0) throw new PreparationError([...structure, ...operatorProblems(model, sums)]);
  const inputs = inputShapes(model);
  const between = await inferShapes(file, inputs, runtime).catch((error: unknown) => {
    throw new PreparationError([doesNotRun(error), ...lower(model, inputs, sums).problems]);
  });
  const lowered = lower(model, new Map([...inputs, ...between]), sums);
  const { kind, values, problems, unknown } = lowered;
  const inputNames = [...inputs.keys()];
  const outputNames = model.graph.output.map(({ name }) => name);
  const find = (name: string) => valueOf(values, name);
  const settled = await settleOrders(model, lowered, inputNames.map(find), runtime);
  const found = [...problems, ...settled.problems, ...unknown];
  if (found.length > 0) throw new PreparationError(found);
  const assembly = assemble(settled.drafts, inputNames.map(find), outputNames.map(find));
  const divisions = openDivisors(assembly);
  if (divisions.length > 0) throw new PreparationError(divisions);
  const profile = profileOf(kind, runtime.builds[name]);
  const graph = graphOf(assembly, file, profile, inputNames, outputNames);
  const read = { ...assembly, file, profile, graph, commitment: hashGraph(graph), inputNames, outputNames };
  const misread = await rehearse(read, runtime);
  if (misread.length > 0) throw new PreparationError(misread);
  return read;
}

function graphOf(
  { nodes, tensors, outputs }: Assembly,
  file: Uint8Array,
  profile: Profile,
  inputNames: readonly string[],
  outputNames: readonly string[],
): Graph {
  const port = (name: string, tensor: number): Port => {
    const meta = tensors[tensor];
    if (!meta) throw new AssayError(`${name} has no place in the trace`);
    return { nameHash: keccak256Text(name), tensor, meta: metaHeader(meta) };
  };
  return {
    fileHash: contentHash(file),
    profile: hashProfile(profile),
    nodesRoot: nodesRoot(nodes),
    nodeCount: nodes.length,
    inputs: inputNames.map((name, i) => port(name, i)),
    outputs: outputNames.map((name, i) => port(name, outputs[i] ?? -1)),
  };
}

function valueOf(values: ReadonlyMap<string, Value>, name: string): Value {
  const value = values.get(name);
  if (!value) throw new AssayError(`the model does not compute ${name}`);
  return value;
}

function doesNotRun(error: unknown): Problem {
  const reason = `it does not run: ${error instanceof Error ? error.message : String(error)}`;
  return { where: "", what: "model", reason, remedy: "Mend the model until onnxruntime runs it" };
}
