import { canonicaliseNaN } from "../tensor/nan.js";
import { elementCount, type Tensor } from "../tensor/tensor.js";
import { divisible } from "./divisible.js";
import { elementOf } from "./evaluate.js";
import type { Instruction } from "./instruction.js";
import { judgeOf } from "./judge.js";
import type { CourtModel } from "./prepare.js";
import type { Problem } from "./problems.js";
import type { GraphRuntime } from "./runtime.js";
import { sampleInputs } from "./sample.js";
import { loadForTraces, operandsOf } from "./trace.js";
import { EXACT, type Numeric } from "./types.js";
import type { Scalar, Shape, Values } from "./values.js";

// One run of the whole model before anybody serves it: where onnxruntime reads a node otherwise than this package does,
// every honest provider would be convicted.

/** Of each node, and what all sums of one may have in terms. */
const [ELEMENTS, TERMS] = [16, 1 << 15];

/** Nodes whose result in a run on sample inputs contradicts the graph; none of a model that does not take these inputs. */
export async function rehearse(model: CourtModel, runtime: GraphRuntime): Promise<Problem[]> {
  const known = await runOnce(model, runtime);
  const trace: (Tensor | Values)[] = model.inputNames.flatMap((name) => known?.get(name) ?? []);
  if (!known || trace.length < model.inputNames.length) return [];
  return model.instructions.flatMap((instruction, i) => {
    const meta = model.tensors[model.inputNames.length + i];
    if (!meta) return [];
    const [operands, numeric] = [operandsOf(model, trace, i), model.nodes[i]?.numeric ?? EXACT];
    const given = meta.name === undefined ? undefined : known.get(meta.name);
    trace.push(given ?? lazily(instruction, operands, meta, numeric));
    if (!given || (isLike(given, meta) && !differs(instruction, operands, given, numeric))) return [];
    const reason = "onnxruntime computes something else here than the graph says";
    return [
      { where: meta.name ?? "", what: instruction.operator, reason, remedy: "Use other attributes, and report it" },
    ];
  });
}

async function runOnce(model: CourtModel, runtime: GraphRuntime): Promise<ReadonlyMap<string, Tensor> | undefined> {
  const inputs = sampleInputs(model, 0);
  const loaded = await loadForTraces(model, runtime);
  try {
    const results = await loaded.run(inputs);
    return new Map([...inputs, ...results].map(([name, tensor]) => [name, canonicaliseNaN(tensor)]));
  } catch {
    return undefined;
  } finally {
    loaded.stop();
  }
}

const isLike = (a: Shape, b: Shape): boolean => a.dtype === b.dtype && a.dims.join() === b.dims.join();

type Operands = readonly (Tensor | Values | undefined)[];

function differs(instruction: Instruction, operands: Operands, given: Tensor, numeric: Numeric): boolean {
  const contradicts = judgeOf(instruction, operands, given, numeric);
  const [count, wanted] = [elementCount(given.dims), elementsToTry(instruction, operands, numeric)];
  const places = Array.from({ length: Math.min(count, wanted) }, (_, i) => Math.floor((i * count) / wanted));
  return [...places, count - 1].some(contradicts);
}

function elementsToTry(instruction: Instruction, operands: Operands, numeric: Numeric): number {
  const sum = divisible(
    instruction,
    numeric,
    operands.map((each) => each && { ...each, layout: 0 }),
  );
  return Math.max(1, Math.min(ELEMENTS, Math.floor(TERMS / (sum ? sum.steps * sum.terms : 1))));
}

/** What stands between tensors of onnxruntime, element by element: few of them are asked for, some of them often. */
function lazily(instruction: Instruction, operands: Operands, { dtype, dims }: Shape, numeric: Numeric): Values {
  const known = new Map<number, Scalar>();
  const at = (element: number): Scalar => {
    const found = known.get(element) ?? elementOf(instruction, operands, { dtype, dims }, element, numeric);
    known.set(element, found);
    return found;
  };
  return { dtype, dims, at };
}
