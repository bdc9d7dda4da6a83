import { CANONICAL, EXACT } from "./lowering/index.js";
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
    reason: "transcendental functions and statistics of rows differ between CPUs; operators 0x08 are not judged yet",
    remedy: "End the model before it (a final Softmax can be stripped), or use Relu or Clip",
    operators: [
      "Softmax",
      "LogSoftmax",
      "Exp",
      "Log",
      "Sigmoid",
      "HardSigmoid",
      "Tanh",
      "Erf",
      "Gelu",
      "Softplus",
      "Pow",
      "Sin",
      "Cos",
      "LayerNormalization",
      "InstanceNormalization",
      "GroupNormalization",
    ],
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
    operators: ["RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Bernoulli", "Multinomial"],
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

const OTHER: Answer = { reason: "the court has no such operator", remedy: "Use operators of docs/COURT.md" };

/** Why an operator of the standard domain cannot be judged; undefined if it can. */
export function whyUnsupported(operator: string): Answer | undefined {
  if (Object.hasOwn(EXACT, operator) || Object.hasOwn(CANONICAL, operator)) return undefined;
  return KINDS.find(({ operators }) => operators.includes(operator)) ?? OTHER;
}
