import { AssayError } from "../errors.js";
import { bundleRoot } from "../tensor/bundle.js";
import type { Hex } from "../tensor/bytes.js";
import { commitTensor, type TensorCommitment } from "../tensor/commitment.js";
import { MerkleTree } from "../tensor/merkle.js";
import type { Tensor } from "../tensor/tensor.js";
import type { TraceTensor } from "./assemble.js";
import { evaluate } from "./evaluate.js";
import { expose } from "./expose.js";
import type { CourtModel } from "./prepare.js";
import type { GraphRuntime, LoadedModel } from "./runtime.js";
import { Source } from "./types.js";

/** All tensors of one run, in the order of the trace. */
export async function runTrace(
  model: CourtModel,
  inputs: ReadonlyMap<string, Tensor>,
  runtime: GraphRuntime,
): Promise<Tensor[]> {
  const loaded = await loadForTraces(model, runtime);
  try {
    return await traceOn(loaded, model, inputs);
  } finally {
    loaded.stop();
  }
}

/** Loads a model so that every run gives all its tensors; for as many traces as are wanted. */
export async function loadForTraces({ file }: CourtModel, runtime: GraphRuntime): Promise<LoadedModel> {
  return runtime.load(await (runtime.expose?.(file) ?? expose(file)));
}

/** As `runTrace`, on what `loadForTraces` gave for the model. */
export async function traceOn(
  loaded: LoadedModel,
  model: CourtModel,
  inputs: ReadonlyMap<string, Tensor>,
): Promise<Tensor[]> {
  return collect(model, new Map([...inputs, ...(await loaded.run(inputs))]));
}

/** Tensors that onnxruntime gave; what stands between them is evaluated here. */
function collect(model: CourtModel, known: ReadonlyMap<string, Tensor>): Tensor[] {
  const trace: Tensor[] = [];
  for (const [i, meta] of model.tensors.entries()) {
    const tensor = (meta.name === undefined ? undefined : known.get(meta.name)) ?? evaluateNode(model, trace, i);
    requireFit(meta, tensor);
    trace.push(tensor);
  }
  return trace;
}

/** The output of the node that writes trace tensor `index`, from tensors before it. */
export function evaluateNode(model: CourtModel, trace: readonly Tensor[], index: number): Tensor {
  const at = index - model.inputNames.length;
  const [instruction, node, meta] = [model.instructions[at], model.nodes[at], model.tensors[index]];
  if (!instruction || !node || !meta) throw new AssayError(`no node writes tensor ${index} of the trace`);
  return evaluate(instruction, operandsOf(model, trace, at), meta, node.numeric);
}

/** The operands of a node, from the trace and the constants. */
export function operandsOf<T = Tensor>(
  model: Pick<CourtModel, "nodes" | "constants">,
  trace: readonly (Tensor | T)[],
  node: number,
): (Tensor | T | undefined)[] {
  return (model.nodes[node]?.operands ?? []).map(({ source, tensor, hash }) => {
    if (source === Source.Absent) return undefined;
    const found = source === Source.Trace ? trace[tensor] : model.constants.get(hash);
    if (!found) throw new AssayError(`an operand of node ${node} is missing`);
    return found;
  });
}

function requireFit({ name, dtype, dims }: TraceTensor, tensor: Tensor): void {
  if (tensor.dtype === dtype && tensor.dims.join() === dims.join()) return;
  const found = `${tensor.dtype}[${tensor.dims.join(", ")}]`;
  throw new AssayError(`${name ?? "a tensor"} is ${found}, the graph says ${dtype}[${dims.join(", ")}]`);
}

export interface TraceCommitment {
  readonly tensors: readonly TensorCommitment[];
  readonly traceRoot: Hex;
  /** Bundle roots, as a job has them. */
  readonly inputRoot: Hex;
  readonly outputRoot: Hex;
}

/** What a commitment to a trace needs of a model. */
export type TraceOutline = Pick<CourtModel, "tensors" | "inputNames" | "outputNames" | "outputs">;

/** Commits to a trace, each tensor in the layout of the graph. */
export function commitTrace(model: TraceOutline, trace: readonly Tensor[]): TraceCommitment {
  const tensors = model.tensors.map((meta, i) => {
    const tensor = trace[i];
    if (!tensor) throw new AssayError(`tensor ${i} of the trace is missing`);
    requireFit(meta, tensor);
    return commitTensor(tensor, meta.layout);
  });
  const rootOf = (name: string, place: number) => ({ name, root: tensors[place]?.root ?? "" });
  return {
    tensors,
    traceRoot: MerkleTree.fromHashes(tensors.map(({ header }) => header.merkleRoot)).root,
    inputRoot: bundleRoot(model.inputNames.map(rootOf)),
    outputRoot: bundleRoot(model.outputNames.map((name, i) => rootOf(name, model.outputs[i] ?? -1))),
  };
}
