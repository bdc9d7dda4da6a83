import { CANONICAL, EXACT, TOLERANCE } from "./lowering/index.js";
import { RANDOM_OPERATORS } from "../onnx/random.js";
import type { SumsProfile } from "./lower.js";
import type { Problem } from "./problems.js";

type Answer = Pick<Problem, "reason" | "remedy">;

const NO_TENSORS = "it works on sequences, optional values or text";

/** Why whole kinds of operators cannot be judged, and what a model's author can do. */
const KINDS: readonly (Answer & { operators: readonly string[] })[] = [
  {
    reason: "the court has no such sum of floats",
    remedy: "Use MatMul, Gemm, Conv, AveragePool, ReduceSum or ReduceMean",
    operators: ["ConvTranspose", "LpPool", "Einsum", "CumSum"],
  },
  {
    reason: "the court has no such function",
    remedy: "Use Exp, Log, Sigmoid, Tanh, Erf, Gelu, Softmax or LayerNormalization",
    operators: ["LogSoftmax", "HardSigmoid", "Softplus", "Sin", "Cos", "InstanceNormalization", "GroupNormalization"],
  },
  {
    reason: "its scale is taken over the whole input, so an answer depends on what else is in the batch",
    remedy: "Quantise the model statically, with scales that are constant",
    operators: ["DynamicQuantizeLinear", "DynamicQuantizeMatMul", "MatMulIntegerToFloat", "DynamicQuantizeLSTM"],
  },
  {
    reason: "the shape of its result depends on the data",
    remedy: "Use ArgMax, or do this step outside of the model",
    operators: ["NonZero", "Unique", "NonMaxSuppression", "TopK", "Compress", "RoiAlign", "Range", "ConstantOfShape"],
  },
  {
    reason: "its result is random",
    remedy: "Make the random numbers an input of the model",
    operators: RANDOM_OPERATORS,
  },
  {
    reason: "it is control flow",
    remedy: "Unroll it when the model is exported",
    operators: ["If", "Loop", "Scan", "SequenceMap"],
  },
  {
    reason: "it repeats a step for each element of a sequence",
    remedy: "Unroll it when the model is exported",
    operators: ["LSTM", "GRU", "RNN"],
  },
  {
    reason: NO_TENSORS,
    remedy: "Use tensors of numbers",
    operators: [
      "SequenceAt",
      "SequenceConstruct",
      "SequenceEmpty",
      "SequenceErase",
      "SequenceInsert",
      "SequenceLength",
      "SplitToSequence",
      "ConcatFromSequence",
      "Optional",
      "OptionalGetElement",
      "OptionalHasElement",
      "StringNormalizer",
      "StringConcat",
      "StringSplit",
      "TfIdfVectorizer",
      "RegexFullMatch",
    ],
  },
];

/** Operators whose results are tensors, as far as this package knows. */
export function makesTensors(operator: string): boolean {
  return !KINDS.some(({ reason, operators }) => reason === NO_TENSORS && operators.includes(operator));
}

/** Of what is judged within a bound only. */
const DIFFERS: Answer = {
  reason: "functions differ between CPUs: they are judged within a bound, in profile Tolerance only",
  remedy: "Prepare the model with --tolerance, end it before (a final Softmax: --strip-softmax), or use Relu or Clip",
};

const OTHER: Answer = { reason: "the court has no such operator", remedy: "Use operators of docs/COURT.md" };

/** Why an operator of the standard domain cannot be judged; undefined if it can. */
export function whyUnsupported(operator: string, sums: SumsProfile): Answer | undefined {
  if (Object.hasOwn(EXACT, operator)) return undefined;
  if (Object.hasOwn(sums === "Tolerance" ? TOLERANCE : CANONICAL, operator)) return undefined;
  if (Object.hasOwn(TOLERANCE, operator)) return DIFFERS;
  return KINDS.find(({ operators }) => operators.includes(operator)) ?? OTHER;
}
